//! Traces and logs, as a collector receives them; and a collector that is away.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    logs::v1::LogRecord,
    trace::v1::{Span, span::SpanKind},
};
use serde_json::Value;

use crate::collector::{Collector, Received, attribute, hex, text};
use crate::program::{Program, Running, get};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Where a service with JSON lines says it listens.
fn url(service: &mut Running<'_>) -> String {
    let line = service.line_with("\"listening\"");
    let line: Value = serde_json::from_str(&line).unwrap();
    format!("http://{}", line["address"].as_str().unwrap())
}

/// A list, which asks the database; where the project has none, a page that doesn't.
fn path_to_ask(program: &Program) -> String {
    let document: Value = serde_json::from_str(&program.output(&["openapi"])).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let is_list = |path: &&String| path.starts_with("/api/") && !path.contains('{');
    let list = paths
        .keys()
        .find(|path| is_list(path) && paths[*path]["get"].is_object());
    list.map_or("/problems".to_owned(), Clone::clone)
}

/// The answer to a GET request with these headers.
fn get_with(url: &str, path: &str, headers: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_collector_sees_one_trace_of_a_request_with_its_log_records() {
    let collector = Collector::start();
    let program = Program::on_free_port()
        .with("LOG_FORMAT", "json")
        .with("LOG_LEVEL", "info")
        .with("OTEL_SERVICE_NAME", "shop")
        .with("OTEL_RESOURCE_ATTRIBUTES", "service.namespace=sales")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .with("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%2Cb");
    let path = path_to_ask(&program);
    let mut service = program.start(&[]);
    let url = url(&mut service);
    let sent = format!("traceparent: 00-{TRACE}-{CALLER}-01\r\nx-request-id: seen-1\r\n");
    let answer = get_with(&url, &path, &sent);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    get_with(&url, "/livez", &sent);
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());

    let received = collector.received();
    let server = one_trace(&received, &path);
    let message = format!("GET {path} 200");
    let record = record_of(&received, &message);
    assert_eq!(hex(&record.trace_id), TRACE);
    assert_eq!(record.span_id, server.span_id);
    let request_id = attribute(&record.attributes, "request_id");
    assert_eq!(request_id.as_deref(), Some("seen-1"));

    let line = service.seen.iter().find(|line| line.contains(&message));
    let line: Value = serde_json::from_str(line.unwrap()).unwrap();
    assert_eq!(line["trace_id"], TRACE, "{line}");
    assert_eq!(line["span_id"], hex(&server.span_id), "{line}");
    assert_eq!(line["request_id"], "seen-1", "{line}");
    let of_traces = line.get("http.route");
    assert_eq!(
        of_traces, None,
        "what is for traces is no part of lines: {line}"
    );

    let resource = &received.resources[0];
    for (name, expected) in [
        ("service.name", "shop"),
        ("service.namespace", "sales"),
        ("deployment.environment.name", "local"),
    ] {
        assert_eq!(attribute(resource, name).as_deref(), Some(expected));
    }
    for headers in &received.headers {
        assert!(
            headers.contains(&"x-api-key: a,b".to_owned()),
            "{headers:?}"
        );
    }
}

/// The span of the request, which must be the only one of its kind, a child of the caller's, and what all others lead to.
#[track_caller]
fn one_trace<'r>(received: &'r Received, path: &str) -> &'r Span {
    let spans = received.spans.iter();
    let spans: Vec<_> = spans.filter(|span| hex(&span.trace_id) == TRACE).collect();
    let is_server = |span: &&&Span| span.kind == SpanKind::Server as i32;
    let servers: Vec<_> = spans.iter().filter(is_server).collect();
    assert_eq!(
        servers.len(),
        1,
        "one request, and no probe, is a server span: {spans:#?}"
    );
    let server = *servers[0];
    assert_eq!(server.name, format!("GET {path}"));
    assert_eq!(
        hex(&server.parent_span_id),
        CALLER,
        "the caller's span is the parent"
    );
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.route", path),
        ("url.path", path),
        ("http.response.status_code", "200"),
    ] {
        let found = attribute(&server.attributes, name);
        assert_eq!(found.as_deref(), Some(expected), "{server:#?}");
    }
    assert!(server.end_time_unix_nano > server.start_time_unix_nano);
    if path.starts_with("/api/") {
        let reads = |span: &&&Span| {
            let text = attribute(&span.attributes, "db.query.text");
            text.is_some_and(|text| text.starts_with("SELECT "))
        };
        assert!(
            spans.iter().any(|span| reads(&span)),
            "no span of a statement: {spans:#?}"
        );
    }
    for span in &spans {
        let mut ancestor = *span;
        while ancestor.span_id != server.span_id {
            let parent = |other: &&&Span| other.span_id == ancestor.parent_span_id;
            ancestor = spans
                .iter()
                .find(parent)
                .unwrap_or_else(|| panic!("{} is cut off from its request: {spans:#?}", span.name));
        }
    }
    server
}

/// The log record with this message.
#[track_caller]
fn record_of<'r>(received: &'r Received, message: &str) -> &'r LogRecord {
    let says = |record: &&LogRecord| {
        let body = record.body.as_ref();
        let body = body.and_then(|body| text(body.value.as_ref()?));
        body.as_deref() == Some(message)
    };
    let found = received.logs.iter().find(says);
    found.unwrap_or_else(|| panic!("no record `{message}`: {:#?}", received.logs))
}

