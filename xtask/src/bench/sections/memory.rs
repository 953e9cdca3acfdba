//! The memory that the service holds: when nothing was asked of it yet, after load, and after load with telemetry on that nobody takes.

use std::time::Duration;

use anyhow::Result;

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::stage::Stage;
use crate::bench::wrk::Requests;
use crate::http::free_port;
use crate::process;
use crate::runner::say;

/// Until what was begun at the start, or under load, has come to rest.
const REST: Duration = Duration::from_secs(2);

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    // Nobody listens there.
    let nowhere = format!("http://127.0.0.1:{}", free_port()?);
    let otlp = [("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere.as_str())];
    let ids = stage.ids("users")?;
    for round in 0..pace.rounds {
        say(&format!(
            "  memory      round {} of {}",
            round + 1,
            pace.rounds
        ));
        for (settings, idle, loaded) in [
            (&[][..], "memory/idle", "memory/loaded"),
            (&otlp[..], "memory/otlp-idle", "memory/otlp-loaded"),
        ] {
            let service = stage.serve(&stage.database, settings, "/readyz")?;
            process::pause(REST)?;
            samples.add(idle, service.group().resident()?);
            for (path, requests) in [
                ("/api/v1/users/", Requests::Each(ids.clone())),
                ("/api/v1/users", Requests::Same),
                ("/api/v1/users", Requests::New),
            ] {
                stage
                    .wrk()?
                    .run(stage.cx, &service.url(path), &requests, pace.time)?;
            }
            process::pause(REST)?;
            samples.add(loaded, service.group().resident()?);
            service.stop()?;
            stage.tidy(&stage.database)?;
        }
    }
    Ok(())
}
