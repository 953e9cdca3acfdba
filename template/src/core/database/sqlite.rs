//! SQLite: opening a connection, stopping a statement, and which statements only read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use sea_orm::{
    AccessMode, QueryResult, SqliteTransactionMode, TransactionOptions,
    sqlx::{
        self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, SqliteConnection,
        error::DatabaseError,
        sqlite::{SqliteConnectOptions, SqliteError},
    },
};
use sea_query_sqlx::SqlxValues;

/// Instructions of SQLite's machine between two looks at whether to stop: some 10 µs.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// A connection to a SQLite file. sqlx gives it a thread of its own.
pub(super) struct Lite {
    connection: SqliteConnection,
    role: Role,
    stop: Arc<Stop>,
}

/// SQLite lets many read while one writes, so there is one connection that writes and several that can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The only connection that writes. More would only wait for each other, in a way that knows no queue.
    Writer,
    /// One of several, and refused by SQLite if it tries to write.
    Reader,
}

/// Ends a statement from outside. SQLite's worker looks for its caller between two rows only, so dropping the connection would
/// let a statement run on for as long as it takes to its next row.
pub(super) struct Stop {
    stopped: AtomicBool,
    /// Milliseconds after `epoch`; 0 for none.
    deadline: AtomicU64,
    epoch: Instant,
}

impl Stop {
    fn new() -> Self {
        Self {
            stopped: AtomicBool::new(false),
            deadline: AtomicU64::new(0),
            epoch: Instant::now(),
        }
    }

    /// From here on the statement has this long.
    pub(super) fn arm(&self, limit: Option<Duration>) {
        let deadline = limit.map_or(0, |limit| self.millis() + millis(limit).max(1));
        self.deadline.store(deadline, Relaxed);
    }

    /// The statement has ended.
    pub(super) fn disarm(&self) {
        self.deadline.store(0, Relaxed);
    }

