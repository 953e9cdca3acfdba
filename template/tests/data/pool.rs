//! The pool: how full it is, how it recovers, what it keeps, and what it says in the log.

use std::time::Duration;

use app::core::database::{DataError, Database, PoolStatus};
use futures::future::join_all;
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbErr, TransactionSession, TransactionTrait};

use crate::{
    logs::Logs,
    support::database::{Kind, TestDatabase},
    toys::{add, count, endless, eventually, number, sql},
};

#[rstest]
#[tokio::test]
async fn whoever_gets_no_connection_in_time_is_told_so_and_the_log_says_how_full_the_pool_is(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("POOL_TIMEOUT_SECS", "1")]);
    let logs = Logs::capture();
    let tx = pool.begin().await.unwrap();
    let (first, second) = tokio::join!(add(&pool, "bear"), add(&pool, "car"));
    for refused in [first, second] {
        let error = DataError::from(refused.unwrap_err());
        assert!(
            error.is_pool_timeout() && error.is_unavailable(),
            "{error:?}"
        );
        assert!(!error.is_statement_timeout());
    }
    tx.commit().await.unwrap();
    logs.assert_line(&[
        "no database connection became free in time",
        "size=1",
        "in_use=1",
        "waiting=",
    ]);
    add(&pool, "bear").await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped_and_its_connection_goes_on(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("COMMAND_TIMEOUT_SECS", "1")]);
    let error = pool.query_all_raw(endless(&pool)).await.unwrap_err();
    assert_eq!(pool.status().in_use(), 0, "the connection was not closed");
    let error = DataError::from(error);
    assert!(error.is_statement_timeout(), "{error:?}");
    assert!(!error.is_pool_timeout() && !error.is_unavailable());
    assert_eq!(count(&pool).await, 0);
}

#[rstest]
#[tokio::test]
async fn a_statement_that_takes_too_long_undoes_its_transaction(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("COMMAND_TIMEOUT_SECS", "1")]);
    let tx = pool.begin().await.unwrap();
    add(&tx, "bear").await.unwrap();
    let slow = match kind {
        Kind::Sqlite => {
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) \
             INSERT INTO toys (name, age) SELECT 'toy ' || max(i), 1 FROM n"
        }
        Kind::Postgres => "SELECT pg_sleep(600)",
    };
    let error = DataError::from(tx.execute_raw(sql(&tx, slow)).await.unwrap_err());
    assert!(error.is_statement_timeout(), "{error:?}");
    add(&tx, "car").await.unwrap_err();
    tx.commit().await.unwrap_err();
    assert_eq!(count(&pool).await, 0);
}

#[rstest]
#[tokio::test]
async fn slow_statements_are_logged_without_their_values(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("SLOW_STATEMENT_MS", "1")]);
    let logs = Logs::capture();
    let slow = match kind {
        Kind::Sqlite => {
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i), $1 FROM n"
        }
        Kind::Postgres => "SELECT pg_sleep(0.01), $1::text",
    };
    let values = ["top secret".into()];
    let statement =
        sea_orm::Statement::from_sql_and_values(pool.get_database_backend(), slow, values);
    pool.query_one_raw(statement).await.unwrap();
    logs.assert_line(&["slow statement", "$1", "elapsed_ms="]);
    assert!(!logs.text().contains("top secret"), "{}", logs.text());
}

#[rstest]
#[tokio::test]
async fn a_minimum_of_connections_is_kept_warm_and_more_are_closed_when_idle(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([
        ("POOL_MIN_SIZE", "2"),
        ("POOL_MAX_SIZE", "6"),
        ("POOL_IDLE_SECS", "1"),
    ]);
    let minimum = match kind {
        Kind::Sqlite => 3, // the writer, and two that read
        Kind::Postgres => 2,
    };
    assert_eq!(pool.status().size, 0, "nothing is opened before it is used");
    pool.ping().await.unwrap();
    eventually("the minimum is open", async || {
        pool.status().size == minimum
    })
    .await;
    fill(&pool, 6).await;
    assert!(pool.status().size >= 6);
    eventually("only the minimum is left", async || {
        pool.status().size == minimum
    })
    .await;
    assert_eq!(pool.status().idle, minimum);
}

#[rstest]
#[tokio::test]
async fn a_closed_pool_gives_no_connections_and_keeps_none(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MIN_SIZE", "2")]);
    fill(&pool, 3).await;
    let tx = pool.begin().await.unwrap();
    add(&tx, "bear").await.unwrap();
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { pool.close().await }
    });
    eventually("nobody gets a connection", async || {
        pool.ping().await.is_err()
    })
    .await;
    tx.commit().await.unwrap();
    closing.await.unwrap();
    assert_eq!(pool.status(), PoolStatus::default());
    let error = DataError::from(pool.ping().await.unwrap_err());
    assert!(
        error.is_unavailable() && !error.is_pool_timeout(),
        "{error:?}"
    );
    assert_eq!(
        count(db.database()).await,
        1,
        "what was under way was finished"
    );
}

#[tokio::test]
async fn a_pool_that_is_dropped_leaves_no_session_behind() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let pool = db.pool([("POOL_MIN_SIZE", "3")]);
    fill(&pool, 3).await;
    drop(pool);
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually("all sessions are gone", async || {
        number(db.database(), sessions).await.unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn sessions_are_named_after_the_service_and_its_host() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let named = "SELECT count(*) FROM pg_stat_activity WHERE pid = pg_backend_pid() AND application_name LIKE 'tests@_%'";
    assert_eq!(number(db.database(), named).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn the_database_says_nothing_secret_in_debug(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let shown = format!("{:?}", db.database());
    assert!(shown.starts_with("Database { backend: "), "{shown}");
    assert!(
        !shown.contains("url") && !shown.contains("postgres@"),
        "{shown}"
    );
}

/// Opens this many connections by using them at the same time.
pub(crate) async fn fill(pool: &Database, connections: usize) {
    let used = join_all((0..connections).map(|_| async {
        let tx = pool
            .begin_with_config(None, Some(sea_orm::AccessMode::ReadOnly))
            .await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        tx.commit().await
    }));
    let used: Result<Vec<()>, DbErr> = used.await.into_iter().collect();
    used.unwrap();
}
