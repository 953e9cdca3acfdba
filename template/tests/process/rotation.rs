//! The database's password is changed while the service runs, and its secret file with it, as the kubelet does that.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use rstest::rstest;
use sea_orm::sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, postgres::PgConnectOptions,
};

use crate::{
    program::{Program, get},
    support::{database::TestDatabase, private_server::PrivateServer},
};

/// The tests come as `postgres` without a password; whoever else comes must know one.
const WHO_MAY_COME: &str =
    "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";

const PASSWORDS: [&str; 4] = [
    "the-first-3VcQx9",
    "the-second-p0Lw7",
    "the-third-Yz81kd",
    "the-fourth-M2rt5",
];

/// How long what must come about may take. Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with a database `app` whose owner `app` has a password.
struct Server {
    server: PrivateServer,
    session: PgConnection,
}

impl Server {
    async fn start() -> Option<Self> {
        TestDatabase::postgres().await?; // tests without a server take no time for one
        let server = PrivateServer::start_new_with([("hba_file", WHO_MAY_COME)], [])?;
        let options: PgConnectOptions = server.url().parse().unwrap();
        let session = options.disable_statement_logging().connect().await.unwrap();
        let mut server = Self { server, session };
        server.run("CREATE ROLE app LOGIN").await;
        server.change_password(PASSWORDS[0]).await;
        server.run("CREATE DATABASE app OWNER app").await;
        Some(server)
    }

    async fn run(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        self.session.execute(sql).await.unwrap();
    }

    async fn change_password(&mut self, password: &str) {
        let sql = format!("ALTER ROLE app PASSWORD '{password}'");
        self.run(&sql).await;
    }

    /// The service has to open new connections.
    async fn end_sessions(&mut self) {
        let all =
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = 'app'";
        self.run(all).await;
    }

    fn url(&self, password: &str) -> String {
        format!(
            "postgres://app{password}@127.0.0.1:{}/app",
            self.server.port()
        )
    }
}

/// A secrets directory as the kubelet mounts it: each key is a link into `..data`, itself a link to a directory with a date in its
/// name. An update makes another such directory and puts a new link in the place of `..data`, in one step.
struct Mount {
    directory: PathBuf,
    updates: u32,
}

impl Mount {
    fn new(directory: PathBuf, key: &str, text: &str) -> Self {
        fs::create_dir(&directory).unwrap();
        let mut mount = Self {
            directory,
            updates: 0,
        };
        mount.update(key, text);
        symlink(Path::new("..data").join(key), mount.directory.join(key)).unwrap();
        mount
    }

    fn update(&mut self, key: &str, text: &str) {
        self.updates += 1;
        let dated = format!("..2026_11_20_07_{:02}_00.123456789", self.updates);
        fs::create_dir(self.directory.join(&dated)).unwrap();
        fs::write(self.directory.join(&dated).join(key), text).unwrap();
        let data = self.directory.join("..data");
        let before = fs::read_link(&data).ok();
        symlink(&dated, self.directory.join("..data_tmp")).unwrap();
        fs::rename(self.directory.join("..data_tmp"), data).unwrap();
        if let Some(before) = before {
            fs::remove_dir_all(self.directory.join(before)).unwrap();
        }
    }
}

/// Waits until the service says so of its readiness, and not because of a check before this moment: those count for a second.
#[track_caller]
fn wait_until_ready_is(url: &str, status: &str) {
    let since = Instant::now();
    sleep(Duration::from_millis(1100));
    loop {
        let answer = get(url, "/readyz");
        if answer.starts_with(&format!("HTTP/1.1 {status} ")) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "not {status}: {answer}");
        sleep(Duration::from_millis(50));
    }
}

fn alone(_: &Server, password: &str) -> String {
    format!("{password}\n")
}

fn in_url(server: &Server, password: &str) -> String {
    server.url(&format!(":{password}"))
}

