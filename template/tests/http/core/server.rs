//! The service on real ports.

use std::io::ErrorKind;
use std::time::Duration;

use app::core::config::AppEnv;
use app::core::http::server::{ServeError, Server};
use app::core::state::AppState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::nowhere;

fn state(env: AppEnv, port: &str, management_port: Option<&str>) -> AppState {
    let settings = [
        ("SERVER_HOST", "127.0.0.1"),
        ("SERVER_PORT", port),
        (
            "SERVER_MANAGEMENT_PORT",
            management_port.unwrap_or_default(),
        ),
    ];
    AppState::builder(nowhere(env, settings)).build().unwrap()
}

/// Sends a request on a new connection and returns everything that comes back.
async fn ask(address: std::net::SocketAddr, request: &str) -> String {
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
    let server = Server::bind(state(AppEnv::Dev, "0", Some("0")))
        .await
        .unwrap();
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

#[tokio::test]
async fn a_second_signal_cuts_requests_off() {
    let server = Server::bind(state(AppEnv::Local, "0", None)).await.unwrap();
    let address = server.address();
    let (stop, mut stopped) = mpsc::unbounded_channel();
    let running = tokio::spawn(server.run_until(async move || {
        let _ = stopped.recv().await;
    }));
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(get("/toys/endless").as_bytes())
        .await
        .unwrap();
    assert!(
        ask(address, &get("/toys"))
            .await
            .starts_with("HTTP/1.1 200 OK")
    );
    stop.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.is_finished());
    stop.send(()).unwrap();
    // Less than the request's own limit, which would end it as well.
    let ended = timeout(Duration::from_secs(10), running).await;
    ended.unwrap().unwrap();
    let answered = slow.try_read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(answered, Err(ErrorKind::WouldBlock));
}

#[tokio::test]
async fn http2_is_understood_without_tls() {
    let server = Server::bind(state(AppEnv::Local, "0", None)).await.unwrap();
    let address = server.address();
    let running = tokio::spawn(server.run_until(std::future::pending));
    let mut connection = TcpStream::connect(address).await.unwrap();
    // The client's preface and an empty SETTINGS frame; the server's first frame is its SETTINGS.
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    connection.write_all(preface).await.unwrap();
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
    let bind = async |app| Server::bind(app).await.err().unwrap();
    let error = bind(state(AppEnv::Local, &text, None)).await;
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
    let error = Server::bind(app).await.err().unwrap().to_string();
    assert!(error.starts_with("can't listen on 192.0.2.1:0"), "{error}");
}
