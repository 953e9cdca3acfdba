//! A query that takes as long as is said.

use std::time::Duration;

use crate::core::database::{Database, Result};
use crate::repositories::lab::LabRepository;

/// What such a query may take beyond its time.
const SPARE: Duration = Duration::from_secs(1);

/// A transaction with a query that takes so long, whatever `DATABASE_COMMAND_TIMEOUT_SECS` says.
pub(super) async fn query_that_takes(database: &Database, time: Duration) -> Result<()> {
    let query = database.snapshot(async |tx| {
        let lab = LabRepository::new(tx);
        lab.allow(time + SPARE).await?;
        lab.wait(time).await
    });
    query.await
}
