//! What clients meet while the service stops.

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    addresses, alone,
    client::{Client, PREFACE, get, h2_frame, h2_read, h2_request},
    on_two_ports, upload_path,
};

const CLIENTS: usize = 200;

/// Whole seconds, as the setting is.
const DRAIN: Duration = Duration::from_secs(2);

/// What one client went through.
#[derive(Default, Debug)]
struct Course {
    served: usize,
    asked_to_leave: usize,
    refused: Option<Instant>,
    failed: Vec<String>,
}

/// Asks again and again; connects anew when it is told to, until there is nothing to connect to.
async fn ask_until_refused(address: SocketAddr) -> Course {
    let mut course = Course::default();
    loop {
        let mut client = match Client::connect(address).await {
            Ok(client) => client,
            // Reset, if it was about to be made when the port closed: it was accepted by nobody, and nothing was asked yet.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
                ) =>
            {
                course.refused = Some(Instant::now());
                return course;
            }
            Err(error) => {
                course.failed.push(format!("connect: {error}"));
                return course;
            }
        };
        for number in 0.. {
            match client.get("/").await {
                Ok(answer) => {
                    course.served += 1;
                    if answer.status != 200 {
                        course.failed.push(answer.head.clone());
                    }
                    if answer.closes() {
                        course.asked_to_leave += 1;
                        break;
                    }
                }
                Err(error) => {
                    let part = client.has_part();
                    course.failed.push(format!(
                        "request {number} of a connection, part of an answer: {part}: {error}"
                    ));
                    break;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_accepted_request_fails_when_the_service_stops() {
    let _alone = alone().await;
    let program = on_two_ports().with("SERVER_SHUTDOWN_DRAIN_SECS", DRAIN.as_secs().to_string());
    let upload_path = upload_path(&program);
    let mut service = program.start(&[]);
    let (management, public) = addresses(&mut service);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(ask_until_refused(public)))
        .collect();
    let mut slow_upload = Client::connect(public).await.unwrap();
    if let Some(path) = &upload_path {
        slow_upload.begin_upload(path, 2).await.unwrap();
        slow_upload.stream.write_all(b"{").await.unwrap();
    }
    let mut slow_reader = SlowReader::begin(public).await;
    assert_eq!(get(management, "/readyz").await.unwrap().status, 200);

    let told = Instant::now();
    service.terminate();
    service.line_with("draining: not ready any more");
    let readiness = get(management, "/readyz").await.unwrap();
    assert_eq!(
        readiness.status,
        503,
        "it is still ready: {}",
        readiness.text()
    );
    assert!(
        readiness.text().contains("draining"),
        "{}",
        readiness.text()
    );
    let scraped = get(management, "/metrics").await.unwrap();
    let is_shown = scraped.text().lines().any(|line| line == "app_ready 0");
    assert!(is_shown, "{}", scraped.text());
    assert_eq!(
        get(management, "/livez").await.unwrap().status,
        200,
        "alive, though not ready"
    );
    let newcomer = get(public, "/").await.unwrap();
    assert!(
        newcomer.status == 200 && newcomer.closes(),
        "a client that comes during the drain is served, and told to connect elsewhere next time: {}",
        newcomer.head
    );

    service.line_with("stopping: requests have");
    let mut courses = Vec::new();
    for client in clients {
        courses.push(client.await.unwrap());
    }
    assert_eq!(
        get(management, "/livez").await.unwrap().status,
        200,
        "alive until the last request has ended"
    );
    if upload_path.is_some() {
        slow_upload.stream.write_all(b"}").await.unwrap();
        let answer = slow_upload
            .answer()
            .await
            .expect("the slow request is answered");
        assert!(answer.closes(), "{}", answer.head);
    }
    slow_reader.finish().await;
    let status = service.end();

    let failed: Vec<_> = courses.iter().flat_map(|course| &course.failed).collect();
    let served: usize = courses.iter().map(|course| course.served).sum();
    let asked_to_leave: usize = courses.iter().map(|course| course.asked_to_leave).sum();
    println!("{served} requests were served, {asked_to_leave} of them with `connection: close`");
    assert!(
        failed.is_empty(),
        "{} of {served} requests failed: {failed:#?}",
        failed.len()
    );
    for course in &courses {
        let refused = course.refused.unwrap() - told;
        assert!(
            refused >= DRAIN,
            "connections were refused {refused:?} after the signal, before the drain of {DRAIN:?} was over"
        );
    }
    assert!(
        asked_to_leave >= CLIENTS,
        "not all clients were told to leave: {courses:#?}"
    );
    assert_eq!(
        status.code(),
        Some(0),
        "{:#?} {}",
        service.seen,
        service.stderr()
    );
    let seen = service.seen.join("\n");
    assert!(seen.contains("stopped: all requests have ended"), "{seen}");
}

/// Takes a large answer in small pieces, as a client of a stream does.
struct SlowReader(Client);

#[cfg(feature = "swagger-ui")]
const LARGE: &str = "/docs/swagger-ui-bundle.js";
#[cfg(not(feature = "swagger-ui"))]
const LARGE: &str = "/openapi.json";

impl SlowReader {
    async fn begin(address: SocketAddr) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut client = Client::of(socket.connect(address).await.unwrap());
        let request = format!("GET {LARGE} HTTP/1.1\r\nhost: test\r\n\r\n");
        client.stream.write_all(request.as_bytes()).await.unwrap();
        client.stream.readable().await.unwrap();
        Self(client)
    }

    async fn finish(&mut self) {
        let answer = self
            .0
            .answer()
            .await
            .expect("the large answer is sent to its end");
        assert_eq!(answer.status, 200, "{}", answer.head);
    }
}

/// Or each replacement of a pod would call somebody.
#[tokio::test]
async fn that_it_is_not_ready_any_more_is_no_error() {
    let _alone = alone().await;
    let program = on_two_ports().with("SERVER_SHUTDOWN_DRAIN_SECS", "600");
    let mut service = program.start(&[]);
    let (management, _) = addresses(&mut service);
    service.terminate();
    service.line_with("draining: not ready any more");
    assert_eq!(get(management, "/readyz").await.unwrap().status, 503);
    let line = service.line_with("GET /readyz 503");
    assert!(line.contains("DEBUG"), "{line}");
}

#[tokio::test]
async fn a_stuck_request_is_cut_at_the_deadline() {
    let _alone = alone().await;
    let program = as_short_as_can_be(on_two_ports());
    let Some(path) = upload_path(&program) else {
        return; // a project without a request that could be stuck
    };
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut stuck = Client::connect(public).await.unwrap();
    stuck.begin_upload(&path, 2).await.unwrap();
    get(public, "/").await.unwrap();
    service.terminate();
    let line = service.line_with("stopped: ");
    assert!(
        line.contains("requests were cut off, their time is over"),
        "{line}"
    );
    assert!(
        line.contains("connections=1"),
        "it says how many were cut: {line}"
    );
    assert!(service.end().success());
    stuck.answer().await.expect_err("it was cut");
}

/// Times that nest, as short as they can.
fn as_short_as_can_be(program: crate::program::Program) -> crate::program::Program {
    let program = program
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "2")
        .with("SERVER_REQUEST_TIMEOUT_SECS", "2")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "1")
        .with("DATABASE_POOL_TIMEOUT_SECS", "1");
    if cfg!(not(feature = "http-client")) {
        return program;
    }
    ["CONNECT", "READ", "REQUEST", "POOL"]
        .into_iter()
        .fold(program, |program, phase| {
            program.with(format!("HTTP_CLIENT_{phase}_TIMEOUT_SECS"), "1")
        })
}

