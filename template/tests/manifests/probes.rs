//! Probes ask what the service answers, and have the patience that it needs.

use app::{
    commands::{AFTERWARDS, Cli},
    core::{
        config::{AppEnv, DatabaseConfig, ServerConfig},
        http::{Api, Exposure},
    },
};
use clap::Parser as _;
use k8s_openapi::api::core::v1::Probe;

use crate::{
    kubectl::{Rendering, renderings},
    objects::Pod,
};

#[track_caller]
fn probes(rendering: &Rendering, pod: &Pod) -> [(&'static str, Probe); 3] {
    let main = pod.main();
    let found = [
        ("startupProbe", &main.startup_probe),
        ("readinessProbe", &main.readiness_probe),
        ("livenessProbe", &main.liveness_probe),
    ];
    found.map(|(name, probe)| {
        let probe = probe.clone();
        (
            name,
            probe.unwrap_or_else(|| {
                panic!(
                    "{}: the first container of the Deployment has no {name}: add it in k8s/base/deployment.yaml (docs/operations.md, Probes)",
                    rendering.name
                )
            }),
        )
    })
}

#[test]
fn probes_ask_management_routes_on_the_management_port() {
    let routes = Api::registered(AppEnv::Local).unwrap();
    for rendering in renderings() {
        let api = rendering.api();
        let config = rendering.api_config();
        let management = config.section::<ServerConfig>().management_port;
        for (name, probe) in probes(rendering, &api) {
            let place = format!("{}: {name}", rendering.name);
            let get = probe
                .http_get
                .unwrap_or_else(|| panic!("{place}: it should be httpGet"));
            let port = api.port(&get.port).map(|port| port.container_port);
            assert_eq!(
                port,
                management.map(i32::from),
                "{place}: the port should be SERVER_MANAGEMENT_PORT"
            );
            let path = get.path.unwrap_or_default();
            let route = routes
                .table()
                .iter()
                .find(|row| row.path == path && row.method == "GET");
            let route = route.unwrap_or_else(|| {
                panic!("{place}: the service has no {path}; `routes` lists what it has")
            });
            assert_eq!(route.exposure, Exposure::Management, "{place}: {path}");
            let expected = if name == "readinessProbe" {
                "/readyz"
            } else {
                "/livez"
            };
            assert_eq!(
                path, expected,
                "{place}: a restart does not bring back what /readyz asks for"
            );
        }
    }
}

#[test]
fn a_pod_may_take_as_long_to_start_as_it_waits_for_the_database() {
    for rendering in renderings() {
        let [(_, startup), ..] = probes(rendering, &rendering.api());
        let budget = startup.period_seconds.unwrap_or(10) * startup.failure_threshold.unwrap_or(3);
        let wait = rendering
            .api_config()
            .section::<DatabaseConfig>()
            .connect_wait_secs;
        assert!(
            u64::from(budget.unsigned_abs()) > wait,
            "{}: the startupProbe gives up after {budget} s, while the service waits {wait} s for the database \
             (DATABASE_CONNECT_WAIT_SECS): raise failureThreshold in k8s/base/deployment.yaml",
            rendering.name
        );
    }
}

/// The checks behind `/readyz` have 0.7 s.
#[test]
fn probes_wait_for_the_checks_behind_them() {
    for rendering in renderings() {
        for (name, probe) in probes(rendering, &rendering.api()) {
            assert!(
                probe.timeout_seconds.unwrap_or(1) >= 2,
                "{}: {name}: timeoutSeconds should be 2 or more in k8s/base/deployment.yaml: a check may take 0.7 s, and one on a busy pod \
                 longer, which is no reason to take it away",
                rendering.name
            );
        }
    }
}

#[test]
fn a_pod_that_is_told_to_stop_gets_the_time_to_do_so() {
    for rendering in renderings() {
        let config = rendering.api_config();
        let server = config.section::<ServerConfig>();
        let needed =
            server.shutdown_drain_secs + server.shutdown_timeout_secs + AFTERWARDS.as_secs();
        let grace = rendering
            .api()
            .spec
            .termination_grace_period_seconds
            .unwrap_or(30);
        assert!(
            grace.unsigned_abs() > needed,
            "{}: terminationGracePeriodSeconds is {grace}, and stopping takes up to {needed} s: SERVER_SHUTDOWN_DRAIN_SECS, \
             SERVER_SHUTDOWN_TIMEOUT_SECS and {} s for the last telemetry. Raise it in k8s/base/deployment.yaml, or lower one of them",
            rendering.name,
            AFTERWARDS.as_secs()
        );
    }
}

#[test]
fn what_the_containers_run_are_commands_of_the_binary() {
    for rendering in renderings() {
        for pod in rendering.pods() {
            for container in rendering.ours(&pod) {
                assert_eq!(
                    container.command, None,
                    "{}: {}: {}: the image's entry point is the service; `args` says which of its commands",
                    rendering.name, pod.owner, container.name
                );
                let arguments = container.args.iter().flatten().map(String::as_str);
                let parsed = Cli::try_parse_from(std::iter::once("service").chain(arguments));
                assert!(
                    parsed.is_ok(),
                    "{}: {}: {}: {}",
                    rendering.name,
                    pod.owner,
                    container.name,
                    parsed
                        .err()
                        .map(|error| error.to_string())
                        .unwrap_or_default()
                );
            }
        }
    }
}
