//! What handlers share, and how tests replace it.

use std::convert::Infallible;

use app::core::clock::Clock;
use app::core::config::AppEnv;
use app::core::state::{AppState, Shared};
use chrono::{DateTime, Utc};

use crate::support::nowhere;

/// When it was made.
struct Birthday(DateTime<Utc>);

app::register_component!(Birthday: |shared: &Shared| Ok::<_, Infallible>(Birthday(shared.clock.now())));

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
