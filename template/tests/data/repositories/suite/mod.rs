//! What every repository promises, as tests that are generic over the entity.
//!
//! A resource joins by implementing [`Sample`] and calling [`conformance!`]: each promise is then tested on SQLite and PostgreSQL, on
//! the pool and inside a transaction.

mod lists;
mod operations;
mod rows;

use std::collections::BTreeMap;
use std::future::Future;

use app::core::database::keyset::{Listed, PageRequest, Sort};
use app::core::database::{Database, Transaction};
use app::models::base::Record;
use app::repositories::base::BaseRepository;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, EntityTrait, Iterable, ModelTrait, StreamTrait,
};
use uuid::Uuid;

pub(crate) use lists::{changing_pages, pages, streams};
pub(crate) use operations::operations;
pub(crate) use rows::{deletes, locks, many_rows, reads, updates};

/// The row of an entity.
pub(crate) type Row<E> = <E as EntityTrait>::Model;

/// What is to be written of a row.
pub(crate) type Changes<E> = <E as EntityTrait>::ActiveModel;

/// The filter of an entity's lists.
pub(crate) type FilterOf<E> = <E as Listed>::Filter;

/// A filter, and whether it means a row.
pub(crate) type Meaning<E> = (FilterOf<E>, fn(&Row<E>) -> bool);

/// A connection that a test runs on: the pool, or a transaction.
pub(crate) trait Connection: ConnectionTrait + StreamTrait + Send {}

impl Connection for Database {}

impl Connection for Transaction {}

/// Rows to test an entity's repository with.
pub(crate) trait Sample: Record<Model: PartialEq> + Listed + Send + 'static {
    /// The repository under test.
    fn repository<C: Connection>(connection: &C) -> impl BaseRepository<Entity = Self, Conn = C>;

    /// Prepares an empty database: makes what the rows refer to.
    fn prepare<C: Connection>(connection: &C) -> impl Future<Output = ()> + Send;

    /// A row that is in nobody's way: no two numbers make equal values where values must be unique. Small numbers should make
    /// equal values, and NULL, where that is allowed.
    fn row(number: u32) -> Changes<Self>;

    /// A change that can be made to any row.
    fn change(number: u32) -> Changes<Self>;

    /// Some filters, and what each of them means.
    fn filters() -> Vec<Meaning<Self>>;
}

/// A row's id.
pub(crate) fn id_of<E: Sample>(row: &Row<E>) -> Uuid {
    row.get(E::ID).unwrap()
}

/// The id that a new row will have.
pub(crate) fn new_id<E: Sample>(row: &Changes<E>) -> Uuid {
    row.get(E::ID).into_value().unwrap().unwrap()
}

/// What a row is after a change: the values that are set, and the next version.
pub(crate) fn changed<E: Sample>(row: &Row<E>, changes: &Changes<E>) -> Row<E> {
    let mut after = row.clone();
    for column in E::Column::iter() {
        if let ActiveValue::Set(value) = changes.get(column) {
            after.set(column, value);
        }
    }
    after.set(E::VERSION, (version_of::<E>(row) + 1).into());
    after
}

/// A row's version.
pub(crate) fn version_of<E: Sample>(row: &Row<E>) -> i64 {
    row.get(E::VERSION).unwrap()
}

/// Adds this many rows.
pub(crate) async fn fill<E: Sample, C: Connection>(
    connection: &C,
    rows: u32,
) -> BTreeMap<Uuid, Row<E>> {
    let rows = (0..rows).map(|number| E::row(number)).collect();
    let created = E::repository(connection).create_many(rows).await.unwrap();
    created
        .into_iter()
        .map(|row| (id_of::<E>(&row), row))
        .collect()
}

/// All rows of a list, on one page.
pub(crate) async fn all<E: Sample, C: Connection>(
    connection: &C,
    sort: Sort<E>,
    filter: FilterOf<E>,
) -> Vec<Row<E>> {
    let request = PageRequest::first(100_000, sort, filter);
    let page = E::repository(connection).list(&request).await.unwrap();
    assert_eq!(page.next, None, "all rows are on this page");
    page.rows
}

/// Tests that a repository keeps what every one of them promises.
macro_rules! conformance {
    ($entity:ident: $($promise:ident),+ $(,)?) => {$(
        mod $promise {
            use app::core::database::Database;

            use super::$entity;
            use crate::repositories::suite::{self, Sample};
            use crate::support::database::{Kind, TestDatabase};

            async fn on_the_pool(kind: Kind) {
                let Some(database) = TestDatabase::of(kind).await else { return };
                let database: &Database = database.database();
                $entity::prepare(database).await;
                suite::$promise::<$entity, _>(database).await;
            }

            async fn in_a_transaction(kind: Kind) {
                let Some(database) = TestDatabase::of(kind).await else { return };
                let done = database.transaction(async |tx| {
                    $entity::prepare(tx).await;
                    suite::$promise::<$entity, _>(tx).await;
                    Ok::<_, sea_orm::DbErr>(())
                });
                done.await.unwrap();
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn on_sqlite() {
                on_the_pool(Kind::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn on_sqlite_in_a_transaction() {
                in_a_transaction(Kind::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn on_postgres() {
                on_the_pool(Kind::Postgres).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn on_postgres_in_a_transaction() {
                in_a_transaction(Kind::Postgres).await;
            }
        }
    )+};
    ($entity:ident) => {
        $crate::repositories::suite::conformance!(
            $entity: reads, updates, locks, deletes, many_rows, streams, pages, changing_pages, operations
        );
    };
}

pub(crate) use conformance;
