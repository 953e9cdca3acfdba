//! The pool, or a transaction.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::{Database, Transaction};

/// Where statements are made: on the pool, or in a transaction that somebody else begins and ends.
///
/// For work that is part of a transaction only sometimes.
#[derive(Clone, Copy, Debug)]
pub enum Session<'d> {
    /// Each statement for itself.
    Pool(&'d Database),
    /// All of them together.
    Transaction(&'d Transaction),
}

impl Session<'_> {
    /// Runs `work` in a transaction: a new one on the pool, a savepoint in one that is open. Kept if it ends well, undone if it
    /// returns an error.
    ///
    /// # Errors
    ///
    /// What `work` returned; or, made into the same type, that the transaction could not be begun or ended.
    pub async fn transaction<T, E>(
        &self,
        work: impl AsyncFnOnce(&Transaction) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DbErr>,
    {
        match self {
            Self::Pool(database) => database.transaction(work).await,
            Self::Transaction(transaction) => transaction.transaction(work).await,
        }
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Session<'_> {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Pool(database) => database.backend(),
            Self::Transaction(transaction) => transaction.backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Pool(database) => database.execute_raw(statement).await,
            Self::Transaction(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Pool(database) => database.execute_unprepared(sql).await,
            Self::Transaction(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Pool(database) => database.query_one_raw(statement).await,
            Self::Transaction(transaction) => transaction.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Pool(database) => database.query_all_raw(statement).await,
            Self::Transaction(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}
