//! Waiting for the database when the service starts, and what is said if it can't be used.

use std::time::Duration;

use app::core::{
    config::{Config, DatabaseConfig},
    database::{Database, NotReady},
};
use sea_orm::sqlx::postgres::PgConnectOptions;
use tokio::net::{TcpListener, TcpStream};

use crate::{logs::Logs, support::database::TestDatabase, toys::number};

const LONG: Duration = Duration::from_secs(30);

fn open(url: &str) -> Result<Database, sea_orm::DbErr> {
    let config = Config::for_tests([("DATABASE_URL", url), ("DATABASE_POOL_TIMEOUT_SECS", "1")]);
    Database::new(config.section::<DatabaseConfig>(), "tests")
}

#[tokio::test]
async fn a_database_that_is_there_is_ready_at_once() {
    let db = TestDatabase::new().await;
    db.wait_until_ready(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn a_database_that_does_not_answer_is_given_up_after_the_limit_and_no_password_is_told() {
    // a port that nobody listens on any more
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let logs = Logs::capture();
    let db = open(&format!("postgres://user:hunter2@127.0.0.1:{port}/name")).unwrap();
    let error = db
        .wait_until_ready(Duration::from_millis(500))
        .await
        .unwrap_err();
    assert!(matches!(error, NotReady::TimedOut { .. }), "{error:?}");
    logs.assert_line(&["waiting for the database", "attempt=2", "seconds_left=0"]);
    for told in [
        error.to_string(),
        format!("{error:?}"),
        format!("{db:?}"),
        logs.text(),
    ] {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
async fn a_database_that_comes_up_late_is_waited_for() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let url = settings_url(&db);
    let server: PgConnectOptions = url.parse().unwrap();
    let address = (server.get_host().to_owned(), server.get_port());
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let name = server.get_database().unwrap();
    let user = server.get_username();
    let late = open(&format!("postgres://{user}@127.0.0.1:{port}/{name}")).unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&address).await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    late.wait_until_ready(LONG).await.unwrap();
}

#[tokio::test]
async fn an_unknown_database_is_not_waited_for() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let elsewhere = settings_url(&db).replace("/app_test", "/nowhere_app_test");
    let error = open(&elsewhere)
        .unwrap()
        .wait_until_ready(LONG)
        .await
        .unwrap_err();
    assert!(matches!(error, NotReady::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("nowhere_app_test"), "{error}");
    assert!(error.to_string().contains("does not exist"), "{error}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn a_file_that_can_not_be_opened_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing/app.db");
    for path in [missing.as_path(), "/proc/version".as_ref()] {
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let error = open(&url)
            .unwrap()
            .wait_until_ready(LONG)
            .await
            .unwrap_err();
        assert!(matches!(error, NotReady::Refused(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_not_waited_for_if_tls_is_required() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let tls = "SELECT count(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'";
    if number(db.database(), tls).await.unwrap() == 1 {
        return; // this server has it
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let pool = db.pool([("SSL_MODE", mode)]);
        let error = pool.wait_until_ready(LONG).await.unwrap_err();
        assert!(matches!(error, NotReady::Refused(_)), "{error:?}");
        assert!(
            error.to_string().contains("does not support TLS"),
            "{error}"
        );
    }
    for mode in ["disable", "prefer"] {
        db.pool([("SSL_MODE", mode)]).ping().await.unwrap();
    }
}

fn settings_url(db: &TestDatabase) -> String {
    let url = db
        .settings()
        .into_iter()
        .find(|(key, _)| key == "DATABASE_URL");
    url.unwrap().1
}
