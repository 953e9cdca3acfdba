use metrics::gauge;
use tokio::runtime::Handle;

const WORKERS: &str = "tokio_runtime_workers";
const ALIVE_TASKS: &str = "tokio_runtime_alive_tasks";
const QUEUE_DEPTH: &str = "tokio_runtime_global_queue_depth";

crate::register_metrics! {
    gauge WORKERS: "Threads that run tasks.";
    gauge ALIVE_TASKS: "Tasks that have not ended: about one for each connection and one for each request under way.";
    gauge QUEUE_DEPTH: "Tasks that wait for a thread. If they stay many, the processors are not enough, or something blocks.";
}

/// Asks the runtime that this runs in, if any.
#[expect(
    clippy::cast_precision_loss,
    reason = "below 2^53, and a graph needs less"
)]
pub(super) fn mirror() {
    let Ok(handle) = Handle::try_current() else {
        return;
    };
    let runtime = handle.metrics();
    gauge!(WORKERS).set(runtime.num_workers() as f64);
    gauge!(ALIVE_TASKS).set(runtime.num_alive_tasks() as f64);
    gauge!(QUEUE_DEPTH).set(runtime.global_queue_depth() as f64);
}
