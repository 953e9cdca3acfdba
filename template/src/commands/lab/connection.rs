//! One connection to the service, as a browser or a balancer keeps it.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, anyhow, bail};
use axum::http::{Request, Response, StatusCode, Uri, header::HOST};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::load::Answer;

/// For what is asked beside the load: an answer of `/metrics` has some ten kilobytes.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// How long that may take. The service may be busy, but its management routes don't wait for anybody.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the service is, and what it is called there.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) socket: SocketAddr,
    pub(super) host: String,
}

#[cfg(test)]
impl Address {
    pub(super) fn of(socket: SocketAddr) -> Self {
        Self {
            host: socket.to_string(),
            socket,
        }
    }
}

/// A connection that is opened with its first request, and again after it was closed.
///
/// It is hyper's client without a pool: the clients on top of that share connections, and the load generators that can be had as a
/// library bring a terminal's whole user interface.
pub(super) struct Connection {
    address: Address,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Connection {
    pub(super) fn to(address: Address) -> Self {
        Self {
            address,
            sender: None,
        }
    }

    /// Sends a request, reads the answer to its end and throws it away.
    pub(super) async fn load(&mut self, request: &LoadRequest, patience: Duration) -> Answer {
        match timeout(patience, self.answer(request)).await {
            Ok(Ok(status)) => Answer::Status(status.as_u16()),
            Ok(Err(error)) => {
                self.sender = None;
                Answer::Broken(error)
            }
            Err(_) => {
                // The service still works at it: closing the connection is how it learns that nobody waits any more.
                self.sender = None;
                Answer::Late
            }
        }
    }

    async fn answer(&mut self, request: &LoadRequest) -> anyhow::Result<StatusCode> {
        let answer = self.send(request).await?;
        let status = answer.status();
        let mut body = answer.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        Ok(status)
    }

    /// The status and the text of the answer to a GET.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<(StatusCode, String)> {
        let request = LoadRequest::get(path)?;
        let asked = async {
            let answer = self.send(&request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect();
            let body = body.await.map_err(|error| anyhow!(error))?.to_bytes();
            Ok((status, String::from_utf8(body.into())?))
        };
        match timeout(PATIENCE, asked).await {
            Ok(asked) => asked,
            Err(_) => bail!("no answer within {} s", PATIENCE.as_secs()),
        }
    }

    async fn send(&mut self, request: &LoadRequest) -> anyhow::Result<Response<Incoming>> {
        let kept = self.sender.take();
        let mut sender = match kept.filter(|sender| !sender.is_closed()) {
            Some(sender) => sender,
            None => self.open().await?,
        };
        sender.ready().await?;
        let request = Request::builder()
            .uri(request.uri.clone())
            .header(HOST, &self.address.host)
            .body(Empty::new())?;
        let answer = sender.send_request(request).await?;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn open(&self) -> anyhow::Result<SendRequest<Empty<Bytes>>> {
        let stream = TcpStream::connect(self.address.socket)
            .await
            .context("can't connect")?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection); // it ends with its sender
        Ok(sender)
    }
}

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub(super) struct LoadRequest {
    uri: Uri,
}

impl LoadRequest {
    /// GET this path, with its query.
    pub(super) fn get(path: &str) -> anyhow::Result<Self> {
        let uri = path
            .parse()
            .with_context(|| format!("{path:?} is no path of a URL"))?;
        Ok(Self { uri })
    }
}
