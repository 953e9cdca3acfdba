//! `lab/*`: the part `lab`, with the Cargo feature that brings its code.

use std::path::Path;

use crate::check::{Check, Failure, Outcome};
use crate::checks::{check, long_check, options, template};
use crate::context::Context;
use crate::generate::Request;
use crate::{http, service};

const SERVE: &str = "cargo run --features lab";
const SERVE_WITH_SETTINGS: &str =
    "DATABASE_POOL_MAX_SIZE=5 LAB_DELAY_MS=200 cargo run --features lab";
const ASK: &str = "curl http://127.0.0.1:8080/lab/patterns/per_request";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "lab/tests",
            30,
            "clippy has nothing to say about the lab, and its patterns take from the pool what their pages say, on both databases",
            |cx| {
                let template = cx.repo().template();
                with_the_feature(cx, &template)
            },
        ),
        long_check(
            "lab/alone",
            60,
            "a project with the lab and without examples is sound, with the feature and without, and serves what docs/lab.md names",
            alone,
        )
        .typing(&[SERVE, SERVE_WITH_SETTINGS, ASK]),
    ]
}

fn with_the_feature(cx: &Context<'_>, project: &Path) -> Outcome {
    let clippy = [
        "clippy",
        "--all-targets",
        "--features",
        "lab",
        "--",
        "-D",
        "warnings",
    ];
    cx.step(&mut cx.cargo(project, clippy), "clippy complains")?;
    // What is the same without the feature is tested without it.
    let tests = [
        "test",
        "--no-fail-fast",
        "--features",
        "lab",
        "--lib",
        "--test",
        "lab",
    ];
    cx.step(&mut cx.cargo(project, tests), "the lab's tests do not pass")?;
    let mut on_postgres = cx.cargo(project, tests);
    on_postgres.env("TEST_DATABASE_URL", cx.postgres()?.url());
    cx.step(
        &mut on_postgres,
        "the lab's tests do not pass on PostgreSQL",
    )
}

fn alone(cx: &Context<'_>) -> Outcome {
    let request = Request::new("lab-svc").parts(vec!["lab".to_owned()]);
    options::is_sound(cx, &request)?;
    let project = cx.project(&request)?;
    with_the_feature(cx, &project)?;
    template::documentation(cx, &project)?;

    for (line, size) in [(SERVE, 10), (SERVE_WITH_SETTINGS, 5)] {
        let mut command = cx.typed(line, &project, &[]);
        cx.share_builds(&mut command, &project);
        let port = http::free_port()?;
        let service = service::serve(command, port, port, &cx.log)?;
        let address = ("http://127.0.0.1:8080", &*service.url());
        let (status, done) = cx.output(&mut cx.typed(ASK, &project, &[address]))?;
        let done: serde_json::Value = serde_json::from_str(&done)?;
        if !status.success() || done["checkouts"] != 1 || done["peak"] != 1 {
            return Err(
                Failure::new("a pattern does not do what its page says", ASK).at(done.to_string()),
            );
        }
        let (_, status) = http::get(service.port(), "/lab/status")?;
        let status: serde_json::Value = serde_json::from_str(&status)?;
        // on SQLite there is the one that writes, too
        if status["pool"]["max_size"] != size + 1 {
            let wrong = "a setting does not reach the lab";
            return Err(Failure::new(wrong, line).at(status.to_string()));
        }
        service.stop()?;
    }
    Ok(())
}
