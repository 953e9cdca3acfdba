//! Where the time of a request went: in its answer's head, and in its line in the log.

use app::core::config::AppEnv;
use app::core::http::Surface;
use rstest::rstest;

use crate::support::{Logs, TestApp, TestResponse};

/// The figures of `Server-Timing`, in milliseconds.
fn timing(response: &TestResponse) -> (f64, f64) {
    let header = response.header("server-timing");
    let figures = header.split_once(", ").and_then(|(db, queue)| {
        let db = db.strip_prefix("db;dur=")?.parse().ok()?;
        let queue = queue.strip_prefix("queue;dur=")?.parse().ok()?;
        Some((db, queue))
    });
    figures.unwrap_or_else(|| panic!("not what browsers expect: `{header}`"))
}

#[tokio::test]
async fn an_answer_says_how_much_of_its_time_went_to_the_database() {
    let logs = Logs::capture();
    let app = TestApp::new().await;
    let (db, queue) = timing(&app.get("/toys/database").await);
    assert!(db > 0.0, "a statement takes time");
    assert!(queue > 0.0, "the first request opens a connection");

    let line = &logs.of_requests()[0]["fields"];
    assert_eq!(line["db_ms"], db, "the log says the same");
    assert!(
        db + queue <= line["duration_ms"].as_f64().unwrap(),
        "{line}"
    );
}

#[tokio::test]
async fn who_asks_the_database_nothing_has_spent_no_time_there() {
    let logs = Logs::capture();
    let app = TestApp::without_database();
    assert_eq!(timing(&app.get("/toys/request-id").await), (0.0, 0.0));
    assert!(logs.of_requests()[0]["fields"].get("db_ms").is_none());
}

#[rstest]
#[case(AppEnv::Dev, true)]
#[case(AppEnv::Uat, true)]
#[case(AppEnv::Prod, false)]
#[tokio::test]
async fn clients_are_told_outside_production_only(#[case] env: AppEnv, #[case] told: bool) {
    let app = TestApp::without_database_in(env, Surface::Public, []);
    let response = app.get("/toys/request-id").await;
    assert_eq!(!response.header("server-timing").is_empty(), told);
}
