//! More requests than `SERVER_MAX_IN_FLIGHT`.

use axum::http::StatusCode;
use futures::poll;
use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

use crate::support::{Logs, TestApp};

#[tokio::test]
async fn what_is_too_much_is_refused_and_probes_are_not_counted() {
    let recorder = DebuggingRecorder::new();
    let _recorder = metrics::set_default_local_recorder(&recorder);
    let logs = Logs::capture();
    let app = TestApp::without_database_with([("SERVER_MAX_IN_FLIGHT", "1")]);
    let mut endless = app.get("/toys/endless").into_future();
    assert!(poll!(&mut endless).is_pending());

    for _ in 0..2 {
        let refused = app.get("/toys").await;
        let refused = refused.expect_status(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.problem()["code"], "overloaded");
    }
    app.get("/livez").await.expect_status(StatusCode::OK);

    let told = logs.of("in_flight");
    assert_eq!(
        told.len(),
        1,
        "one line for all that are refused: {told:#?}"
    );
    assert!(
        logs.errors().is_empty(),
        "a request that is refused is no error of the service's own"
    );
    let shed = recorder.snapshotter().snapshot().into_vec();
    let shed = shed.into_iter().find_map(|(key, _, _, value)| {
        let is_shed = key.key().name() == "http_server_requests_shed_total";
        (is_shed && key.kind() == MetricKind::Counter).then_some(value)
    });
    assert!(matches!(shed, Some(DebugValue::Counter(2))), "{shed:?}");

    // whoever gives up makes room
    drop(endless);
    app.get("/toys").await.expect_status(StatusCode::OK);
    app.get("/toys").await.expect_status(StatusCode::OK);
}
