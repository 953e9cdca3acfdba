//! Load that nobody measures: connections are opened, statements prepared, files read.

use std::time::Duration;

use clap::Args;

use super::{
    load::{Load, Pace},
    patterns::{Endpoint, EndpointArgs},
    progress::Progress,
    stop::Stop,
    target::{Target, TargetArgs},
    words::duration,
};

/// Enough for a pool of the usual size.
const CONCURRENCY: u32 = 10;

#[derive(Debug, Args)]
pub(super) struct WarmupArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    endpoints: EndpointArgs,
    /// How long each is loaded
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    duration: Duration,
}

impl WarmupArgs {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let endpoints = self.endpoints.chosen()?;
        let target = self.target.find().await?;
        let stop = Stop::on_signal()?;
        let mut progress = Progress::of(endpoints.len());
        for endpoint in endpoints {
            if stop.is_asked() {
                break;
            }
            progress.now(&endpoint.name);
            let requests = warm(&target, &endpoint, self.duration, &stop).await?;
            progress.done(&format!("{:32} {requests} requests", endpoint.name));
        }
        Ok(())
    }
}

/// Loads an endpoint for a while, and says with how many requests.
pub(super) async fn warm(
    target: &Target,
    endpoint: &Endpoint,
    duration: Duration,
    stop: &Stop,
) -> anyhow::Result<u64> {
    let load = Load {
        address: target.address.clone(),
        request: endpoint.request.clone(),
        concurrency: CONCURRENCY,
        pace: Pace::Closed,
        duration,
        requests: None,
        // What takes longer is not waited for: it is not measured either.
        patience: duration,
    };
    Ok(load.run(stop).await?.tally.requests())
}
