//! Long answers: clients that read slowly, stop reading or leave, and a database that fails in the middle.

use std::time::{Duration, Instant};

use futures::future::join_all;
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbBackend};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use super::{
    client::Client,
    sessions::{count, first, nothing_runs, now},
};
use crate::{
    program::Program,
    support::database::{Kind, TestDatabase},
};

/// Longer than anything takes here. Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(2);

/// More than the buffers of two sockets hold: 10 MB of users.
const MANY: usize = 30_000;

/// Users that are made with one statement.
const AT_ONCE: usize = 10_000;

/// A service with so many users, made of one by the database itself.
async fn with_users(database: &TestDatabase, rows: usize) -> Program {
    let program = Program::on_free_port().with_all(database.settings());
    program.output(&["seed", "--rows", "1"]);
    let name = "x".repeat(100);
    // A statement has little time. With ids in order it needs less.
    for begin in (2..=rows).step_by(AT_ONCE) {
        let end = rows.min(begin + AT_ONCE - 1);
        let (id, numbers) = match database.backend() {
            DbBackend::Postgres => (
                "lpad(n::text, 32, '0')::uuid",
                format!("SELECT generate_series({begin}, {end}) AS n"),
            ),
            _ => (
                "CAST(printf('%016d', n) AS BLOB)",
                format!(
                    "WITH RECURSIVE numbers(n) AS (SELECT {begin} UNION ALL SELECT n + 1 FROM numbers WHERE n < {end}) SELECT n FROM numbers"
                ),
            ),
        };
        let fill = format!(
            "INSERT INTO users (id, name, email, age, is_active, version, created_at, updated_at) \
             SELECT {id}, '{name}', 'user' || n || '@example.com', age, is_active, version, created_at, updated_at \
             FROM (SELECT * FROM users LIMIT 1) AS one, ({numbers}) AS numbers"
        );
        database.execute_unprepared(&fill).await.unwrap();
    }
    program
}

/// An answer that is read at the test's pace.
struct Stream(TcpStream);

impl Stream {
    /// Asks for users; the system buffers little of the answer.
    async fn of(service: &str, query: &str) -> Self {
        Self::asked(service, query, "HTTP/1.1", "").await
    }

