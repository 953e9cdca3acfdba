//! What the settings allow fits into what the pods get, and all pods together into the database.

use app::core::{
    config::{DatabaseConfig, ServerConfig, StreamConfig},
    http::streaming::MAX_FETCH_SIZE,
};
use k8s_openapi::{
    api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Service},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    kubectl::{Rendering, renderings},
    limits::{KIB, MIB, amount, limited, millicores, requested},
    objects::selects,
};

/// The process with nothing to do (docs/operations.md, "Memory").
const PROCESS: u64 = 50 * MIB;
/// A connection that does its worst, and whose proxy speaks HTTP/1 or HTTP/2 to the service (there, too).
const HTTP_1: u64 = 45 * KIB;
const HTTP_2: u64 = 160 * KIB;
/// A connection to the database: measured are 52 KiB with TLS when it is idle; the rest is for its prepared statements and for what it
/// reads at a time.
const DATABASE: u64 = 512 * KIB;
/// A row of a stream, with texts of several hundred letters.
const ROW: u64 = KIB;
/// What a stream takes beside its rows: three pieces of text, and what compresses them (docs/streaming.md).
const STREAM: u64 = 400 * KIB;

/// What all streams may take: two chunks of rows each, as large as clients can ask for.
fn streams(config: &StreamConfig) -> u64 {
    let rows = 2 * config.fetch_size.max(MAX_FETCH_SIZE);
    config.max_streams as u64 * (rows * ROW + STREAM)
}

/// Whether what is before the service may speak HTTP/2 to it: HTTP/1 is what it speaks unless told otherwise.
fn speaks_http_2(rendering: &Rendering) -> bool {
    let services = rendering.all::<Service>();
    let mut ports = services.iter().flat_map(|service| {
        service
            .spec
            .iter()
            .flat_map(|spec| spec.ports.iter().flatten())
    });
    ports.any(|port| port.app_protocol.as_deref() == Some("kubernetes.io/h2c"))
}

#[test]
fn all_that_the_settings_allow_fits_into_the_memory() {
    for rendering in renderings() {
        let config = rendering.api_config();
        let (server, database) = (
            config.section::<ServerConfig>(),
            config.section::<DatabaseConfig>(),
        );
        let connection = if speaks_http_2(rendering) {
            HTTP_2
        } else {
            HTTP_1
        };
        let connections = server.max_connections as u64 * connection;
        let bodies = (server.max_in_flight * server.body_limit_bytes) as u64;
        let pool = u64::from(database.pool_max_size) * DATABASE;
        let streams = streams(config.section());
        let needed = PROCESS + connections + bodies + pool + streams;

        let api = rendering.api();
        let limit = amount(limited(api.main(), "memory").unwrap());
        assert!(
            needed <= limit,
            "{}: {} MiB may be needed, and the limit is {} MiB: {} for the process, {} for SERVER_MAX_CONNECTIONS, {} for \
             SERVER_MAX_IN_FLIGHT × SERVER_BODY_LIMIT_BYTES, {} for DATABASE_POOL_MAX_SIZE, {} for STREAM_MAX_STREAMS. Lower one of \
             them in k8s/base/settings.env, or raise request and limit in k8s/base/deployment.yaml (docs/scaling.md)",
            rendering.name,
            needed.div_ceil(MIB),
            limit / MIB,
            PROCESS / MIB,
            connections.div_ceil(MIB),
            bodies.div_ceil(MIB),
            pool.div_ceil(MIB),
            streams.div_ceil(MIB)
        );
    }
}

#[test]
fn every_container_is_promised_what_it_needs_and_can_take_no_node_down() {
    for rendering in renderings() {
        for pod in rendering.pods() {
            for container in pod.containers() {
                let place = format!("{}: {}: {}", rendering.name, pod.owner, container.name);
                for what in ["cpu", "memory"] {
                    assert!(
                        requested(container, what).is_some(),
                        "{place}: add {what} to resources.requests, or it is put on a node that has none left"
                    );
                    assert!(
                        limited(container, what).is_some(),
                        "{place}: add {what} to resources.limits, or it may take all that its node has"
                    );
                }
            }
        }
        let api = rendering.api();
        let (request, limit) = (
            requested(api.main(), "memory"),
            limited(api.main(), "memory"),
        );
        assert_eq!(
            request, limit,
            "{}: make the request and the limit of memory the same in k8s/base/deployment.yaml: what is not promised may be missing when it \
             is needed",
            rendering.name
        );
    }
}

