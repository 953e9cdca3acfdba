//! How many statements some work takes.

use std::sync::atomic::{AtomicUsize, Ordering};

use app::core::database::Database;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};

/// Counts the statements that pass through it.
pub(super) struct Counting<'c>(&'c Database, AtomicUsize);

impl<'c> Counting<'c> {
    pub(super) fn new(database: &'c Database) -> Self {
        Self(database, AtomicUsize::new(0))
    }

    /// How many there were since this was last asked.
    pub(super) fn statements(&self) -> usize {
        self.1.swap(0, Ordering::Relaxed)
    }

    fn count(&self) -> &'c Database {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Counting<'_> {
    fn get_database_backend(&self) -> DbBackend {
        ConnectionTrait::get_database_backend(self.0)
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.count().execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.count().execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.count().query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.count().query_all_raw(statement).await
    }
}
