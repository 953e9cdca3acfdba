//! Transactions, savepoints, and what becomes of those that nobody ends.

use std::panic::AssertUnwindSafe;

use app::core::database::{DataError, Database, Transaction};
use futures::{FutureExt, TryStreamExt};
use rstest::rstest;
use sea_orm::{
    AccessMode, ConnectionTrait, DbErr, IsolationLevel, StreamTrait, TransactionSession,
    TransactionTrait,
};

use crate::{
    support::database::{Kind, TestDatabase},
    toys::{add, count, endless, eventually, many_rows, names, number, session, sql},
};

#[rstest]
#[tokio::test]
async fn a_transaction_commits_if_its_work_ends_well(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let id = db
        .transaction(async |tx| {
            add(tx, "bear").await?;
            add(tx, "car").await
        })
        .await
        .unwrap();
    assert!(id > 0);
    assert_eq!(names(db.database()).await, ["bear", "car"]);
}

#[rstest]
#[tokio::test]
async fn a_transaction_rolls_back_if_its_work_fails(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let outcome = db
        .transaction(async |tx| {
            add(tx, "bear").await?;
            add(tx, "bear").await?;
            Ok::<_, DataError>(())
        })
        .await;
    assert!(
        matches!(outcome, Err(DataError::Conflict { .. })),
        "{outcome:?}"
    );
    assert_eq!(count(db.database()).await, 0);
}

/// A handler is such a future: axum sends it from thread to thread.
#[rstest]
#[tokio::test]
async fn the_future_of_a_transaction_can_be_sent(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    /// Borrows the connection, like a repository.
    struct Toys<'c, C>(&'c C);

    impl<C: ConnectionTrait> Toys<'_, C> {
        async fn add(&self, name: &str) -> Result<i64, DataError> {
            Ok(add(self.0, name).await?)
        }
    }

    async fn handler(db: Database, name: String) -> Result<i64, DataError> {
        db.transaction(async |tx| {
            let toys = Toys(tx);
            let first = toys.add(&name).await?;
            tx.transaction(async |inner| Toys(inner).add("inner").await)
                .await?;
            Ok(first)
        })
        .await
    }

    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let task = tokio::spawn(handler(db.database().clone(), "bear".to_owned()));
    assert!(task.await.unwrap().is_ok());
    let _: axum::Router = axum::Router::new().route(
        "/",
        axum::routing::get({
            let db = db.database().clone();
            async move || match handler(db, "car".to_owned()).await {
                Ok(id) => id.to_string(),
                Err(error) => error.to_string(),
            }
        }),
    );
    assert_eq!(names(db.database()).await, ["bear", "inner"]);
}

#[rstest]
#[tokio::test]
async fn the_closures_of_seaorm_work_too(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let id = TransactionTrait::transaction(db.database(), |tx| {
        Box::pin(async move { add(tx, "bear").await })
    })
    .await
    .unwrap();
    assert!(id > 0);
    let failed = TransactionTrait::transaction(db.database(), |tx| {
        Box::pin(async move {
            add(tx, "car").await?;
            Err::<(), _>(DbErr::Custom("no".to_owned()))
        })
    });
    failed.await.unwrap_err();
    assert_eq!(names(db.database()).await, ["bear"]);
}

#[rstest]
#[tokio::test]
async fn savepoints_are_kept_undone_or_dropped_one_by_one(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let tx = db.begin().await.unwrap();
    add(&tx, "bear").await.unwrap();

    let undone = tx.begin().await.unwrap();
    add(&undone, "undone").await.unwrap();
    undone.rollback().await.unwrap();

    let kept = tx.begin().await.unwrap();
    add(&kept, "kept").await.unwrap();
    let inner = kept.begin().await.unwrap();
    add(&inner, "dropped inside").await.unwrap();
    drop(inner);
    kept.commit().await.unwrap();

    let dropped = tx.begin().await.unwrap();
    add(&dropped, "dropped").await.unwrap();
    drop(dropped);

    let violating = tx.begin().await.unwrap();
    add(&violating, "bear").await.unwrap_err();
    violating.rollback().await.unwrap();

    add(&tx, "car").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(names(db.database()).await, ["bear", "kept", "car"]);
}

#[rstest]
#[tokio::test]
async fn a_transaction_can_not_end_before_the_one_inside_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let tx = db.begin().await.unwrap();
    let inner = tx.begin().await.unwrap();
    add(&inner, "bear").await.unwrap();
    let error = tx.commit().await.unwrap_err();
    assert!(
        error.to_string().contains("inside this one is still open"),
        "{error}"
    );
    drop(inner);
    eventually("both are rolled back", async || {
        count(db.database()).await == 0
    })
    .await;
    add(db.database(), "car").await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_dropped_transaction_is_rolled_back_and_its_connection_kept(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let before = session(&db).await.unwrap();
    for depth in 0..3 {
        let tx = db.begin().await.unwrap();
        add(&tx, "bear").await.unwrap();
        let inner = tx.begin().await.unwrap();
        add(&inner, "car").await.unwrap();
        match depth {
            0 => drop((tx, inner)),
            1 => drop((inner, tx)),
            _ => add(&inner, "car")
                .await
                .map(drop)
                .unwrap_err()
                .to_string()
                .clear(),
        }
    }
    assert_eq!(count(&db).await, 0);
    assert_eq!(session(&db).await.unwrap(), before);
}

#[rstest]
#[tokio::test]
async fn a_panic_in_a_transaction_rolls_it_back(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let work = db.transaction(async |tx| {
        add(tx, "bear").await?;
        if count(tx).await == 1 {
            std::panic::resume_unwind(Box::new("a bug"));
        }
        Ok::<_, DbErr>(())
    });
    assert!(AssertUnwindSafe(work).catch_unwind().await.is_err());
    add(&db, "car").await.unwrap();
    assert_eq!(names(&db).await, ["car"]);
}

