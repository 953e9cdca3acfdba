//! Who may go where: clients to the API by way of the Ingress, the monitoring to the management port, pods to names and the database, and
//! nobody anywhere else.

use std::collections::BTreeSet;

use app::core::config::{DatabaseAddress, DatabaseConfig};
use axum::http::Uri;
use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicySpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    kubectl::{Copy, Rendering, kubectl, renderings},
    objects::{Pod, selects, shown},
    services::configured,
    settings::{known_keys, leads_elsewhere},
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

/// The ports that a pod of ours has to get to: for names, the database, and the other services that its settings lead to.
fn needed(rendering: &Rendering, pod: &Pod) -> BTreeSet<i32> {
    const DNS: i32 = 53;
    let mut ports = BTreeSet::from([DNS]);
    for container in rendering.ours(pod) {
        let config = rendering.config(pod, container);
        match config.section::<DatabaseConfig>().address() {
            Ok(DatabaseAddress::Postgres(address)) => ports.insert(address.port.into()),
            other => panic!("{}: {}: {other:?} is no server", rendering.name, pod.owner),
        };
        let services = rendering.services_asked(pod, container);
        ports.extend(services.values().map(port_of));
    }
    ports
}

fn port_of(service: &Uri) -> i32 {
    let usual = match service.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    service.port_u16().unwrap_or(usual).into()
}

/// The ports that a pod may go to, and whether a rule says where they lead.
#[track_caller]
fn opened(rendering: &Rendering, pod: &Pod) -> Vec<(i32, bool)> {
    let place = format!("{}: {}", rendering.name, pod.owner);
    let rules = policies(rendering, pod)
        .into_iter()
        .flat_map(|policy| policy.egress.unwrap_or_default());
    let mut opened = Vec::new();
    for rule in rules {
        let ports = rule.ports.unwrap_or_default();
        assert!(!ports.is_empty(), "{place}: a rule opens all ports");
        let leads_somewhere = rule.to.is_some_and(|to| !to.is_empty());
        for port in ports {
            let Some(IntOrString::Int(number)) = port.port else {
                panic!("{place}: {:?} should be a number", port.port)
            };
            opened.push((number, leads_somewhere));
        }
    }
    opened
}

/// The ports that a pod's settings name and no rule opens.
fn closed(rendering: &Rendering, pod: &Pod) -> Vec<i32> {
    let opened = opened(rendering, pod);
    let mut closed: Vec<_> = needed(rendering, pod).into_iter().collect();
    closed.retain(|port| opened.iter().all(|(open, _)| open != port));
    closed
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
            let place = format!("{}: {}", rendering.name, pod.owner);
            let needed = needed(rendering, pod);
            for (port, leads_somewhere) in opened(rendering, pod) {
                assert!(
                    leads_somewhere || needed.contains(&port),
                    "{place}: no setting asks for port {port}, which a rule opens to everywhere: say in it where it leads"
                );
            }
            let closed = closed(rendering, pod);
            assert!(
                closed.is_empty(),
                "{place}: its settings name ports that it may not go to: {closed:?}; a NetworkPolicy has to lead there"
            );
        }
    }
}

/// Each setting that leads to another service, so that none is forgotten.
#[test]
fn a_service_that_is_asked_and_no_way_there_are_found() {
    if kubectl().is_none() {
        return;
    }
    for key in known_keys().iter().filter(|key| leads_elsewhere(key)) {
        for (place, port) in [("elsewhere.example.com", 443), ("elsewhere:7443", 7443)] {
            let rendering = Copy::new("prod").setting(&format!("{key}=https://{place}"));
            let rendering = rendering.render();
            assert_eq!(closed(&rendering, &rendering.api()), [port], "{key}");
        }
    }
}
