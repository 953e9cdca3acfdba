//! What handlers share, and how tests replace it.

use std::convert::Infallible;

use app::core::clock::Clock;
use app::core::config::AppEnv;
use app::core::state::{AppState, Shared};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};

use crate::support::{TestApp, TestDatabase, nowhere};

/// When it was made.
struct Birthday(DateTime<Utc>);

app::register_component!(Birthday: |shared: &Shared| Ok::<_, Infallible>(Birthday(shared.clock.now())));

mod other {
    use std::convert::Infallible;

    use app::core::state::Shared;

    /// Another type of the same name.
    pub(super) struct Birthday(pub(super) &'static str);

    app::register_component!(Birthday: |_: &Shared| Ok::<_, Infallible>(Birthday("in May")));
}

struct Unregistered;

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

#[test]
fn a_registered_component_is_made_from_what_is_shared() {
    let app = AppState::builder(nowhere(AppEnv::Local, [])).clock(Clock::fixed(noon()));
    let app = app.build().unwrap();
    assert_eq!(app.component::<Birthday>().0, noon());
    assert_eq!(app.clock.now(), noon());
}

#[test]
fn two_components_may_have_one_name_in_different_modules() {
    let app = AppState::builder(nowhere(AppEnv::Local, [])).clock(Clock::fixed(noon()));
    let app = app.build().unwrap();
    assert_eq!(app.component::<Birthday>().0, noon());
    assert_eq!(app.component::<other::Birthday>().0, "in May");
}

#[test]
fn a_test_replaces_a_component() {
    let app = AppState::builder(nowhere(AppEnv::Local, [])).component(Birthday(noon()));
    assert_eq!(app.build().unwrap().component::<Birthday>().0, noon());
}

#[test]
#[should_panic(expected = "no file registers the component http::core::state::Unregistered")]
fn a_component_that_nobody_registers_is_a_mistake_that_says_so() {
    let app = AppState::builder(nowhere(AppEnv::Local, []))
        .build()
        .unwrap();
    let _ = app.component::<Unregistered>();
}

#[tokio::test]
async fn requests_use_the_database_that_a_test_gives() {
    let database = TestDatabase::new().await;
    // Where the settings lead to, nobody listens.
    let url = "postgres://nobody:x@127.0.0.1:1/none?sslmode=disable";
    let app = TestApp::build([("DATABASE_URL", url)], |builder| {
        builder.database(database.database().clone())
    });
    let response = app.await.get("/toys/database").await;
    assert_eq!(response.status, StatusCode::NO_CONTENT);
}

/// A route that asks another service.
#[cfg(feature = "http-client")]
mod asking {
    use app::core::config::Config;
    use app::core::http::{Result, Routes, ValidPath, register_routes, routes};
    use app::core::http_client::HttpClient;
    use app::core::state::AppState;
    use axum::Json;
    use serde::Deserialize;
    use validator::Validate;
    use wiremock::matchers::path;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use crate::support::TestApp;

    register_routes! { public at "/others" tagged "toys": Routes::new().add(routes!(ask_another)) }

    #[derive(Deserialize, Validate, utoipa::IntoParams)]
    #[into_params(parameter_in = Path)]
    struct Other {
        port: u16,
    }

    /// Ask the service on another port
    #[utoipa::path(get, path = "/{port}", params(Other), responses((status = OK, body = u16, content_type = "application/json")))]
    async fn ask_another(app: AppState, other: ValidPath<Other>) -> Result<Json<u16>> {
        let url = format!("http://127.0.0.1:{}/toys", other.port);
        let answer = app.http_client.get(url).send().await?;
        Ok(Json(answer.status().as_u16()))
    }

    #[tokio::test]
    async fn requests_use_the_http_client_that_a_test_gives() {
        let other = MockServer::start().await;
        let moved = ResponseTemplate::new(307).insert_header("location", "/elsewhere");
        for (at, answer) in [("/toys", moved), ("/elsewhere", ResponseTemplate::new(204))] {
            Mock::given(path(at))
                .respond_with(answer)
                .mount(&other)
                .await;
        }
        let ask = format!("/others/{}", other.address().port());
        // The settings say to follow no redirect; the test's own client follows one.
        assert_eq!(TestApp::new().await.get(&ask).await.json(), 307);
        let client = Config::for_tests([("HTTP_CLIENT_REDIRECTS", "1")]);
        let client = HttpClient::new(client.section()).unwrap();
        let app = TestApp::build([], |builder| builder.http_client(client)).await;
        assert_eq!(app.get(&ask).await.json(), 204);
    }
}

#[cfg(feature = "http-client")]
#[test]
fn a_part_that_refuses_its_settings_is_named() {
    use app::core::state::StateError;

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("ca.pem");
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, broken).unwrap();
    let settings = [("HTTP_CLIENT_CA_CERT", file.to_str().unwrap())];
    let error = AppState::builder(nowhere(AppEnv::Local, settings))
        .build()
        .err()
        .unwrap();
    assert!(matches!(error, StateError::HttpClient(_)), "{error:?}");
}
