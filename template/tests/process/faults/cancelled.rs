//! Clients that hang up while the database works for them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures::future::join_all;
use sea_orm::TransactionSession;

use super::{
    client::Client,
    sessions::{WAITING, at_least, lock_users, nothing_runs, now},
};
use crate::{
    program::Program,
    support::database::{Kind, TestDatabase},
};

/// A service that gives nothing up by itself.
pub(super) fn patient(database: &TestDatabase) -> Program {
    Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_POOL_TIMEOUT_SECS", "200")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "300")
        .with("SERVER_REQUEST_TIMEOUT_SECS", "600")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "600")
        .with("LOG_LEVEL", "warn")
}

/// Sends this many requests that wait for a lock, a few at a time, and hangs up on each.
async fn hang_up_on(requests: usize, at_once: usize, client: &Client) {
    let sent = Arc::new(AtomicUsize::new(0));
    let tasks = (0..at_once).map(|task| {
        let (client, sent) = (client.clone(), Arc::clone(&sent));
        tokio::spawn(async move {
            loop {
                let nr = sent.fetch_add(1, SeqCst);
                if nr >= requests {
                    break;
                }
                let after = Duration::from_millis((nr * 7 + task) as u64 % 40);
                let answer = client.hang_up("/api/v1/users", after).await;
                assert!(
                    answer.is_none(),
                    "it was answered in spite of the lock: {answer:?}"
                );
            }
        })
    });
    for ended in join_all(tasks).await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn ten_thousand_requests_cut_off_in_mid_query_leave_nothing_behind() {
    const REQUESTS: usize = 10_000;
    const AT_ONCE: usize = 50;

    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = patient(&database).with("DATABASE_POOL_MAX_SIZE", AT_ONCE.to_string());
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let lock = lock_users(&database).await;
    for _ in 0..REQUESTS / AT_ONCE {
        let since = now(&database).await;
        let requests: Vec<_> = (0..AT_ONCE)
            .map(|_| tokio::spawn(client.get("/api/v1/users")))
            .collect();
        // of those before, some may not have ended yet
        let these = format!("{WAITING} AND query_start > '{since}'");
        at_least(i64::try_from(AT_ONCE).unwrap(), &database, &these).await;
        for request in requests {
            request.abort(); // closes its connection
        }
    }
    // the lock is still held, so none of them ended by itself
    nothing_runs(&database).await;
    lock.rollback().await.unwrap();

    let all = join_all((0..100).map(|_| client.get("/api/v1/users"))).await;
    assert!(
        all.iter().all(|answer| answer.status == 200),
        "the pool is not whole: {all:?}"
    );
    nothing_runs(&database).await;
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());
}

#[tokio::test]
async fn a_thousand_requests_are_answered_beside_a_thousand_that_are_cut_off() {
    const REQUESTS: usize = 1000;
    const PRODUCTS: usize = 10;

    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = patient(&database);
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let mut products = Vec::new();
    for nr in 0..PRODUCTS {
        let body = format!(r#"{{"name":"product {nr}","price":"1.5"}}"#);
        let answer = client.post("/api/v1/products", &body).await;
        let product: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        products.push(product["id"].as_str().unwrap().to_owned());
    }
    let products = Arc::new(products);

    let lock = lock_users(&database).await;
    let normal = (0..5).map(|task| {
        let (client, products) = (client.clone(), Arc::clone(&products));
        tokio::spawn(async move {
            for request in 0..REQUESTS / 5 {
                let nr = (request + task) % PRODUCTS;
                let answer = client
                    .get(&format!("/api/v1/products/{}", products[nr]))
                    .await;
                assert_eq!(answer.status, 200, "{answer:?}");
                let name = format!(r#""name":"product {nr}""#);
                assert!(
                    answer.body.contains(&name),
                    "another product than asked for: {answer:?}"
                );
            }
        })
    });
    let normal = join_all(normal);
    let (normal, ()) = tokio::join!(normal, hang_up_on(REQUESTS, 5, &client));
    for ended in normal {
        ended.unwrap();
    }
    nothing_runs(&database).await;
    lock.rollback().await.unwrap();
}