#[test]
fn a_trace_that_the_caller_does_not_record_is_not_sent_but_passed_on_to_the_log() {
    let collector = Collector::start();
    let program = Program::on_free_port()
        .with("LOG_FORMAT", "json")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut service = program.start(&[]);
    let url = url(&mut service);
    get_with(
        &url,
        "/problems",
        &format!("traceparent: 00-{TRACE}-{CALLER}-00\r\n"),
    );
    get_with(
        &url,
        "/problems",
        "traceparent: 00-nonsense-00f067aa0ba902b7-01\r\n",
    );
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());
    let spans = collector.received().spans;
    assert!(
        spans.iter().all(|span| hex(&span.trace_id) != TRACE),
        "{spans:#?}"
    );
    let begun = spans
        .iter()
        .filter(|span| span.parent_span_id.is_empty() && span.kind == SpanKind::Server as i32);
    assert_eq!(begun.count(), 1, "nonsense begins a new trace: {spans:#?}");
    let with_id = service.seen.iter().filter(|line| line.contains(TRACE));
    assert_eq!(with_id.count(), 1, "{:#?}", service.seen);
}

#[test]
fn what_is_done_to_send_telemetry_is_not_sent_in_turn() {
    let collector = Collector::start();
    let program = Program::on_free_port()
        .with("LOG_FORMAT", "json")
        .with("RUST_LOG", "trace")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url());
    let mut service = program.start(&[]);
    let url = url(&mut service);
    let batches = || collector.received().headers.len();
    for _ in 0..3 {
        let before = batches();
        get(&url, "/problems");
        while batches() == before {
            service.line_with("\"msg\":");
        }
    }
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());
    let sends = |text: &String| text.contains("hyper_util::client");
    assert!(
        service.seen.iter().any(sends),
        "the client for the collector logs nothing any more, so this test shows nothing"
    );
    let scopes = collector.received().log_scopes;
    assert!(
        !scopes.iter().any(sends),
        "each batch leads to another: {scopes:?}"
    );
}

/// As many requests on one connection; gives how long the slowest took.
fn ask_often(url: &str, path: &str, times: usize) -> Duration {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    // In one piece: several would wait for one another.
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut slowest = Duration::ZERO;
    let mut buffer = vec![0; 65536];
    for _ in 0..times {
        let start = Instant::now();
        stream.write_all(request.as_bytes()).unwrap();
        let read = stream.read(&mut buffer).unwrap();
        let head = String::from_utf8_lossy(&buffer[..read]);
        assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
        slowest = slowest.max(start.elapsed());
    }
    slowest
}

fn resident_bytes(url: &str) -> f64 {
    let scraped = get(url, "/metrics");
    let line = scraped
        .lines()
        .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    line.unwrap().parse().unwrap()
}

/// More spans and records than the queues take.
const REQUESTS: usize = 6000;

/// In full such paths would take twice the memory that is allowed below.
const LONG_PATH: usize = 12_000;

/// Nothing is asked of it, so only what can't be sent could keep it busy.
#[cfg(target_os = "linux")]
#[track_caller]
fn assert_idle(service: &Running<'_>) {
    let before = service.processor_time();
    std::thread::sleep(Duration::from_millis(1500));
    let used = service.processor_time() - before;
    assert!(
        used < 0.3,
        "idle, and {used:.2} s of processor time in 1.5 s: it tries to send for all it is worth"
    );
}

#[track_caller]
fn serves_without_a_collector(endpoint: &str) -> Duration {
    let program = Program::on_free_port()
        .with("LOG_FORMAT", "json")
        .with("LOG_LEVEL", "info")
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let mut service = program.start(&[]);
    let url = url(&mut service);
    let long_path = format!("/nowhere{}", "/long".repeat(LONG_PATH / 5));
    ask_often(&url, "/nowhere", 100);
    let empty = resident_bytes(&url);
    // The first ones fill the queues.
    let slowest = ask_often(&url, &long_path, REQUESTS);
    let before = resident_bytes(&url);
    let slowest = slowest.max(ask_often(&url, &long_path, 2 * REQUESTS));
    let after = resident_bytes(&url);
    assert!(
        slowest < Duration::from_secs(5),
        "a request waited for the collector: {slowest:?}"
    );
    let grown = after - before;
    assert!(
        grown < 10e6,
        "what can't be sent piles up: {grown} bytes more"
    );
    let queued = after - empty;
    assert!(
        queued < 40e6,
        "what can't be sent is kept in full: {queued} bytes"
    );
    #[cfg(target_os = "linux")]
    assert_idle(&service);

    let start = Instant::now();
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());
    let warnings = service
        .seen
        .iter()
        .filter(|line| line.contains("takes no telemetry"))
        .count();
    assert!(warnings <= 4, "a flood of warnings: {warnings}");
    start.elapsed()
}

#[test]
fn a_collector_that_refuses_connections_slows_nothing_down() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let stop = serves_without_a_collector(&format!("http://127.0.0.1:{port}"));
    assert!(
        stop < Duration::from_secs(8),
        "the stop waited for the collector: {stop:?}"
    );
}

#[test]
fn a_collector_that_never_answers_slows_nothing_down() {
    // Connections are accepted by the system; nobody ever reads from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let stop = serves_without_a_collector(&format!("http://{address}"));
    assert!(
        stop < Duration::from_secs(8),
        "the stop waited for the collector: {stop:?}"
    );
    drop(silent);
}
