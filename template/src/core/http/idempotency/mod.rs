//! POST requests that may be sent twice: with an `Idempotency-Key`, the second gets the first one's answer.
//!
//! The key, the effect and the answer are written in one transaction, so there is never one without the others, whatever is killed
//! when. A second request with the key waits for the first one's transaction: the key is unique. Only what went well is kept; a
//! request that failed had no effect, and may be sent again with its key. After draft-ietf-httpapi-idempotency-key-header-07.

mod key;
mod record;

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sea_orm::DbErr;
use tracing::{debug, warn};

pub(super) use self::key::BodyDigest;
pub use self::key::IdempotencyKey;
use self::key::Sent;
use self::record::Claimed;
use super::respond::NewId;
use super::{AppError, ProblemCode, Result};
use crate::core::config::IdempotencyConfig;
use crate::core::database::{DataError, Session};
use crate::core::state::{AppState, Shared};
use crate::core::telemetry::carry_on;

/// Says that an answer is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// How often keys whose time is over are looked for.
const PURGE_EVERY: Duration = Duration::from_mins(1);

impl IdempotencyKey {
    /// Does `work` once for this key, and answers with what it returns; without a key, as often as it is asked for.
    ///
    /// With a key, `work` is part of a transaction, and whatever it does elsewhere is not undone with it.
    ///
    /// # Errors
    ///
    /// What `work` fails with; 422 if the key came with another request before; 409 if the request that it came with before is not
    /// through yet.
    pub async fn once<T: IntoResponse>(
        self,
        app: &AppState,
        work: impl AsyncFnOnce(Session<'_>) -> Result<T>,
    ) -> Result<Response> {
        let Some(sent) = self.0 else {
            return Ok(work(Session::Pool(&app.database)).await?.into_response());
        };
        let ttl_secs = app.config.section::<IdempotencyConfig>().ttl_secs;
        let now = app.clock.now();
        let until = now + Duration::from_secs(ttl_secs);
        let done = app.database.transaction(async |tx| {
            let fingerprint = sent.fingerprint();
            let claimed = record::claim(tx, &sent.scope, &fingerprint, now, until).await;
            match claimed.map_err(under_way)? {
                Claimed::ByOther {
                    fingerprint: other, ..
                } if other != fingerprint => Err(AppError::new(ProblemCode::IdempotencyKeyReused)
                    .with_detail("The `Idempotency-Key` came with another body before.")
                    .into()),
                Claimed::ByOther { answer, .. } => Ok(replay(answer)?),
                Claimed::ByUs => {
                    let response = work(Session::Transaction(tx)).await?.into_response();
                    if response.status().is_client_error() || response.status().is_server_error() {
                        return Err(Undone::Answered(Box::new(response)));
                    }
                    let (answer, response) = keep(&sent, response).await?;
                    let finished = record::finish(tx, &sent.scope, answer).await;
                    finished.map_err(AppError::from)?;
                    Ok(response)
                }
            }
        });
        match done.await {
            Ok(response) => {
                purge(app);
                Ok(response)
            }
            Err(Undone::Answered(response)) => Ok(*response),
            Err(Undone::Failed(error)) => Err(error),
        }
    }
}

/// Why nothing came of a request: its transaction is rolled back, and its key is free again.
enum Undone {
    Failed(AppError),
    /// The handler answered with an error of its own making.
    Answered(Box<Response>),
}

impl From<AppError> for Undone {
    fn from(error: AppError) -> Self {
        Self::Failed(error)
    }
}

impl From<DbErr> for Undone {
    fn from(error: DbErr) -> Self {
        Self::Failed(error.into())
    }
}

/// Waiting for the first request took longer than a statement may take.
fn under_way(error: DataError) -> AppError {
    if error.is_statement_timeout() {
        return AppError::conflict(
            "The first request with this `Idempotency-Key` is still being answered.",
        )
        .with_source(error);
    }
    error.into()
}

/// An answer, as it is kept.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Reads a response to keep it, and makes it anew.
async fn keep(sent: &Sent, mut response: Response) -> Result<(Answer, Response)> {
    // Where the resource is, is said by the path of the request, which is the same for whoever sends it again.
    if let Some(new) = response.extensions_mut().remove::<NewId>() {
        new.locate(&sent.path, &mut response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .map_err(AppError::internal)?;
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    });
    let answer = Answer {
        status: parts.status.as_u16(),
        headers: headers.collect(),
        body: body.to_vec(),
    };
    Ok((answer, Response::from_parts(parts, Body::from(body))))
}

fn replay(answer: Answer) -> Result<Response> {
    let status = StatusCode::from_u16(answer.status).map_err(AppError::internal)?;
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.clear();
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name).map_err(AppError::internal)?;
        headers.append(
            name,
            HeaderValue::try_from(value).map_err(AppError::internal)?,
        );
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// When keys were last looked for whose time is over, in seconds.
struct LastPurge(AtomicI64);

crate::register_component!(LastPurge: |_: &Shared| Ok::<_, std::convert::Infallible>(LastPurge(AtomicI64::new(0))));

/// Removes keys whose time is over, now and then, beside the requests.
fn purge(app: &AppState) {
    let now = app.clock.now();
    let last = &app.component::<LastPurge>().0;
    let before = last.load(Relaxed);
    let every = i64::try_from(PURGE_EVERY.as_secs()).unwrap_or(i64::MAX);
    if now.timestamp() - before < every
        || last
            .compare_exchange(before, now.timestamp(), Relaxed, Relaxed)
            .is_err()
    {
        return;
    }
    let database = app.database.clone();
    let purge = async move {
        match record::purge(&database, now).await {
            Ok(purged) => debug!(purged, "idempotency keys whose time was over"),
            Err(error) => {
                warn!(%error, "idempotency keys whose time is over could not be removed; tried again in a minute");
            }
        }
    };
    tokio::spawn(carry_on(purge));
}
