//! What every repository can do: read, list, create, change and delete the rows of one entity.
//!
//! A new repository is three lines:
//!
//! ```text
//! crate::repository! {
//!     /// Widgets in the database.
//!     pub struct WidgetRepository(widgets::Entity);
//! }
//! ```
//!
//! It can do what [`BaseRepository`](crate::repositories::base::BaseRepository) does, on anything that is a connection. A query of
//! its own goes into an `impl` beside it.

use std::future::Future;

use futures::{Stream, StreamExt, TryStreamExt};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult,
    Iterable, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait, SelectExt, Statement,
    StreamTrait,
};
use uuid::Uuid;

use crate::core::database::keyset::{Filter, Listed, PageRequest, Slice, Sort};
use crate::core::database::{DataError, Result, StatementText};
use crate::models::base::Record;

/// A row of a repository's entity.
pub type Row<R> = <<R as BaseRepository>::Entity as EntityTrait>::Model;

/// A row that is to be written: what is `Set` of it.
pub type Changes<R> = <<R as BaseRepository>::Entity as EntityTrait>::ActiveModel;

/// By what a repository's lists can be narrowed.
pub type FilterOf<R> = <<R as BaseRepository>::Entity as Listed>::Filter;

/// Values that one statement may bind. PostgreSQL counts them in 16 bits; SQLite allows 32 766.
const MAX_BOUND_VALUES: usize = 32_000;

/// The texts of the statements that handlers wait for most often. Each repository has its own.
#[derive(Debug, Default)]
pub struct Texts {
    find_by_id: StatementText,
    create: StatementText,
}

impl Texts {
    /// None is made yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            find_by_id: StatementText::new(),
            create: StatementText::new(),
        }
    }
}

/// What every repository can do.
///
/// The futures are `Send`, and say so here once: a handler that awaits one needs no bounds of its own.
pub trait BaseRepository: Sync {
    /// What is kept.
    type Entity: Record;

    /// Where: the pool, or a transaction.
    type Conn: ConnectionTrait;

    /// Where.
    fn conn(&self) -> &Self::Conn;

    #[doc(hidden)]
    fn texts() -> &'static Texts;

    /// The row with this id, if there is one.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`].
    fn find_by_id(&self, id: Uuid) -> impl Future<Output = Result<Option<Row<Self>>>> + Send {
        async move {
            let backend = self.conn().get_database_backend();
            let text = &Self::texts().find_by_id;
            let text = text.get(backend, || Self::Entity::find_by_id(id).build(backend));
            let select = Statement::from_sql_and_values(backend, text, [id.into()]);
            Ok(one_row(self.conn(), select).await?)
        }
    }

    /// The row with this id.
    ///
    /// # Errors
    ///
    /// [`DataError::NotFound`] if there is none.
    fn get(&self, id: Uuid) -> impl Future<Output = Result<Row<Self>>> + Send {
        async move {
            self.find_by_id(id)
                .await?
                .ok_or_else(|| not_found::<Self>(id))
        }
    }

    /// The row with this id, which nobody else changes before the end of the transaction that this is used in.
    ///
    /// For what depends on the row as it is. On SQLite a transaction that writes is alone anyway.
    ///
    /// # Errors
    ///
    /// [`DataError::NotFound`] if there is none, [`DataError::StaleVersion`] if it has none of the expected versions.
    fn get_for_update(
        &self,
        id: Uuid,
        expected: Option<&[i64]>,
    ) -> impl Future<Output = Result<Row<Self>>> + Send {
        async move {
            let mut select = Self::Entity::find_by_id(id).lock_exclusive();
            if let Some(versions) = expected {
                select = select.filter(Self::Entity::VERSION.is_in(versions.iter().copied()));
            }
            match select.one(self.conn()).await? {
                Some(row) => Ok(row),
                None => Err(self.why_there_is_none(id).await?),
            }
        }
    }

