//! As much of an HTTP client as it takes to see whether a service is there.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Status and body of `GET path` on this machine.
pub(crate) fn get(port: u16, path: &str) -> Result<(u16, String)> {
    send(port, "GET", path, "")
}

/// The same with another method, and a body in JSON unless it is empty.
pub(crate) fn send(port: u16, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
    let mut stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let about_the_body = if body.is_empty() {
        String::new()
    } else {
        format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{about_the_body}\r\n{body}"
    )?;
    let answer = Answer::read(&mut BufReader::new(stream))?;
    Ok((answer.status, answer.body))
}

/// What comes back on a connection, one after the other.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The connection ends with it.
    pub(crate) is_last: bool,
}

impl Answer {
    pub(crate) fn read(stream: &mut impl BufRead) -> Result<Self> {
        let first = line(stream)?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("the answer has no status: {first}"))?;
        let mut is_last = first.starts_with("HTTP/1.0 ");
        let (mut length, mut is_chunked) = (None, false);
        loop {
            let header = line(stream)?.to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').context("a header without a colon")?;
            match (name, value.trim()) {
                ("content-length", value) => length = Some(value.parse()?),
                ("transfer-encoding", value) => is_chunked = value == "chunked",
                ("connection", value) => is_last = value == "close",
                _ => {}
            }
        }
        let mut body = Vec::new();
        if is_chunked {
            read_chunks(stream, &mut body).context("the answer broke off")?;
        } else if let Some(length) = length {
            body.resize(length, 0);
            stream
                .read_exact(&mut body)
                .context("the answer is cut off")?;
        } else if is_last {
            stream.read_to_end(&mut body)?;
        }
        Ok(Self {
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
            is_last,
        })
    }
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    ensure!(
        line.ends_with('\n'),
        "the connection ends without an answer"
    );
    Ok(line.trim_end().to_owned())
}

/// The content of chunks (RFC 9112, section 7.1), up to the last one.
fn read_chunks(stream: &mut impl BufRead, content: &mut Vec<u8>) -> Result<()> {
    loop {
        let size = line(stream)?;
        let size = usize::from_str_radix(&size, 16).with_context(|| format!("no size: {size}"))?;
        let begin = content.len();
        content.resize(begin + size, 0);
        stream.read_exact(&mut content[begin..])?;
        let end = line(stream)?;
        ensure!(end.is_empty(), "a chunk is longer than it says");
        if size == 0 {
            return Ok(());
        }
    }
}

/// Whether nobody listens on this port.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_follow_one_another_on_a_connection() {
        let mut stream: &[u8] = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n\
            HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        for expected in [(201, "{}", false), (200, "abcd", false), (204, "", true)] {
            let answer = Answer::read(&mut stream).unwrap();
            let answer = (answer.status, answer.body.as_str(), answer.is_last);
            assert_eq!(answer, expected);
        }
        assert!(Answer::read(&mut stream).is_err());
    }

    #[test]
    fn an_answer_without_a_length_goes_on_to_the_end_of_its_connection() {
        let mut stream: &[u8] = b"HTTP/1.0 200 OK\r\n\r\nall of it";
        let answer = Answer::read(&mut stream).unwrap();
        assert_eq!((answer.body.as_str(), answer.is_last), ("all of it", true));
    }

    #[test]
    fn an_answer_that_broke_off_is_none() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            let answer = Answer::read(&mut text.as_bytes());
            assert!(answer.is_err(), "{answer:?}");
        }
    }
}
