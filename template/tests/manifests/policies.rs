//! Who may go where: clients to the API by way of the Ingress, the monitoring to the management port, pods to names and the database, and
//! nobody anywhere else.

use std::collections::BTreeSet;

use app::core::config::{DatabaseAddress, DatabaseConfig};
use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicySpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    kubectl::{Rendering, renderings},
    objects::{Pod, selects, shown},
    services::configured,
};

/// The policies that hold for a pod.
fn policies(rendering: &Rendering, pod: &Pod) -> Vec<NetworkPolicySpec> {
    let policies = rendering.all::<NetworkPolicy>().into_iter();
    let specs = policies.map(|policy| policy.spec.unwrap());
    specs
        .filter(|spec| selects(&spec.pod_selector.clone().unwrap_or_default(), &pod.labels))
        .collect()
}

#[test]
fn every_pod_is_closed_but_for_what_is_opened() {
    for rendering in renderings() {
        for pod in rendering.pods() {
            let types: BTreeSet<_> = policies(rendering, &pod)
                .into_iter()
                .flat_map(|policy| {
                    policy
                        .policy_types
                        .expect("a policy says what it is about: policyTypes")
                })
                .collect();
            assert!(
                types.contains("Ingress") && types.contains("Egress"),
                "{}: {}: without a NetworkPolicy for it, everything may go in or out",
                rendering.name,
                pod.owner
            );
        }
    }
}

#[test]
fn only_what_serves_is_reached_and_each_port_by_others() {
    for rendering in renderings() {
        let (public, management) = configured(rendering);
        for pod in rendering.pods() {
            let place = format!("{}: {}", rendering.name, pod.owner);
            let mut opened = Vec::new();
            for rule in policies(rendering, &pod)
                .into_iter()
                .flat_map(|policy| policy.ingress.unwrap_or_default())
            {
                let from = rule.from.unwrap_or_default();
                assert!(
                    !from.is_empty(),
                    "{place}: a rule lets everybody in: say `from`"
                );
                let ports = rule.ports.unwrap_or_default();
                assert_eq!(ports.len(), 1, "{place}: a rule opens one port");
                let port = ports[0].port.clone().unwrap();
                let number = pod.port(&port).map(|port| port.container_port);
                opened.push((
                    number.unwrap_or_else(|| panic!("{place}: no port {}", shown(&port))),
                    from,
                ));
            }
            let ports: BTreeSet<_> = opened.iter().map(|(port, _)| *port).collect();
            if pod.owner == rendering.api().owner {
                assert_eq!(
                    ports,
                    BTreeSet::from([public, management]),
                    "{place}: ports that are opened"
                );
                let of = |port: i32| {
                    opened
                        .iter()
                        .filter(move |(opened, _)| *opened == port)
                        .map(|(_, from)| from)
                };
                for from in of(public) {
                    assert!(
                        !of(management).any(|other| other == from),
                        "{place}: the same come to both ports"
                    );
                }
            } else {
                assert!(
                    ports.is_empty(),
                    "{place}: nobody has to reach it, but {ports:?} are opened"
                );
            }
        }
    }
}

/// Where a pod of ours has to get: to names, to the database, to the collector.
fn needed(rendering: &Rendering, pod: &Pod) -> BTreeSet<i32> {
    const DNS: i32 = 53;
    let mut ports = BTreeSet::from([DNS]);
    for container in pod.containers() {
        let config = rendering.config(pod, container);
        match config.section::<DatabaseConfig>().address() {
            Ok(DatabaseAddress::Postgres(address)) => ports.insert(address.port.into()),
            other => panic!("{}: {}: {other:?} is no server", rendering.name, pod.owner),
        };
        #[cfg(feature = "otlp")]
        {
            let otel = config.section::<app::core::config::OtelConfig>();
            if let Some(endpoint) = &otel.exporter_otlp_endpoint {
                let (_, port) = endpoint.trim_end_matches('/').rsplit_once(':').unwrap();
                ports.insert(port.parse().expect("the collector's endpoint has a port"));
            }
        }
    }
    ports
}

#[test]
fn pods_get_where_they_have_to_and_nowhere_else() {
    for rendering in renderings() {
        // What a backup needs is told by its component.
        for pod in rendering
            .pods()
            .iter()
            .filter(|pod| !pod.owner.starts_with("CronJob"))
        {
            let needed = needed(rendering, pod);
            let place = format!("{}: {}", rendering.name, pod.owner);
            let rules = policies(rendering, pod)
                .into_iter()
                .flat_map(|policy| policy.egress.unwrap_or_default());
            let mut opened = BTreeSet::new();
            for rule in rules {
                let ports = rule.ports.unwrap_or_default();
                assert!(!ports.is_empty(), "{place}: a rule opens all ports");
                let leads_somewhere = rule.to.is_some_and(|to| !to.is_empty());
                for port in ports {
                    let Some(IntOrString::Int(number)) = port.port else {
                        panic!("{place}: {:?} should be a number", port.port)
                    };
                    assert!(
                        leads_somewhere || needed.contains(&number),
                        "{place}: no setting asks for port {number}, which a rule opens to everywhere: say in it where it leads"
                    );
                    opened.insert(number);
                }
            }
            let closed: Vec<_> = needed.difference(&opened).collect();
            assert!(
                closed.is_empty(),
                "{place}: its settings name ports that it may not go to: {closed:?}"
            );
        }
    }
}
