//! What it spares that everybody wants the same: one product, asked for by all clients at once, with and without sharing the query.

use std::time::Duration;

use anyhow::Result;

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::servers::Who;
use crate::bench::stage::Stage;
use crate::bench::wrk::Requests;
use crate::runner::say;

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    let id = stage.first("products")?;
    let service = stage.start(Who::Service)?;
    let mut ways = [("coalesced", ""), ("plain", "/plain")];
    let ask = |path, time| {
        let url = service.url(&format!("/api/v1/products/{id}{path}"));
        stage.wrk()?.run(stage.cx, &url, &Requests::Same, time)
    };
    // Connections to the database are made, statements are prepared.
    for (_, path) in ways {
        ask(path, Duration::from_secs(1))?;
    }
    for round in 0..pace.rounds {
        say(&format!(
            "  coalescing  round {} of {}",
            round + 1,
            pace.rounds
        ));
        for (way, path) in ways {
            let measured = ask(path, pace.time)?;
            samples.add(
                format!("hot/{way}/rps"),
                measured.requests / measured.seconds,
            );
        }
        // None is always the one behind the other.
        ways.reverse();
    }
    Ok(())
}
