//! Many connections, and more than there may be.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use super::{
    addresses, alone,
    client::{Client, get},
    on_two_ports,
};
use crate::program::Running;

const IDLE: u64 = 10_000;

/// What the test itself has open besides, and the service: files, pipes, sockets.
const OTHERS: u64 = 500;

/// Memory per idle connection, in bytes: a request's and an answer's buffer, 8 KiB each, and what hyper and we know about it.
const CEILING: u64 = 40 * 1024;

/// What the process has in memory, in bytes: Linux tells.
pub(super) fn resident(service: &Running<'_>) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", service.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Each has asked once, so that it has all the buffers that a connection gets.
async fn idle_connections(address: SocketAddr, count: u64) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = Client::connect(address).await.unwrap();
        client.get("/").await.unwrap();
        clients.push(client);
    }
    clients
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_idle_connections_are_held_while_others_are_answered() {
    let _alone = alone().await;
    let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    if allowed < IDLE + OTHERS {
        println!(
            "NOT TESTED: this machine allows {allowed} open files, {} are needed (ulimit -Hn)",
            IDLE + OTHERS
        );
        return;
    }
    let program = on_two_ports()
        .with("SERVER_MAX_CONNECTIONS", (IDLE + 10).to_string())
        .with("SERVER_KEEP_ALIVE_SECS", "3600")
        .with("LOG_LEVEL", "warn");
    let mut service = program.start(&[]);
    let (management, public) = addresses(&mut service);
    drop(idle_connections(public, 100).await);
    let before = resident(&service);
    let start = Instant::now();
    let mut idle = idle_connections(public, IDLE).await;
    println!(
        "{IDLE} connections were made, and asked once, in {:?}",
        start.elapsed()
    );

    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(get(public, "/").await.unwrap().status, 200);
    }
    println!(
        "100 ordinary requests took {:?} beside them",
        start.elapsed()
    );
    assert_eq!(get(management, "/livez").await.unwrap().status, 200);
    for client in idle.iter_mut().step_by(100) {
        let answer = client.get("/").await;
        assert_eq!(
            answer.expect("an idle connection is still there").status,
            200
        );
    }
    if let (Some(before), Some(after)) = (before, resident(&service)) {
        let each = after.saturating_sub(before) / IDLE;
        println!(
            "an idle connection takes {each} bytes; the process has {} MiB",
            after >> 20
        );
        assert!(
            each < CEILING,
            "an idle connection takes {each} bytes, more than {CEILING}"
        );
    }
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait_for_their_turn() {
    let _alone = alone().await;
    let program = on_two_ports().with("SERVER_MAX_CONNECTIONS", "5");
    let mut service = program.start(&[]);
    let (management, public) = addresses(&mut service);
    let mut few = idle_connections(public, 5).await;
    let mut late = Client::connect(public)
        .await
        .expect("the system accepts it for the service");
    let request = b"GET / HTTP/1.1\r\nhost: test\r\n\r\n";
    late.stream.write_all(request).await.unwrap();
    service.line_with("all 5 connections are taken (SERVER_MAX_CONNECTIONS)");
    let early = timeout(Duration::from_millis(500), late.stream.readable()).await;
    assert!(
        early.is_err(),
        "it was served although all connections were taken"
    );
    // not counted, and never refused
    let probes: Vec<TcpStream> = {
        let mut probes = Vec::new();
        for _ in 0..10 {
            probes.push(TcpStream::connect(management).await.unwrap());
        }
        probes
    };
    assert_eq!(get(management, "/livez").await.unwrap().status, 200);
    drop(probes);
    assert_eq!(few[0].get("/").await.unwrap().status, 200);
    few.pop();
    assert_eq!(late.answer().await.unwrap().status, 200);
}

/// The soft limit that a shell gives is for programs that can't handle many; ours goes as far as it may.
#[tokio::test]
async fn too_few_open_files_are_told_and_what_is_allowed_is_used() {
    let _alone = alone().await;
    let program = on_two_ports();
    let mut service = program.start_with_files(256, 4096);
    let line = service.line_with("too few open files for SERVER_MAX_CONNECTIONS");
    assert!(line.contains("allowed=4096"), "{line}");
    assert!(line.contains("10000: there will be 3"), "{line}");
    let service = &mut service;
    addresses(service);
    let limits = fs::read_to_string(format!("/proc/{}/limits", service.id()));
    if let Ok(limits) = limits {
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        let files: Vec<&str> = files.unwrap().split_whitespace().collect();
        assert_eq!(files[3..5], ["4096", "4096"]);
    }
}

#[tokio::test]
async fn without_open_files_it_says_so_and_goes_on_when_there_are_some() {
    let _alone = alone().await;
    let program = on_two_ports();
    let mut service = program.start_with_files(64, 64);
    let (management, public) = addresses(&mut service);
    // clients are kept from taking them all: probes are not
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(TcpStream::connect(public).await.unwrap());
    }
    assert_eq!(get(management, "/livez").await.unwrap().status, 200);
    let mut probes = Vec::new();
    for _ in 0..100 {
        probes.push(TcpStream::connect(management).await.unwrap());
    }
    service.line_with("can't accept connections");
    drop(probes);
    assert_eq!(get(management, "/livez").await.unwrap().status, 200);
}
