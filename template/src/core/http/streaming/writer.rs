//! The task that reads rows and writes them as text.

use std::mem;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sea_orm::{FromQueryResult, ModelTrait};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tracing::{info, warn};

use super::StreamFormat;
use super::metrics::Active;
use crate::core::database::DataError;
use crate::core::database::keyset::Listed;
use crate::core::database::reader::ListReader;
use crate::core::telemetry::error_line;

/// What is sent at once, about. Less would cost more than it weighs.
const PIECE: usize = 32 * 1024;

/// Room for a piece, so that the row that completes it doesn't have it moved.
const ROOM: usize = PIECE + 4096;

/// What the client gets next.
pub(super) enum Piece {
    Some(Bytes),
    End,
}

/// Why a stream did not come to its end.
enum Broken {
    Left,
    Stalled,
    Data(DataError),
    Row(serde_json::Error),
}

/// Reads rows, and hands them on as the client takes them.
pub(super) struct Writer {
    pub(super) format: StreamFormat,
    pub(super) sender: mpsc::Sender<Piece>,
    /// How long the client may take nothing.
    pub(super) stall: Duration,
    /// No `BytesMut`: `serde_json` knows how to append to a `Vec`.
    pub(super) piece: Vec<u8>,
    pub(super) rows: u64,
    pub(super) active: Active,
    pub(super) _places: Vec<OwnedSemaphorePermit>,
}

impl Writer {
    pub(super) async fn write_all<E, T>(mut self, first: Option<Vec<E::Model>>, list: ListReader<E>)
    where
        E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send>,
        T: From<E::Model> + Serialize,
    {
        let start = Instant::now();
        let sender = self.sender.clone();
        let ended = tokio::select! {
            biased;
            // Whatever is being read is dropped with the client, and the database stops.
            () = sender.closed() => Err(Broken::Left),
            ended = self.write::<E, T>(first, list) => ended,
        };
        let (rows, duration_ms) = (self.rows, start.elapsed().as_millis());
        self.active.end(match ended {
            Ok(()) => "whole",
            Err(Broken::Left) => "left",
            Err(Broken::Stalled) => "stalled",
            Err(Broken::Data(_) | Broken::Row(_)) => "failed",
        });
        match ended {
            Ok(()) => info!(rows, duration_ms, "stream ended"),
            Err(Broken::Left) => info!(rows, duration_ms, "stream left by its client"),
            Err(Broken::Stalled) => {
                let stall_secs = self.stall.as_secs();
                warn!(
                    rows,
                    duration_ms, "stream cut off: its client took nothing for {stall_secs} s"
                );
            }
            Err(Broken::Data(error)) => {
                let error = error_line(&error);
                warn!(
                    rows,
                    duration_ms, error, "stream broken off: the database failed"
                );
            }
            Err(Broken::Row(error)) => {
                let error = error_line(&error);
                warn!(
                    rows,
                    duration_ms, error, "stream broken off: a row can't be written"
                );
            }
        }
    }

    async fn write<E, T>(
        &mut self,
        first: Option<Vec<E::Model>>,
        mut list: ListReader<E>,
    ) -> Result<(), Broken>
    where
        E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send>,
        T: From<E::Model> + Serialize,
    {
        if self.format == StreamFormat::Array {
            self.piece.push(b'[');
        }
        let mut chunk = first;
        while let Some(rows) = chunk {
            // The database makes the next chunk ready while this one is written.
            let (next, written) = futures::join!(list.next(), self.write_chunk::<E, T>(rows));
            written?;
            chunk = next.map_err(|error| Broken::Data(error.into()))?;
        }
        if self.format == StreamFormat::Array {
            self.piece.extend_from_slice(b"]\n");
            self.send().await?;
        }
        self.hand_over(Piece::End).await
    }

    async fn write_chunk<E, T>(&mut self, rows: Vec<E::Model>) -> Result<(), Broken>
    where
        E: Listed,
        T: From<E::Model> + Serialize,
    {
        let count = rows.len() as u64;
        for row in rows {
            self.put(&T::from(row))?;
            if self.piece.len() >= PIECE {
                self.send().await?;
            }
        }
        // All of it: what was read is not held back by what is slow to come.
        self.send().await?;
        self.active.sent(count);
        Ok(())
    }

    fn put(&mut self, row: &impl Serialize) -> Result<(), Broken> {
        if self.format == StreamFormat::Array && self.rows > 0 {
            self.piece.push(b',');
        }
        serde_json::to_writer(&mut self.piece, row).map_err(Broken::Row)?;
        if self.format == StreamFormat::Lines {
            self.piece.push(b'\n');
        }
        self.rows += 1;
        Ok(())
    }

    async fn send(&mut self) -> Result<(), Broken> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = mem::replace(&mut self.piece, Vec::with_capacity(ROOM));
        let piece = Bytes::from(piece);
        self.hand_over(Piece::Some(piece)).await
    }

    async fn hand_over(&self, piece: Piece) -> Result<(), Broken> {
        match timeout(self.stall, self.sender.send(piece)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Broken::Left),
            Err(_) => Err(Broken::Stalled),
        }
    }
}
