//! What goes wrong, and what is left of it: nothing.

mod cancellation;
mod nested_resources;
mod query_error;
mod streams;

use std::time::Duration;

use crate::core::state::AppState;

/// How long it may take until a connection that was cut off is back: its place is held until the server has ended the work.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether nobody holds a connection any more, now or soon. Others who use the service at the same time hold some, too.
async fn nothing_is_held(app: &AppState) -> bool {
    let wait = async {
        while app.database.status().in_use() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.is_ok()
}
