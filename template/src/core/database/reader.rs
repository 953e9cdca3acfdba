//! Lists of any length, read in chunks.
//!
//! SeaORM's `.stream()` is no help here: it sends the whole result at once, and holds its connection until the last row was taken.

use sea_orm::{
    AccessMode, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IsolationLevel,
    Iterable, ModelTrait, QuerySelect, QueryTrait, Statement, TransactionTrait,
};

use super::keyset::{Listed, PageRequest};
use super::{Database, Transaction};

/// Reads the rows of a list, a chunk at a time.
///
/// A connection is held only while a chunk is fetched, so a slow reader costs none. Each chunk begins after the last row of the one
/// before: rows that are added or removed meanwhile may be seen or not, and none is seen twice.
pub struct ListReader<E: Listed> {
    database: Database,
    /// The next chunk; none after the last one.
    next: Option<PageRequest<E>>,
    fetch_size: u64,
    /// How many rows may still be read.
    left: u64,
    state: State,
}

/// Which state of the database is read.
enum State {
    /// That of each chunk's moment.
    Changing,
    /// That of the first chunk's moment, which is not known yet.
    Fixed,
    /// That of this transaction.
    Snapshot(Transaction),
    /// That of this transaction, in which a cursor is open.
    Cursor(Transaction),
}

impl<E> ListReader<E>
where
    E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send>,
{
    /// Reads the list from where the request says. Its `limit` is how many rows are fetched with one statement.
    #[must_use]
    pub fn new(database: Database, request: PageRequest<E>) -> Self {
        Self {
            database,
            fetch_size: request.limit.max(1),
            next: Some(request),
            left: u64::MAX,
            state: State::Changing,
        }
    }

    /// Reads so many rows at most.
    #[must_use]
    pub const fn at_most(mut self, rows: u64) -> Self {
        self.left = rows;
        self
    }

    /// Reads all rows as they were at one moment. For that, a transaction and its connection are held from the first chunk to the last.
    #[must_use]
    pub fn at_one_moment(mut self) -> Self {
        self.state = State::Fixed;
        self
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    ///
    /// [`DbErr`], after which there is nothing more.
    pub async fn next(&mut self) -> Result<Option<Vec<E::Model>>, DbErr> {
        // Taken out: a reader that was cut off in the middle goes on nowhere.
        let Some(mut request) = self.next.take().filter(|_| self.left > 0) else {
            return Ok(None);
        };
        request.limit = self.fetch_size.min(self.left);
        if matches!(self.state, State::Fixed) {
            self.state = self.fix(&request).await?;
        }
        let (rows, goes_on) = match &self.state {
            State::Changing => fetch(&self.database, &mut request).await?,
            State::Snapshot(tx) => fetch(tx, &mut request).await?,
            State::Cursor(tx) => fetch_from_cursor(tx, &request).await?,
            State::Fixed => (Vec::new(), false),
        };
        self.left = self.left.saturating_sub(rows.len() as u64);
        self.next = goes_on.then_some(request).filter(|_| self.left > 0);
        if self.next.is_none() {
            // Its connection is free before the last rows are sent, however slowly they are taken.
            self.state = State::Changing;
        }
        Ok((!rows.is_empty()).then_some(rows))
    }

    /// PostgreSQL keeps the place in a cursor; on SQLite a snapshot is read in chunks like the rest.
    async fn fix(&self, request: &PageRequest<E>) -> Result<State, DbErr> {
        let (isolation, access) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
        let tx = self
            .database
            .begin_with_config(Some(isolation), Some(access))
            .await?;
        if ConnectionTrait::get_database_backend(&tx) != DbBackend::Postgres {
            return Ok(State::Snapshot(tx));
        }
        let select = QuerySelect::limit(request.select(), None);
        let mut declare = select.build(DbBackend::Postgres);
        declare.sql = format!(
            "DECLARE {} NO SCROLL CURSOR FOR {}",
            cursor::<E>(),
            declare.sql
        );
        tx.execute_raw(declare).await?;
        Ok(State::Cursor(tx))
    }
}

/// A chunk, and whether there is another one, for which the request is made ready.
async fn fetch<E, C: ConnectionTrait>(
    connection: &C,
    request: &mut PageRequest<E>,
) -> Result<(Vec<E::Model>, bool), DbErr>
where
    E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send>,
{
    let rows = request.select().all(connection).await?;
    let page = request.page(rows)?;
    request.after = page.next;
    Ok((page.rows, request.after.is_some()))
}

async fn fetch_from_cursor<E>(
    tx: &Transaction,
    request: &PageRequest<E>,
) -> Result<(Vec<E::Model>, bool), DbErr>
where
    E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send>,
{
    let sql = format!("FETCH {} FROM {}", request.limit, cursor::<E>());
    let rows = tx
        .query_all_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?;
    let rows = rows.iter().map(|row| E::Model::from_query_result(row, ""));
    let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
    let goes_on = rows.len() as u64 == request.limit;
    Ok((rows, goes_on))
}

/// A cursor's name lasts as long as its transaction. That of each table is its own, because a prepared `FETCH` is kept with its columns.
fn cursor<E: EntityTrait>() -> String {
    let columns = E::Column::iter().count();
    let table = E::default();
    format!("reader_{}_{columns}", table.as_str())
}
