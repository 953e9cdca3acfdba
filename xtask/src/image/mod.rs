//! Images where there is neither a container engine nor a registry.
//!
//! buildah builds a project's Dockerfile as it is. Only the base images are others, made by debootstrap and handed over as build
//! arguments, and the crates come from a folder: what this machine needs to reach a registry never gets near a layer.

mod bases;
mod container;
mod share;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use self::bases::Bases;
pub(crate) use self::container::Container;
pub(crate) use self::share::Share;
use crate::cache::Cache;
use crate::cargo::{cargo, program};
use crate::packages;

const BY_HAND: &str = "The image is built by buildah on images made by debootstrap, as root on Linux (Debian, Ubuntu: `apt-get install buildah debootstrap`).";

/// Carries a command out, and returns whether it ended well.
pub(crate) type Run<'r> = &'r mut dyn FnMut(&mut Command) -> Result<bool>;

/// Where a build finds the crates, and what says so to cargo.
const CRATES: &str = "/crates";
const CARGO_CONFIG: &str =
    "[source.crates-io]\nreplace-with = \"folder\"\n\n[source.folder]\ndirectory = \"/crates\"\n";

/// The name under which the image of a service is kept.
pub(crate) fn image_of(service: &str) -> String {
    format!("localhost/{service}")
}

/// buildah, with images of this checkout's own.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    folder: PathBuf,
    buildah: PathBuf,
}

impl Store {
    /// Installs what is missing.
    pub(crate) fn open(cache: &Cache, run: Run<'_>) -> Result<Self> {
        if !packages::is_root() {
            bail!("{BY_HAND}");
        }
        let missing: Vec<&str> = ["buildah", "debootstrap"]
            .into_iter()
            .filter(|name| packages::find_program(name).is_none())
            .collect();
        if !missing.is_empty() {
            packages::install(&missing, BY_HAND, run)?;
        }
        let folder = cache.checks("images");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let buildah = packages::find_program("buildah").context(BY_HAND)?;
        Ok(Self { folder, buildah })
    }

    /// buildah with arguments, in a folder.
    pub(crate) fn buildah<'a>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = program(&self.buildah, folder);
        command
            .arg("--root")
            .arg(self.folder.join("storage"))
            .arg("--runroot")
            .arg(self.folder.join("run"))
            .args(arguments);
        command
    }

    /// What builds the Dockerfile of a project, but for the name that it gets and the folder, which come last.
    pub(crate) fn build(&self, project: &Path, run: Run<'_>) -> Result<Command> {
        let bases = Bases::for_dockerfile(&project.join("Dockerfile"))?;
        bases.provide(self, run)?;
        let crates = self.folder.join("crates");
        let mut vendor = cargo(project, ["vendor", "--quiet", "--locked"]);
        vendor.args(["--versioned-dirs", "--respect-source-config"]);
        if !run(vendor.arg(&crates))? {
            bail!("the crates can't be put into {}", crates.display());
        }
        let config = self.folder.join("cargo-config.toml");
        std::fs::write(&config, CARGO_CONFIG)?;

        let mut build = self.buildah(project, ["build", "--layers", "--pull-never"]);
        // There is no user namespace to be had in many containers; and OCI's format has no HEALTHCHECK.
        build.args(["--isolation", "chroot", "--format", "docker"]);
        for (argument, image) in [
            ("BUILD_IMAGE", &bases.builder),
            ("RUNTIME_IMAGE", &bases.runtime),
        ] {
            build.args(["--build-arg", &format!("{argument}={image}")]);
        }
        for (ours, place) in [
            (&bases.toolchain, bases::RUST.to_owned()),
            (&crates, CRATES.to_owned()),
            (&config, format!("{}/config.toml", bases::CARGO_HOME)),
        ] {
            build.args(["--volume", &format!("{}:{place}:ro", ours.display())]);
        }
        Ok(build)
    }

    /// What an image says about itself, and its size in bytes; none if there is no such image.
    pub(crate) fn look_at(&self, image: &str) -> Result<Option<Image>> {
        let ask = |arguments: &[&str]| -> Result<Option<String>> {
            let output = self
                .buildah(&self.folder, arguments.iter().copied())
                .output()?;
            let text = String::from_utf8(output.stdout)?;
            Ok(output.status.success().then_some(text))
        };
        let Some(inspected) = ask(&["inspect", "--type", "image", image])? else {
            return Ok(None);
        };
        let inspected: Value = serde_json::from_str(&inspected)?;
        // Only this one gives the size as a number.
        let listed = ask(&["images", "--json", image])?.unwrap_or_default();
        let listed: Value = serde_json::from_str(&listed)?;
        Ok(Some(Image {
            name: image.to_owned(),
            config: inspected["Docker"]["config"].clone(),
            size: listed[0]["size"].as_str().unwrap_or_default().to_owned(),
        }))
    }
}

/// An image in the store.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) name: String,
    /// Docker's form of it: `User`, `Env`, `Entrypoint` and so on.
    pub(crate) config: Value,
    /// Of all its layers, unpacked.
    pub(crate) size: String,
}

impl Image {
    /// The texts of a list in its configuration.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        texts(&self.config[key])
    }
}

/// The texts in a list of JSON's.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}
