//! Callers that go away: what they leave behind must neither run on nor reach the next caller.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use app::core::database::Database;
use futures::{StreamExt, TryStreamExt, future::join_all};
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbErr, StreamTrait, TransactionSession, TransactionTrait};

use crate::{
    support::database::{Kind, TestDatabase},
    toys::{add, count, endless, eventually, many_rows, nothing_runs, number, sql},
};

/// On SQLite the only reader must come back for anything to be read at all.
#[rstest]
#[tokio::test]
async fn a_statement_whose_caller_goes_away_is_ended(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("COMMAND_TIMEOUT_SECS", "19")]);
    for _ in 0..3 {
        cut(
            Duration::from_millis(30),
            pool.query_all_raw(endless(&pool)),
        )
        .await;
        assert_eq!(count(&pool).await, 0);
    }
    nothing_runs(db.database()).await;
}

#[rstest]
#[tokio::test]
async fn a_transaction_cut_off_in_a_statement_is_undone_and_ended(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("COMMAND_TIMEOUT_SECS", "19")]);
    let work = pool.transaction(async |tx| {
        add(tx, "bear").await?;
        tx.query_all_raw(endless(tx)).await
    });
    cut(Duration::from_millis(50), work).await;
    add(&pool, "car").await.unwrap();
    assert_eq!(count(&pool).await, 1);
    nothing_runs(db.database()).await;
}

#[rstest]
#[tokio::test]
async fn a_stream_dropped_early_is_ended(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1")]);
    for rows in [0, 1, 10] {
        let stream = pool.stream_raw(many_rows(&pool)).await.unwrap();
        let read: Vec<_> = stream.take(rows).try_collect().await.unwrap();
        assert_eq!(read.len(), rows);
        assert_eq!(count(&pool).await, 0);
    }
    nothing_runs(db.database()).await;
}

/// A pool whose clients hang up early must not keep more of the server's processes busy than it has connections. The server looks
/// for its client at intervals, so a place in the pool stays taken for at least one of them.
#[tokio::test]
async fn the_place_of_a_connection_cut_off_stays_taken_until_the_server_has_looked() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("COMMAND_TIMEOUT_SECS", "19")]);
    let interval = "SELECT setting::bigint FROM pg_settings \
                    WHERE name = 'client_connection_check_interval' AND unit = 'ms'";
    let interval = number(&pool, interval).await.unwrap();
    assert!(interval > 0, "the server looks for its clients");
    let interval = Duration::from_millis(interval.unsigned_abs());

    let running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND state = 'active'";
    for _ in 0..10 {
        let started = eventually("the statement runs", async || {
            number(db.database(), running).await.unwrap() > 0
        });
        tokio::select! {
            ended = pool.query_all_raw(endless(&pool)) => panic!("{ended:?}"),
            () = started => {}
        }
        let cut_off = Instant::now();
        while pool.status().in_use() > 0 {
            tokio::task::yield_now().await;
        }
        // A busy machine can only make it longer.
        assert!(
            cut_off.elapsed() > interval,
            "its place was given away before the server could know"
        );
        nothing_runs(db.database()).await;
    }
}

/// Each piece of work is cut off after it was polled so often: at every point where it waits, sooner or later.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_cut_off_at_any_point_leaves_the_pool_whole(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    async fn work(db: &Database, nr: usize) -> Result<(), DbErr> {
        match nr % 4 {
            0 => {
                number(db, "SELECT count(*) FROM toys").await?;
            }
            1 => {
                let tx = db.begin().await?;
                add(&tx, &format!("toy {nr}")).await?;
                tx.rollback().await?;
            }
            2 => {
                let tx = db.begin().await?;
                let inner = tx.begin().await?;
                // the same name twice
                let _ = add(&inner, "bear").await;
                let _ = add(&inner, "bear").await;
                drop(inner);
                number(&tx, "SELECT count(*) FROM toys").await?;
            }
            _ => {
                let rows = db.stream_raw(many_rows(db)).await?;
                let _: Vec<_> = rows.take(nr % 7).try_collect().await?;
            }
        }
        Ok(())
    }

    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "3"), ("POOL_TIMEOUT_SECS", "19")]);
    let tasks = (0..240).map(|nr| {
        let pool = pool.clone();
        tokio::spawn(async move { poll_at_most(nr / 4, work(&pool, nr)).await })
    });
    for outcome in join_all(tasks).await {
        if let Some(outcome) = outcome.unwrap() {
            outcome.unwrap();
        }
    }
    nothing_runs(db.database()).await;
    eventually("all connections are back", async || {
        pool.status().in_use() == 0
    })
    .await;
    let answers = join_all((0..100).map(|nr| {
        let pool = pool.clone();
        async move {
            number(&pool, &format!("SELECT CAST({nr} AS BIGINT)"))
                .await
                .unwrap()
        }
    }));
    assert_eq!(answers.await, (0..100).collect::<Vec<i64>>());
    assert_eq!(count(&pool).await, 0, "nothing was committed");
    let written = join_all((0..10).map(|nr| {
        let pool = pool.clone();
        async move {
            let insert = format!("INSERT INTO toys (name, age) VALUES ('{nr}', 1)");
            pool.execute_raw(sql(&pool, &insert))
                .await
                .unwrap()
                .rows_affected()
        }
    }));
    assert_eq!(written.await, [1; 10]);
}

/// Drops the future after this time, which must be before its end.
async fn cut<T>(after: Duration, future: impl Future<Output = T>) {
    let in_time = tokio::time::timeout(after, future).await;
    assert!(in_time.is_err(), "it ended before it was cut off");
}

/// Drops the future after it was polled so often, unless it ends before.
async fn poll_at_most<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == times {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}
