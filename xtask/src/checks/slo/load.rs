//! Clients that ask again and again until they are dropped.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::http::{self, Answer};

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
                        .map(BufReader::new)
                        .collect();
                }
                crowd.retain_mut(|stream| stream.get_mut().write_all(request.as_bytes()).is_ok());
                crowd.retain_mut(|stream| Answer::read(stream).is_ok());
            }
        })
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
