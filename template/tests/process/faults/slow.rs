//! A database that takes its time.

use std::time::Duration;

use futures::future::join_all;
use sea_orm::TransactionSession;

use super::{
    client::Client,
    sessions::{WAITING, at_least, count, lock_users},
};
use crate::{
    program::Program,
    support::database::{Kind, TestDatabase},
};

#[tokio::test]
async fn a_statement_over_its_time_is_ended_by_the_server_and_answered_with_504() {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_POOL_MAX_SIZE", "1")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "1")
        // it must not be this that ends it
        .with("SERVER_REQUEST_TIMEOUT_SECS", "600")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "600");
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let lock = lock_users(&database).await;

    let answer = client.get("/api/v1/users").await;
    assert_eq!(answer.status, 504, "{answer:?}");
    assert!(answer.body.contains(r#""code":"timeout""#), "{answer:?}");
    assert!(
        answer.took >= Duration::from_secs(1),
        "before its time was over: {answer:?}"
    );
    // the lock is still held
    assert_eq!(
        count(&database, WAITING).await,
        0,
        "the statement was ended"
    );
    let answer = client.get("/api/v1/products").await;
    assert_eq!(answer.status, 200, "its connection goes on: {answer:?}");
    lock.rollback().await.unwrap();
    let answer = client.get("/api/v1/users").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn whoever_waits_for_a_pool_full_of_slow_statements_is_told_so_in_time() {
    const WAITERS: usize = 20;

    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_POOL_MAX_SIZE", "3")
        .with("DATABASE_POOL_TIMEOUT_SECS", "2")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "300")
        .with("SERVER_REQUEST_TIMEOUT_SECS", "600")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "600");
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let lock = lock_users(&database).await;
    let slow: Vec<_> = (0..3)
        .map(|_| tokio::spawn(client.get("/api/v1/users")))
        .collect();
    at_least(3, &database, WAITING).await;

    let waiters: Vec<_> = (0..WAITERS)
        .map(|_| tokio::spawn(client.get("/api/v1/products")))
        .collect();
    let mut alive = 0;
    while !waiters.iter().all(tokio::task::JoinHandle::is_finished) {
        let answer = client.get("/livez").await;
        assert_eq!(
            answer.status, 200,
            "the process lives, whatever the database does: {answer:?}"
        );
        alive += 1;
    }
    assert!(alive > 1, "they did not wait");
    for answer in join_all(waiters).await {
        let answer = answer.unwrap();
        assert!(answer.is_unavailable(), "{answer:?}");
        assert!(
            answer.took >= Duration::from_secs(2),
            "before its time was over: {answer:?}"
        );
    }
    let line = service.line_with("no database connection became free in time");
    for part in ["max_size=3", "in_use=3", "waiting="] {
        assert!(line.contains(part), "the log does not say `{part}`: {line}");
    }

    lock.rollback().await.unwrap();
    for answer in join_all(slow).await {
        assert_eq!(answer.unwrap().status, 200, "what was slow ends well");
    }
    let all = join_all((0..WAITERS).map(|_| client.get("/api/v1/users"))).await;
    assert!(all.iter().all(|answer| answer.status == 200), "{all:?}");
}
