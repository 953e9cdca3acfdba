//! The service under many, slow and impatient clients, and while it stops.

mod client;
mod connections;
mod overload;
mod shutdown;
mod slow;
mod streams;

use std::{net::SocketAddr, time::Duration};

use tokio::sync::{Mutex, MutexGuard};

use crate::program::{Program, Running};

/// Longer than anything takes, even on a machine with much else to do; only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// One after the other: thousands of connections, and times that are short so that tests are, get in each other's way.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// On free ports, probes apart from clients as outside `local`.
fn on_two_ports() -> Program {
    Program::on_free_port().with("SERVER_MANAGEMENT_PORT", "0")
}

/// Where it serves probes and clients.
#[track_caller]
fn addresses(service: &mut Running<'_>) -> (SocketAddr, SocketAddr) {
    let address = |line: &str| {
        let (_, address) = line.split_once("http://").unwrap();
        address.parse().unwrap()
    };
    let management = address(&service.line_with("management "));
    (management, address(&service.line_with("ready ")))
}

/// A route that takes a body, if the project has one: a request whose body doesn't come is under way for as long as a test likes.
fn upload_path(program: &Program) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(&program.output(&["openapi"])).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let takes_body = |(path, item): &(&String, &serde_json::Value)| {
        path.starts_with("/api/") && !path.contains('{') && item.get("post").is_some()
    };
    let (path, _) = paths.iter().find(takes_body)?;
    Some(path.clone())
}
