//! Base images out of Debian's packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use regex::Regex;

use super::{Run, Store};

/// Where the builder finds Rust, which comes from this machine.
pub(super) const RUST: &str = "/usr/local/rust";
pub(super) const CARGO_HOME: &str = "/usr/local/cargo";

const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Beside Debian's smallest system: what compiles and links C.
const OF_THE_BUILDER: &str = "gcc,libc6-dev,ca-certificates,netbase,tzdata";

/// What distroless' image for C and C++ has, and no more: no shell, no package manager. The authorities' certificates are made from
/// their package when it is installed, so they are taken from the builder.
const OF_THE_RUNTIME: &str =
    "base-files netbase tzdata libc6 libgcc-s1 libgomp1 libssl3 libstdc++6";

/// Raised when the same names are to stand for something else.
const RECIPE: u32 = 1;

/// Makes a Debian of suite $1 in the folder `builder`, and the few files that a service needs in `runtime`. debootstrap leaves the packages
/// that it installed behind.
const MAKE: &str = r#"
rm -rf builder runtime
debootstrap --variant=minbase --include="$2" "$1" "$PWD/builder"
mkdir runtime
for package in $3; do
    dpkg-deb -x builder/var/cache/apt/archives/"$package"_*.deb runtime
done
mkdir -p runtime/etc/ssl/certs
cp builder/etc/ssl/certs/ca-certificates.crt runtime/etc/ssl/certs/
echo 'root:x:0:0:root:/root:/sbin/nologin' > runtime/etc/passwd
echo 'root:x:0:' > runtime/etc/group
tar -C builder -c --exclude=./var/cache/apt --exclude=./var/lib/apt/lists --exclude='./dev/*' --exclude='./proc/*' -f builder.tar .
tar -C runtime -cf runtime.tar .
rm -rf builder runtime
"#;

/// What stands in the place of the Dockerfile's base images.
#[derive(Debug)]
pub(super) struct Bases {
    /// Debian's name of the system they are made of.
    suite: String,
    pub(super) builder: String,
    pub(super) runtime: String,
    /// Rust, as this machine has it.
    pub(super) toolchain: PathBuf,
}

impl Bases {
    /// Of the Debian that the Dockerfile builds on, with this machine's Rust.
    pub(super) fn for_dockerfile(dockerfile: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(dockerfile)
            .with_context(|| format!("cannot read {}", dockerfile.display()))?;
        let suite = suite(&text)?
            .with_context(|| format!("{} builds on no Rust with a Debian", dockerfile.display()))?;
        let toolchain = PathBuf::from(rustc(&["--print", "sysroot"])?);
        let version = rustc(&["--version"])?;
        let version = version.split(' ').nth(1).unwrap_or_default();
        Ok(Self {
            // Another Rust makes another image: what was compiled with the last one is no use.
            builder: format!("localhost/strata/rust:{version}-{suite}-{RECIPE}"),
            runtime: format!("localhost/strata/cc:{suite}-{RECIPE}"),
            suite,
            toolchain,
        })
    }

    /// Makes those that are not there yet.
    pub(super) fn provide(&self, store: &Store, run: Run<'_>) -> Result<()> {
        if store.look_at(&self.builder)?.is_some() && store.look_at(&self.runtime)?.is_some() {
            return Ok(());
        }
        let folder = tempfile::TempDir::with_prefix_in("bases-", &store.folder)?;
        let mut make = Command::new("sh");
        make.args([
            "-ec",
            MAKE,
            "sh",
            &self.suite,
            OF_THE_BUILDER,
            OF_THE_RUNTIME,
        ]);
        if !run(make.current_dir(folder.path()))? {
            bail!("debootstrap could not make a Debian {}", self.suite);
        }
        let path_with_rust = format!("PATH={RUST}/bin:{USUAL_PATH}");
        let cargo_home = format!("CARGO_HOME={CARGO_HOME}");
        let path = format!("PATH={USUAL_PATH}");
        import(
            store,
            folder.path(),
            "builder.tar",
            &self.builder,
            &[&path_with_rust, &cargo_home],
            run,
        )?;
        import(
            store,
            folder.path(),
            "runtime.tar",
            &self.runtime,
            &[&path],
            run,
        )
    }
}

/// Makes an image of an archive.
fn import(
    store: &Store,
    folder: &Path,
    archive: &str,
    image: &str,
    environment: &[&str],
    run: Run<'_>,
) -> Result<()> {
    let name = format!("{archive}-{}", std::process::id());
    let mut settings = vec!["config"];
    for setting in environment {
        settings.extend(["--env", setting]);
    }
    settings.push(&name);
    let steps: [&[&str]; 4] = [
        &["from", "--name", &name, "scratch"],
        &["add", "--quiet", &name, archive, "/"],
        &settings,
        &[
            "commit", "--quiet", "--rm", "--format", "docker", &name, image,
        ],
    ];
    for step in steps {
        if !run(&mut store.buildah(folder, step.iter().copied()))? {
            bail!("buildah can't make {image}");
        }
    }
    Ok(())
}

/// `bookworm`, of `FROM docker.io/library/rust:1.95-bookworm AS rust`.
fn suite(dockerfile: &str) -> Result<Option<String>> {
    let builder = Regex::new(r"(?m)^FROM \S+/rust:[\d.]+-([a-z]+)")?;
    Ok(builder
        .captures(dockerfile)
        .map(|found| found[1].to_owned()))
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let output = Command::new("rustc")
        .args(arguments)
        .output()
        .context("cannot start rustc")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debian_is_read_from_the_dockerfile() {
        let text = "# x\nFROM docker.io/library/rust:1.95-bookworm AS rust\nFROM x-debian12\n";
        assert_eq!(suite(text).unwrap().as_deref(), Some("bookworm"));
        assert_eq!(suite("FROM rust\n").unwrap(), None);
    }
}
