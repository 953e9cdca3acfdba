//! Clients that are slow, silent, or away: none of them is waited for longer than the settings say, and none keeps others waiting.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet, time::sleep};

use super::{
    PATIENCE, addresses, alone,
    client::{Client, PREFACE, get, h2_frame, h2_read, h2_request, read_to_end},
    on_two_ports, upload_path,
};

/// Each kind, and what of it the service gets to see.
const KINDS: [(&str, &[u8]); 5] = [
    ("says nothing", b""),
    ("sends part of HTTP/2's preface", b"PRI * HTTP/2.0\r\n"),
    ("sends part of a head", b"GET / HTTP/1.1\r\nhost: te"),
    ("sends a head byte by byte", b"G"),
    ("sends HTTP/2's preface byte by byte", b"P"),
];

const SLOW: usize = 500;

/// Whole seconds, as the settings are.
const HEAD: Duration = Duration::from_secs(2);

/// The slow client is over when the service says so; how long that took. It goes on for as long as it may.
async fn be_slow(address: SocketAddr, kind: usize) -> Option<Duration> {
    let start = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (_, first) = KINDS[kind];
    stream.write_all(first).await.unwrap();
    let rest: &[u8] = match first {
        b"G" => b"ET / HTTP/1.1\r\nhost: test\r\nx-long: 0123456789",
        b"P" => &PREFACE[1..],
        _ => b"",
    };
    for byte in rest {
        if read_to_end(&mut stream, Duration::from_secs(1))
            .await
            .is_some()
        {
            return Some(start.elapsed());
        }
        if stream.write_all(&[*byte]).await.is_err() {
            return Some(start.elapsed());
        }
    }
    read_to_end(&mut stream, PATIENCE)
        .await
        .map(|_| start.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_block_nobody_and_do_not_outlive_their_time() {
    let _alone = alone().await;
    let program = on_two_ports().with(
        "SERVER_HEADER_READ_TIMEOUT_SECS",
        HEAD.as_secs().to_string(),
    );
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut slow = JoinSet::new();
    for number in 0..SLOW {
        let kind = number % KINDS.len();
        slow.spawn(async move { (kind, be_slow(public, kind).await) });
    }
    let mut longest = Duration::ZERO;
    let mut answered = 0;
    let mut ended = Vec::new();
    let mut kept = Client::connect(public).await.unwrap();
    while ended.len() < SLOW {
        while let Some(one) = slow.try_join_next() {
            ended.push(one.unwrap());
        }
        let start = Instant::now();
        assert_eq!(kept.get("/").await.unwrap().status, 200);
        assert_eq!(get(public, "/").await.unwrap().status, 200);
        longest = longest.max(start.elapsed());
        answered += 2;
        sleep(Duration::from_millis(10)).await;
    }
    println!(
        "{answered} requests of others were answered meanwhile, the slowest two in {longest:?}"
    );
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        let of_kind = ended.iter().filter(|(one, _)| *one == kind);
        let lived: Vec<Duration> = of_kind
            .map(|(_, lived)| {
                lived.unwrap_or_else(|| panic!("a client that {name} is never cut off"))
            })
            .collect();
        let (min, max) = (lived.iter().min().unwrap(), lived.iter().max().unwrap());
        println!("a client that {name} lived for {min:?} to {max:?}");
        assert!(
            *min >= HEAD,
            "a client that {name} was cut off after {min:?}, but has {HEAD:?}"
        );
        assert!(
            *max < HEAD * 10,
            "a client that {name} lived for {max:?}, but has {HEAD:?}"
        );
    }
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_time_and_longer_than_a_head_may_take() {
    let _alone = alone().await;
    let idle = Duration::from_secs(10);
    let program = on_two_ports()
        .with("SERVER_HEADER_READ_TIMEOUT_SECS", "2")
        .with("SERVER_KEEP_ALIVE_SECS", idle.as_secs().to_string());
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    tokio::join!(idle_http1(public, idle), idle_http2(public, idle));
}

async fn idle_http1(address: SocketAddr, idle: Duration) {
    let mut client = Client::connect(address).await.unwrap();
    client.get("/").await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let answer = client.get("/").await;
    answer.expect("an idle connection is not cut off when a head would be late: balancers keep theirs for long");
    let start = Instant::now();
    read_to_end(&mut client.stream, PATIENCE)
        .await
        .expect("an idle connection ends some day");
    assert_lived("HTTP/1.1", start, idle);
}

async fn idle_http2(address: SocketAddr, idle: Duration) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream
        .write_all(&h2_request(1, 2, "/", true))
        .await
        .unwrap();
    let mut start = None;
    loop {
        match h2_read(&mut stream).await.unwrap() {
            (0, 1, _) => start = Some(Instant::now()),
            // a ping is answered
            (6, _, payload) => stream
                .write_all(&h2_frame(6, 1, 0, &payload))
                .await
                .unwrap(),
            (7, ..) => break,
            _ => {}
        }
    }
    assert_lived("HTTP/2", start.expect("the request was answered"), idle);
    read_to_end(&mut stream, PATIENCE)
        .await
        .expect("after GOAWAY comes the end");
}

#[track_caller]
fn assert_lived(protocol: &str, since: Instant, idle: Duration) {
    let lived = since.elapsed();
    // what the client sees as the last answer is a little later than what the service does
    let least = idle.checked_sub(Duration::from_millis(200)).unwrap();
    assert!(
        lived > least,
        "a connection of {protocol} lived for {lived:?} only, but has {idle:?}"
    );
    assert!(
        lived < idle * 10,
        "a connection of {protocol} lived for {lived:?}, but has {idle:?}"
    );
}

/// Nothing of a closed connection would ever be seen here: the other machine is off.
#[tokio::test]
async fn a_client_of_http2_that_answers_no_ping_keeps_no_request_running() {
    let _alone = alone().await;
    let program = on_two_ports()
        .with("SERVER_HEADER_READ_TIMEOUT_SECS", "1")
        .with("SERVER_KEEP_ALIVE_SECS", "3")
        .with("SERVER_REQUEST_TIMEOUT_SECS", "600")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "600");
    let Some(path) = upload_path(&program) else {
        return; // a project without a request that could be under way for so long
    };
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut stream = TcpStream::connect(public).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream
        .write_all(&h2_request(1, 3, &path, false))
        .await
        .unwrap();
    read_to_end(&mut stream, PATIENCE)
        .await
        .expect("a client that answers no ping is cut off");
    // what its handler made of the end of the body is not asked here
    service.line_with(&format!("POST {path} "));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let _alone = alone().await;
    let program = on_two_ports()
        .with("SERVER_WRITE_STALL_SECS", "2")
        .with("STREAM_STALL_SECS", "1");
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut client = Client::connect(public).await.unwrap();
    let many = "GET /openapi.json HTTP/1.1\r\nhost: test\r\n\r\n".repeat(1000);
    client.stream.write_all(many.as_bytes()).await.unwrap();
    service.line_with("SERVER_WRITE_STALL_SECS");
    let mut answers = 0;
    while client.answer().await.is_ok() {
        answers += 1;
    }
    assert!(answers < 1000, "it was not cut off: all answers came");
}
