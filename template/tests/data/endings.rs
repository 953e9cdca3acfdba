//! How transactions end: savepoints one by one, commits that fail, and those that nobody ends.

use std::panic::AssertUnwindSafe;

use app::core::database::DataError;
use futures::{FutureExt, TryStreamExt};
use rstest::rstest;
use sea_orm::{
    ConnectionTrait, DbErr, StreamTrait, TransactionError, TransactionSession, TransactionTrait,
};

use crate::{
    support::database::{Kind, TestDatabase},
    toys::{add, count, endless, eventually, many_rows, names, session, sql},
};

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

#[rstest]
#[tokio::test]
async fn why_the_work_failed_is_told_even_if_the_rollback_fails_too(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let outcome = TransactionTrait::transaction::<_, (), _>(db.database(), |tx| {
        Box::pin(async move {
            assert!(cut(tx.query_all_raw(endless(tx))).await);
            Err(DbErr::Custom("no more toys".to_owned()))
        })
    })
    .await;
    assert!(
        matches!(&outcome, Err(TransactionError::Transaction(DbErr::Custom(why))) if why == "no more toys"),
        "{outcome:?}"
    );
}

/// Drops the future in the middle, and says whether that came in time.
async fn cut<T>(future: impl Future<Output = T>) -> bool {
    let soon = std::time::Duration::from_millis(50);
    tokio::time::timeout(soon, future).await.is_err()
}
