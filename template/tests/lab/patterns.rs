//! Patterns: checkouts, and the most connections held at a time.

use std::fs;
use std::time::Duration;

use axum::http::StatusCode;
use rstest::rstest;
use serde_json::Value;

use crate::support::{Logs, TestApp, project_file};

async fn pattern(app: &TestApp, name: &str) -> Value {
    let path = format!("/lab/patterns/{name}");
    app.get(&path).await.expect_status(StatusCode::OK).json()
}

#[track_caller]
fn assert_its_page_says(name: &str, checkouts: u64, rest: &str) {
    let plural = if checkouts == 1 { "" } else { "s" };
    let told = format!("| `/lab/patterns/{name}`: {checkouts} checkout{plural}, {rest} |");
    let page = fs::read_to_string(project_file("docs/lab.md")).unwrap();
    assert!(page.contains(&told), "docs/lab.md does not say {told}");
}

#[rstest]
#[case::per_statement("per_statement", 3, 1)]
#[case::per_request("per_request", 1, 1)]
#[case::nested_checkout("nested_checkout", 2, 2)]
#[case::shared_transaction("shared_transaction", 1, 1)]
#[case::session_for_each("session_for_each", 2, 2)]
#[case::session_for_both("session_for_both", 1, 1)]
#[case::connection_for_each_request("connection_for_each_request", 0, 0)]
#[case::connection_of_the_pool("connection_of_the_pool", 1, 1)]
#[case::serial_queries("serial_queries", 5, 1)]
#[case::concurrent_queries("concurrent_queries", 5, 5)]
#[tokio::test]
async fn a_pattern_takes_as_many_connections_as_its_page_says(
    #[case] name: &str,
    #[case] checkouts: u64,
    #[case] peak: u64,
) {
    // Concurrent queries overlap if all five connections are opened while the first of them runs.
    let app = TestApp::with([("LAB_DELAY_MS", "1000")]).await;
    let done = pattern(&app, name).await;
    assert_its_page_says(name, checkouts, &format!("peak {peak}"));
    assert_eq!(done["checkouts"], checkouts, "{done}");
    assert_eq!(done["peak"], peak, "{done}");
    // The pool opens a connection when it has none that is idle, so it knows the peak, too, whatever the pattern counted.
    let pool = app.state.database.status();
    assert_eq!(u64::try_from(pool.size).unwrap(), peak, "{pool:?}");
    assert_eq!(done["still_held"], 0, "{done}");
    assert_eq!(done.get("held_while_waiting"), None, "{done}");
}

#[rstest]
#[case::held_across_upstream("held_across_upstream", 1, 1)]
#[case::released_before_upstream("released_before_upstream", 2, 0)]
#[case::held_by_middleware("held_by_middleware", 1, 1)]
#[case::taken_by_handler("taken_by_handler", 1, 0)]
#[case::open_transaction("open_transaction", 1, 1)]
#[case::ended_transaction("ended_transaction", 1, 0)]
#[tokio::test]
async fn a_pattern_that_waits_holds_as_many_connections_meanwhile_as_its_page_says(
    #[case] name: &str,
    #[case] checkouts: u64,
    #[case] held: u64,
) {
    let app = TestApp::with([("LAB_DELAY_MS", "1")]).await;
    let done = pattern(&app, name).await;
    assert_its_page_says(name, checkouts, &format!("{held} while waiting"));
    assert_eq!(done["checkouts"], checkouts, "{done}");
    assert_eq!(done["peak"], 1, "{done}");
    assert_eq!(done["held_while_waiting"], held, "{done}");
    assert_eq!(done["still_held"], 0, "{done}");
}

#[tokio::test]
async fn a_nested_checkout_waits_for_itself_if_the_pool_is_taken_and_a_shared_transaction_does_not()
{
    let settings = [
        ("DATABASE_POOL_MAX_SIZE", "1"),
        ("DATABASE_POOL_TIMEOUT_SECS", "1"),
    ];
    let app = TestApp::with(settings).await;
    pattern(&app, "shared_transaction").await;
    // It has the only connection when it asks for another: nobody can give it one.
    let refused = app.get("/lab/patterns/nested_checkout").await;
    refused.expect_status(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(app.state.database.status().in_use(), 0);
}

#[tokio::test]
async fn a_connection_that_is_given_back_is_not_held_after_the_answer() {
    let app = TestApp::new().await;
    let done = pattern(&app, "returned_connection").await;
    assert_its_page_says("returned_connection", 1, "0 held afterwards");
    assert_eq!(done["checkouts"], 1, "{done}");
    assert_eq!(done["peak"], 1, "{done}");
    assert_eq!(done["still_held"], 0, "{done}");
    assert_eq!(app.state.database.status().in_use(), 0);
}

#[tokio::test]
async fn a_connection_that_is_forgotten_is_held_after_the_answer_and_the_log_says_where() {
    let logs = Logs::capture();
    let settings = [("DATABASE_LONG_HOLD_SECS", "1"), ("LAB_LEAK_SECS", "4")];
    let app = TestApp::with(settings).await;
    let answer = app
        .get("/lab/patterns/leaked_connection")
        .header("x-request-id", "forgetful")
        .await
        .expect_status(StatusCode::OK);
    let done = answer.json();
    assert_its_page_says("leaked_connection", 1, "1 held afterwards");
    assert_eq!(done["checkouts"], 1, "{done}");
    assert_eq!(done["peak"], 1, "{done}");
    assert_eq!(done["still_held"], 1, "{done}");
    assert_eq!(app.state.database.status().in_use(), 1);

    let line = async {
        loop {
            if let Some(line) = logs.of("database::holds").pop() {
                break line;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // It is given back after LAB_LEAK_SECS: a log that says nothing by then will not.
    let line = tokio::time::timeout(Duration::from_secs(10), line).await;
    let line = line.expect("nothing was logged of a connection that is held for long");
    let told = "a database connection has been held for long";
    assert_eq!(line["fields"]["message"], told, "{line}");
    assert!(line["fields"]["held_secs"].as_u64().unwrap() >= 1, "{line}");
    let place = line["fields"]["place"].as_str().unwrap();
    assert!(place.contains("src/routes/lab/patterns/leak.rs:"), "{line}");
    let spans = line["spans"].as_array().unwrap().iter();
    assert!(
        spans.clone().any(|span| span["request_id"] == "forgetful"),
        "{line}"
    );
    let status = app.get("/lab/status").await.json();
    assert_eq!(status["pool"]["long_held"], 1, "{status}");
}

#[rstest]
#[case::blocking_work("blocking_work", false)]
#[case::blocking_work_aside("blocking_work_aside", true)]
#[case::waiting_work("waiting_work", true)]
// One thread does it all, so nobody else can take over what waits for it.
#[tokio::test(flavor = "current_thread")]
async fn blocking_work_leaves_others_no_turn_unless_it_is_taken_aside(
    #[case] name: &str,
    #[case] leaves_turns: bool,
) {
    let app = TestApp::with([("LAB_DELAY_MS", "200")]).await;
    let done = pattern(&app, name).await;
    let turns = done["turns_of_others"].as_u64().unwrap();
    assert_eq!(turns > 0, leaves_turns, "{done}");
}
