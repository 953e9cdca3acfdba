//! Waiting for the database when the service starts, and what is said if it can't be used.

use std::time::Duration;

use app::core::{
    config::{Config, DatabaseConfig},
    database::{Database, NotReady},
};
use sea_orm::ConnectionTrait;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    logs::Logs,
    support::database::TestDatabase,
    toys::{eventually, number},
};

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
    let second_attempt = eventually("it is tried again", async || {
        logs.text().contains("attempt=2")
    });
    tokio::select! {
        ended = db.wait_until_ready(LONG) => panic!("{ended:?}"),
        () = second_attempt => {}
    }
    logs.assert_line(&["waiting for the database", "attempt=2", "seconds_left="]);
    let limit = Duration::from_millis(1);
    let error = db.wait_until_ready(limit).await.unwrap_err();
    assert!(matches!(error, NotReady::TimedOut { .. }), "{error:?}");
    for told in [
        error.to_string(),
        format!("{error:?}"),
        format!("{db:?}"),
        logs.text(),
    ] {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

/// An attempt ends with the limit, not a `DATABASE_POOL_TIMEOUT_SECS` later.
#[tokio::test]
async fn a_database_that_hangs_is_given_up_after_the_limit() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://user@{}/name", silent.local_addr().unwrap());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_POOL_TIMEOUT_SECS", "19"),
    ];
    let config = Config::for_tests(settings);
    let db = Database::new(config.section::<DatabaseConfig>(), "tests").unwrap();
    let waiting = db.wait_until_ready(Duration::from_millis(100));
    // less than the pool's timeout, which the attempt would take by itself
    let error = tokio::time::timeout(Duration::from_secs(15), waiting).await;
    assert!(
        matches!(error, Ok(Err(NotReady::TimedOut { .. }))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_database_that_comes_up_late_is_waited_for() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let address = db.server();
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let late = open(&db.url_by_way_of(([127, 0, 0, 1], port).into())).unwrap();
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
    let Some(db) = TestDatabase::direct().await else {
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

/// Of a thousand there is room for some: the server's limit, the user's or the database's.
#[tokio::test]
async fn a_start_says_so_if_the_pools_of_all_replicas_do_not_fit() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let told = async |replicas: &str| {
        let keys = [("POOL_MAX_SIZE", "4"), ("EXPECTED_REPLICAS", replicas)];
        let logs = Logs::capture();
        db.pool(keys).wait_until_ready(LONG).await.unwrap();
        logs.text()
    };
    let text = told("2").await;
    assert!(!text.contains("don't fit"), "{text}");
    let limit = "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' CONNECTION LIMIT 7'; END $$";
    db.execute_unprepared(limit).await.unwrap();
    let text = told("2").await;
    for part in [
        "don't fit",
        "wanted=8",
        "allowed=7",
        "DATABASE_POOL_MAX_SIZE",
    ] {
        assert!(text.contains(part), "it does not say `{part}`: {text}");
    }
    let text = told("1000").await;
    assert!(text.contains("wanted=4000"), "{text}");
}

fn settings_url(db: &TestDatabase) -> String {
    let url = db
        .settings()
        .into_iter()
        .find(|(key, _)| key == "DATABASE_URL");
    url.unwrap().1
}
