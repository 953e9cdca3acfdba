//! Many clients that want the same product at once, and a database that takes its time: how many statements it sees.

use std::time::Duration;

use futures::future::join_all;
use sea_orm::{ConnectionTrait, TransactionSession, TransactionTrait};
use tokio::time::{sleep, timeout};

use super::{
    cancelled::patient,
    client::{Answer, Client},
    sessions::first,
};
use crate::support::database::{Kind, TestDatabase};

const CALLERS: usize = 1000;

/// How long the query takes at least.
const QUERY: Duration = Duration::from_millis(500);

/// Whoever reads products is counted by a sequence, sleeps, and then waits for whoever holds the lock.
const SLOW_PRODUCTS: &str = "
    CREATE SEQUENCE reads;
    CREATE FUNCTION nap() RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM nextval('reads'), pg_sleep(0.5);
        PERFORM pg_advisory_xact_lock_shared(1);
        RETURN 0;
    END $$;
    ALTER TABLE products RENAME TO real_products;
    CREATE VIEW products AS SELECT p.* FROM real_products p, (SELECT nap() AS n OFFSET 0) AS s WHERE n = 0";

/// How often products were read, as the server counted.
async fn reads(database: &TestDatabase) -> i64 {
    let reads = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM reads";
    first(database, reads).await
}

/// How many callers there were since the figures were reset.
async fn callers(client: &Client) -> u64 {
    let stats = client.get("/coalescing/stats").await;
    let stats: serde_json::Value = serde_json::from_str(&stats.body).unwrap();
    stats["products"]["total_requests"].as_u64().unwrap()
}

/// All ask at the same time.
async fn ask(client: &Client, path: &str) -> Vec<Answer> {
    let asking = (0..CALLERS).map(|_| tokio::spawn(client.get(path)));
    let answers = join_all(asking).await;
    answers.into_iter().map(Result::unwrap).collect()
}

/// What came of it; none may fail.
fn report(what: &str, reads: i64, answers: &[Answer]) -> String {
    let mut times: Vec<_> = answers.iter().map(|answer| answer.took).collect();
    times.sort_unstable();
    let failures = answers.iter().filter(|answer| answer.status != 200).count();
    assert_eq!(failures, 0, "{what}: {:?}", answers.last());
    format!(
        "{what}: {CALLERS} callers, {reads} queries, {failures} failures, p50 {:?}, p99 {:?}",
        times[CALLERS / 2],
        times[CALLERS * 99 / 100]
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_clients_that_want_one_product_are_one_query_and_a_thousand_without_coalescing()
{
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    assert!(
        files > 1200,
        "this test opens 1000 connections; `ulimit -Hn` is {files}"
    );
    let program = patient(&database).with("DATABASE_POOL_MAX_SIZE", "50");
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let product = r#"{"name":"Tea pot","price":"19.90"}"#;
    let product = client.post("/api/v1/products", product).await;
    let product: serde_json::Value = serde_json::from_str(&product.body).unwrap();
    let path = format!("/api/v1/products/{}", product["id"].as_str().unwrap());
    database.execute_unprepared(SLOW_PRODUCTS).await.unwrap();

    // On a busy machine a thousand don't come within half a second: the query does not end before all are there.
    let lock = database.begin().await.unwrap();
    lock.execute_unprepared("SELECT pg_advisory_xact_lock(1)")
        .await
        .unwrap();
    let release = async {
        let all = async {
            while callers(&client).await < CALLERS as u64 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let came = timeout(Duration::from_mins(1), all).await;
        came.expect("not all callers came while the query ran");
        lock.commit().await.unwrap();
    };
    let (answers, ()) = tokio::join!(ask(&client, &path), release);
    let coalesced = reads(&database).await;
    println!("{}", report("coalesced", coalesced, &answers));
    assert_eq!(coalesced, 1, "they did not share one query");
    assert!(answers.iter().all(|answer| answer.body == answers[0].body));

    let answers = ask(&client, &format!("{path}/plain")).await;
    let plain = reads(&database).await - coalesced;
    println!("{}", report("plain", plain, &answers));
    assert_eq!(plain, i64::try_from(CALLERS).unwrap());
    assert!(answers.iter().all(|answer| answer.took >= QUERY));
}