    /// Whether there is a row with this id.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`].
    fn exists(&self, id: Uuid) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(Self::Entity::find_by_id(id).exists(self.conn()).await?) }
    }

    /// How many rows there are of those that the filter means.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`].
    fn count(&self, filter: &FilterOf<Self>) -> impl Future<Output = Result<u64>> + Send
    where
        Self::Entity: Listed,
    {
        async move {
            let rows = Self::Entity::find().filter(filter.condition());
            Ok(rows.count(self.conn()).await?)
        }
    }

    /// One page of a list.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`].
    fn list(
        &self,
        request: &PageRequest<Self::Entity>,
    ) -> impl Future<Output = Result<Slice<Row<Self>>>> + Send
    where
        Self::Entity: Listed,
    {
        async move {
            let rows = request.select().all(self.conn()).await?;
            Ok(request.page(rows)?)
        }
    }

    /// All rows of a list, one by one, without holding them in memory. The connection is busy until the stream's end.
    ///
    /// # Errors
    ///
    /// [`DataError::Database`], at the beginning or with any row.
    fn stream(
        &self,
        sort: Sort<Self::Entity>,
        filter: &FilterOf<Self>,
    ) -> impl Future<Output = Result<impl Stream<Item = Result<Row<Self>>> + Send>> + Send
    where
        Self::Entity: Listed,
        Self::Conn: StreamTrait,
    {
        async move {
            let select = sort.apply(Self::Entity::find().filter(filter.condition()));
            let statement = select.build(ConnectionTrait::get_database_backend(self.conn()));
            let rows = self.conn().stream_raw(statement).await?;
            Ok(rows
                .map(|row| Row::<Self>::from_query_result(&row?, ""))
                .err_into())
        }
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// [`DataError::Conflict`] or [`DataError::MissingReference`], if a constraint says so.
    fn create(&self, row: Changes<Self>) -> impl Future<Output = Result<Row<Self>>> + Send {
        async move {
            let insert = insert::<Self>(row, self.conn().get_database_backend());
            let created = one_row(self.conn(), insert).await;
            let created = created.and_then(|row| row.ok_or(DbErr::RecordNotInserted));
            created.map_err(refused::<Self>)
        }
    }

    /// Adds rows, as many with one statement as it can bind, and answers them in no particular order.
    ///
    /// With more rows than fit into one statement it is all or nothing only inside a transaction.
    ///
    /// # Errors
    ///
    /// [`DataError::Conflict`] or [`DataError::MissingReference`], if a constraint says so.
    fn create_many(
        &self,
        rows: Vec<Changes<Self>>,
    ) -> impl Future<Output = Result<Vec<Row<Self>>>> + Send {
        async move {
            let rows_per_statement =
                MAX_BOUND_VALUES / <Self::Entity as EntityTrait>::Column::iter().count();
            let mut created = Vec::with_capacity(rows.len());
            let mut rows = rows.into_iter();
            loop {
                let chunk: Vec<_> = rows.by_ref().take(rows_per_statement).collect();
                if chunk.is_empty() {
                    return Ok(created);
                }
                let chunk = Self::Entity::insert_many(chunk).exec_with_returning(self.conn());
                created.extend(chunk.await.map_err(refused::<Self>)?);
            }
        }
    }

    /// Adds a row, or changes the one that is there already: that with the same values in `target`, which must be the columns, or the
    /// expression, of a unique index. Of it, only `replaced` are set, and its version is counted up. One statement.
    ///
    /// ```text
    /// let by_name = OnConflict::column(Column::Name);
    /// repository.upsert(row, by_name, &[Column::Size, Column::UpdatedAt]).await?
    /// ```
    ///
    /// # Errors
    ///
    /// [`DataError::Conflict`] of another unique index, [`DataError::MissingReference`], if a constraint says so.
    fn upsert(
        &self,
        row: Changes<Self>,
        target: OnConflict,
        replaced: &[<Self::Entity as EntityTrait>::Column],
    ) -> impl Future<Output = Result<Row<Self>>> + Send {
        let mut target = target;
        target.update_columns(replaced.iter().copied()).value(
            Self::Entity::VERSION,
            Expr::col(Self::Entity::VERSION.as_column_ref()).add(1),
        );
        let insert = Self::Entity::insert(row).on_conflict(target);
        async move {
            let written = insert.exec_with_returning(self.conn());
            written.await.map_err(refused::<Self>)
        }
    }

    /// Sets what is `Set` in `changes`, and counts the version up, in one statement.
    ///
    /// With expected versions the row is only changed if it has one of them. Without, the last write wins.
    ///
    /// # Errors
    ///
    /// [`DataError::NotFound`] if there is no such row, [`DataError::StaleVersion`] if it has none of the expected versions,
    /// [`DataError::Conflict`] or [`DataError::MissingReference`] if a constraint says so.
    fn update(
        &self,
        id: Uuid,
        changes: Changes<Self>,
        expected: Option<&[i64]>,
    ) -> impl Future<Output = Result<Row<Self>>> + Send {
        async move {
            // The key and the version are not the caller's to set.
            let mut changes = changes;
            changes.not_set(Self::Entity::ID);
            changes.not_set(Self::Entity::VERSION);
            let mut update = Self::Entity::update_many()
                .set(changes)
                .col_expr(
                    Self::Entity::VERSION,
                    Expr::col(Self::Entity::VERSION).add(1),
                )
                .filter(Self::Entity::ID.eq(id));
            if let Some(versions) = expected {
                update = update.filter(Self::Entity::VERSION.is_in(versions.iter().copied()));
            }
            let changed = update.exec_with_returning(self.conn()).await;
            match changed.map_err(refused::<Self>)?.pop() {
                Some(row) => Ok(row),
                None => Err(self.why_there_is_none(id).await?),
            }
        }
    }

    /// Deletes a row. Answers whether there was one: that there is none already is no error.
    ///
    /// # Errors
    ///
    /// [`DataError::StaleVersion`] if the row has none of the expected versions, [`DataError::InUse`] if other rows
    /// refer to it.
    fn delete(
        &self,
        id: Uuid,
        expected: Option<&[i64]>,
    ) -> impl Future<Output = Result<bool>> + Send {
        async move {
            let mut delete = Self::Entity::delete_many().filter(Self::Entity::ID.eq(id));
            if let Some(versions) = expected {
                delete = delete.filter(Self::Entity::VERSION.is_in(versions.iter().copied()));
            }
            let deleted = delete
                .exec(self.conn())
                .await
                .map_err(DataError::of_delete)?;
            if deleted.rows_affected == 0 && expected.is_some() && self.exists(id).await? {
                return Err(stale::<Self>(id));
            }
            Ok(deleted.rows_affected > 0)
        }
    }

    #[doc(hidden)]
    fn why_there_is_none(&self, id: Uuid) -> impl Future<Output = Result<DataError>> + Send {
        async move {
            Ok(if self.exists(id).await? {
                stale::<Self>(id)
            } else {
                not_found::<Self>(id)
            })
        }
    }
}

