//! Rows one by one, without holding all of them in memory.

use std::{ops::DerefMut, pin::Pin};

use futures::{Stream, StreamExt};
use sea_orm::{DbErr, QueryResult, Statement};

use super::{guard::Guard, statement::Running};

/// Rows of a statement. It owns its connection and borrows nothing, so it can be moved into a task or a response.
///
/// Read it to its end: one that is dropped before, even after the last row, has its connection closed, since nobody has seen the
/// server's last word.
pub type RowStream = Pin<Box<dyn Stream<Item = Result<QueryResult, DbErr>> + Send>>;

/// Starts the statement with the first row that is asked for.
pub(super) fn rows<G>(mut guard: G, statement: Statement) -> RowStream
where
    G: DerefMut<Target = Guard> + Send + 'static,
{
    Box::pin(async_stream::try_stream! {
        let entered = guard.enter().await?;
        let (mut running, values) = Running::new(statement, guard.system());
        let end = {
            let mut rows = guard.rows(&running, values)?;
            loop {
                match rows.next().await {
                    Some(Ok(row)) => {
                        running.row();
                        yield row;
                    }
                    Some(Err(error)) => break Err(error),
                    None => break Ok(()),
                }
            }
        };
        let end = guard.finish(end, &running, DbErr::Query);
        guard.leave(entered, end).await?;
    })
}
