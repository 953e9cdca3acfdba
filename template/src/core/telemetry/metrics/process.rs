use std::sync::LazyLock;

use metrics::gauge;
use metrics_process::Collector;

use crate::core::telemetry::build;

const BUILD_INFO: &str = "app_build_info";

crate::register_metrics! {
    gauge BUILD_INFO: "Always 1: which version runs, built from which revision.", labels ["version", "revision"];
    counter "process_cpu_seconds_total": "Time of the processors that the process used, in whole seconds.";
    gauge "process_resident_memory_bytes": "Memory of the process that is held in RAM; what a memory limit counts.";
    gauge "process_virtual_memory_bytes": "Addresses the process has reserved; mostly not memory.";
    gauge "process_virtual_memory_max_bytes": "Limit of reserved addresses; 0 if there is none.";
    gauge "process_open_fds": "File descriptors in use: sockets and files.";
    gauge "process_max_fds": "File descriptors the process may use.";
    gauge "process_threads": "Threads of the process.";
    gauge "process_start_time_seconds": "When the process started, in seconds since 1970.";
}

pub(super) fn set_build_info() {
    gauge!(BUILD_INFO, "version" => build::VERSION, "revision" => build::REVISION).set(1);
}

/// Asks the system about the process.
pub(super) fn mirror() {
    static COLLECTOR: LazyLock<Collector> = LazyLock::new(Collector::default);
    COLLECTOR.collect();
}
