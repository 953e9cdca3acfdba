//! `cargo xtask image`: the image of a generated service, on a machine without a container engine.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cache::Cache;
use crate::cli::ImageOptions;
use crate::commands::generate;
use crate::generate::Request;
use crate::image::{Store, image_of};
use crate::names;
use crate::process::Child;
use crate::progress::duration;
use crate::repo::Repo;

/// Everything compiled for production, on a slow machine.
const LIMIT: Duration = Duration::from_hours(2);
/// The first stage with all its layers, so that they outlive the image that was made of them last.
const STAGE: &str = "localhost/strata/compiled";

pub(crate) fn run(options: &ImageOptions) -> Result<ExitCode> {
    let begun = Instant::now();
    let repo = Repo::find()?;
    names::check_name(&repo, &options.name)?;
    let parts = names::parts(&repo, options.parts.as_deref())?;
    let mut carry_out = |command: &mut Command| -> Result<bool> {
        let left = begun + LIMIT;
        Ok(Child::spawn(command)?.wait(left, || {})?.success())
    };

    let store = Store::open(&Cache::of(&repo)?, &mut carry_out)?;
    let temporary =
        TempDir::with_prefix("strata-image-").context("cannot create a temporary folder")?;
    let project = temporary.path().join(&options.name);
    let request = Request::new(&options.name).parts(parts.clone());
    generate::into_folder(&repo, &request, &project)?;
    println!(
        "  generated   {}",
        generate::describe(&options.name, &parts)
    );

    let image = image_of(&options.name);
    for more in [
        &["--target", "build", "--tag", STAGE][..],
        &["--tag", &image],
    ] {
        let mut build = store.build(&project, &mut carry_out)?;
        if !carry_out(build.args(more).arg("."))? {
            bail!("the image can't be built");
        }
    }
    carry_out(&mut store.buildah(&project, ["rmi", "--prune"]))?;
    let built = store.look_at(&image)?.context("the image is not there")?;
    println!(
        "  image       {image}, {}, in {}",
        built.size,
        duration(begun.elapsed())
    );
    Ok(ExitCode::SUCCESS)
}
