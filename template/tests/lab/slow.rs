//! Slow queries, many statements, and reads that are shared.

use std::sync::Arc;

use app::core::config::{AppEnv, Config};
use axum::http::StatusCode;
use futures::future::join_all;
use rstest::rstest;

use crate::support::TestApp;

#[rstest]
#[case::slow("slow_query")]
#[case::long("long_running_query")]
#[tokio::test]
async fn a_slow_query_is_not_cut_by_the_limit_of_commands_and_can_be_told_how_long_to_take(
    #[case] name: &str,
) {
    let settings = [
        ("DATABASE_COMMAND_TIMEOUT_SECS", "1"),
        ("LAB_SLOW_QUERY_SECS", "2"),
        ("LAB_LONG_RUNNING_QUERY_SECS", "2"),
    ];
    let app = TestApp::with(settings).await;
    let done = app.get(&format!("/lab/{name}")).await;
    let done = done.expect_status(StatusCode::OK).json();
    assert_eq!((&done["checkouts"], &done["peak"]), (&1.into(), &1.into()));
    let took = |done: &serde_json::Value| done["duration_ms"].as_f64().unwrap();
    assert!(took(&done) >= 2000.0, "{done}");

    let done = app.get(&format!("/lab/{name}?seconds=0")).await.json();
    assert_eq!(done["checkouts"], 1);
    let refused = app.get(&format!("/lab/{name}?seconds=16")).await;
    let refused = refused.expect_status(StatusCode::BAD_REQUEST).json();
    assert_eq!(refused["errors"][0]["parameter"], "seconds", "{refused}");
}

#[tokio::test]
async fn a_query_that_runs_beside_others_is_not_cut_by_the_limit_of_commands() {
    let settings = [
        ("DATABASE_COMMAND_TIMEOUT_SECS", "1"),
        ("LAB_DELAY_MS", "1500"),
    ];
    let app = TestApp::with(settings).await;
    let done = app.get("/lab/patterns/concurrent_queries").await;
    let done = done.expect_status(StatusCode::OK).json();
    assert!(done["duration_ms"].as_f64().unwrap() >= 1500.0, "{done}");
}

#[rstest]
#[case::delay(
    ("LAB_DELAY_MS", "15001"),
    "LAB_DELAY_MS must not exceed LAB_MAX_SECS, which is 15"
)]
#[case::slow_query(
    ("LAB_SLOW_QUERY_SECS", "16"),
    "LAB_SLOW_QUERY_SECS must not exceed LAB_MAX_SECS, which is 15"
)]
#[case::long_running_query(
    ("LAB_LONG_RUNNING_QUERY_SECS", "16"),
    "LAB_LONG_RUNNING_QUERY_SECS must not exceed LAB_MAX_SECS, which is 15"
)]
#[case::less_than_a_default(
    ("LAB_MAX_SECS", "4"),
    "LAB_MAX_SECS must be at least LAB_LONG_RUNNING_QUERY_SECS, which is 10s"
)]
fn times_that_are_longer_than_the_longest_are_refused_at_start(
    #[case] setting: (&str, &str),
    #[case] expected: &str,
) {
    let refused = Config::for_tests_in(AppEnv::Local, [setting]).unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains(&format!("error: {expected}\n")),
        "{refused}"
    );
    assert!(refused.contains("1 problem"), "{refused}");
}

#[rstest]
#[case::together("async")]
#[case::one_after_the_other("sync")]
#[tokio::test]
async fn as_many_statements_run_as_were_asked_for_up_to_a_limit(#[case] name: &str) {
    let app = TestApp::with([("LAB_MAX_REQUESTS", "30")]).await;
    let get = |requests: u32| app.get(&format!("/lab/performance/{name}?requests={requests}"));
    let done = get(30).await.expect_status(StatusCode::OK).json();
    assert_eq!(done["requests"], 30);
    assert!(
        done["requests_per_second"].as_f64().unwrap() > 0.0,
        "{done}"
    );
    for refused in [0, 31] {
        let refused = get(refused).await.expect_status(StatusCode::BAD_REQUEST);
        assert_eq!(refused.json()["errors"][0]["parameter"], "requests");
    }
}

#[tokio::test]
async fn whoever_asks_for_the_same_at_the_same_time_shares_a_read() {
    let app = Arc::new(TestApp::new().await);
    let all = async |path: &str| {
        let requests = (0..8).map(|_| app.get(path).into_future());
        for answer in join_all(requests).await {
            assert_eq!(answer.expect_status(StatusCode::OK).json()["id"], 7);
        }
        app.get("/coalescing/stats").await.json()["lab"].clone()
    };
    let counts = all("/lab/coalescing/plain/7?delay_ms=1").await;
    assert_eq!(counts["total_requests"], 0, "{counts}");
    let counts = all("/lab/coalescing/coalesced/7?delay_ms=300").await;
    assert_eq!(
        (&counts["misses"], &counts["queries_prevented"]),
        (&1.into(), &7.into())
    );
    let path = "/lab/coalescing/plain/7?delay_ms=15001";
    let refused = app.get(path).await.expect_status(StatusCode::BAD_REQUEST);
    assert_eq!(refused.json()["errors"][0]["parameter"], "delay_ms");
}
