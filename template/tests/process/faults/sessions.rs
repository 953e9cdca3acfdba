//! What the database's server says of the service's sessions, and a lock that they wait for.

use std::time::{Duration, Instant};

use app::core::database::Transaction;
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait, TryGetable};

use crate::support::database::TestDatabase;

/// The test's own session is called otherwise.
const OF_THE_SERVICE: &str = "datname = current_database() AND backend_type = 'client backend' AND application_name NOT LIKE 'tests@%'";

/// How long what must come about may take. Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// Who asks for users waits, until this is rolled back.
pub(super) async fn lock_users(database: &TestDatabase) -> Transaction {
    let lock = database.begin().await.unwrap();
    let exclusively = "LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
    lock.execute_unprepared(exclusively).await.unwrap();
    lock
}

/// Those that wait for a lock.
pub(super) const WAITING: &str = "wait_event_type = 'Lock'";

/// Waits until there are so many of which this is true.
#[track_caller]
pub(super) fn at_least(
    sessions: i64,
    database: &TestDatabase,
    condition: &str,
) -> impl Future<Output = ()> {
    until(database, condition, move |found| found >= sessions)
}

/// Waits until none runs a statement or has a transaction open.
#[track_caller]
pub(super) fn nothing_runs(database: &TestDatabase) -> impl Future<Output = ()> {
    until(database, "state <> 'idle'", |busy| busy == 0)
}

#[track_caller]
fn until(
    database: &TestDatabase,
    condition: &str,
    is_so: impl Fn(i64) -> bool,
) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let since = Instant::now();
        loop {
            let found = count(database, condition).await;
            if is_so(found) {
                break;
            }
            let waited = since.elapsed();
            assert!(
                waited < PATIENCE,
                "{caller}: there are {found} sessions with {condition} after {waited:?}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// All of which this is true.
pub(super) async fn count(database: &TestDatabase, condition: &str) -> i64 {
    let sessions =
        format!("SELECT count(*) FROM pg_stat_activity WHERE {OF_THE_SERVICE} AND {condition}");
    first(database, &sessions).await
}

/// The server's time, as text.
pub(super) async fn now(database: &TestDatabase) -> String {
    first(database, "SELECT clock_timestamp()::text").await
}

/// The first value that this finds.
pub(super) async fn first<T: TryGetable>(database: &TestDatabase, sql: &str) -> T {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = database.query_one_raw(statement).await.unwrap();
    row.unwrap().try_get_by_index(0).unwrap()
}