/// The first row that a statement answers.
async fn one_row<M: FromQueryResult>(
    connection: &impl ConnectionTrait,
    statement: Statement,
) -> Result<Option<M>, DbErr> {
    let row = connection.query_one_raw(statement).await?;
    row.map(|row| M::from_query_result(&row, "")).transpose()
}

/// The statement that adds a row, and answers it.
fn insert<R: BaseRepository + ?Sized>(mut row: Changes<R>, backend: DbBackend) -> Statement {
    let make = |row| {
        let columns = <R::Entity as EntityTrait>::Column::iter();
        let columns = columns.map(|column| column.select_as(column.into_returning_expr(backend)));
        let mut insert = R::Entity::insert(row).into_query();
        insert.returning(Query::returning().exprs(columns));
        backend.build(&insert)
    };
    // What a row leaves to the database is not in the text.
    let mut columns = <R::Entity as EntityTrait>::Column::iter();
    if columns.any(|column| row.is_not_set(column)) {
        return make(row);
    }
    let text = R::texts().create.get(backend, || make(row.clone()));
    let columns = <R::Entity as EntityTrait>::Column::iter();
    let values = columns.filter_map(|column| row.take(column).into_value());
    Statement::from_sql_and_values(backend, text, values)
}

/// What the database refused; of a unique index, with the columns by which people know it.
fn refused<R: BaseRepository + ?Sized>(error: DbErr) -> DataError {
    let mut error = DataError::from(error);
    if let DataError::Conflict { constraint } = &mut error {
        let unique = R::Entity::UNIQUE.iter();
        let mut unique = unique.filter(|(name, _)| constraint.name.as_deref() == Some(*name));
        if let Some((_, columns)) = unique.next() {
            constraint.columns = columns.iter().map(|&column| column.to_owned()).collect();
        }
    }
    error
}

fn not_found<R: BaseRepository + ?Sized>(id: Uuid) -> DataError {
    DataError::NotFound {
        resource: R::Entity::NAME,
        id: id.to_string(),
    }
}

fn stale<R: BaseRepository + ?Sized>(id: Uuid) -> DataError {
    DataError::StaleVersion {
        resource: R::Entity::NAME,
        id: id.to_string(),
    }
}

/// Declares a repository: a struct that borrows a connection and is a [`BaseRepository`] of the entity.
#[macro_export]
macro_rules! repository {
    ($(#[$doc:meta])* $visible:vis struct $name:ident($entity:ty);) => {
        $(#[$doc])*
        #[derive(Debug)]
        $visible struct $name<'c, C>(&'c C);

        impl<'c, C: ::sea_orm::ConnectionTrait> $name<'c, C> {
            /// On this connection: the pool, or a transaction.
            #[must_use]
            $visible const fn new(connection: &'c C) -> Self {
                Self(connection)
            }
        }

        impl<C: ::sea_orm::ConnectionTrait> $crate::repositories::base::BaseRepository for $name<'_, C> {
            type Entity = $entity;
            type Conn = C;

            fn conn(&self) -> &C {
                self.0
            }

            fn texts() -> &'static $crate::repositories::base::Texts {
                static TEXTS: $crate::repositories::base::Texts = $crate::repositories::base::Texts::new();
                &TEXTS
            }
        }
    };
}
