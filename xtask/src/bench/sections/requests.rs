//! What a request costs. All servers run all the time, and take turns.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Pace;
use crate::bench::samples::Samples;
use crate::bench::servers::{Server, Who};
use crate::bench::stage::Stage;
use crate::bench::wrk::{Measured, Requests};
use crate::http;
use crate::progress::duration;
use crate::runner::say;

/// What is asked for, by the name of its samples.
struct Ask {
    name: &'static str,
    path: &'static str,
    requests: Requests,
}

pub(super) fn measure(stage: &Stage<'_>, pace: Pace, samples: &mut Samples) -> Result<()> {
    let asks = [
        Ask {
            name: "get",
            path: "/api/v1/users/",
            requests: Requests::Each(stage.ids("users")?),
        },
        Ask {
            name: "list",
            path: "/api/v1/users",
            requests: Requests::Same,
        },
        Ask {
            name: "post",
            path: "/api/v1/users",
            requests: Requests::New,
        },
        Ask {
            name: "static",
            path: "/",
            requests: Requests::Same,
        },
    ];
    let mut servers = Vec::new();
    for who in Who::ALL {
        servers.push((who, stage.start(who)?));
    }
    answer_alike(stage, &servers)?;
    // Connections to the database are made, statements are prepared, caches are warm.
    for (_, server) in &servers {
        for ask in &asks {
            send(stage, server, ask, Duration::from_secs(1))?;
        }
    }
    let mut sent = vec![0.0; servers.len()];
    for round in 0..pace.rounds {
        say(&format!(
            "  requests    round {} of {}, {} each",
            round + 1,
            pace.rounds,
            duration(pace.time)
        ));
        for ask in &asks {
            // Nobody is always behind the same neighbour.
            let turn = round as usize % servers.len();
            for index in (0..servers.len()).map(|index| (index + turn) % servers.len()) {
                let (who, server) = &servers[index];
                let before = server.group().processor_seconds()?;
                let Measured {
                    requests,
                    seconds,
                    p99_ms,
                } = send(stage, server, ask, pace.time)?;
                let used = server.group().processor_seconds()? - before;
                let key = |figure| format!("{}/{}/{figure}", ask.name, who.name());
                samples.add(key("cpu"), used / requests * 1e6);
                samples.add(key("rps"), requests / seconds);
                samples.add(key("p99"), p99_ms);
                sent[index] += requests;
            }
        }
    }
    for ((who, server), sent) in servers.into_iter().zip(sent) {
        if let Some(lines) = server.stop()? {
            #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
            let lines = lines as f64;
            ensure!(
                lines >= sent,
                "{} logged {lines} lines of {sent} requests",
                who.describe()
            );
        }
    }
    Ok(())
}

/// Fails unless all servers answer with the same fields: a server that says less would look cheaper.
fn answer_alike(stage: &Stage<'_>, servers: &[(Who, Server)]) -> Result<()> {
    for path in [
        format!("/api/v1/users/{}", stage.first("users")?),
        "/api/v1/users".to_owned(),
    ] {
        let mut ours = None;
        for (who, server) in servers {
            let (status, body) = http::get(server.port(), &path)?;
            ensure!(status == 200, "{}: {status} for {path}", who.describe());
            let fields = fields(&serde_json::from_str(&body)?);
            let ours = ours.get_or_insert_with(|| fields.clone());
            ensure!(
                fields == *ours,
                "{path} has other fields from {} ({fields:?}) than from {} ({ours:?})",
                who.describe(),
                servers[0].0.describe()
            );
        }
    }
    Ok(())
}

/// The fields of an object, and of those in it, each with its path; of a list, how long it is and those of its first.
fn fields(value: &Value) -> BTreeSet<String> {
    let below = |name: &str, value| {
        let nested = fields(value).into_iter();
        let nested = nested.map(|field| format!("{name}.{field}"));
        nested.chain([name.to_owned()]).collect::<Vec<_>>()
    };
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, value)| below(name, value))
            .collect(),
        Value::Array(list) => {
            let mut first = list.first().map(fields).unwrap_or_default();
            first.insert(format!("[{}]", list.len()));
            first
        }
        _ => BTreeSet::new(),
    }
}

fn send(stage: &Stage<'_>, server: &Server, ask: &Ask, time: Duration) -> Result<Measured> {
    let measured = stage
        .wrk()?
        .run(stage.cx, &server.url(ask.path), &ask.requests, time)?;
    if matches!(ask.requests, Requests::New) {
        stage.tidy(&stage.database)?;
    }
    Ok(measured)
}
