//! Requests to another service, on the running binary, where the project has some: quotes for products.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::program::{Program, get, send};

/// What the other service does next.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Does {
    /// Answers with a price.
    Quote,
    /// Says that it is busy, for a moment.
    Busy,
    /// Hangs up in the middle of the answer.
    BreakOff,
    /// Hangs up before the answer.
    HangUp,
    /// Says nothing until the other side hangs up.
    Nothing,
}

/// A service that does one of these things after the other, and then the last one again and again.
pub(crate) struct Upstream {
    pub(crate) url: String,
    to_do: Arc<Mutex<Vec<Does>>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to_do = Arc::new(Mutex::new(vec![Does::Quote]));
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let upstream = Self {
            url,
            to_do: Arc::clone(&to_do),
            heads: Arc::clone(&heads),
        };
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut head = [0; 4096];
                let read = connection.read(&mut head).unwrap_or_default();
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                heads.lock().unwrap().push(head);
                let mut to_do = to_do.lock().unwrap();
                let does = if to_do.len() > 1 {
                    to_do.remove(0)
                } else {
                    to_do[0]
                };
                drop(to_do);
                let close = "Connection: close\r\n";
                let answer = match does {
                    Does::Quote => format!(
                        "HTTP/1.1 200 OK\r\n{close}Content-Length: 14\r\n\r\n{{\"price\":3.20}}"
                    ),
                    Does::Busy => format!(
                        "HTTP/1.1 503 Busy\r\n{close}Retry-After: 0\r\nContent-Length: 0\r\n\r\n"
                    ),
                    Does::BreakOff => {
                        "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"pri".to_owned()
                    }
                    Does::HangUp => String::new(),
                    Does::Nothing => {
                        thread::spawn(move || connection.read(&mut [0; 64]));
                        continue;
                    }
                };
                let _ = connection.write_all(answer.as_bytes());
                let _ = connection.shutdown(Shutdown::Both);
            }
        });
        upstream
    }

    /// What it does from now on; forgets how often it was asked.
    pub(crate) fn will(&self, does: &[Does]) {
        *self.to_do.lock().unwrap() = does.to_vec();
        self.heads.lock().unwrap().clear();
    }

    fn asked(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

/// The request for a quote of a new product; `None` in a project without products.
pub(crate) fn quote(url: &str) -> Option<String> {
    let cup = r#"{ "name": "Cup", "price": "3.50" }"#;
    let json = "Content-Type: application/json";
    let created = send(url, "POST /api/v1/products", &[json], cup);
    if created.starts_with("HTTP/1.1 404 ") {
        return None;
    }
    let location = created
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    Some(format!("GET {}/quote", location.unwrap()))
}

#[test]
fn an_upstream_that_comes_and_goes_is_met_with_patience_and_then_left_alone() {
    let upstream = Upstream::start();
    let program = Program::on_free_port()
        .with("UPSTREAM_BASE_URL", upstream.url.as_str())
        .with("HTTP_CLIENT_BREAKER_MIN_CALLS", "20")
        .with("HTTP_CLIENT_BREAKER_OPEN_SECS", "300");
    let mut service = program.start(&[]);
    let url = service.url();
    let Some(quote) = quote(&url) else {
        return;
    };
    let ask = |lines: &[&str]| send(&url, &quote, lines, "");

    upstream.will(&[Does::Busy, Does::HangUp, Does::Busy, Does::Quote]);
    let told = [
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "x-request-id: outbound-1",
    ];
    let answer = ask(&told);
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "it is not tried again: {answer}"
    );
    assert_eq!(upstream.asked(), 4);
    for head in &*upstream.heads.lock().unwrap() {
        let lines: Vec<_> = head.lines().collect();
        for line in told {
            assert!(lines.contains(&line), "`{line}` did not go along: {head}");
        }
    }

    upstream.will(&[Does::BreakOff]);
    let answer = ask(&[]);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(
        upstream.asked(),
        1,
        "an answer that began is not asked for again"
    );

    upstream.will(&[Does::Nothing]);
    let answer = ask(&["X-Request-Timeout: 0.2"]);
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");

    upstream.will(&[Does::HangUp]);
    let open = (0..50).map(|_| ask(&[])).find(|answer| {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        answer.contains("fails too often")
    });
    let open = open.expect("the breaker stays closed although nothing is answered");
    let retry_after = open
        .lines()
        .find_map(|line| line.strip_prefix("retry-after: "));
    let seconds: u32 = retry_after.unwrap().parse().unwrap();
    assert!(seconds > 200, "{open}");
    upstream.will(&[Does::Quote]);
    assert!(ask(&[]).contains("fails too often"));
    assert_eq!(upstream.asked(), 0, "while it is open nobody is asked");

    let health = get(&url, "/health");
    assert!(
        health.contains("\"quotes\":{\"status\":\"unhealthy\",\"gates_readiness\":false"),
        "{health}"
    );
    let ready = get(&url, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 200 "), "{ready}");
    assert_counted(&get(&url, "/metrics"), &upstream);
}

#[track_caller]
fn assert_counted(scraped: &str, upstream: &Upstream) {
    let address = upstream.url.trim_start_matches("http://");
    let ended = |how: &str| {
        format!(
            "http_client_request_duration_seconds_count{{server_address=\"{address}\",http_request_method=\"GET\",{how}}} "
        )
    };
    for expected in [
        format!("http_client_breaker_state{{server_address=\"{address}\"}} 2\n"),
        format!("http_client_active_requests{{server_address=\"{address}\"}} 0\n"),
        format!("http_client_request_resends_total{{server_address=\"{address}\"}} "),
        ended("http_response_status_code=\"200\"") + "1\n",
        ended("http_response_status_code=\"503\"") + "2\n",
        ended("error_type=\"connection\""),
    ] {
        assert!(
            scraped.contains(&expected),
            "`{expected}` is not shown: {scraped}"
        );
    }
}