#[tokio::test]
async fn a_second_signal_ends_the_drain_and_the_service_at_once() {
    let _alone = alone().await;
    let program = on_two_ports()
        .with("SERVER_SHUTDOWN_DRAIN_SECS", "600")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "600")
        .with("SERVER_REQUEST_TIMEOUT_SECS", "600");
    let upload_path = upload_path(&program);
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut client = Client::connect(public).await.unwrap();
    client.get("/").await.unwrap();
    if let Some(path) = &upload_path {
        client.begin_upload(path, 2).await.unwrap();
        client.stream.write_all(b"{").await.unwrap();
    }
    get(public, "/").await.unwrap();
    service.terminate();
    service.line_with("draining");
    let told = Instant::now();
    service.terminate();
    service.line_with("cut off by a second signal");
    assert!(service.end().success());
    assert_at_once(told);
    client
        .answer()
        .await
        .expect_err("what was under way was cut off");
}

/// Nothing was waited for: any of the settings is 600 s.
#[track_caller]
fn assert_at_once(told: Instant) {
    let took = told.elapsed();
    assert!(
        took < Duration::from_secs(30),
        "a second signal ends what goes on, but the service took {took:?} more"
    );
}

#[tokio::test]
async fn a_client_of_http2_is_told_to_go_and_its_request_is_answered() {
    let _alone = alone().await;
    let program = on_two_ports();
    let Some(path) = upload_path(&program) else {
        return; // a project without a request that is under way for as long as a client likes
    };
    let request = h2_request(1, 3, &path, false);
    // What the client has sent when the service stops. Of the preface alone the service can't tell yet whether it is HTTP/2; it waits
    // for the rest for a second only, which may be too short for this test on a busy machine.
    let older = [PREFACE, &request].concat();
    let young = &PREFACE[..10];
    for begun in [&older, young, young, young] {
        let mut service = program.start(&[]);
        let (_, public) = addresses(&mut service);
        let mut stream = TcpStream::connect(public).await.unwrap();
        stream.write_all(begun).await.unwrap();
        get(public, "/").await.unwrap();
        service.terminate();
        service.line_with("stopping: requests have");
        // It may be too late.
        let _ = stream.write_all(&older[begun.len()..]).await;
        let Some((told, answered)) = until_the_end(&mut stream).await else {
            continue;
        };
        let length = begun.len();
        assert!(
            told,
            "the connection ended without GOAWAY ({length} bytes were sent before)"
        );
        assert!(
            answered,
            "the request under way was not answered ({length} bytes were sent before)"
        );
        assert!(service.end().success());
        let seen = service.seen.join("\n");
        assert!(seen.contains("stopped: all requests have ended"), "{seen}");
        if begun == young {
            return;
        }
    }
    panic!("a connection has ended three times before its client could say that it speaks HTTP/2");
}

/// Sends the body of the request on stream 1 as soon as it is told to go, and no sooner. Whether it was told, and answered; nothing,
/// if the connection ended before the service had said anything.
async fn until_the_end(stream: &mut TcpStream) -> Option<(bool, bool)> {
    let (mut told, mut answered) = (false, false);
    let mut said = false;
    while let Ok((kind, _, payload)) = h2_read(stream).await {
        said = true;
        match kind {
            // HEADERS
            1 => answered = true,
            // PING, which has to be answered
            6 => stream
                .write_all(&h2_frame(6, 1, 0, &payload))
                .await
                .unwrap(),
            // GOAWAY, the first time: DATA with END_STREAM
            7 if !told => {
                told = true;
                stream.write_all(&h2_frame(0, 1, 1, b"{}")).await.unwrap();
            }
            _ => {}
        }
    }
    said.then_some((told, answered))
}
