//! What settings cost, or spare: GET by id, from services with other settings each, which take turns.

use std::time::Duration;

use anyhow::Result;

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::stage::Stage;
use crate::bench::wrk::Requests;
use crate::http::free_port;
use crate::runner::say;

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    // Nobody listens there.
    let nowhere = format!("http://127.0.0.1:{}", free_port()?);
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", nowhere.as_str());
    let no_logs = ("OTEL_LOGS_EXPORTER", "none");
    let share = ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio");
    let ways: [(&str, &[(&str, &str)]); 8] = [
        ("default", &[]),
        ("no-log-lines", &[("LOG_LEVEL", "warn")]),
        ("debug-log", &[("LOG_LEVEL", "debug")]),
        ("no-limiter", &[("RATE_LIMIT_ENABLED", "false")]),
        ("traced", &[endpoint, no_logs]),
        ("traced-and-logged", &[endpoint]),
        (
            "sampled",
            &[endpoint, no_logs, share, ("OTEL_TRACES_SAMPLER_ARG", "0.1")],
        ),
        ("pooler", &[("DATABASE_POOLER", "transaction")]),
    ];
    let users = Requests::Each(stage.ids("users")?);
    let mut services = Vec::new();
    for (way, settings) in ways {
        let service = stage.serve(&stage.database, settings, "/readyz")?;
        services.push((way, service));
    }
    let path = "/api/v1/users/";
    for (_, service) in &services {
        stage
            .wrk()?
            .run(stage.cx, &service.url(path), &users, Duration::from_secs(1))?;
    }
    for round in 0..pace.rounds {
        say(&format!(
            "  settings    round {} of {}",
            round + 1,
            pace.rounds
        ));
        for (way, service) in &services {
            let before = service.group().processor_seconds()?;
            let measured = stage
                .wrk()?
                .run(stage.cx, &service.url(path), &users, pace.time)?;
            let used = service.group().processor_seconds()? - before;
            samples.add(
                format!("settings/{way}/cpu"),
                used / measured.requests * 1e6,
            );
        }
        // None is always behind the same neighbour.
        services.reverse();
    }
    for (_, service) in services {
        service.stop()?;
    }
    Ok(())
}
