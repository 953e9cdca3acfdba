use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};

use crate::core::{
    config::{Config, ServerConfig},
    telemetry::{self, Output},
};

/// How long work that blocks may go on after the command's own work has ended.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// How long the process may go on after everything was served or cut off: for work that blocks, and for the last telemetry. Whoever stops
/// the service has to grant it on top of the drain and the time to stop.
pub const AFTERWARDS: Duration = LEFTOVERS.saturating_add(telemetry::FLUSH);

/// What a command needs before its own work can begin.
pub(super) struct Bootstrap {
    config: Config,
    runtime: Runtime,
}

impl Bootstrap {
    /// Reads the configuration, and starts the log and the runtime. If the configuration is refused, nothing is started.
    pub(super) fn new(output: Output) -> anyhow::Result<Self> {
        let config = Config::load()?;
        telemetry::init(&config, output)?;
        let runtime = runtime(config.section()).context("can't start the runtime")?;
        Ok(Self { config, runtime })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Runs the command's own work to its end.
    pub(super) fn run(
        self,
        work: impl AsyncFnOnce(Config) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let outcome = self.runtime.block_on(work(self.config));
        self.runtime.shutdown_timeout(LEFTOVERS);
        telemetry::flush();
        outcome
    }
}

fn runtime(config: &ServerConfig) -> std::io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(threads) = config.worker_threads {
        builder.worker_threads(threads);
    }
    if let Some(threads) = config.blocking_threads {
        builder.max_blocking_threads(threads);
    }
    builder.enable_all().on_thread_park(telemetry::rest).build()
}
