//! How long it takes from the start to the first answer that needed the database, with nothing to migrate.

use anyhow::Result;

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::stage::Stage;
use crate::runner::say;

/// Starts in a round: each is short, and the odd one is slow.
const STARTS: u32 = 5;

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    let path = format!("/api/v1/users/{}", stage.first("users")?);
    for round in 0..pace.rounds {
        say(&format!(
            "  start       round {} of {}",
            round + 1,
            pace.rounds
        ));
        for _ in 0..STARTS {
            let service = stage.serve(&stage.database, &[], &path)?;
            samples.add("start/service", service.started_in.as_secs_f64() * 1e3);
            service.stop()?;
        }
    }
    Ok(())
}