/// PostgreSQL answers such a COMMIT with success, and rolls back.
#[tokio::test]
async fn committing_after_a_swallowed_error_fails_on_postgres() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let outcome = db
        .transaction(async |tx| {
            add(tx, "bear").await?;
            let swallowed = add(tx, "bear").await;
            assert!(swallowed.is_err());
            Ok::<_, DbErr>(())
        })
        .await;
    let error = outcome.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("an earlier statement in it failed"),
        "{error}"
    );
    assert_eq!(count(db.database()).await, 0);
}

/// SQLite undoes the failed statement only, as it documents.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn committing_after_a_swallowed_error_keeps_the_rest_on_sqlite() {
    let db = TestDatabase::sqlite().await;
    db.transaction(async |tx| {
        add(tx, "bear").await?;
        let swallowed = add(tx, "bear").await;
        assert!(swallowed.is_err());
        Ok::<_, DbErr>(())
    })
    .await
    .unwrap();
    assert_eq!(names(db.database()).await, ["bear"]);
}

#[rstest]
#[tokio::test]
async fn a_constraint_that_fails_at_the_commit_is_recognised(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let outcome = db
        .transaction(async |tx| {
            let insert = "INSERT INTO toys (name, age, owner_id) VALUES ('bear', 1, 404)";
            tx.execute_raw(sql(tx, insert)).await?;
            Ok::<_, DataError>(())
        })
        .await;
    assert!(
        matches!(outcome, Err(DataError::MissingReference { .. })),
        "{outcome:?}"
    );
    assert_eq!(count(&db).await, 0);
    add(&db, "car").await.unwrap();
}

#[rstest]
#[tokio::test]
async fn statements_of_one_transaction_may_be_made_at_the_same_time(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    db.transaction(async |tx| {
        let made = futures::try_join!(add(tx, "bear"), add(tx, "car"), add(tx, "doll"))?;
        Ok::<_, DbErr>(made)
    })
    .await
    .unwrap();
    assert_eq!(count(db.database()).await, 3);
}

#[rstest]
#[tokio::test]
async fn a_statement_while_a_stream_of_the_transaction_is_open_fails_instead_of_hanging(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let tx = db.begin().await.unwrap();
    let mut rows = tx.stream_raw(many_rows(&tx)).await.unwrap();
    assert!(rows.try_next().await.unwrap().is_some());
    let error = add(&tx, "bear").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a stream of this transaction is still open"),
        "{error}"
    );
    while rows.try_next().await.unwrap().is_some() {}
    drop(rows);
    add(&tx, "bear").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(db.database()).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_transaction_with_a_statement_cut_off_can_only_be_given_up(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let tx = db.begin().await.unwrap();
    add(&tx, "bear").await.unwrap();
    assert!(cut(tx.query_all_raw(endless(&tx))).await);
    let error = add(&tx, "car").await.unwrap_err();
    assert!(
        error.to_string().contains("the connection is broken"),
        "{error}"
    );
    tx.commit().await.unwrap_err();
    assert_eq!(count(&db).await, 0);
    add(&db, "car").await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_transaction_with_a_stream_dropped_early_can_only_be_given_up(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let tx = db.begin().await.unwrap();
    add(&tx, "bear").await.unwrap();
    let mut rows = tx.stream_raw(many_rows(&tx)).await.unwrap();
    assert!(rows.try_next().await.unwrap().is_some());
    drop(rows);
    add(&tx, "car").await.unwrap_err();
    tx.commit().await.unwrap_err();
    eventually("it is rolled back", async || {
        count(db.database()).await == 0
    })
    .await;
}

#[tokio::test]
async fn isolation_and_access_mode_reach_postgres() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let options = (
        Some(IsolationLevel::Serializable),
        Some(AccessMode::ReadOnly),
    );
    let tx = db.begin_with_config(options.0, options.1).await.unwrap();
    let asked = "SELECT count(*) FROM (VALUES (current_setting('transaction_isolation'), \
                 current_setting('transaction_read_only'))) AS t(i, r) WHERE i = 'serializable' AND r = 'on'";
    assert_eq!(number(&tx, asked).await.unwrap(), 1);
    add(&tx, "bear").await.unwrap_err();
    tx.rollback().await.unwrap();
}

/// With one writer, whoever only reads must not wait for it.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn readers_do_not_wait_for_the_writer_on_sqlite() {
    let db = TestDatabase::sqlite().await;
    let writing = db.begin().await.unwrap();
    add(&writing, "bear").await.unwrap();

    assert_eq!(
        count(db.database()).await,
        0,
        "what is not committed is not seen"
    );
    let reading = db
        .begin_with_config(None, Some(AccessMode::ReadOnly))
        .await
        .unwrap();
    assert_eq!(count(&reading).await, 0);
    let refused = add(&reading, "car").await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");

    writing.commit().await.unwrap();
    assert_eq!(
        count(&reading).await,
        0,
        "a transaction that reads sees one state"
    );
    reading.commit().await.unwrap();
    assert_eq!(count(db.database()).await, 1);
}

#[rstest]
#[tokio::test]
async fn a_transaction_says_nothing_of_its_data_in_debug(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let tx: Transaction = db.begin().await.unwrap();
    assert_eq!(format!("{tx:?}"), "Transaction { depth: 1, .. }");
}

/// Drops the future in the middle, and says whether that came in time.
async fn cut<T>(future: impl Future<Output = T>) -> bool {
    let soon = std::time::Duration::from_millis(50);
    tokio::time::timeout(soon, future).await.is_err()
}
