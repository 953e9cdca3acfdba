//! What streams count.

use metrics::{Counter, Gauge, counter, gauge};

const ACTIVE: &str = "http_server_active_streams";
const STREAMS: &str = "http_server_streams_total";
const ROWS: &str = "http_server_streamed_rows_total";

crate::register_metrics! {
    gauge ACTIVE: "Streams that are being sent.";
    counter STREAMS: "Streams that are over, by how they ended: `whole`, `left`, `stalled`, `failed`.", labels ["outcome"];
    counter ROWS: "Rows that streams have sent.";
}

/// A stream that is being sent.
pub(super) struct Active {
    active: Gauge,
    rows: Counter,
}

impl Active {
    pub(super) fn begin() -> Self {
        let active = gauge!(ACTIVE);
        active.increment(1);
        let rows = counter!(ROWS);
        Self { active, rows }
    }

    /// So many rows were handed over.
    pub(super) fn sent(&self, rows: u64) {
        self.rows.increment(rows);
    }

    #[expect(clippy::unused_self, reason = "nothing ends that has not begun")]
    pub(super) fn end(self, outcome: &'static str) {
        counter!(STREAMS, "outcome" => outcome).increment(1);
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.active.decrement(1);
    }
}
