//! Transactions, savepoints, and what becomes of those that nobody ends.

use app::core::database::{DataError, Database, Transaction};
use futures::TryStreamExt;
use rstest::rstest;
use sea_orm::{
    AccessMode, ConnectionTrait, DbErr, IsolationLevel, StreamTrait, TransactionSession,
    TransactionTrait,
};

use crate::{
    support::database::{Kind, TestDatabase},
    toys::{add, count, many_rows, names, number},
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

#[rstest]
#[tokio::test]
async fn a_snapshot_sees_one_state_and_changes_nothing(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    add(db.database(), "bear").await.unwrap();
    let seen = db.snapshot(async |tx| {
        let before = count(tx).await;
        // nor does anybody who writes wait for it
        add(db.database(), "car").await?;
        Ok::<_, DbErr>((before, count(tx).await))
    });
    assert_eq!(seen.await.unwrap(), (1, 1));
    assert_eq!(count(db.database()).await, 2);

    let written = db.snapshot(async |tx| add(tx, "doll").await).await;
    written.unwrap_err();
    assert_eq!(count(db.database()).await, 2);
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
