//! `image/*`: the Dockerfile makes a small image, and what is in it runs as the pods of production do.

mod overlay;
mod prod;

use std::collections::BTreeSet;
use std::fs;

use anyhow::Context as _;

use crate::check::{Check, Failure, Outcome};
use crate::checks::long_check;
use crate::context::Context;
use crate::generate::Request;
use crate::image::{Container, Image, Store, image_of};
use crate::runner::say;
use crate::tree::Tree;

const IMAGE: &str = "cargo xtask image";
const DOCKER_BUILD: &str = "docker build --tag {{project-name}} .";
const NAME: &str = "image-svc";

/// Unpacked: the base image has 25 MB, the service 24.
const LARGEST_MEGABYTES: f32 = 60.0;

pub(super) fn checks() -> Vec<Check> {
    vec![
        long_check(
            "image/build",
            90,
            "the Dockerfile builds, compiles dependencies once, and makes a small image of what it should hold",
            build,
        )
        .typing(&[IMAGE, DOCKER_BUILD]),
        long_check(
            "image/prod",
            90,
            "the image runs with the settings of the overlay prod, as its pods do, on a database that wants TLS and passwords",
            prod::runs,
        ),
    ]
}

/// The image of a generated project.
fn built(cx: &Context<'_>) -> Result<(Store, Image), Failure> {
    let mut image = cx.typed(IMAGE, cx.repo().root(), &[]);
    cx.step(
        image.args(["--name", NAME]),
        "the Dockerfile makes no image",
    )?;
    let store = store(cx)?;
    let image = store
        .look_at(&image_of(NAME))?
        .context("the image is not there")?;
    Ok((store, image))
}

fn store(cx: &Context<'_>) -> anyhow::Result<Store> {
    Store::open(&cx.shared.cache, &mut |command| {
        Ok(cx.execute(command)?.success())
    })
}

fn build(cx: &Context<'_>) -> Outcome {
    let (store, image) = built(cx)?;
    compiled_once(&fs::read_to_string(&cx.log)?)?;

    // As the README has it, with another builder: nothing has changed, so nothing is compiled.
    let project = cx.project(&Request::new(NAME))?;
    let builder = store.build(&project, &mut |command| Ok(cx.execute(command)?.success()))?;
    let words = std::iter::once(builder.get_program()).chain(builder.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let instead = [
        ("docker build", &*words.join(" ")),
        ("{{project-name}}", NAME),
    ];
    let (status, said) = cx.output(&mut cx.typed(DOCKER_BUILD, &project, &instead))?;
    cx.note(&said)?;
    if !status.success() || said.contains("Compiling") {
        let wrong = "a second build of the same files fails, or compiles again";
        return Err(Failure::new(wrong, DOCKER_BUILD));
    }
    it_says_what_it_is(&image)?;
    it_holds_no_more(cx, &store, &image)?;
    say(&format!("        the image has {}", image.size));
    Ok(())
}

/// If it was compiled now: the dependencies in a layer of their own, and after it only the project.
fn compiled_once(log: &str) -> Outcome {
    let layers = log.split_once("COPY src src");
    let Some((_, after)) = layers.filter(|(before, _)| before.contains("Compiling")) else {
        return Ok(()); // the layer was there already
    };
    let again: BTreeSet<&str> = after
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("Compiling ") && !line.contains("/src)"))
        .collect();
    match again.first() {
        Some(first) => Err(Failure::new(
            "dependencies are compiled again after the layer that has them",
            "the build's output after `COPY src src`",
        )
        .at(*first)),
        None => Ok(()),
    }
}

fn it_says_what_it_is(image: &Image) -> Outcome {
    let config = &image.config;
    let labels = ["version", "revision", "base.name"];
    let has_labels = labels.iter().all(|label| {
        let label = &config["Labels"][format!("org.opencontainers.image.{label}")];
        label.as_str().is_some_and(|text| !text.is_empty())
    });
    let asks_itself = image.config["Healthcheck"]["Test"]
        == serde_json::json!(["CMD", "/app/service", "healthcheck"]);
    let is_as_agreed = config["User"] == "10001:10001"
        && image.list("Entrypoint") == ["/app/service"]
        && config["StopSignal"] == "SIGTERM"
        && image.list("Env").contains(&"APP_ENV=prod".to_owned());
    if has_labels && asks_itself && is_as_agreed {
        return Ok(());
    }
    let wrong = "the image does not say what it is, how it runs, or how it is";
    Err(Failure::new(wrong, "its configuration").at(config.to_string()))
}

fn it_holds_no_more(cx: &Context<'_>, store: &Store, image: &Image) -> Outcome {
    let container = Container::of(store, image)?;
    let files = Tree::read(&container.root.join("app"))?;
    let names: Vec<&str> = files.0.keys().map(String::as_str).collect();
    let expected = [
        "env_files/.env",
        "env_files/.env.dev",
        "env_files/.env.prod",
        "env_files/.env.uat",
        "service",
    ];
    if names != expected {
        let wrong = "the image holds other files than it should";
        return Err(
            Failure::new(wrong, format!("/app, which should hold {expected:?}"))
                .at(format!("{names:?}")),
        );
    }
    let (status, routes) = cx.output(&mut container.command(["routes"])?)?;
    if !status.success() || !routes.contains("/readyz") || routes.contains("/lab") {
        let wrong = "the image's service has other routes than production needs";
        return Err(Failure::new(wrong, "`/app/service routes`").at(routes));
    }
    let megabytes = image.size.strip_suffix(" MB");
    match megabytes.and_then(|number| number.parse::<f32>().ok()) {
        Some(megabytes) if megabytes < LARGEST_MEGABYTES => Ok(()),
        _ => {
            let limit = format!("it may have {LARGEST_MEGABYTES} MB");
            Err(Failure::new("the image is larger than it may be", limit).at(image.size.clone()))
        }
    }
}
