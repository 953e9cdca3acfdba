//! `lab/*`: the part `lab`, with the Cargo feature that brings its code.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::delivered::{self, path_with};
use crate::checks::pipelines::StandIns;
use crate::checks::{check, long_check, options, template};
use crate::context::Context;
use crate::generate::Request;
use crate::{http, service, tools};

const SERVE: &str = "cargo run --features lab";
const SERVE_WITH_SETTINGS: &str =
    "DATABASE_POOL_MAX_SIZE=5 LAB_DELAY_MS=200 cargo run --features lab";
const TEST: &str = "cargo test --features lab --test lab";
const ASK: &str = "curl http://127.0.0.1:8080/lab/patterns/per_request";

/// With stand-ins for Docker and cargo, of which the check sees how they are called.
const RECIPES: [&str; 6] = [
    "just lab-up",
    "just lab-warmup",
    "just lab-sweep",
    "just lab-report",
    "just lab-logs",
    "just lab-down --volumes",
];

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "lab/recipes",
            10,
            "each recipe of the lab calls what it says, Docker Compose accepts its file, and a project without it has neither",
            recipes,
        )
        .typing(&RECIPES),
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
        .typing(&[SERVE, SERVE_WITH_SETTINGS, TEST, ASK]),
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
    let mut test = cx.typed(TEST, &project, &[]);
    cx.share_builds(&mut test, &project);
    cx.step(
        &mut test,
        "the lab's tests do not pass as its page types them",
    )?;

    // Whoever waits for the service below doesn't wait for the compiler.
    cx.build(&project, &["--features", "lab"])?;
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

fn recipes(cx: &Context<'_>) -> Outcome {
    let folder = TempDir::with_prefix("strata-check-")?;
    // Compose calls a project after its folder, with what a name may have of it.
    let project = &folder.path().join("Lab.Svc");
    fs::create_dir(project)?;
    cx.generate(&Request::new("lab-svc").parts(vec!["lab".to_owned()]))?
        .write_to(project)?;
    let just = delivered::just(cx)?;
    let names = |project: &Path| -> anyhow::Result<String> {
        let (_, names) = cx.output(program(&just, project).arg("--summary"))?;
        Ok(names)
    };
    let of_the_lab = names(project)?;
    let of_the_lab = of_the_lab.split_whitespace();
    let of_the_lab: Vec<&str> = of_the_lab.filter(|name| name.starts_with("lab-")).collect();
    let typed = |name: &&str| {
        let line = format!("just {name}");
        RECIPES.iter().any(|recipe| recipe.starts_with(&line))
    };
    if of_the_lab.len() != RECIPES.len() || !of_the_lab.iter().all(typed) {
        let wrong = "no check carries out a recipe";
        return Err(Failure::new(wrong, "template/lab.just").at(of_the_lab.join(", ")));
    }

    let stand_ins = StandIns::of(&["docker", "cargo"])?;
    let path = path_with(&[&just, &stand_ins.program()])?;
    for recipe in RECIPES {
        let mut command = cx.typed(recipe, project, &[]);
        cx.step(command.env("PATH", &path), "a recipe fails")?;
    }
    // the database of `just up` is in the project that is called after the folder
    let docker =
        "docker compose --project-name labsvc-lab --file compose.yaml --file compose.lab.yaml";
    let lab = "cargo run --release --features lab -- lab";
    let expected = [
        format!("{docker} up --build --detach --wait"),
        format!("{lab} warmup --url http://127.0.0.1:9090"),
        format!("{lab} sweep --url http://127.0.0.1:9090"),
        format!("{lab} report"),
        format!("{docker} logs --follow api"),
        format!("{docker} down --volumes"),
    ];
    let calls = stand_ins.calls();
    if calls != expected {
        let wrong = "a recipe calls something else than this check knows";
        return Err(Failure::new(wrong, expected.join("\n")).at(calls.join("\n")));
    }
    composition(cx, project)?;

    let without = TempDir::with_prefix("strata-check-")?;
    cx.generate(&Request::new("without-lab").parts(Vec::new()))?
        .write_to(without.path())?;
    if names(without.path())?.contains("lab-") {
        let wrong = "a project without the lab has its recipes";
        return Err(Failure::new(wrong, "just --summary"));
    }
    Ok(())
}

/// With the lab's file on top, the image is built with it, and settings come from the environment.
fn composition(cx: &Context<'_>, project: &Path) -> Outcome {
    let mut config = program(tools::compose(cx)?, project);
    config
        .args(["--file", "compose.yaml", "--file", "compose.lab.yaml"])
        .args(["config", "--format", "json"])
        .env_remove("COMPOSE_PROFILES")
        .env("DATABASE_POOL_MAX_SIZE", "7")
        .env("SERVER_REQUEST_TIMEOUT_SECS", "70");
    let (status, read) = cx.output(&mut config)?;
    if !status.success() {
        let wrong = "Docker Compose does not accept the lab's file";
        return Err(Failure::new(wrong, "template/compose.lab.yaml"));
    }
    let read: serde_json::Value = serde_json::from_str(&read)?;
    let api = &read["services"]["api"];
    let is_right = api["build"]["args"]["FEATURES"] == "default,lab"
        && api["environment"]["DATABASE_POOL_MAX_SIZE"] == "7"
        && api["environment"]["SERVER_REQUEST_TIMEOUT_SECS"] == "70"
        && api["environment"]["APP_ENV"] == "dev";
    if !is_right {
        let wrong = "the service has no lab, or its settings don't arrive";
        return Err(Failure::new(wrong, "`docker compose config`").at(api.to_string()));
    }
    Ok(())
}
