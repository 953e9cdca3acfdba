//! Clients that do exactly what they are told, byte by byte.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::PATIENCE;

/// What a client of HTTP/2 sends first: its preface, and an empty SETTINGS frame.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A connection that is kept.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    buffer: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Whether the client is asked to connect elsewhere.
    pub(super) fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::of(stream))
    }

    pub(super) fn of(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.answer().await
    }

    /// Begins a request whose body is yet to come.
    pub(super) async fn begin_upload(&mut self, path: &str, length: usize) -> io::Result<()> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).await
    }

    /// The same, and waits until the handler asks for the body.
    pub(super) async fn begin_upload_when_told(
        &mut self,
        path: &str,
        length: usize,
    ) -> io::Result<()> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).await?;
        let told = self.answer().await?;
        assert_eq!(told.status, 100, "{}", told.head);
        Ok(())
    }

    /// Reads an answer whose length is known.
    pub(super) async fn answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            let found = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = found {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < end + length {
            self.more().await?;
        }
        let rest = self.buffer.split_off(end + length);
        let body = std::mem::replace(&mut self.buffer, rest).split_off(end);
        Ok(Answer { status, head, body })
    }

    /// Whether a part of an answer has come.
    pub(super) fn has_part(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn more(&mut self) -> io::Result<()> {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        match read {
            Ok(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// The answer to one request on a connection of its own.
pub(super) async fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    Client::connect(address).await?.get(path).await
}

/// Reads until the service ends the connection, and gives what came. An error is an end as well; no end within `limit` is not.
pub(super) async fn read_to_end(stream: &mut TcpStream, limit: Duration) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let read = timeout(limit, async {
        while let Ok(1..) = stream.read_buf(&mut all).await {}
    });
    read.await.ok().map(|()| all)
}

/// The frame of HTTP/2 with the head of a request for this path, on this stream; with `END_STREAM` if it has no body.
pub(super) fn h2_request(stream: u32, method: u8, path: &str, ends: bool) -> Vec<u8> {
    // method and scheme from the compression's static table (2 is GET, 3 is POST), path and authority as they are
    let mut head = vec![0x80 | method, 0x86, 0x04, u8::try_from(path.len()).unwrap()];
    head.extend_from_slice(path.as_bytes());
    head.extend_from_slice(b"\x01\x04test");
    // content-type
    head.extend_from_slice(b"\x0f\x10\x10application/json");
    h2_frame(1, if ends { 5 } else { 4 }, stream, &head)
}

pub(super) fn h2_frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The next frame: its type, its stream and its payload.
pub(super) async fn h2_read(stream: &mut TcpStream) -> io::Result<(u8, u32, Vec<u8>)> {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await?;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok((head[3], id, payload))
    };
    timeout(PATIENCE, read)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