    /// Ends what runs now and whatever would run later.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    fn lets_go_on(&self) -> bool {
        let deadline = self.deadline.load(Relaxed);
        !self.stopped.load(Relaxed) && (deadline == 0 || self.millis() < deadline)
    }

    fn millis(&self) -> u64 {
        millis(self.epoch.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

impl Lite {
    /// Opens a connection.
    pub(super) async fn connect(
        options: &SqliteConnectOptions,
        role: Role,
    ) -> Result<Self, sqlx::Error> {
        let mut connection = connect_when_free(options).await?;
        let stop = Arc::new(Stop::new());
        let watched = Arc::clone(&stop);
        connection
            .lock_handle()
            .await?
            .set_progress_handler(STEPS_BETWEEN_LOOKS, move || watched.lets_go_on());
        if role == Role::Reader {
            connection.execute("PRAGMA query_only = ON").await?;
        }
        Ok(Self {
            connection,
            role,
            stop,
        })
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Closes the file, once its worker has come to an end.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }

    /// The first row of a statement.
    ///
    /// What writes is read to its end: SQLite commits when a statement ends, and checks deferred foreign keys then, but sqlx hides
    /// an error in the end of a statement that it cut short. An `INSERT … RETURNING` that was undone would seem to have worked.
    pub(super) async fn first_row(
        &mut self,
        sql: AssertSqlSafe<Arc<str>>,
        values: SqlxValues,
    ) -> Result<Option<QueryResult>, sqlx::Error> {
        let query = sqlx::query_with(sql, values);
        if self.role == Role::Reader {
            let row = query.fetch_optional(&mut self.connection).await?;
            return Ok(row.map(QueryResult::from));
        }
        let mut rows = query.fetch(&mut self.connection);
        let first = rows.try_next().await?;
        while rows.try_next().await?.is_some() {}
        Ok(first.map(QueryResult::from))
    }

    /// A writer's transaction takes the lock at once: one that began by reading could not get it any more after another wrote.
    /// SQLite knows one isolation level only, serializable, so what the options say about it is met.
    pub(super) fn begin(&self, options: TransactionOptions) -> &'static str {
        match (self.role, options.sqlite_transaction_mode) {
            (Role::Reader, _) => "BEGIN DEFERRED",
            (Role::Writer, Some(SqliteTransactionMode::Exclusive)) => "BEGIN EXCLUSIVE",
            (Role::Writer, _) => "BEGIN IMMEDIATE",
        }
    }
}

/// SQLite doesn't wait for its lock when it changes a file to a write-ahead log, which the first connection ever does.
async fn connect_when_free(
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, sqlx::Error> {
    const RETRY_FOR: Duration = Duration::from_secs(1);
    let start = Instant::now();
    loop {
        match options.connect().await {
            Err(sqlx::Error::Database(error))
                if is_busy(&*error) && start.elapsed() < RETRY_FOR =>
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            outcome => return outcome,
        }
    }
}

/// Who opens a transaction with these options.
pub(super) fn role_of_transaction(options: TransactionOptions) -> Role {
    if options.access_mode == Some(AccessMode::ReadOnly) {
        Role::Reader
    } else {
        Role::Writer
    }
}

/// Whether the connection can be used after this error.
///
/// SQLite's errors have no severity, but their codes are few. Some roll the whole transaction back without telling; what would
/// follow would then be committed statement by statement, so inside one they end the connection.
pub(super) fn leaves_connection_good(error: &dyn DatabaseError, depth: usize) -> bool {
    const NOMEM: i32 = 7;
    const INTERRUPT: i32 = 9;
    const IOERR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const NOTADB: i32 = 26;
    match primary_code(error) {
        Some(IOERR | CORRUPT | NOTADB) | None => false,
        Some(NOMEM | INTERRUPT | FULL) => depth == 0,
        Some(_) => true,
    }
}

/// SQLite's result code without what extends it; `None` for an error of another database.
pub(super) fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<SqliteError>()?;
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// The code of a statement that the progress handler ended, which it does at the command timeout.
pub(super) fn is_interrupt(error: &dyn DatabaseError) -> bool {
    const INTERRUPT: i32 = 9;
    primary_code(error) == Some(INTERRUPT)
}

/// Another process has the lock, and kept it for longer than we wait.
pub(super) fn is_busy(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;
    primary_code(error) == Some(BUSY)
}

/// Who runs this statement: its first word says so, except that what follows `WITH` may read or write.
///
/// In doubt it is the writer, who can do both. A reader that was given something to write would refuse it.
pub(super) fn role_of_statement(sql: &str) -> Role {
    let mut words = Words::new(sql);
    let reads = match words.next() {
        Some(word) if is_any(word, &["SELECT", "VALUES", "EXPLAIN"]) => true,
        Some(word) if is_any(word, &["WITH"]) => words
            .find(|word| {
                is_any(
                    word,
                    &["SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE"],
                )
            })
            .is_some_and(|word| is_any(word, &["SELECT", "VALUES"])),
        _ => false,
    };
    if reads { Role::Reader } else { Role::Writer }
}

fn is_any(word: &str, keywords: &[&str]) -> bool {
    keywords
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// The bare words of a statement outside parentheses, without what is quoted or a comment.
struct Words<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Words<'a> {
    fn new(sql: &'a str) -> Self {
        Self {
            rest: sql,
            depth: 0,
        }
    }

    fn skip_past(&mut self, end: &str) {
        self.rest = self
            .rest
            .find(end)
            .map_or("", |at| &self.rest[at + end.len()..]);
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let first = self.rest.chars().next()?;
            let after = &self.rest[first.len_utf8()..];
            if first.is_alphabetic() || first == '_' {
                let end = self
                    .rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                if self.depth == 0 {
                    return Some(word);
                }
                continue;
            }
            let comment = self.rest.starts_with("--") || self.rest.starts_with("/*");
            self.rest = after;
            match first {
                '-' if comment => self.skip_past("\n"),
                '/' if comment => self.skip_past("*/"),
                '\'' => self.skip_past("'"),
                '"' => self.skip_past("\""),
                '`' => self.skip_past("`"),
                '[' => self.skip_past("]"),
                '(' => self.depth += 1,
                ')' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads_goes_to_a_reader() {
        for sql in [
            "SELECT 1",
            "  select * from users",
            "-- a comment\nSELECT 1",
            "/* SELECT */ SELECT 1",
            "VALUES (1)",
            "EXPLAIN QUERY PLAN DELETE FROM users",
            "WITH old AS (DELETE) SELECT * FROM old",
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n",
            r#"WITH "update" AS (SELECT 1) SELECT 'delete', [insert], `replace` FROM "update""#,
        ] {
            assert_eq!(role_of_statement(sql), Role::Reader, "{sql}");
        }
    }

    #[test]
    fn what_writes_and_what_is_unclear_goes_to_the_writer() {
        for sql in [
            "INSERT INTO users VALUES (1) RETURNING id",
            "update users set a = 1",
            "WITH old AS (SELECT id FROM users) DELETE FROM users WHERE id IN (SELECT id FROM old)",
            "WITH new(a) AS (VALUES (1)) INSERT INTO users SELECT a FROM new",
            "PRAGMA user_version = 3",
            "CREATE TABLE t (a)",
            "(SELECT 1)",
            "",
            "WITH",
            "SELECTED",
        ] {
            assert_eq!(role_of_statement(sql), Role::Writer, "{sql}");
        }
    }

    #[test]
    fn a_statement_is_stopped_at_its_deadline_or_when_asked() {
        let stop = Stop::new();
        assert!(stop.lets_go_on());
        stop.arm(Some(Duration::from_hours(1)));
        assert!(stop.lets_go_on());
        stop.arm(Some(Duration::ZERO));
        std::thread::sleep(Duration::from_millis(5));
        assert!(!stop.lets_go_on());
        stop.disarm();
        assert!(stop.lets_go_on());
        stop.stop();
        assert!(!stop.lets_go_on());
    }
}
