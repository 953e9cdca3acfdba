//! Connections that are kept for long, and what a piece of work takes.

use std::time::Duration;

use app::core::database::{Checkouts, DataError};
use rstest::rstest;
use sea_orm::{ConnectionTrait, StreamTrait, TransactionSession, TransactionTrait};

use crate::{
    logs::Logs,
    support::database::{Kind, TestDatabase},
    toys::{count, eventually, many_rows, sql},
};

const LONG: &str = "a database connection has been held for long";
const GIVEN_BACK: &str = "that had been held for long was given back";

#[rstest]
#[tokio::test]
async fn a_transaction_that_lasts_for_long_is_told_of_with_the_place_where_it_was_begun(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("LONG_HOLD_SECS", "1")]);
    let logs = Logs::capture();
    let line = line!() + 1;
    let work = pool.transaction(async |tx| {
        count(tx).await;
        assert_eq!(pool.long_held(), 0);
        eventually("it is told of", async || logs.text().contains(LONG)).await;
        assert_eq!(pool.long_held(), 1);
        Ok::<_, DataError>(())
    });
    work.await.unwrap();
    let place = format!("holds.rs:{line}");
    logs.assert_line(&["WARN", LONG, "held_secs=1", "work=\"transaction\"", &place]);
    logs.assert_line(&["INFO", GIVEN_BACK, &place]);
    assert_eq!(pool.long_held(), 0);
    assert_eq!(logs.text().matches(LONG).count(), 1, "{}", logs.text());
}

#[rstest]
#[tokio::test]
async fn a_stream_and_a_transaction_that_is_not_ended_are_told_of_unless_that_is_off(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values("1", "0")] limit: &'static str,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("LONG_HOLD_SECS", limit)]);
    let logs = Logs::capture();
    let stream = pool.stream_raw(many_rows(&pool)).await.unwrap();
    let transaction = pool.begin().await.unwrap();
    if limit == "0" {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(logs.text(), "");
    } else {
        let told = async || logs.text().matches(LONG).count() == 2;
        eventually("both are told of", told).await;
        logs.assert_line(&["WARN", "work=\"stream\""]);
        logs.assert_line(&["WARN", "work=\"transaction\""]);
        assert_eq!(pool.long_held(), 2);
    }
    drop(stream);
    transaction.rollback().await.unwrap();
    assert_eq!(pool.long_held(), 0);
}

#[rstest]
#[tokio::test]
async fn a_piece_of_work_is_counted_by_what_it_takes_and_holds(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([]);
    let counted = |checkouts: &Checkouts| (checkouts.taken(), checkouts.peak(), checkouts.held());
    let checkouts = Checkouts::default();
    count(&pool).await;
    assert_eq!(counted(&checkouts), (0, 0, 0));
    let work = async {
        count(&pool).await;
        let tx = pool.begin().await.unwrap();
        pool.query_one_raw(sql(&pool, "SELECT 1")).await.unwrap();
        assert_eq!(counted(&checkouts), (3, 2, 1));
        tx
    };
    let tx = checkouts.clone().scope(work).await;
    // it counts until it ends, wherever that is
    assert_eq!(counted(&checkouts), (3, 2, 1));
    count(&tx).await;
    tx.commit().await.unwrap();
    assert_eq!(counted(&checkouts), (3, 2, 0));
}
