//! Requests to another service, on the running binary, where the project has some: quotes for products.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::program::{Program, get, send};

/// What the other service does next.
#[derive(Clone, Copy, PartialEq)]
enum Does {
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
struct Upstream {
    url: String,
    to_do: Arc<Mutex<Vec<Does>>>,
    asked: Arc<Mutex<usize>>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let to_do = Arc::new(Mutex::new(vec![Does::Quote]));
        let asked = Arc::new(Mutex::new(0));
        let upstream = Self {
            url,
            to_do: Arc::clone(&to_do),
            asked: Arc::clone(&asked),
        };
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let _ = connection.read(&mut [0; 4096]);
                *asked.lock().unwrap() += 1;
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
    fn will(&self, does: &[Does]) {
        *self.to_do.lock().unwrap() = does.to_vec();
        *self.asked.lock().unwrap() = 0;
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
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
    let cup = r#"{ "name": "Cup", "price": "3.50" }"#;
    let json = "Content-Type: application/json";
    let created = send(&url, "POST /api/v1/products", &[json], cup);
    if created.starts_with("HTTP/1.1 404 ") {
        return; // a project without products
    }
    let location = created
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    let quote = format!("GET {}/quote", location.unwrap());
    let ask = |lines: &[&str]| send(&url, &quote, lines, "");

    upstream.will(&[Does::Busy, Does::HangUp, Does::Busy, Does::Quote]);
    let answer = ask(&[]);
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "it is not tried again: {answer}"
    );
    assert_eq!(upstream.asked(), 4);

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
}
