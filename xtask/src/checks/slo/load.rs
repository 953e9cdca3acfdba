//! Clients that ask again and again until they are dropped.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::http;

/// Clients of one service.
pub(super) struct Load {
    is_over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// So many, each of which asks for one path after the other and pauses in between. What is answered is Prometheus' business.
    pub(super) fn begin(port: u16, clients: usize, pause: Duration, paths: &[&str]) -> Self {
        let paths: Vec<_> = paths.iter().map(|&path| path.to_owned()).collect();
        Self::of(clients, move |is_over| {
            for path in paths.iter().cycle() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let _ = http::get(port, path);
                thread::sleep(pause);
            }
        })
    }

    fn of(clients: usize, work: impl Fn(&AtomicBool) + Send + Sync + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let work = Arc::new(work);
        let clients = (0..clients).map(|_| {
            let (is_over, work) = (Arc::clone(&is_over), Arc::clone(&work));
            thread::spawn(move || work(&is_over))
        });
        Self {
            clients: clients.collect(),
            is_over,
        }
    }
}

/// Connections of one such client.
const CROWD: usize = 150;

impl Load {
    /// The same, but each client keeps many connections, asks on all of them at once, and takes the answers then: the service has more
    /// to do at a time than it can.
    pub(super) fn crowds(port: u16, clients: usize, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Self::of(clients, move |is_over| {
            let mut crowd = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                if crowd.is_empty() {
                    crowd = (0..CROWD)
                        .filter_map(|_| TcpStream::connect(("127.0.0.1", port)).ok())
                        .collect();
                }
                crowd.retain_mut(|stream| stream.write_all(request.as_bytes()).is_ok());
                crowd.retain_mut(|stream| read_answer(stream).is_ok());
            }
        })
    }
}

/// One that says how long it is.
fn read_answer(stream: &mut TcpStream) -> Result<()> {
    const BLANK: &[u8] = b"\r\n\r\n";
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece)?;
        anyhow::ensure!(count > 0, "the connection ended");
        answer.extend_from_slice(&piece[..count]);
        let end = answer.windows(BLANK.len()).position(|part| part == BLANK);
        let Some(end) = end else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("no length")?.trim().parse()?;
        if answer.len() >= end + BLANK.len() + length {
            return Ok(());
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}