    /// Asks for users in this version of HTTP, with these header lines.
    async fn asked(service: &str, query: &str, version: &str, headers: &str) -> Self {
        let address = service.trim_start_matches("http://").parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        let request =
            format!("GET /api/v1/users/stream{query} {version}\r\nHost: x\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// The first bytes, with which the answer has begun.
    async fn begin(&mut self) {
        let mut begin = [0; 12];
        self.0.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");
    }

    /// Reads to the end, so many bytes a second at most: how many rows there were, and whether nothing was missing.
    async fn end(mut self, bytes_a_second: Option<usize>) -> (usize, bool) {
        let (mut rows, mut last, mut before) = (0, Vec::new(), 0);
        let mut piece = vec![0; 64 * 1024];
        let whole = loop {
            if let Some(bytes) = bytes_a_second {
                sleep(Duration::from_secs(1) * 65_536 / u32::try_from(bytes).unwrap()).await;
            }
            let read = timeout(PATIENCE, self.0.read(&mut piece)).await;
            let Ok(length @ 1..) = read.expect("the stream does not go on") else {
                break false;
            };
            let text = &piece[..length];
            for byte in text {
                rows += usize::from(before == b'}' && *byte == b'\n');
                before = *byte;
            }
            last.extend_from_slice(text);
            last.drain(..last.len().saturating_sub(7));
            if last == b"\r\n0\r\n\r\n" {
                break true;
            }
        };
        (rows, whole)
    }
}

/// Asks for a stream until there is a place: the log says that another one is over a moment before its place is free.
async fn gets_a_place(client: &Client, path: &str) {
    let since = Instant::now();
    loop {
        let answer = client.get(path).await;
        if answer.status == 200 {
            return;
        }
        assert!(
            answer.is_unavailable() && since.elapsed() < PATIENCE,
            "the place is not free: {answer:?}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// The most memory that the process had since the last look, in bytes; from now on it is what it has now.
#[cfg(target_os = "linux")]
fn peak(service: &crate::program::Running<'_>) -> usize {
    let process = format!("/proc/{}", service.id());
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kibibytes = line.unwrap().split_whitespace().nth(1).unwrap();
    // 5 resets the peak, see proc(5).
    std::fs::write(format!("{process}/clear_refs"), "5").unwrap();
    kibibytes.parse::<usize>().unwrap() * 1024
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reader_that_stops_is_cut_off_and_frees_its_place(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, MANY)
        .await
        .with("STREAM_MAX_STREAMS", "1")
        .with("STREAM_STALL_SECS", "2");
    let mut service = program.start(&[]);
    let url = service.url();
    let client = Client::of(&url);

    let mut stalled = Stream::of(&url, "").await;
    stalled.begin().await;
    if kind == Kind::Postgres {
        nothing_runs(&database).await;
    }
    let second = client.get("/api/v1/users/stream").await;
    assert!(second.is_unavailable(), "there is one place: {second:?}");
    assert_eq!(client.get("/api/v1/users").await.status, 200);

    service.line_with("stream cut off");
    gets_a_place(&client, "/api/v1/users/stream?limit=1").await;
    let (_, whole) = stalled.end(None).await;
    assert!(!whole, "the answer looks as if nothing was missing");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_leaves_ends_the_reading(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(false, true)] consistent: bool,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, MANY).await;
    let mut service = program.start(&[]);
    let url = service.url();
    let mut stream = Stream::of(&url, &format!("?consistent={consistent}")).await;
    stream.begin().await;
    drop(stream);
    service.line_with("stream left by its client");
    if kind == Kind::Postgres {
        nothing_runs(&database).await;
    }
}

/// From now on the last user of the list can't be read, but all others can.
async fn spoil_the_last(database: &TestDatabase) {
    let (function, spoilt) = match database.backend() {
        // Dear, so that it is only asked about rows that are wanted, after they were sorted.
        DbBackend::Postgres => (
            "CREATE FUNCTION spoil(t timestamptz, email text) RETURNS timestamptz LANGUAGE plpgsql STABLE COST 100000 AS $$
             BEGIN
                 IF email = 'user2@example.com' THEN RAISE 'spoilt'; END IF;
                 RETURN t;
             END $$;",
            "spoil(updated_at, email)",
        ),
        _ => (
            "",
            "CASE WHEN email = 'user2@example.com' THEN 'never' ELSE updated_at END",
        ),
    };
    let spoil = format!(
        "{function} ALTER TABLE users RENAME TO real_users;
         CREATE VIEW users AS SELECT id, name, email, age, is_active, version, created_at, {spoilt} AS updated_at FROM real_users"
    );
    database.execute_unprepared(&spoil).await.unwrap();
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_database_that_fails_in_the_middle_cuts_the_connection(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(false, true)] consistent: bool,
    #[values("", "Accept: application/json\r\n", "Accept-Encoding: gzip\r\n")] headers: &str,
) {
    const ROWS: usize = 1000;
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, ROWS).await;
    spoil_the_last(&database).await;
    let mut service = program.start(&[]);
    let query = format!("?fetch_size=100&consistent={consistent}");
    let mut stream = Stream::asked(&service.url(), &query, "HTTP/1.1", headers).await;
    stream.begin().await;
    let (rows, whole) = stream.end(None).await;
    assert!(
        !whole && rows < ROWS,
        "{rows} rows, and nothing seems missing"
    );
    service.line_with("stream broken off");
}

#[cfg(feature = "http-client")]
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_database_that_fails_in_the_middle_resets_the_stream_of_http_2(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, 1000).await;
    spoil_the_last(&database).await;
    let mut service = program.start(&[]);
    let users = format!("{}/api/v1/users", service.url());
    // Without TLS, but reqwest wants to know how it would be done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(
        clippy::disallowed_methods,
        reason = "the pooled client speaks HTTP/2 over TLS only"
    )]
    let client = reqwest::Client::builder().http2_prior_knowledge();
    let client = client.build().unwrap();
    let answer = client
        .get(format!("{users}/stream?fetch_size=100"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    let error = answer.text().await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    let other = client.get(users).send();
    assert_eq!(other.await.unwrap().status().as_u16(), 200);
    service.line_with("stream broken off");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_http_1_0_where_an_end_says_nothing_there_are_no_streams(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, 10).await;
    let mut service = program.start(&[]);
    let mut stream = Stream::asked(&service.url(), "", "HTTP/1.0", "").await;
    let mut answer = String::new();
    stream.0.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 400 "), "{answer}");
    assert!(answer.contains("Streams need HTTP/1.1"), "{answer}");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streams_that_read_one_moment_leave_half_of_the_pool(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, MANY)
        .await
        .with("DATABASE_POOL_MAX_SIZE", "4");
    let mut service = program.start(&[]);
    let url = service.url();
    let client = Client::of(&url);
    let consistent = "?consistent=true";
    let mut held = [
        Stream::of(&url, consistent).await,
        Stream::of(&url, consistent).await,
    ];
    for stream in &mut held {
        stream.begin().await;
    }
    let path = format!("/api/v1/users/stream{consistent}&limit=1");
    let third = client.get(&path).await;
    assert!(third.is_unavailable(), "{third:?}");
    let other = client.get("/api/v1/users/stream?limit=1").await;
    assert_eq!(other.status, 200, "{other:?}");
    let page = client.get("/api/v1/users").await;
    assert_eq!(page.status, 200, "{page:?}");

    let [first, _second] = held;
    drop(first);
    service.line_with("stream left by its client");
    gets_a_place(&client, &path).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_reader_outlives_every_limit_of_ordinary_requests(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(false, true)] consistent: bool,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, MANY)
        .await
        .with("SERVER_REQUEST_TIMEOUT_SECS", "2")
        .with("SERVER_HEADER_READ_TIMEOUT_SECS", "1")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "1")
        .with("DATABASE_POOL_TIMEOUT_SECS", "1")
        .with("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "1")
        .with("HTTP_CLIENT_POOL_TIMEOUT_SECS", "1");
    let mut service = program.start(&[]);
    let stream = Stream::of(&service.url(), &format!("?consistent={consistent}")).await;
    let (rows, whole) = stream.end(Some(3_000_000)).await;
    assert_eq!((rows, whole), (MANY, true));
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hundred_streams_leave_connections_for_ordinary_requests(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let program = with_users(&database, 2000)
        .await
        .with("DATABASE_POOL_MAX_SIZE", "4");
    let mut service = program.start(&[]);
    let url = service.url();
    let client = Client::of(&url);
    let streams = (0..100).map(async |_| {
        let mut stream = Stream::of(&url, "?fetch_size=100").await;
        stream.begin().await;
        stream
    });
    // All have begun.
    let streams = join_all(streams).await;
    let ordinary = async {
        for _ in 0..50 {
            let answer = client.get("/api/v1/users").await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    };
    let streams = streams
        .into_iter()
        .map(|stream| stream.end(Some(1_000_000)));
    let (streams, ()) = tokio::join!(join_all(streams), ordinary);
    assert!(
        streams.iter().all(|stream| *stream == (2000, true)),
        "{streams:?}"
    );
}

/// What a stream may need beyond what the service has already: rows of a chunk, pieces on their way, what the allocator keeps.
#[cfg(target_os = "linux")]
const GROWTH: usize = 16 * 1024 * 1024;

#[cfg(target_os = "linux")]
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn memory_does_not_grow_with_the_result(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(false, true)] consistent: bool,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    #[expect(clippy::disallowed_methods, reason = "a check asks for a million rows")]
    let rows = std::env::var("TEST_STREAM_ROWS").map_or(50_000, |rows| rows.parse().unwrap());
    let program = with_users(&database, rows).await;
    let mut service = program.start(&[]);
    let url = service.url();
    // What the first requests allocate for good.
    for _ in 0..3 {
        Stream::of(&url, &format!("?limit=2000&consistent={consistent}"))
            .await
            .end(None)
            .await;
    }
    peak(&service);
    let before = peak(&service);
    let start = Instant::now();
    let stream = Stream::of(&url, &format!("?consistent={consistent}")).await;
    let (read, whole) = stream.end(None).await;
    let took = start.elapsed();
    assert_eq!((read, whole), (rows, true));
    let growth = peak(&service).saturating_sub(before);
    println!(
        "{kind:?}, consistent={consistent}: {read} rows in {took:?}, memory grew by {} KiB at its peak",
        growth / 1024
    );
    assert!(
        growth < GROWTH,
        "{read} rows made memory grow by {growth} bytes"
    );
}

/// Each statement that reads users takes a number.
const COUNTED_USERS: &str = "
    CREATE SEQUENCE reads;
    ALTER TABLE users RENAME TO real_users;
    CREATE VIEW users AS WITH s AS MATERIALIZED (SELECT nextval('reads') AS n) SELECT u.* FROM real_users u, s WHERE n > 0";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn there_is_one_statement_for_each_chunk() {
    const FETCH_SIZE: usize = 300;
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let (rows, statements) = (20 * FETCH_SIZE, 20);
    let program = with_users(&database, rows).await;
    database.execute_unprepared(COUNTED_USERS).await.unwrap();
    let mut service = program.start(&[]);
    let stream = Stream::of(&service.url(), &format!("?fetch_size={FETCH_SIZE}")).await;
    assert_eq!(stream.end(None).await, (rows, true));
    let seen = first::<i64>(&database, "SELECT last_value FROM reads").await;
    assert_eq!(seen, statements, "of {rows} rows, {FETCH_SIZE} at a time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_statement_runs_while_the_reader_stalls() {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = with_users(&database, MANY).await;
    let mut service = program.start(&[]);
    let mut stalled = Stream::of(&service.url(), "").await;
    stalled.begin().await;
    let begun_since = async |since: &str| {
        count(
            &database,
            &format!("(state <> 'idle' OR query_start > '{since}')"),
        )
        .await
    };
    // Until the buffers between are full, it goes on.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let since = now(&database).await;
        sleep(Duration::from_millis(300)).await;
        if begun_since(&since).await == 0 {
            break;
        }
        assert!(Instant::now() < deadline, "it reads on without its client");
    }
    let since = now(&database).await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(
        begun_since(&since).await,
        0,
        "it reads on without its client"
    );
    let (rows, whole) = stalled.end(None).await;
    // The first line was read in part.
    assert!(whole && rows >= MANY - 1, "{rows} rows");
}
