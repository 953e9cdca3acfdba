//! Clients that write and read without pause, and count what goes wrong.

use std::fmt;
use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::http::Answer;

/// Longer than any request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What each client waits between two requests.
const PAUSE: Duration = Duration::from_millis(50);

/// Clients at work; dropped, they stop.
pub(crate) struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: usize,
    pub(crate) connections: usize,
    pub(crate) failures: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            connections,
            failures,
        } = self;
        let failed = failures.len();
        write!(
            f,
            "{requests} requests on {connections} connections, {failed} failed"
        )
    }
}

impl Load {
    /// So many clients of the service on a port, each with an address of its own.
    pub(crate) fn begin(port: u16, clients: usize) -> Self {
        // Nobody is created twice, whoever else has been at that service.
        static LOADS: AtomicU32 = AtomicU32::new(1);
        let load = LOADS.fetch_add(1, Ordering::Relaxed);
        let over = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        let client = |number| {
            let (over, name) = (over.clone(), format!("{load}-{number}"));
            thread::spawn(move || {
                let mut client = Client::new(port, format!("203.0.113.{number}"));
                let mut tally = Tally::default();
                while !over.load(Ordering::Relaxed) {
                    round(&mut client, &mut tally, &name, begun);
                }
                tally.connections = client.connections;
                tally
            })
        };
        Self {
            clients: (1..=clients).map(client).collect(),
            over,
        }
    }

    /// Lets them end what they have begun.
    pub(crate) fn end(mut self) -> Result<Tally> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in std::mem::take(&mut self.clients) {
            let tally = client.join().map_err(|_| anyhow!("a client panicked"))?;
            all.requests += tally.requests;
            all.connections += tally.connections;
            all.failures.extend(tally.failures);
        }
        Ok(all)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Creates a user, reads it, and lists some.
fn round(client: &mut Client, tally: &mut Tally, name: &str, begun: Instant) {
    let email = format!("load-{name}-{}@example.com", tally.requests);
    let body = format!(r#"{{"name":"Load {name}","email":"{email}"}}"#);
    let mut ask = |request: &str, body: &str, status: u16, holds: &str| {
        thread::sleep(PAUSE);
        tally.requests += 1;
        let at = begun.elapsed().as_secs_f32();
        let wrong = match client.ask(request, body) {
            Ok((found, answer)) if found == status && answer.contains(holds) => {
                return Some(answer);
            }
            Ok((found, answer)) => format!("{found} {answer}"),
            Err(error) => format!("{error:#}"),
        };
        tally
            .failures
            .push(format!("{at:.1} s: {request}: {wrong}"));
        None
    };
    let created = ask("POST /api/v1/users", &body, 201, &email);
    if let Some(id) = created.as_deref().and_then(id_of) {
        ask(&format!("GET /api/v1/users/{id}"), "", 200, &email);
    }
    ask("GET /api/v1/users?limit=5", "", 200, "\"items\":[{");
}

fn id_of(user: &str) -> Option<String> {
    let user: serde_json::Value = serde_json::from_str(user).ok()?;
    user["id"].as_str().map(str::to_owned)
}

/// A client that keeps its connection, and comes from an address that it says to come from.
pub(crate) struct Client {
    port: u16,
    address: String,
    stream: Option<BufReader<TcpStream>>,
    connections: usize,
}

impl Client {
    pub(crate) fn new(port: u16, address: String) -> Self {
        Self {
            port,
            address,
            stream: None,
            connections: 0,
        }
    }

    /// Status and body of the answer to a request such as `GET /`. One that is not answered is not sent again.
    pub(crate) fn ask(&mut self, request: &str, body: &str) -> Result<(u16, String)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect()?,
        };
        let (address, length) = (&self.address, body.len());
        write!(
            stream.get_mut(),
            "{request} HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let answer = Answer::read(&mut stream)?;
        if !answer.is_last {
            self.stream = Some(stream);
        }
        Ok((answer.status, answer.body))
    }

    fn connect(&mut self) -> Result<BufReader<TcpStream>> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        self.connections += 1;
        Ok(BufReader::new(stream))
    }
}
