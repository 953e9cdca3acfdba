//! What an answer is sent in.

use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::streams::Handover;

/// A part of an answer's body. Of HTTP/2 it tells the [`Handover`] how far the client has taken it: as soon as a client takes one byte,
/// h2 keeps the whole part until there is room for the rest.
pub(super) struct Piece {
    bytes: Bytes,
    handover: Option<Arc<Handover>>,
}

impl Piece {
    pub(super) fn new(bytes: Bytes, handover: Option<&Arc<Handover>>) -> Self {
        if let Some(handover) = handover {
            handover.begins();
        }
        Self {
            bytes,
            handover: handover.map(Arc::clone),
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(handover) = &self.handover {
            handover.waits_for_client();
        }
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if let Some(handover) = &self.handover {
            handover.ends();
        }
    }
}
