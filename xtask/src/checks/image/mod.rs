//! `image/*`: the Dockerfile makes a small image, and what is in it runs as the pods of production do.

mod overlay;
mod prod;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::{long_check, readme};
use crate::context::Context;
use crate::generate::Request;
use crate::http::{free_port, get};
use crate::image::{Container, Image, Store, image_of};
use crate::runner::say;
use crate::service;
use crate::tree::Tree;

const IMAGE: &str = "cargo xtask image";
const DOCKER_BUILD: &str = "docker build --tag {{project-name}} --build-arg VERSION=\"$(git describe --tags --always --dirty)\" --build-arg REVISION=\"$(git rev-parse HEAD)\" .";
const NAME: &str = "image-svc";

/// Where the image's user may write.
const SQLITE: &str = "sqlite:///tmp/service.db?mode=rwc";

/// Unpacked: the base image has 25 MB, the service 24.
const LARGEST_MEGABYTES: f32 = 60.0;

pub(super) fn checks() -> Vec<Check> {
    vec![
        long_check(
            "image/build",
            90,
            "the Dockerfile builds, compiles dependencies once, and makes a small image of what it should hold, which knows its commit",
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
    let image = in_store(&store)?;
    Ok((store, image))
}

fn in_store(store: &Store) -> anyhow::Result<Image> {
    let image = store.look_at(&image_of(NAME))?;
    image.context("the image is not there")
}

fn store(cx: &Context<'_>) -> anyhow::Result<Store> {
    Store::open(&cx.shared.cache, &mut |command| {
        Ok(cx.execute(command)?.success())
    })
}

fn build(cx: &Context<'_>) -> Outcome {
    let (store, _) = built(cx)?;
    compiled_once(&fs::read_to_string(&cx.log)?)?;

    // As the README has it, with another builder, where only root may read what is not compiled. The commit is new, so the service
    // is compiled again, and no dependency.
    let project = cx.project(&Request::new(NAME))?;
    readme::start_history(cx, &project)?;
    only_for_root(&project.join("env_files"))?;
    let builder = store.build(&project, &mut |command| Ok(cx.execute(command)?.success()))?;
    let words = std::iter::once(builder.get_program()).chain(builder.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let instead = [
        ("docker build", &*words.join(" ")),
        ("{{project-name}}", NAME),
    ];
    let (status, said) = cx.output(&mut cx.typed(DOCKER_BUILD, &project, &instead))?;
    cx.note(&said)?;
    if !status.success() {
        return Err(Failure::new("a second build fails", DOCKER_BUILD));
    }
    no_dependency_in(&said)?;
    let (image, commit) = (in_store(&store)?, commit_of(cx, &project)?);
    it_says_what_it_is(&image, &commit)?;
    it_knows_its_commit(cx, &store, &image, &commit)?;
    it_holds_no_more(cx, &store, &image)?;
    say(&format!("        the image has {}", image.size));
    Ok(())
}

/// If it was compiled now: the dependencies in a layer of their own, and after it only the project.
fn compiled_once(log: &str) -> Outcome {
    match log.split_once("COPY src src") {
        Some((before, after)) if before.contains("Compiling") => no_dependency_in(after),
        _ => Ok(()), // the layer was there already
    }
}

/// Nothing but the project is compiled.
fn no_dependency_in(output: &str) -> Outcome {
    let again: BTreeSet<&str> = output
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

/// As a checkout with the umask 077 leaves it.
fn only_for_root(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        fs::set_permissions(entry?.path(), Permissions::from_mode(0o600))?;
    }
    Ok(fs::set_permissions(folder, Permissions::from_mode(0o700))?)
}

fn commit_of(cx: &Context<'_>, project: &Path) -> anyhow::Result<String> {
    let (_, commit) = cx.output(program("git", project).args(["rev-parse", "HEAD"]))?;
    Ok(commit.trim().to_owned())
}

fn it_says_what_it_is(image: &Image, commit: &str) -> Outcome {
    let config = &image.config;
    let label = |name: &str| {
        let text = config["Labels"][format!("org.opencontainers.image.{name}")].as_str();
        text.unwrap_or_default()
    };
    // There is no tag: the version is what git shortens the commit to.
    let version = label("version");
    let has_labels =
        !version.is_empty() && commit.starts_with(version) && label("revision") == commit;
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
    Err(
        Failure::new(wrong, format!("its configuration, of commit {commit}"))
            .at(config.to_string()),
    )
}

/// It starts, so its user may read what was copied, and says of which commit it is.
fn it_knows_its_commit(cx: &Context<'_>, store: &Store, image: &Image, commit: &str) -> Outcome {
    let mut container = Container::of(store, image)?;
    container.setting("APP_ENV", "local");
    container.setting("DATABASE_URL", SQLITE);
    let port = free_port()?;
    let service = service::serve(container.command(["serve"])?, port, port, &cx.log)?;
    let (_, version) = get(port, "/version")?;
    service.stop()?;
    let said: serde_json::Value = serde_json::from_str(&version)?;
    if said["revision"] == commit {
        return Ok(());
    }
    let wrong = "the image's service does not know of which commit it is";
    Err(Failure::new(wrong, format!("/version, of commit {commit}")).at(version))
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
