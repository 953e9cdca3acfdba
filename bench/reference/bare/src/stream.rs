//! All users, one JSON text a line, sent while they are read.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use deadpool_postgres::Pool;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::Failed;
use crate::users::User;

const ALL: &str = "SELECT id, name, email, age, is_active, version, created_at, updated_at FROM users \
    ORDER BY created_at DESC, id DESC";

/// Sent in pieces of about this size.
const PIECE: usize = 32 * 1024;

pub(crate) async fn all(State(pool): State<Pool>) -> Result<Response, Failed> {
    let client = pool.get().await?;
    let all = client.prepare_cached(ALL).await?;
    let parameters: [&str; 0] = [];
    let rows = Box::pin(client.query_raw(&all, parameters).await?.fuse());
    // The client goes along: its connection is busy until the last row is read.
    let pieces = stream::try_unfold((rows, client), async |(mut rows, client)| {
        let mut piece = BytesMut::with_capacity(PIECE + 1024);
        while piece.len() < PIECE
            && let Some(row) = rows.try_next().await?
        {
            serde_json::to_writer((&mut piece).writer(), &User::read(&row)?)?;
            piece.put_u8(b'\n');
        }
        let piece = Some(piece.freeze()).filter(|piece: &Bytes| !piece.is_empty());
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(
            piece.map(|piece| (piece, (rows, client))),
        )
    });
    let headers = [(CONTENT_TYPE, "application/x-ndjson")];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