#[rstest]
#[case::alone("DATABASE_PASSWORD", alone)]
#[case::in_a_url("DATABASE_URL", in_url)]
#[tokio::test]
async fn a_changed_password_is_picked_up_without_a_restart(
    #[case] key: &str,
    #[case] text: fn(&Server, &str) -> String,
) {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let [first, second, third, fourth] = PASSWORDS;
    let mut program = Program::on_free_port().with("DATABASE_POOL_PRE_PING_IDLE_SECS", "0"); // no request meets a session that was ended
    if key != "DATABASE_URL" {
        program = program.with("DATABASE_URL", server.url(""));
    }
    let directory = program.dir().join("secrets");
    let mut mount = Mount::new(directory.clone(), key, &text(&server, first));
    let program = program.with("APP_SECRETS_DIR", directory);
    let mut service = program.start(&[]);
    let url = service.url();
    wait_until_ready_is(&url, "200");

    // The file first: the known password is used as long as it works, so there is no gap.
    mount.update(key, &text(&server, second));
    server.end_sessions().await;
    wait_until_ready_is(&url, "200");
    server.change_password(second).await;
    server.end_sessions().await;
    wait_until_ready_is(&url, "200");
    service.line_with("the database's password was changed");

    // The server first: until the file has it, no connection can be opened.
    server.change_password(third).await;
    wait_until_ready_is(&url, "200");
    server.end_sessions().await;
    wait_until_ready_is(&url, "503");
    mount.update(key, &text(&server, third));
    wait_until_ready_is(&url, "200");
    service.line_with("the database's password was changed");

    // What makes no sense does no harm as long as the known password works, and is told when it doesn't.
    for nonsense in ["", "changeme"] {
        mount.update(key, nonsense);
        server.end_sessions().await;
        wait_until_ready_is(&url, "200");
    }
    mount.update(key, "");
    server.change_password(fourth).await;
    server.end_sessions().await;
    wait_until_ready_is(&url, "503");
    let reason = service.line_with("holds none to try instead");
    assert!(reason.contains(key), "{reason}");
    mount.update(key, &text(&server, fourth));
    wait_until_ready_is(&url, "200");

    service.terminate();
    assert!(service.end().success());
    let log = service.seen.join("\n") + &service.stderr();
    let complaints = log.matches("holds none to try instead").count();
    assert_eq!(complaints, 1, "{log}");
    for password in PASSWORDS {
        assert!(!log.contains(password), "{log}");
    }
}

#[tokio::test]
async fn waiting_for_migrations_outlasts_a_change_of_the_password() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let key = "DATABASE_PASSWORD";
    let program = Program::new().with("DATABASE_URL", server.url(""));
    let directory = program.dir().join("secrets");
    let mut mount = Mount::new(directory.clone(), key, PASSWORDS[0]);
    let program = program.with("APP_SECRETS_DIR", directory);
    let mut waiting = program.start(&["migrate", "status", "--wait=60"]);
    waiting.error_with("waiting for migrations");

    mount.update(key, PASSWORDS[1]);
    server.change_password(PASSWORDS[1]).await;
    program.output(&["migrate", "up"]);
    let status = waiting.end();
    assert!(status.success(), "{}", waiting.stderr());
}

#[tokio::test]
async fn a_password_of_the_environment_cannot_change() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let program = Program::on_free_port()
        .with("DATABASE_URL", server.url(""))
        .with("DATABASE_PASSWORD", PASSWORDS[0]);
    let directory = program.dir().join("secrets");
    let mut mount = Mount::new(directory.clone(), "DATABASE_PASSWORD", PASSWORDS[0]);
    let program = program.with("APP_SECRETS_DIR", directory);
    let mut service = program.start(&[]);
    let url = service.url();

    mount.update("DATABASE_PASSWORD", PASSWORDS[1]);
    server.change_password(PASSWORDS[1]).await;
    server.end_sessions().await;
    wait_until_ready_is(&url, "503");
}
