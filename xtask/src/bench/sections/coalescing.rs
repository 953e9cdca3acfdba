//! What it spares that everybody wants the same: one product, asked for by all clients at once, with and without sharing the query.

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
    let ways = [("coalesced", ""), ("plain", "/plain")];
    for round in 0..pace.rounds {
        say(&format!(
            "  coalescing  round {} of {}",
            round + 1,
            pace.rounds
        ));
        for (way, path) in ways {
            let url = service.url(&format!("/api/v1/products/{id}{path}"));
            let measured = stage
                .wrk()?
                .run(stage.cx, &url, &Requests::Same, pace.time)?;
            samples.add(
                format!("hot/{way}/rps"),
                measured.requests / measured.seconds,
            );
        }
    }
    Ok(())
}
