//! Databases of their own on the PostgreSQL server that `TEST_DATABASE_URL` names.
//!
//! That URL may lead through a PgBouncer in transaction mode, if `TEST_DATABASE_DIRECT_URL` leads to the server itself: databases are
//! made and migrated there.

use std::{
    net::SocketAddr,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row,
    postgres::PgConnectOptions,
};
use tokio::sync::OnceCell;

/// The server, and the sessions that make and drop databases on it: one for each, since most of a test's time is spent on this.
///
/// A session belongs to a thread with a runtime of its own, because every test has its own and may be over before its database
/// is dropped. As long as it lives, its name says to other processes that our databases are in use.
pub(crate) struct Server {
    url: String,
    /// The way around the pooler, if there is one.
    direct: Option<String>,
    /// The first part of our databases' names, and the name of the sessions.
    prefix: String,
    to_make: mpsc::Sender<Order>,
    to_drop: mpsc::Sender<Order>,
    template: OnceCell<String>,
    made: AtomicUsize,
}

/// A statement for the session, and who waits for it.
struct Order {
    sql: String,
    done: mpsc::Sender<Result<(), sqlx::Error>>,
}

/// The server, if there is one.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: LazyLock<Option<Server>> = LazyLock::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "it configures the tests, not the service"
        )]
        let [url, direct] = ["TEST_DATABASE_URL", "TEST_DATABASE_DIRECT_URL"]
            .map(|name| std::env::var(name).ok().filter(|url| !url.is_empty()));
        Some(Server::start(url?, direct))
    });
    SERVER.as_ref()
}

impl Server {
    fn start(url: String, direct: Option<String>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let prefix = format!("app_test_{}_{}", std::process::id(), since.as_millis());
        let options: PgConnectOptions = direct
            .as_ref()
            .unwrap_or(&url)
            .parse()
            .expect("TEST_DATABASE_URL is a postgres:// URL");
        let options = options
            .application_name(&prefix)
            .disable_statement_logging();
        let [to_make, to_drop] = [options.clone(), options].map(|options| {
            let (orders, received) = mpsc::channel();
            let (started, start) = mpsc::channel();
            thread::spawn(move || run_session(&options, &started, &received));
            start
                .recv()
                .unwrap()
                .expect("TEST_DATABASE_URL names a server that can be used");
            orders
        });
        Self {
            url,
            direct,
            prefix,
            to_make,
            to_drop,
            template: OnceCell::new(),
            made: AtomicUsize::new(0),
        }
    }

    /// A copy of the template, which `migrate` prepares once.
    pub(crate) async fn copy_of_template(
        &'static self,
        migrate: impl AsyncFnOnce(&str),
    ) -> ScratchDatabase {
        let template = self
            .template
            .get_or_init(async || {
                let name = format!("{}_template", self.prefix);
                self.run(format!("CREATE DATABASE {name}"));
                migrate(&self.direct_url_of(&name)).await;
                name
            })
            .await;
        let name = format!("{}_{}", self.prefix, self.made.fetch_add(1, Relaxed));
        self.run(format!("CREATE DATABASE {name} TEMPLATE {template}"));
        ScratchDatabase { server: self, name }
    }

    #[track_caller]
    fn run(&self, sql: String) {
        let (done, outcome) = mpsc::channel();
        self.to_make.send(Order { sql, done }).unwrap();
        outcome.recv().unwrap().unwrap();
    }

    /// The way to another database on the server; through the pooler, if there is one.
    fn url_of(&self, name: &str) -> String {
        with_database(&self.url, name)
    }

    fn direct_url_of(&self, name: &str) -> String {
        with_database(self.direct.as_ref().unwrap_or(&self.url), name)
    }
}

fn with_database(url: &str, name: &str) -> String {
    let (url, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = url.split_once("://").unwrap();
    let authority = rest.split('/').next().unwrap();
    format!("{scheme}://{authority}/{name}?{query}")
}

/// Where the server of this URL listens.
pub(crate) fn address(url: &str) -> (String, u16) {
    let server: PgConnectOptions = url.parse().unwrap();
    (server.get_host().to_owned(), server.get_port())
}

/// The same URL, but for the address. Who we are to the server stays as it is, also if the URL leaves that to the surroundings.
pub(crate) fn by_way_of(url: &str, address: SocketAddr) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let user = authority.rsplit_once('@').map(|(user, _)| user.to_owned());
    let user = user.unwrap_or_else(|| {
        let server: PgConnectOptions = url.parse().unwrap();
        server.get_username().to_owned()
    });
    format!("{scheme}://{user}@{address}{path}")
}

/// A database that is dropped with this.
pub(crate) struct ScratchDatabase {
    server: &'static Server,
    name: String,
}

impl ScratchDatabase {
    pub(crate) fn url(&self) -> String {
        self.server.url_of(&self.name)
    }

    /// The way to it around the pooler, if there is one.
    pub(crate) fn direct_url(&self) -> String {
        self.server.direct_url_of(&self.name)
    }

    /// Whether the way to it leads through a pooler.
    pub(crate) fn is_pooled(&self) -> bool {
        self.server.direct.is_some()
    }
}

impl Drop for ScratchDatabase {
    fn drop(&mut self) {
        let (done, outcome) = mpsc::channel();
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // whether it works or not, the test has its result; the next run clears up what is left
        if self.server.to_drop.send(Order { sql, done }).is_ok() {
            let _ = outcome.recv();
        }
    }
}

fn run_session(
    options: &PgConnectOptions,
    started: &mpsc::Sender<Result<(), sqlx::Error>>,
    orders: &mpsc::Receiver<Order>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut session = match options.connect().await {
            Ok(session) => session,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(clear_up(&mut session).await);
        while let Ok(Order { sql, done }) = orders.recv() {
            let outcome = session.execute(AssertSqlSafe(sql)).await;
            let _ = done.send(outcome.map(drop));
        }
        let _ = session.close().await;
    });
}

/// Drops what processes left behind whose session is gone: their templates, and more if they were killed.
async fn clear_up(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    let left_behind = "SELECT datname FROM pg_database \
         WHERE datname ~ '^app_test_[0-9]+_[0-9]+_(template|[0-9]+)$' AND NOT EXISTS ( \
             SELECT FROM pg_stat_activity WHERE application_name = regexp_replace(pg_database.datname, '_[^_]+$', ''))";
    for row in session.fetch_all(left_behind).await? {
        let name: String = row.try_get(0)?;
        // another process may be doing the same
        let _ = session
            .execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}")))
            .await;
    }
    Ok(())
}