/// Without a limit for the processor, threads would be as many as the node has.
#[test]
fn as_many_threads_run_requests_as_there_are_processors_for_them() {
    for rendering in renderings() {
        let api = rendering.api();
        let millicores = millicores(limited(api.main(), "cpu").unwrap());
        let threads = rendering
            .api_config()
            .section::<ServerConfig>()
            .worker_threads;
        assert!(
            threads.is_some() || millicores.is_multiple_of(1000),
            "{}: {millicores} thousandths of a processor make {} threads: limit whole processors, or set SERVER_WORKER_THREADS",
            rendering.name,
            (millicores / 1000).max(1)
        );
    }
}

/// Pods that a rolling update starts beside the others.
fn surge(rendering: &Rendering) -> u32 {
    let update = rendering
        .deployment()
        .spec
        .unwrap()
        .strategy
        .and_then(|strategy| strategy.rolling_update)
        .unwrap();
    assert_eq!(
        update.max_unavailable,
        Some(IntOrString::Int(0)),
        "{}: set `maxUnavailable: 0` in k8s/base/deployment.yaml: a new pod has to serve before an old one goes",
        rendering.name
    );
    match update.max_surge {
        Some(IntOrString::Int(pods)) if pods > 0 => pods.unsigned_abs(),
        other => panic!(
            "{}: maxSurge is {other:?}: make it a number of pods in k8s/base/deployment.yaml, or nobody can add up their connections",
            rendering.name
        ),
    }
}

#[test]
fn the_pools_of_all_pods_fit_into_the_database() {
    const LIMIT: &str = "database-connections";
    for rendering in renderings() {
        let autoscaler: HorizontalPodAutoscaler = rendering.the();
        let most = autoscaler.spec.unwrap().max_replicas.unsigned_abs() + surge(rendering);
        let config = rendering.api_config();
        let database = config.section::<DatabaseConfig>();
        assert_eq!(
            database.expected_replicas, most,
            "{}: set DATABASE_EXPECTED_REPLICAS in the overlay's settings.env to maxReplicas of the autoscaler and maxSurge of the Deployment \
             together: by it the service warns at start if the pools don't fit",
            rendering.name
        );
        let limit = autoscaler
            .metadata
            .annotations
            .unwrap_or_default()
            .remove(LIMIT);
        let limit: u32 = limit.and_then(|limit| limit.parse().ok()).unwrap_or_else(|| {
            panic!("{}: the autoscaler's annotation {LIMIT} should say how many connections the database has for the service", rendering.name)
        });
        // One more is the Job's.
        let wanted = database.pool_max_size * most + 1;
        assert!(
            wanted <= limit,
            "{}: {wanted} connections may be opened, and {LIMIT} is {limit}: lower maxReplicas or DATABASE_POOL_MAX_SIZE, give the \
             database more, or see docs/scaling.md for a pooler",
            rendering.name
        );
    }
}

#[test]
fn the_autoscaler_counts_what_the_pods_request() {
    for rendering in renderings() {
        let autoscaler: HorizontalPodAutoscaler = rendering.the();
        let deployment = rendering.deployment();
        let target = autoscaler.spec.unwrap().scale_target_ref;
        assert_eq!(
            (target.kind.as_str(), Some(target.name)),
            ("Deployment", deployment.metadata.name),
            "{}: scaleTargetRef in k8s/base/autoscaler.yaml should name the Deployment, or nothing is scaled",
            rendering.name
        );
        let replicas = deployment.spec.unwrap().replicas;
        assert_eq!(
            replicas, None,
            "{}: take `replicas` out of the Deployment: each apply would set it, whatever the autoscaler decided",
            rendering.name
        );
    }
}

/// A budget that forbids every disruption keeps nodes from being replaced.
#[test]
fn nodes_can_be_emptied_pod_by_pod() {
    use k8s_openapi::api::policy::v1::PodDisruptionBudget;

    for rendering in renderings() {
        let budget: PodDisruptionBudget = rendering.the();
        let spec = budget.spec.unwrap();
        assert!(
            selects(&spec.selector.unwrap(), &rendering.api().labels),
            "{}: the selector in k8s/base/disruption-budget.yaml should choose the labels of the pods that serve, or it protects nobody",
            rendering.name
        );
        assert_eq!(
            spec.max_unavailable,
            Some(IntOrString::Int(1)),
            "{}: set `maxUnavailable: 1` in k8s/base/disruption-budget.yaml: 0 keeps nodes from being emptied, more takes several pods at once",
            rendering.name
        );
        assert_eq!(
            spec.min_available, None,
            "{}: take minAvailable out of k8s/base/disruption-budget.yaml: with one replica it keeps its node from being emptied",
            rendering.name
        );
    }
}
