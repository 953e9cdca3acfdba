//! Which port leads where: the Ingress to the API, the monitoring to the management port.

use std::collections::BTreeSet;

use app::core::{
    config::{AppEnv, ServerConfig},
    http::{Api, Exposure},
};
use k8s_openapi::{
    api::{
        core::v1::{Service, ServicePort},
        networking::v1::Ingress,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    crds::{HttpRoute, ServiceMonitor},
    kubectl::{Rendering, renderings},
    objects::{has, shown},
};

/// The ports of the service's configuration: for clients, and for management.
pub(crate) fn configured(rendering: &Rendering) -> (i32, i32) {
    let config = rendering.api_config();
    let server = config.section::<ServerConfig>();
    let management = server.management_port.expect("there is one outside local");
    (server.port.into(), management.into())
}

/// The container's port that a Service's port leads to.
#[track_caller]
fn target(rendering: &Rendering, port: &ServicePort) -> i32 {
    let target = port
        .target_port
        .clone()
        .unwrap_or(IntOrString::Int(port.port));
    let found = rendering
        .api()
        .port(&target)
        .map(|port| port.container_port);
    found.unwrap_or_else(|| {
        panic!(
            "{}: the pods have no port {}",
            rendering.name,
            shown(&target)
        )
    })
}

fn service(rendering: &Rendering, name: &str) -> Service {
    let mut services = rendering.all::<Service>().into_iter();
    let found = services.find(|service| service.metadata.name.as_deref() == Some(name));
    found.unwrap_or_else(|| panic!("{}: there is no Service {name}", rendering.name))
}

/// Services that are reached from outside, with the port that is: its name or its number.
fn behind_the_ingress(rendering: &Rendering) -> Vec<(String, IntOrString)> {
    let mut found = Vec::new();
    for ingress in rendering.all::<Ingress>() {
        let spec = ingress.spec.unwrap();
        let paths = spec
            .rules
            .into_iter()
            .flatten()
            .flat_map(|rule| rule.http.unwrap().paths);
        let backends = paths.map(|path| path.backend).chain(spec.default_backend);
        for backend in backends {
            let service = backend.service.expect("a backend is a Service");
            let port = service.port.unwrap();
            let number = port.number.map(IntOrString::Int);
            found.push((
                service.name,
                number.or(port.name.map(IntOrString::String)).unwrap(),
            ));
        }
    }
    for route in custom::<HttpRoute>(rendering, "HTTPRoute") {
        let backends = route
            .spec
            .rules
            .into_iter()
            .flat_map(|rule| rule.backend_refs);
        found.extend(backends.map(|backend| (backend.name, IntOrString::Int(backend.port))));
    }
    found
}

fn custom<T: serde::de::DeserializeOwned>(rendering: &Rendering, kind: &str) -> Vec<T> {
    let of_kind = rendering
        .objects
        .iter()
        .filter(|object| object["kind"] == kind);
    of_kind
        .map(|object| serde_json::from_value(object.clone()).unwrap())
        .collect()
}

#[test]
fn the_ports_of_the_pods_are_those_of_the_configuration() {
    for rendering in renderings() {
        let (port, management) = configured(rendering);
        let api = rendering.api();
        for (name, configured) in [("http", port), ("management", management)] {
            let found = api.port(&IntOrString::String(name.to_owned()));
            assert_eq!(
                found.map(|found| found.container_port),
                Some(configured),
                "{}: containerPort {name} should be the port that the service listens on",
                rendering.name
            );
        }
    }
}

#[test]
fn services_lead_to_the_pods_that_serve_and_to_no_others() {
    for rendering in renderings() {
        for service in rendering.all::<Service>() {
            let name = service.metadata.name.unwrap_or_default();
            let spec = service.spec.unwrap();
            for pod in rendering.pods() {
                let serves = pod.owner == rendering.api().owner;
                assert_eq!(
                    has(&pod.labels, spec.selector.as_ref()),
                    serves,
                    "{}: the selector of Service {name}, asked about {}",
                    rendering.name,
                    pod.owner
                );
            }
            for port in spec.ports.iter().flatten() {
                target(rendering, port);
            }
            assert!(
                matches!(spec.type_.as_deref(), None | Some("ClusterIP")),
                "{}: Service {name} is reached past the Ingress",
                rendering.name
            );
        }
    }
}

#[test]
fn nothing_of_exposure_management_is_behind_the_ingress() {
    for rendering in renderings() {
        let (public, _) = configured(rendering);
        let behind = behind_the_ingress(rendering);
        assert!(
            !behind.is_empty(),
            "{}: nobody reaches the service",
            rendering.name
        );
        for (name, wanted) in behind {
            let ports = service(rendering, &name)
                .spec
                .unwrap()
                .ports
                .unwrap_or_default();
            let reached = ports.iter().find(|port| match &wanted {
                IntOrString::Int(number) => port.port == *number,
                IntOrString::String(name) => port.name.as_ref() == Some(name),
            });
            let place = format!(
                "{}: port {} of Service {name}",
                rendering.name,
                shown(&wanted)
            );
            let reached = reached.unwrap_or_else(|| panic!("{place}: there is no such port"));
            assert_eq!(
                target(rendering, reached),
                public,
                "{place} should lead to SERVER_PORT"
            );
            // Who can write an Ingress could otherwise lead to the other one, too.
            let others = ports
                .iter()
                .filter(|port| target(rendering, port) != public);
            assert_eq!(
                others.count(),
                0,
                "{place}: that Service leads to management routes, too"
            );
        }
    }
    let routes = Api::registered(AppEnv::Local).unwrap();
    let management = routes
        .table()
        .iter()
        .filter(|row| row.exposure == Exposure::Management);
    assert!(
        management.count() > 0,
        "management routes are served on a port of their own"
    );
}

#[test]
fn there_is_one_way_in() {
    for rendering in renderings() {
        let ways = ["Ingress", "HTTPRoute"];
        let found = rendering
            .objects
            .iter()
            .filter(|object| ways.iter().any(|kind| object["kind"] == *kind));
        assert_eq!(
            found.count(),
            1,
            "{}: objects of kind {ways:?}",
            rendering.name
        );
    }
}

#[test]
fn whoever_comes_from_outside_comes_by_tls() {
    for rendering in renderings() {
        for ingress in rendering.all::<Ingress>() {
            let spec = ingress.spec.unwrap();
            let rules = spec.rules.iter().flatten();
            let hosts: BTreeSet<_> = rules
                .map(|rule| rule.host.clone().unwrap_or_default())
                .collect();
            assert!(
                !hosts.contains(""),
                "{}: a rule of the Ingress has no host",
                rendering.name
            );
            let mut secured = BTreeSet::new();
            for tls in spec.tls.into_iter().flatten() {
                assert!(
                    tls.secret_name.is_some(),
                    "{}: tls.secretName",
                    rendering.name
                );
                secured.extend(tls.hosts.unwrap_or_default());
            }
            assert_eq!(
                hosts, secured,
                "{}: hosts of the Ingress' rules and of its tls",
                rendering.name
            );
        }
    }
}

#[test]
fn the_monitoring_scrapes_a_management_route() {
    for rendering in renderings() {
        let (_, management) = configured(rendering);
        for monitor in custom::<ServiceMonitor>(rendering, "ServiceMonitor") {
            let services = rendering.all::<Service>();
            let wanted = Some(&monitor.spec.selector.match_labels);
            let labels = |service: &Service| service.metadata.labels.clone().unwrap_or_default();
            let chosen: Vec<_> = services
                .iter()
                .filter(|service| has(&labels(service), wanted))
                .collect();
            assert_eq!(
                chosen.len(),
                1,
                "{}: Services that the ServiceMonitor selects",
                rendering.name
            );
            for endpoint in monitor.spec.endpoints {
                let mut ports = chosen[0]
                    .spec
                    .iter()
                    .flat_map(|spec| spec.ports.iter().flatten());
                let port = ports.find(|port| port.name.as_ref() == Some(&endpoint.port));
                let port =
                    port.unwrap_or_else(|| panic!("{}: no port {}", rendering.name, endpoint.port));
                assert_eq!(
                    target(rendering, port),
                    management,
                    "{}: what is scraped",
                    rendering.name
                );
                let routes = Api::registered(AppEnv::Local).unwrap();
                let row = routes.table().iter().find(|row| row.path == endpoint.path);
                let exposure = row.map(|row| row.exposure);
                assert_eq!(
                    exposure,
                    Some(Exposure::Management),
                    "{}: {}",
                    rendering.name,
                    endpoint.path
                );
            }
        }
    }
}
