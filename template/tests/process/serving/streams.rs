//! Clients of HTTP/2 that make a little go a long way.

use std::{net::SocketAddr, time::Instant};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{
    PATIENCE, addresses, alone,
    client::{PREFACE, get, h2_frame, h2_read, h2_request, read_to_end},
    on_two_ports,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;

/// The settings of HTTP/2 that a client sends can say how little of each answer it takes: nothing, or one byte, with which h2 has the
/// whole answer in its hands.
#[tokio::test]
async fn a_stream_whose_client_takes_next_to_nothing_is_reset_and_the_others_go_on() {
    let _alone = alone().await;
    let program = on_two_ports()
        .with("SERVER_WRITE_STALL_SECS", "2")
        .with("STREAM_STALL_SECS", "1")
        .with("SERVER_KEEP_ALIVE_SECS", "3600");
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    for window in 0..2 {
        let mut stream = with_window(public, window).await;
        let start = Instant::now();
        stream
            .write_all(&h2_request(1, 2, "/", true))
            .await
            .unwrap();
        until(&mut stream, RST_STREAM, 1).await;
        println!(
            "with a window of {window}, the stream was reset after {:?}",
            start.elapsed()
        );
        stream
            .write_all(&h2_request(3, 2, "/", true))
            .await
            .unwrap();
        until(&mut stream, HEADERS, 3).await;
    }
}

/// What h2 holds of an answer is as much under way as what it was not given.
#[tokio::test]
async fn an_answer_of_which_one_byte_was_taken_keeps_its_place() {
    const LIMIT: u32 = 3;
    let _alone = alone().await;
    let program = on_two_ports()
        .with("SERVER_MAX_IN_FLIGHT", LIMIT.to_string())
        .with("SERVER_WRITE_STALL_SECS", "600");
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut stream = with_window(public, 1).await;
    for number in 0..LIMIT {
        let id = 2 * number + 1;
        stream
            .write_all(&h2_request(id, 2, "/", true))
            .await
            .unwrap();
        until(&mut stream, DATA, id).await;
    }
    assert_eq!(
        get(public, "/").await.unwrap().status,
        503,
        "the answers that wait for their client are not counted"
    );
    for number in 0..LIMIT {
        let room = h2_frame(WINDOW_UPDATE, 0, 2 * number + 1, &[0, 1, 0, 0]);
        stream.write_all(&room).await.unwrap();
    }
    let start = Instant::now();
    while get(public, "/").await.unwrap().status != 200 {
        assert!(
            start.elapsed() < PATIENCE,
            "answers that were sent to their end keep their places"
        );
    }
}

/// A connection of HTTP/2 whose client takes so many bytes of each answer, until it says otherwise.
async fn with_window(address: SocketAddr, window: u8) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let preface = PREFACE.strip_suffix(b"\0\0\0\x04\0\0\0\0\0").unwrap();
    stream.write_all(preface).await.unwrap();
    // SETTINGS_INITIAL_WINDOW_SIZE
    let settings = h2_frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, window]);
    stream.write_all(&settings).await.unwrap();
    stream
}

/// Waits for a frame of this kind on this stream.
async fn until(stream: &mut TcpStream, kind: u8, id: u32) {
    loop {
        let (read, on, _) = h2_read(stream)
            .await
            .unwrap_or_else(|error| panic!("no frame {kind} on stream {id}: {error}"));
        if (read, on) == (kind, id) {
            return;
        }
        assert_ne!(read, 7, "the connection was ended, not the stream");
    }
}

/// "Rapid reset" (CVE-2023-44487): such requests cost the client nothing, and were never answered.
#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let _alone = alone().await;
    // so that nothing else ends it
    let program = on_two_ports().with("SERVER_KEEP_ALIVE_SECS", "3600");
    let mut service = program.start(&[]);
    let (_, public) = addresses(&mut service);
    let mut stream = TcpStream::connect(public).await.unwrap();
    let mut flood = PREFACE.to_vec();
    for number in 0..1000 {
        let id = 2 * number + 1;
        flood.extend(h2_request(id, 2, "/", true));
        flood.extend(h2_frame(RST_STREAM, 0, id, &[0, 0, 0, 8]));
    }
    // it may be ended in the middle of this
    let _ = stream.write_all(&flood).await;
    let end = read_to_end(&mut stream, PATIENCE).await;
    end.expect("a flood of requests that are taken back is put up with");
    assert_eq!(get(public, "/").await.unwrap().status, 200);
}
