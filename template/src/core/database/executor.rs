//! SeaORM's traits for [`Database`] and [`Transaction`].

use std::fmt;

use futures::future::BoxFuture;
use sea_orm::{
    AccessMode, ConnectionTrait, DbBackend, DbErr, ExecResult, IsolationLevel, QueryResult,
    Statement, StreamTrait, TransactionError, TransactionOptions, TransactionSession,
    TransactionTrait,
};

use super::{
    holds::Work,
    pool::Database,
    stream::{self, RowStream},
    transaction::Transaction,
};

#[async_trait::async_trait]
impl ConnectionTrait for Database {
    fn get_database_backend(&self) -> DbBackend {
        self.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut guard = self.acquire_for(&statement.sql).await?;
        guard.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.acquire().await?.unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut guard = self.acquire_for(&statement.sql).await?;
        guard.one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut guard = self.acquire_for(&statement.sql).await?;
        guard.all(statement).await
    }
}

impl StreamTrait for Database {
    type Stream<'a> = RowStream;

    fn get_database_backend(&self) -> DbBackend {
        self.backend()
    }

    fn stream_raw(&self, statement: Statement) -> BoxFuture<'_, Result<RowStream, DbErr>> {
        Box::pin(async move {
            let guard = self.acquire_for(&statement.sql).await?;
            Ok(stream::rows(
                Box::new(guard.keep_for(Work::Stream)),
                statement,
            ))
        })
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.connection().await?.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection().await?.unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.connection().await?.one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.connection().await?.all(statement).await
    }
}

impl StreamTrait for Transaction {
    type Stream<'a> = RowStream;

    fn get_database_backend(&self) -> DbBackend {
        self.backend()
    }

    fn stream_raw(&self, statement: Statement) -> BoxFuture<'_, Result<RowStream, DbErr>> {
        Box::pin(async move { Ok(stream::rows(self.streaming_connection().await?, statement)) })
    }
}

/// `TransactionTrait` differs between the two in how a transaction begins, and in nothing else.
macro_rules! transaction_trait {
    ($type:ty, $begin:ident) => {
        #[async_trait::async_trait]
        impl TransactionTrait for $type {
            type Transaction = Transaction;

            async fn begin(&self) -> Result<Transaction, DbErr> {
                self.$begin(TransactionOptions::default()).await
            }

            async fn begin_with_config(
                &self,
                isolation_level: Option<IsolationLevel>,
                access_mode: Option<AccessMode>,
            ) -> Result<Transaction, DbErr> {
                self.$begin(TransactionOptions {
                    isolation_level,
                    access_mode,
                    ..TransactionOptions::default()
                })
                .await
            }

            async fn begin_with_options(
                &self,
                options: TransactionOptions,
            ) -> Result<Transaction, DbErr> {
                self.$begin(options).await
            }

            async fn transaction<F, T, E>(&self, callback: F) -> Result<T, TransactionError<E>>
            where
                F: for<'c> FnOnce(&'c Transaction) -> BoxFuture<'c, Result<T, E>> + Send,
                T: Send,
                E: fmt::Display + fmt::Debug + Send,
            {
                self.transaction_with_config(callback, None, None).await
            }

            async fn transaction_with_config<F, T, E>(
                &self,
                callback: F,
                isolation_level: Option<IsolationLevel>,
                access_mode: Option<AccessMode>,
            ) -> Result<T, TransactionError<E>>
            where
                F: for<'c> FnOnce(&'c Transaction) -> BoxFuture<'c, Result<T, E>> + Send,
                T: Send,
                E: fmt::Display + fmt::Debug + Send,
            {
                let transaction = self
                    .begin_with_config(isolation_level, access_mode)
                    .await
                    .map_err(TransactionError::Connection)?;
                match callback(&transaction).await {
                    Ok(value) => {
                        let committed = transaction.commit().await;
                        committed.map_err(TransactionError::Connection)?;
                        Ok(value)
                    }
                    Err(error) => {
                        // the caller wants to know why the work failed; the connection sees to itself
                        if let Err(rollback) = transaction.rollback().await {
                            tracing::debug!(error = %rollback, "a transaction that failed could not be rolled back");
                        }
                        Err(TransactionError::Transaction(error))
                    }
                }
            }
        }
    };
}

transaction_trait!(Database, begin_transaction);
transaction_trait!(Transaction, begin_nested);
