//! What operators and probes ask.

use std::cell::Cell;
use std::time::Duration;

use app::core::config::AppEnv;
use app::core::http::Surface;
use app::core::state::AppState;
use app::core::telemetry::metrics;
use axum::http::StatusCode;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::{Logs, TestApp};

thread_local! {
    /// What the check says to this test; tests have a runtime of one thread.
    static BROKEN: Cell<bool> = const { Cell::new(true) };
    /// How often this test's service asked it.
    static ASKED: Cell<u32> = const { Cell::new(0) };
}

#[expect(clippy::unused_async, reason = "checks are async functions")]
async fn spare_part(_: AppState) -> Result<(), std::io::Error> {
    ASKED.set(ASKED.get() + 1);
    if BROKEN.get() {
        return Err(std::io::Error::other("the drawer is empty"));
    }
    Ok(())
}

// Not needed to answer requests: the service stays ready.
app::register_health_check!("toys", spare_part, gates_readiness: false);

#[tokio::test]
async fn a_service_without_its_database_is_alive_but_not_ready() {
    let app = TestApp::without_database();
    assert_eq!(app.get("/livez").await.status, StatusCode::OK);
    let response = app.get("/readyz").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.header("retry-after"), "5");
    insta::assert_json_snapshot!(response.problem(), @r#"
    {
      "code": "unavailable",
      "detail": "Not ready: database."
    }
    "#);
}

#[tokio::test]
async fn a_service_with_its_database_is_ready_whatever_else_fails() {
    let app = TestApp::new().await;
    assert_eq!(
        app.get("/readyz").await.json(),
        serde_json::json!({ "ok": true })
    );
}

/// The others may be slow, or burden another service: a probe comes every few seconds.
#[tokio::test]
async fn readiness_asks_only_the_checks_that_gate_it() {
    let app = TestApp::without_database();
    app.get("/readyz").await;
    assert_eq!(ASKED.get(), 0, "a check that doesn't gate readiness ran");
    let health = app.get("/health").await.json();
    assert_eq!(ASKED.get(), 1);
    for check in ["database", "toys"] {
        assert_eq!(health["checks"][check]["status"], "unhealthy", "{health}");
    }
}

#[tokio::test]
async fn every_registered_check_has_an_entry() {
    let app = TestApp::new().await;
    let response = app.get("/health").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    let redacted = ".checks.*.duration_ms";
    let mut health = response.json();
    // Parts of the service bring checks of their own.
    let checks = health["checks"].as_object_mut().unwrap();
    checks.retain(|name, _| ["database", "toys"].contains(&name.as_str()));
    insta::assert_json_snapshot!(health, { redacted => 0.1 }, @r#"
    {
      "checks": {
        "database": {
          "duration_ms": 0.1,
          "gates_readiness": true,
          "status": "healthy"
        },
        "toys": {
          "duration_ms": 0.1,
          "failure": "the drawer is empty",
          "gates_readiness": false,
          "status": "unhealthy"
        }
      },
      "status": "unhealthy"
    }
    "#);
}

#[tokio::test]
async fn a_service_is_healthy_when_all_its_checks_are() {
    BROKEN.set(false);
    let app = TestApp::new().await;
    let response = app.get("/health").await;
    assert_eq!(response.status, StatusCode::OK);
    let health = response.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["checks"]["toys"]["status"], "healthy");
}

#[tokio::test]
async fn what_a_check_says_stays_inside_in_production() {
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Management, []);
    let checks = app.get("/health").await.json()["checks"].clone();
    assert_eq!(checks["toys"]["status"], "unhealthy");
    assert!(checks["toys"].get("failure").is_none());
}

#[tokio::test]
async fn management_routes_are_on_their_own_port_outside_local() {
    metrics::install().unwrap();
    let public = TestApp::without_database_in(AppEnv::Prod, Surface::Public, []);
    let management = TestApp::without_database_in(AppEnv::Prod, Surface::Management, []);
    for path in [
        "/livez",
        "/readyz",
        "/health",
        "/version",
        "/metrics",
        "/toys-inspection",
    ] {
        assert_eq!(
            public.get(path).await.problem()["code"],
            "unknown_path",
            "{path}"
        );
        let response = management.get(path).await;
        assert_ne!(response.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/", "/toys", "/problems"] {
        assert_eq!(public.get(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(
            management.get(path).await.problem()["code"],
            "unknown_path",
            "{path}"
        );
    }
}

/// The kubelet hangs up after a second; here, much earlier.
#[tokio::test]
async fn a_run_of_the_checks_is_finished_for_others_if_the_prober_hangs_up() {
    let logs = Logs::capture();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://nobody:x@127.0.0.1:{port}/none?sslmode=disable");
    let app = TestApp::without_database_with([("DATABASE_URL", &url)]);
    let probe = app.get("/readyz").into_future();
    assert!(timeout(Duration::from_millis(50), probe).await.is_err());
    let (_first, _) = silent.accept().await.unwrap();

    let response = app.get("/readyz").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    let another = timeout(Duration::ZERO, silent.accept()).await;
    assert!(another.is_err(), "the check was run twice");
    let failures = logs.of("core::health");
    let of_database = failures
        .iter()
        .filter(|line| line["fields"]["check"] == "database");
    assert_eq!(of_database.count(), 1, "{failures:#?}");
}

#[tokio::test]
async fn the_version_is_the_package_s() {
    let version = TestApp::without_database().get("/version").await.json();
    assert_eq!(version["name"], env!("CARGO_PKG_NAME"));
    assert_eq!(
        version["revision"],
        option_env!("APP_REVISION").unwrap_or("unknown")
    );
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}
