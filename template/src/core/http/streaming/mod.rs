//! Answers of any length, sent while their rows are read: as NDJSON, or as one JSON array.
//!
//! What has begun as 200 can't become an error any more. So that a client can tell a whole answer from one that broke off, the
//! connection is cut in that case: over HTTP/1.1 the last chunk is missing, over HTTP/2 the stream is reset; and a JSON array is not closed.

mod format;
mod metrics;
mod query;
mod writer;

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use sea_orm::{FromQueryResult, ModelTrait};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use self::format::StreamFormat;
use self::metrics::Active;
pub use self::query::{MAX_FETCH_SIZE, StreamQuery};
use self::writer::{Piece, Writer};
use super::middleware::Compressible;
use super::{AppError, Result};
use crate::core::config::{DatabaseConfig, StreamConfig};
use crate::core::database::DataError;
use crate::core::database::keyset::Listed;
use crate::core::state::{AppState, Shared};
use crate::core::telemetry::carry_on;

/// Pieces that wait for the client: one on its way, one ready.
const WAITING: usize = 2;

/// When to try again if there are too many streams: they take long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How many streams there may be at a time.
struct Places {
    all: Arc<Semaphore>,
    /// Of those that hold a database connection from their first row to their last: at most half the pool, or clients that read slowly
    /// would leave none for anybody else.
    at_one_moment: Arc<Semaphore>,
}

/// How many streams are being sent.
#[must_use]
pub fn active_streams(app: &AppState) -> usize {
    let most = app.config.section::<StreamConfig>().max_streams;
    let free = app.component::<Places>().all.available_permits();
    most.saturating_sub(free)
}

crate::register_component!(Places: |shared: &Shared| {
    let most = shared.config.section::<StreamConfig>().max_streams;
    let pool = shared.config.section::<DatabaseConfig>().pool_max_size;
    let half = usize::try_from(pool / 2).unwrap_or(usize::MAX).max(1);
    Ok::<_, io::Error>(Places {
        all: Arc::new(Semaphore::new(most)),
        at_one_moment: Arc::new(Semaphore::new(half.min(most))),
    })
});

impl Places {
    /// The places that a stream takes, if there are any.
    fn take(&self, at_one_moment: bool) -> Option<Vec<OwnedSemaphorePermit>> {
        let held = at_one_moment.then_some(&self.at_one_moment);
        let wanted = [&self.all].into_iter().chain(held);
        wanted
            .map(|places| Arc::clone(places).try_acquire_owned().ok())
            .collect()
    }
}

/// 200 with the rows of a list as they are read, each as a `T`.
pub struct Streamed<T> {
    body: Body,
    format: StreamFormat,
    row: PhantomData<fn(T)>,
}

impl<T: Serialize + Send + 'static> Streamed<T> {
    /// Reads the first rows; the rest is read as the client takes it.
    ///
    /// A client that takes nothing for `STREAM_STALL_SECS`, or leaves, ends the reading.
    ///
    /// # Errors
    ///
    /// 503 if there are `STREAM_MAX_STREAMS` already, or as many that read one moment as half the pool has connections; what reading the first rows fails with.
    pub async fn of<E>(app: &AppState, format: StreamFormat, query: StreamQuery<E>) -> Result<Self>
    where
        E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send> + Send,
        T: From<E::Model>,
    {
        let Some(places) = app.component::<Places>().take(query.consistent) else {
            let detail = "As many streams are open as there may be.";
            return Err(AppError::unavailable(detail, RETRY_AFTER));
        };
        let mut list = query.reader(app);
        let first = list.next().await.map_err(DataError::from)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        let stall_secs = app.config.section::<StreamConfig>().stall_secs;
        let writer = Writer {
            format,
            sender,
            stall: Duration::from_secs(stall_secs),
            piece: Vec::new(),
            rows: 0,
            active: Active::begin(),
            _places: places,
        };
        tokio::spawn(carry_on(writer.write_all::<E, T>(first, list)));
        let pieces = stream::unfold(receiver, async |mut receiver| {
            // The writer says when it is through; if it only hangs up, something is missing.
            match receiver.recv().await {
                Some(Piece::Some(bytes)) => Some((Ok(bytes), receiver)),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("the rows broke off")), receiver)),
            }
        });
        Ok(Self {
            // Whoever compresses asks again after the end.
            body: Body::from_stream(pieces.fuse()),
            format,
            row: PhantomData,
        })
    }
}

impl<T> IntoResponse for Streamed<T> {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, self.format.media_type()), (VARY, "accept")];
        (headers, Extension(Compressible), self.body).into_response()
    }
}
