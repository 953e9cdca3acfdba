//! `metrics/*`: what the running service shows at `/metrics`.

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::checks::place::{Kind, place_to_run};
use crate::context::Context;
use crate::http;
use crate::tools;

pub(super) fn checks() -> Vec<Check> {
    vec![check(
        "metrics/promtool",
        20,
        "Prometheus' own tool has nothing against the metrics, neither their form nor their names",
        are_clean,
    )]
}

fn are_clean(cx: &Context<'_>) -> Outcome {
    let promtool = tools::promtool(cx)?;
    let place = place_to_run(cx, Kind::Sqlite)?;
    let port = http::free_port()?;
    let service = place.binary.serve(port, &cx.log)?;
    // What has labels shows up with its first event.
    for path in [
        "/",
        "/nowhere",
        "/livez",
        "/health",
        "/api/v1/users?limit=1",
        "/api/v1/users?limit=x",
        "/api/v1/users/stream?limit=1",
        "/api/v1/products/0198c0de-7000-7abc-8def-0123456789ab",
    ] {
        http::get(port, path)?;
    }
    let (status, metrics) = http::get(port, "/metrics")?;
    if status != 200 || !metrics.contains("http_server_request_duration_seconds_count") {
        return Err(Failure::new(
            format!("there are no metrics (status {status})"),
            "GET /metrics of the running service",
        ));
    }
    let folder = place.folder.path();
    std::fs::write(folder.join("metrics.txt"), metrics)?;
    let script = "exec \"$0\" check metrics < metrics.txt";
    cx.step(
        program("sh", folder).args(["-c", script]).arg(promtool),
        "promtool complains about the metrics",
    )?;
    service.stop()?;
    Ok(())
}
