//! The service on real ports.

use std::net::SocketAddr;
use std::time::Duration;

use app::core::config::{AppEnv, Config};
use app::core::database::Database;
use app::core::http::Api;
use app::core::http::server::{ServeError, Server};
use app::core::state::AppState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::support::{Logs, TestDatabase, nowhere};

/// What a client of HTTP/2 sends first: its preface, and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

fn state(env: AppEnv, port: &str, management_port: Option<&str>) -> AppState {
    let settings = [
        ("SERVER_HOST", "127.0.0.1"),
        ("SERVER_PORT", port),
        (
            "SERVER_MANAGEMENT_PORT",
            management_port.unwrap_or_default(),
        ),
        ("SERVER_SHUTDOWN_DRAIN_SECS", "0"),
    ];
    AppState::builder(nowhere(env, settings)).build().unwrap()
}

async fn bind(app: AppState) -> Result<Server, ServeError> {
    let api = Api::registered(app.config.env()).unwrap();
    Server::bind(app, &api).await
}

/// Sends a request on a new connection and returns everything that comes back.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn a_port_serves_what_it_is_for_until_the_service_is_told_to_stop() {
    let server = bind(state(AppEnv::Dev, "0", Some("0"))).await.unwrap();
    let (public, management) = (server.address(), server.management_address().unwrap());
    assert_eq!(server.url(), format!("http://{public}"));
    let (stop, mut stopped) = mpsc::unbounded_channel();
    let running = tokio::spawn(server.run_until(async move || {
        let _ = stopped.recv().await;
    }));

    assert!(
        ask(public, &get("/toys"))
            .await
            .starts_with("HTTP/1.1 200 OK")
    );
    assert!(
        ask(public, &get("/livez"))
            .await
            .starts_with("HTTP/1.1 404")
    );
    assert!(
        ask(management, &get("/livez"))
            .await
            .starts_with("HTTP/1.1 200 OK")
    );

    // A request that is under way when the signal comes is answered before the service ends.
    let mut slow = TcpStream::connect(public).await.unwrap();
    let head = "POST /toys HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(b"{\"name\":").await.unwrap();
    assert!(
        ask(public, &get("/toys"))
            .await
            .starts_with("HTTP/1.1 200 OK")
    );
    stop.send(()).unwrap();
    while TcpStream::connect(public).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.is_finished());
    slow.write_all(b" \"duck\"}").await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    running.await.unwrap();
}

/// Requests that wait for a statement which goes on for long: on HTTP/1, and on HTTP/2, whose requests are tasks of their own.
async fn keep_database_busy(address: SocketAddr, database: &Database) -> [TcpStream; 2] {
    let mut http1 = TcpStream::connect(address).await.unwrap();
    let request = get("/toys/database/sleep");
    http1.write_all(request.as_bytes()).await.unwrap();
    let mut http2 = TcpStream::connect(address).await.unwrap();
    http2.write_all(PREFACE).await.unwrap();
    let path = b"/toys/database/sleep";
    // GET, http, a path and an authority, in the compression's static table
    let mut head = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    head.extend_from_slice(path);
    head.extend_from_slice(b"\x01\x04test");
    // HEADERS with END_STREAM and END_HEADERS, of stream 1
    let mut frame = vec![0, 0, u8::try_from(head.len()).unwrap(), 1, 5, 0, 0, 0, 1];
    frame.append(&mut head);
    http2.write_all(&frame).await.unwrap();
    while database.status().in_use() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    [http1, http2]
}

/// Left alone, the statements would end at their limit, while the service waits for its connections, and be answered with 504.
#[tokio::test]
async fn a_second_signal_cuts_requests_off_and_ends_their_statements() {
    let database = TestDatabase::new().await;
    let pool = database.pool([("COMMAND_TIMEOUT_SECS", "19")]);
    let app = AppState::builder(Config::for_tests([("SERVER_PORT", "0")]));
    let app = app.database(pool.clone()).build().unwrap();
    let server = bind(app).await.unwrap();
    let address = server.address();
    let (stop, mut stopped) = mpsc::unbounded_channel();
    let running = tokio::spawn(server.run_until(async move || {
        let _ = stopped.recv().await;
    }));
    let clients = keep_database_busy(address, &pool).await;
    let logs = Logs::capture();
    stop.send(()).unwrap();
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(pool.status().size, 0, "{:#?}", logs.of("core"));
    let ended = logs.of_requests();
    let ended: Vec<_> = ended.iter().map(|line| &line["fields"]["code"]).collect();
    assert_eq!(ended, ["cancelled", "cancelled"]);
    for mut client in clients {
        let mut answer = Vec::new();
        // an end or an error, but no answer
        let _ = client.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
    }
}

