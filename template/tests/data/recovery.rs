//! How the pool finds out that connections are gone, old or of no use any more, and replaces them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use app::core::database::DataError;
use sea_orm::{ConnectionTrait, sqlx::postgres::PgConnectOptions};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::{
    pool::fill,
    support::database::TestDatabase,
    toys::{count, eventually, number, session, sql},
};

/// Three connections are idle when the server ends all of them: one request finds out for all.
#[tokio::test]
async fn a_restart_of_the_server_costs_one_failed_request_at_most() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "5"), ("POOL_PRE_PING_IDLE_SECS", "300")]);
    fill(&pool, 5).await;
    end_all_sessions(&db).await;
    let mut failed = Vec::new();
    for _ in 0..20 {
        if let Err(error) = number(&pool, "SELECT count(*) FROM toys").await {
            failed.push(DataError::from(error));
        }
    }
    assert!(failed.len() <= 1, "{failed:?}");
    assert!(failed.iter().all(DataError::is_unavailable), "{failed:?}");
    fill(&pool, 5).await;
}

#[tokio::test]
async fn a_connection_that_was_idle_is_tried_before_it_is_used() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let pool = db.pool([("POOL_PRE_PING_IDLE_SECS", "0")]);
    fill(&pool, 3).await;
    end_all_sessions(&db).await;
    assert_eq!(count(&pool).await, 0);
}

#[tokio::test]
async fn a_connection_is_replaced_when_it_is_old() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("POOL_RECYCLE_SECS", "1")]);
    let first = session(&pool).await.unwrap();
    eventually("another session is used", async || {
        session(&pool).await.unwrap() != first
    })
    .await;
}

#[tokio::test]
async fn a_changed_table_fails_its_old_plan_once() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1")]);
    let all = || async { pool.query_all_raw(sql(&pool, "SELECT * FROM owners")).await };
    all().await.unwrap();
    db.execute_unprepared("ALTER TABLE owners ADD COLUMN name TEXT")
        .await
        .unwrap();
    let outcomes = [
        all().await.is_ok(),
        all().await.is_ok(),
        all().await.is_ok(),
    ];
    assert_eq!(outcomes[1..], [true, true]);
}

#[tokio::test]
async fn the_minimum_comes_back_by_itself_after_the_server_ended_it() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let pool = db.pool([("POOL_MIN_SIZE", "3"), ("POOL_IDLE_SECS", "1")]);
    pool.ping().await.unwrap();
    eventually("the minimum is open", async || pool.status().size == 3).await;
    end_all_sessions(&db).await;
    let _ = pool.ping().await;
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually("there are three sessions again", async || {
        let _ = pool.ping().await;
        number(db.database(), sessions).await.unwrap() == 3
    })
    .await;
}

/// The keeper wants a third connection, which never comes: the other two are there for requests meanwhile.
#[tokio::test]
async fn a_connection_that_hangs_while_it_is_opened_ahead_keeps_nobody_from_a_good_one() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let (url, mut asked) = behind_a_door_for_two(&db).await;
    let pool = db.pool([
        ("URL", &url),
        ("POOL_MIN_SIZE", "3"),
        ("POOL_MAX_SIZE", "3"),
        ("POOL_TIMEOUT_SECS", "19"),
    ]);
    pool.ping().await.unwrap();
    for _ in 0..3 {
        asked.recv().await.unwrap();
    }
    let used = tokio::time::timeout(Duration::from_secs(30), count(&pool)).await;
    assert_eq!(
        used,
        Ok(0),
        "they were held for as long as another was opened"
    );
}

/// With deadlines that are shorter than opening a connection takes, the pool fills nevertheless.
#[tokio::test]
async fn a_connection_is_opened_even_if_nobody_waits_for_it_that_long() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let (address, listener) = (db.server(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let url = db.url_by_way_of(listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counted.fetch_add(1, SeqCst);
            let address = address.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let mut target = TcpStream::connect(address).await.unwrap();
                copy_bidirectional(&mut client, &mut target).await
            });
        }
    });
    let pool = db.pool([
        ("URL", url.as_str()),
        ("POOL_MAX_SIZE", "1"),
        ("POOL_TIMEOUT_SECS", "19"),
    ]);
    let mut given_up = 0;
    while tokio::time::timeout(Duration::from_millis(40), pool.ping())
        .await
        .is_err()
    {
        given_up += 1;
        assert!(given_up < 1000, "no connection was ever opened");
    }
    // on a busy machine the statement itself may be cut off, which costs a connection
    assert!(
        asked.load(SeqCst) <= given_up,
        "each of the {given_up} began anew"
    );
    assert_eq!(count(&pool).await, 0);
}

/// A URL by which two clients reach the server of this database, and others nobody. All are announced.
async fn behind_a_door_for_two(db: &TestDatabase) -> (String, UnboundedReceiver<()>) {
    let settings = db.settings();
    let (_, url) = settings
        .iter()
        .find(|(key, _)| key == "DATABASE_URL")
        .unwrap();
    let server: PgConnectOptions = url.parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let door = format!(
        "postgres://{}@{}/{}",
        server.get_username(),
        listener.local_addr().unwrap(),
        server.get_database().unwrap()
    );
    let (announce, asked) = unbounded_channel();
    tokio::spawn(async move {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().await.unwrap();
            announce.send(()).unwrap();
            let address = (server.get_host(), server.get_port());
            let mut target = TcpStream::connect(address).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut target).await });
        }
        let mut silent = Vec::new();
        while let Ok((client, _)) = listener.accept().await {
            silent.push(client);
            if announce.send(()).is_err() {
                break;
            }
        }
    });
    (door, asked)
}

/// What a restart of the server does to its clients.
async fn end_all_sessions(db: &TestDatabase) {
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(number(db.database(), end).await.unwrap() > 0);
    let left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    eventually("the sessions are gone", async || {
        number(db.database(), left).await.unwrap() == 0
    })
    .await;
}
