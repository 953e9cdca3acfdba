//! Streams that break off, alone and beside others.

use axum::Json;
use axum::body::Body;
use axum::http::HeaderName;
use axum::http::header::CONTENT_TYPE;
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::nothing_is_held;
use crate::core::database::Database;
use crate::core::http::{Result, Routes, ValidQuery, register_routes, routes};
use crate::core::state::AppState;
use crate::repositories::lab::LabRepository;
use crate::routes::lab::settings;

register_routes! { management in local | dev at "/lab/safety" tagged "lab: safety": Routes::new()
.add(routes!(broken_stream, stream_error, concurrent_streams)) }

/// How many rows a stream has unless it is said.
const ROWS: u32 = 1000;

/// How many streams there are at a time.
const STREAMS: usize = 3;

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RowsQuery {
    /// How many rows there would be, `LAB_MAX_REQUESTS` at most. 1000 unless it is said.
    rows: Option<u32>,
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
struct StreamOut {
    /// Rows that arrived.
    rows: u32,
    /// Whether it broke off.
    failed: bool,
}

/// What became of streams.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct StreamsOut {
    /// Each of them; the first is the one that breaks off.
    streams: Vec<StreamOut>,
    /// Whether nobody holds a connection any more. Others who use the service at the time hold some, too.
    nothing_is_held: bool,
}

/// Reads a stream to its end.
async fn read(database: &Database, rows: u32, fails_at: Option<u32>) -> Result<StreamOut> {
    let mut numbers = LabRepository::new(database).numbers(rows, fails_at).await?;
    let mut arrived = 0;
    while let Some(row) = numbers.next().await {
        if row.is_err() {
            return Ok(StreamOut {
                rows: arrived,
                failed: true,
            });
        }
        arrived += 1;
    }
    Ok(StreamOut {
        rows: arrived,
        failed: false,
    })
}

/// What became of them; fails unless the next statement is answered.
async fn outcome(app: &AppState, streams: Vec<StreamOut>) -> Result<Json<StreamsOut>> {
    LabRepository::new(&app.database).ask().await?;
    Ok(Json(StreamsOut {
        streams,
        nothing_is_held: nothing_is_held(app).await,
    }))
}

/// An answer that breaks off
///
/// The statement fails in the middle of the rows. What has begun as 200 can't become an error any more, so the connection is cut, and
/// the client sees that something is missing. Nobody else does.
#[utoipa::path(get, path = "/broken_stream", params(RowsQuery), responses((status = OK, body = String, content_type = "text/plain")))]
async fn broken_stream(
    app: AppState,
    query: ValidQuery<RowsQuery>,
) -> Result<([(HeaderName, &'static str); 1], Body)> {
    let rows = settings::number(&app, "rows", query.rows.unwrap_or(ROWS))?;
    let numbers = LabRepository::new(&app.database);
    let numbers = numbers.numbers(rows, Some(rows.div_ceil(2))).await?;
    let lines = numbers
        .and_then(async |row| row.try_get::<i32>("", "i"))
        .map_ok(|number| Bytes::from(format!("{number}\n")));
    Ok(([(CONTENT_TYPE, "text/plain")], Body::from_stream(lines)))
}

/// A stream that fails
///
/// The error ends the stream, and whoever reads it gets the error after the rows that were good. The connection goes back or is closed,
/// and the next statement is answered.
#[utoipa::path(get, path = "/stream_error", params(RowsQuery), responses((status = OK, body = StreamsOut)))]
async fn stream_error(app: AppState, query: ValidQuery<RowsQuery>) -> Result<Json<StreamsOut>> {
    let rows = settings::number(&app, "rows", query.rows.unwrap_or(ROWS))?;
    let stream = read(&app.database, rows, Some(rows.div_ceil(2))).await?;
    outcome(&app, vec![stream]).await
}

/// Streams side by side
///
/// Three at a time, each on a connection of its own. The first fails in the middle; the others arrive whole.
#[utoipa::path(get, path = "/concurrent_streams", params(RowsQuery), responses((status = OK, body = StreamsOut)))]
async fn concurrent_streams(
    app: AppState,
    query: ValidQuery<RowsQuery>,
) -> Result<Json<StreamsOut>> {
    let rows = settings::number(&app, "rows", query.rows.unwrap_or(ROWS))?;
    let fails_at = |stream| (stream == 0).then_some(rows.div_ceil(2));
    let streams = (0..STREAMS).map(|stream| read(&app.database, rows, fails_at(stream)));
    let streams: Result<Vec<_>> = join_all(streams).await.into_iter().collect();
    outcome(&app, streams?).await
}