#[tokio::test]
async fn requests_that_take_longer_than_the_stop_may_are_cut_off() {
    // as short as they can be inside each other
    let settings = [
        ("SERVER_PORT", "0"),
        ("SERVER_SHUTDOWN_TIMEOUT_SECS", "2"),
        ("SERVER_REQUEST_TIMEOUT_SECS", "2"),
        ("DATABASE_COMMAND_TIMEOUT_SECS", "1"),
        ("DATABASE_POOL_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_CONNECT_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_READ_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_REQUEST_TIMEOUT_SECS", "1"),
        #[cfg(feature = "http-client")]
        ("HTTP_CLIENT_POOL_TIMEOUT_SECS", "1"),
    ];
    let app = AppState::builder(nowhere(AppEnv::Local, settings));
    let server = bind(app.build().unwrap()).await.unwrap();
    let address = server.address();
    let (stop, mut stopped) = mpsc::unbounded_channel();
    let running = tokio::spawn(server.run_until(async move || {
        let _ = stopped.recv().await;
    }));
    let mut endless = TcpStream::connect(address).await.unwrap();
    // its body never comes
    let head = "POST /toys HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n";
    endless.write_all(head.as_bytes()).await.unwrap();
    assert!(
        ask(address, &get("/toys"))
            .await
            .starts_with("HTTP/1.1 200 OK")
    );
    let logs = Logs::capture();
    stop.send(()).unwrap();
    running.await.unwrap();
    let told = logs.of("core::http::server");
    assert!(
        told.iter().any(|line| line["fields"]["message"]
            .as_str()
            .unwrap()
            .contains("their time is over")),
        "{told:#?}"
    );
    let mut answer = String::new();
    let _ = endless.read_to_string(&mut answer).await;
    assert_eq!(answer, "");
}

#[tokio::test]
async fn a_handler_learns_who_asks() {
    let server = bind(state(AppEnv::Local, "0", None)).await.unwrap();
    let address = server.address();
    let running = tokio::spawn(server.run_until(std::future::pending));
    let mut client = TcpStream::connect(address).await.unwrap();
    let own = client.local_addr().unwrap();
    let request = get("/toys/client");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with(&own.to_string()), "{own}: {answer}");
    running.abort();
}

#[tokio::test]
async fn what_is_no_http_or_too_much_of_it_is_refused_by_the_library() {
    let server = bind(state(AppEnv::Local, "0", None)).await.unwrap();
    let address = server.address();
    let running = tokio::spawn(server.run_until(std::future::pending));
    let answer = ask(address, "what?\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");

    // 16 KiB are enough for what is sent in earnest, and so little that thousands of unfinished heads fit into a small pod.
    let long = |length| format!("GET / HTTP/1.1\r\nx-long: {}", "x".repeat(length));
    let answer = ask(
        address,
        &format!("{}\r\nconnection: close\r\n\r\n", long(15 * 1024)),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = long(16 * 1024);
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // what was not read of the head makes the end an error
    let _ = connection.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    running.abort();
}

#[tokio::test]
async fn http2_is_understood_without_tls() {
    let server = bind(state(AppEnv::Local, "0", None)).await.unwrap();
    let address = server.address();
    let running = tokio::spawn(server.run_until(std::future::pending));
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(PREFACE).await.unwrap();
    // The server's first frame is its SETTINGS.
    let mut frame = [0; 9];
    connection.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "the type of a SETTINGS frame");
    running.abort();
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = port.to_string();
    let error = bind(state(AppEnv::Local, &text, None)).await.err().unwrap();
    assert!(
        matches!(error, ServeError::PortInUse { key: "SERVER_PORT", port: named } if named == port)
    );
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} is in use already: stop what listens there, or set SERVER_PORT to another port"
        )
    );
    let error = bind(state(AppEnv::Dev, "0", Some(&text))).await;
    let error = error.err().unwrap();
    assert!(matches!(
        error,
        ServeError::PortInUse {
            key: "SERVER_MANAGEMENT_PORT",
            ..
        }
    ));
}

#[tokio::test]
async fn an_address_of_another_machine_is_named_with_its_setting() {
    let settings = [("SERVER_HOST", "192.0.2.1"), ("SERVER_PORT", "0")];
    let app = AppState::builder(nowhere(AppEnv::Local, settings))
        .build()
        .unwrap();
    let error = bind(app).await.err().unwrap().to_string();
    assert!(error.starts_with("can't listen on 192.0.2.1:0"), "{error}");
}
