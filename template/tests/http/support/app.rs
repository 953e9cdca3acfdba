//! A service of a test's own.

use std::sync::{Arc, LazyLock};

use app::core::clock::Clock;
use app::core::config::{AppEnv, Config};
use app::core::http::{Api, Surface};
use app::core::state::{AppState, AppStateBuilder};
use axum::Router;
use axum::http::Method;
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::TestDatabase;
use super::request::TestRequest;

/// What all files registered, these tests' included; put together once.
static REGISTERED: LazyLock<(Api, Arc<Value>)> = LazyLock::new(|| {
    let api = Api::registered(AppEnv::Local).unwrap();
    let document = Arc::new(api.document().json().clone());
    (api, document)
});

/// A service with a state of its own. Requests go through its router, without a port.
pub(crate) struct TestApp {
    pub(crate) state: AppState,
    router: Router,
    document: Arc<Value>,
    /// It is there as long as the service is.
    database: Option<TestDatabase>,
}

impl TestApp {
    /// With a fresh, migrated database.
    pub(crate) async fn new() -> Self {
        Self::with([]).await
    }

    /// With a fresh, migrated database, and these settings.
    pub(crate) async fn with<const N: usize>(settings: [(&str, &str); N]) -> Self {
        Self::build(settings, |builder| builder).await
    }

    /// With a fresh, migrated database, these settings, and parts that the test replaces.
    pub(crate) async fn build<const N: usize>(
        settings: [(&str, &str); N],
        replace: impl FnOnce(AppStateBuilder) -> AppStateBuilder,
    ) -> Self {
        let database = TestDatabase::new().await;
        let own = settings.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let mut all = database.settings();
        all.retain(|(key, _)| own.iter().all(|(other, _)| other != key));
        all.extend(own);
        let builder = AppState::builder(Config::for_tests(all));
        let state = replace(builder).build().unwrap();
        Self::registered(state, Surface::All, Some(database))
    }

    /// Without a database: nobody listens where it should be.
    pub(crate) fn without_database() -> Self {
        Self::without_database_in(AppEnv::Local, Surface::All, [])
    }

    /// Without a database, with these settings.
    pub(crate) fn without_database_with<const N: usize>(settings: [(&str, &str); N]) -> Self {
        Self::without_database_in(AppEnv::Local, Surface::All, settings)
    }

    /// The same in another environment, on one of its ports, with these settings.
    pub(crate) fn without_database_in<const N: usize>(
        env: AppEnv,
        surface: Surface,
        settings: [(&str, &str); N],
    ) -> Self {
        let config = nowhere(env, settings);
        let state = AppState::builder(config).build().unwrap();
        Self::registered(state, surface, None)
    }

    /// These routes only, without a database.
    pub(crate) fn serving(api: &Api) -> Self {
        let config = nowhere(AppEnv::Local, []);
        let state = AppState::builder(config).build().unwrap();
        Self {
            router: api.router(&state, Surface::All),
            document: Arc::new(api.document().json().clone()),
            state,
            database: None,
        }
    }

    fn registered(state: AppState, surface: Surface, database: Option<TestDatabase>) -> Self {
        let (api, document) = &*REGISTERED;
        let document = match surface {
            Surface::All => document.clone(),
            other => Arc::new(api.document_for(other).json().clone()),
        };
        Self {
            router: api.router(&state, surface),
            document,
            state,
            database,
        }
    }

    /// The same service at another time, on the same database.
    pub(crate) fn at(self, time: DateTime<Utc>) -> Self {
        let builder = AppState::builder(self.state.config.clone())
            .database(self.state.database.clone())
            .clock(Clock::fixed(time));
        Self::registered(builder.build().unwrap(), Surface::All, self.database)
    }

    pub(crate) fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    pub(crate) fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    pub(crate) fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(self.router.clone(), self.document.clone(), method, path)
    }
}

/// Settings that lead to no database: the port is reserved, and nobody listens there.
pub(crate) fn nowhere<const N: usize>(env: AppEnv, settings: [(&str, &str); N]) -> Config {
    let password = if env == AppEnv::Local {
        "x"
    } else {
        "8Zb2kQw91Lr7mT"
    };
    let url = format!("postgres://nobody:{password}@127.0.0.1:1/none?sslmode=disable");
    let database = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_POOL_MIN_SIZE", "0"),
        ("RATE_LIMIT_TRUSTED_PROXIES", "none"),
    ];
    match Config::for_tests_in(env, database.into_iter().chain(settings)) {
        Ok(config) => config,
        Err(error) => panic!("{error}"),
    }
}

const _: () = {
    let _ = TestApp::new;
    let _ = TestApp::at;
    let _ = TestApp::patch;
    let _ = TestApp::delete;
};
