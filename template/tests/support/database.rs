//! A fresh, migrated database for each test.
//!
//! The migrations run once per process; each test then gets a copy. On SQLite that is a file, on PostgreSQL a database made from a
//! template. Both are removed when the test ends.

use std::{any::Any, net::SocketAddr, ops::Deref};

use app::core::{
    config::{Config, DatabaseConfig},
    database::{Database, migrator::Migrator},
};

use super::postgres;

/// A database of the test's own. It is removed when this is dropped.
pub(crate) struct TestDatabase {
    database: Database,
    url: String,
    kind: Kind,
    pooled: bool,
    /// The directory or the server's database; both are removed when they are dropped.
    _place: Box<dyn Any + Send + Sync>,
}

/// The databases that a test can be run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file.
    Sqlite,
    /// The server that `TEST_DATABASE_URL` names.
    Postgres,
}

impl TestDatabase {
    /// On the server that `TEST_DATABASE_URL` names, or in a file if it names none.
    pub(crate) async fn new() -> Self {
        if let Some(database) = Self::of(Kind::Postgres).await {
            return database;
        }
        let file = Self::of(Kind::Sqlite).await;
        file.expect(
            "without the cargo feature `sqlite`, set TEST_DATABASE_URL to a PostgreSQL server",
        )
    }

    /// In a file.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn sqlite() -> Self {
        use tokio::sync::OnceCell;

        // in memory, for nobody would remove a file when the process ends
        static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();

        let template = TEMPLATE
            .get_or_init(|| async {
                let dir = tempfile::tempdir().unwrap();
                migrate(&file_url(dir.path())).await;
                std::fs::read(dir.path().join(FILE)).unwrap()
            })
            .await;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), template).unwrap();
        let url = file_url(dir.path());
        Self::open(Kind::Sqlite, false, url, dir)
    }

    /// On the server that `TEST_DATABASE_URL` names.
    pub(crate) async fn postgres() -> Option<Self> {
        let server = postgres::server()?;
        let scratch = server.copy_of_template(migrate).await;
        Some(Self::open(
            Kind::Postgres,
            scratch.is_pooled(),
            scratch.url(),
            scratch,
        ))
    }

    /// On the server that `TEST_DATABASE_URL` names, around a pooler that may stand before it: for what needs sessions of its own.
    pub(crate) async fn direct() -> Option<Self> {
        let server = postgres::server()?;
        let scratch = server.copy_of_template(migrate).await;
        let url = scratch.direct_url();
        Some(Self::open(Kind::Postgres, false, url, scratch))
    }

    /// Of the given kind, around a pooler.
    pub(crate) async fn direct_of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Sqlite => Self::of(kind).await,
            Kind::Postgres => Self::direct().await,
        }
    }

    /// Of the given kind, if that is to be had: PostgreSQL isn't without `TEST_DATABASE_URL`.
    pub(crate) async fn of(kind: Kind) -> Option<Self> {
        match kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite => Some(Self::sqlite().await),
            #[cfg(not(feature = "sqlite"))]
            Kind::Sqlite => None,
            Kind::Postgres => Self::postgres().await,
        }
    }

    fn open(kind: Kind, pooled: bool, url: String, place: impl Any + Send + Sync) -> Self {
        let database = Database::new(&config(&url, pooled, []), "tests").unwrap();
        Self {
            database,
            url,
            kind,
            pooled,
            _place: Box::new(place),
        }
    }

    /// The pool.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// What kind it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// The URL that leads to it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where its PostgreSQL server listens.
    pub(crate) fn server(&self) -> (String, u16) {
        postgres::address(&self.url)
    }

    /// The URL that leads to it if somebody passes on what comes to this address.
    pub(crate) fn url_by_way_of(&self, address: SocketAddr) -> String {
        postgres::by_way_of(&self.url, address)
    }

    /// The configuration that leads to it, for `Config::for_tests`.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        settings(&self.url, self.pooled, [])
    }

    /// The section of the configuration that leads to it, with these keys on top (without `DATABASE_`).
    pub(crate) fn config<const N: usize>(&self, keys: [(&str, &str); N]) -> DatabaseConfig {
        config(&self.url, self.pooled, keys)
    }

    /// Another pool on the same database, with these keys on top (without `DATABASE_`).
    pub(crate) fn pool<const N: usize>(&self, keys: [(&str, &str); N]) -> Database {
        Database::new(&self.config(keys), "tests").unwrap()
    }
}

impl Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}

fn settings<const N: usize>(
    url: &str,
    pooled: bool,
    keys: [(&str, &str); N],
) -> Vec<(String, String)> {
    // tests run side by side and share the server's connections: none is kept that isn't needed
    let mut settings = vec![("URL", url), ("POOL_MIN_SIZE", "0")];
    if pooled {
        settings.extend([("POOLER", "transaction"), ("AUTO_MIGRATE", "false")]);
    }
    settings
        .into_iter()
        .filter(|(key, _)| keys.iter().all(|(other, _)| other != key))
        .chain(keys)
        .map(|(key, value)| (format!("DATABASE_{key}"), value.to_owned()))
        .collect()
}

fn config<const N: usize>(url: &str, pooled: bool, keys: [(&str, &str); N]) -> DatabaseConfig {
    let config = Config::for_tests(settings(url, pooled, keys));
    config.section::<DatabaseConfig>().clone()
}

async fn migrate(url: &str) {
    let migrator = Migrator::new(&config(url, false, []), "tests").unwrap();
    migrator.up().await.unwrap();
}

#[cfg(feature = "sqlite")]
const FILE: &str = "test.db";

#[cfg(feature = "sqlite")]
fn file_url(dir: &std::path::Path) -> String {
    format!("sqlite://{}?mode=rwc", dir.join(FILE).display())
}

const _: () = {
    let _ = TestDatabase::new;
    let _ = TestDatabase::database;
    let _ = TestDatabase::kind;
    let _ = TestDatabase::settings;
    let _ = TestDatabase::pool::<0>;
    let _ = TestDatabase::url;
    let _ = TestDatabase::direct_of;
    let _ = TestDatabase::server;
    let _ = TestDatabase::url_by_way_of;
};
