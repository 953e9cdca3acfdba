//! Tools of a fixed version that some checks need, installed into a folder of their own.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::cargo::{cargo, program};
use crate::context::Context;
use crate::packages;

/// As the README says it: the newest version that builds on the Rust the template needs.
pub(crate) const INSTALL_CARGO_GENERATE: &str =
    "cargo install cargo-generate --version 0.23.14 --locked";

/// The real `cargo generate` command.
pub(crate) fn cargo_generate(cx: &Context<'_>) -> Result<PathBuf> {
    let mut words = INSTALL_CARGO_GENERATE.split(' ');
    words.find(|word| *word == "--version");
    let version = words.next().unwrap_or_default();
    let tools = cx.shared.cache.tools();
    let root = tools.join(format!("cargo-generate-{version}"));
    let binary = root.join("bin/cargo-generate");
    // What is there already was installed by the same line.
    let mut install = cx.typed(INSTALL_CARGO_GENERATE, tools, &[]);
    if binary.is_file() {
        return Ok(binary);
    }
    std::fs::create_dir_all(&root)?;
    let has_openssl = |cx: &Context<'_>| -> Result<bool> {
        Ok(packages::find_program("pkg-config").is_some()
            && cx
                .execute(program("pkg-config", &root).args(["--exists", "openssl"]))?
                .success())
    };
    if !has_openssl(cx)? {
        // Without the headers OpenSSL is compiled along: slower, but it needs nothing.
        let _ = packages::install(&["libssl-dev", "pkg-config"], "", |command| {
            Ok(cx.execute(command)?.success())
        });
    }
    let vendored: &[&str] = if has_openssl(cx)? {
        &[]
    } else {
        &["--features", "vendored-openssl"]
    };
    // --debug: it does the same and is compiled in half the time.
    install
        .args(["--debug", "--root"])
        .arg(&root)
        .args(vendored);
    if !cx.execute(&mut install)?.success() {
        bail!(
            "cargo-generate {version} could not be installed; see {}",
            cx.log.display()
        );
    }
    Ok(binary)
}

/// What `just dev` watches files with.
pub(crate) fn watchexec(cx: &Context<'_>) -> Result<PathBuf> {
    const VERSION: &str = "2.8.0";
    let root = cx.shared.cache.tools().join(format!("watchexec-{VERSION}"));
    let binary = root.join("bin/watchexec");
    if binary.is_file() {
        return Ok(binary);
    }
    std::fs::create_dir_all(&root)?;
    let arguments = [
        "install",
        "watchexec-cli",
        "--version",
        VERSION,
        "--locked",
        "--debug",
        "--root",
    ];
    if !cx.execute(cargo(&root, arguments).arg(&root))?.success() {
        bail!(
            "watchexec {VERSION} could not be installed; see {}",
            cx.log.display()
        );
    }
    Ok(binary)
}

/// Prometheus' tool, which is part of Debian's package of the server.
pub(crate) fn promtool(cx: &Context<'_>) -> Result<PathBuf> {
    of_prometheus(cx, "promtool")
}

/// Prometheus itself.
pub(crate) fn prometheus(cx: &Context<'_>) -> Result<PathBuf> {
    of_prometheus(cx, "prometheus")
}

fn of_prometheus(cx: &Context<'_>, name: &str) -> Result<PathBuf> {
    if let Some(installed) = packages::find_program(name) {
        return Ok(installed);
    }
    let folder = cx.shared.cache.tools().join("prometheus");
    let binary = folder.join("usr/bin").join(name);
    if binary.is_file() {
        return Ok(binary);
    }
    let by_hand =
        "Prometheus is needed for this check (Debian, Ubuntu: `apt-get install prometheus`).";
    std::fs::create_dir_all(&folder)?;
    packages::unpack("prometheus", &folder, by_hand, |command| {
        Ok(cx.execute(command)?.success())
    })?;
    if !binary.is_file() {
        bail!("the package prometheus holds no {name}. {by_hand}");
    }
    Ok(binary)
}

/// Docker Compose, which reads and checks a file without an engine.
pub(crate) fn compose(cx: &Context<'_>) -> Result<PathBuf> {
    from_trixie(
        cx,
        "docker-compose",
        "usr/libexec/docker/cli-plugins/docker-compose",
    )
}

/// kubectl with a Kustomize that knows components.
pub(crate) fn kubectl(cx: &Context<'_>) -> Result<PathBuf> {
    from_trixie(cx, "kubectl", "usr/bin/kubectl")
}

/// What a Kubernetes API server keeps its objects in.
pub(crate) fn etcd(cx: &Context<'_>) -> Result<PathBuf> {
    from_trixie(cx, "etcd-server", "usr/bin/etcd")
}

/// A program of Debian 13's that needs nothing but the C library: an older Debian has it in a version that is too old.
fn from_trixie(cx: &Context<'_>, package: &str, program: &str) -> Result<PathBuf> {
    let folder = cx.shared.cache.tools().join(format!("{package}-trixie"));
    let binary = folder.join(program);
    if binary.is_file() {
        return Ok(binary);
    }
    let by_hand = format!("{package} of Debian 13 is needed for this check.");
    std::fs::create_dir_all(&folder)?;
    packages::unpack_from("trixie", &[package], &folder, &by_hand, |command| {
        Ok(cx.execute(command)?.success())
    })?;
    if !binary.is_file() {
        bail!("the package {package} holds no {program}");
    }
    Ok(binary)
}

/// A program of a Python package, in an environment of its own.
pub(crate) fn python(
    cx: &Context<'_>,
    package: &str,
    version: &str,
    name: &str,
) -> Result<PathBuf> {
    let requirement = format!("{package}=={version}");
    let folder = python_environment(cx, &format!("{package}-{version}"), &[&requirement])?;
    Ok(folder.join("bin").join(name))
}

/// Python with the packages that a file names, in an environment of its own.
pub(crate) fn python_with(cx: &Context<'_>, name: &str, file: &Path) -> Result<PathBuf> {
    let text = std::fs::read_to_string(file)?;
    let requirements: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let folder = python_environment(cx, name, &requirements)?;
    Ok(folder.join("bin/python"))
}

/// An environment with exactly these packages and what they need; returns its folder.
fn python_environment(cx: &Context<'_>, name: &str, requirements: &[&str]) -> Result<PathBuf> {
    let folder = cx.shared.cache.tools().join(name);
    // Written last: an interrupted installation is begun again, and so is one of other versions.
    let complete = folder.join("complete");
    let wanted = requirements.join("\n");
    if std::fs::read_to_string(&complete).is_ok_and(|there| there == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    if !make_environment(cx, &folder)? {
        let by_hand = "Python 3.10 or newer with its venv module is needed (Debian, Ubuntu: `apt-get install python3-venv`).";
        packages::install(&["python3", "python3-venv"], by_hand, |command| {
            Ok(cx.execute(command)?.success())
        })?;
        if !make_environment(cx, &folder)? {
            bail!("{by_hand}");
        }
    }
    let mut install = program(folder.join("bin/python"), &folder);
    install
        .args(["-m", "pip", "install", "--quiet"])
        .args(requirements);
    if !cx.execute(&mut install)?.success() {
        bail!(
            "{} could not be installed; see {}",
            requirements.join(", "),
            cx.log.display()
        );
    }
    std::fs::write(complete, wanted)?;
    Ok(folder)
}

fn make_environment(cx: &Context<'_>, folder: &Path) -> Result<bool> {
    let Some(python) = packages::find_program("python3") else {
        return Ok(false);
    };
    let status = cx
        .execute(
            program(python, folder)
                .args(["-m", "venv", "--clear"])
                .arg(folder),
        )
        .context("cannot start Python")?;
    Ok(status.success())
}

/// `HAProxy`, and where its libraries are if they had to be unpacked along with it.
pub(crate) struct Haproxy {
    pub(crate) binary: PathBuf,
    pub(crate) libraries: Option<PathBuf>,
}

/// The proxy, which Debian's package would start for everybody.
pub(crate) fn haproxy(cx: &Context<'_>) -> Result<Haproxy> {
    let system = Path::new("/usr/sbin/haproxy");
    let installed = packages::find_program("haproxy");
    if let Some(binary) = installed.or_else(|| system.is_file().then(|| system.to_owned())) {
        return Ok(Haproxy {
            binary,
            libraries: None,
        });
    }
    let folder = cx.shared.cache.tools().join("haproxy");
    let binary = folder.join("usr/sbin/haproxy");
    if !binary.is_file() {
        let by_hand =
            "HAProxy is needed for this check (Debian, Ubuntu: `apt-get install haproxy`).";
        std::fs::create_dir_all(&folder)?;
        packages::unpack_with_libraries("haproxy", &folder, by_hand, |command| {
            Ok(cx.execute(command)?.success())
        })?;
        if !binary.is_file() {
            bail!("the package haproxy holds no haproxy. {by_hand}");
        }
    }
    // usr/lib/x86_64-linux-gnu, or that of another machine
    let architectures = std::fs::read_dir(folder.join("usr/lib"))
        .into_iter()
        .flatten();
    let libraries = architectures
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().ends_with("-linux-gnu"));
    Ok(Haproxy { binary, libraries })
}

/// The line by which the pipelines install it.
pub(crate) const INSTALL_CARGO_DENY: &str = "cargo install cargo-deny --version 0.20.2 --locked";

/// The judge of dependencies.
pub(crate) fn cargo_deny(cx: &Context<'_>) -> Result<PathBuf> {
    let root = cx.shared.cache.tools().join("cargo-deny");
    let binary = root.join("bin/cargo-deny");
    // Cargo sees itself whether this very version is there. --debug: it judges the same and is compiled in half the time.
    let line = format!("{INSTALL_CARGO_DENY} --debug");
    std::fs::create_dir_all(&root)?;
    let mut install = program("bash", &root);
    install
        .args(["-ec", &line])
        .env("CARGO_INSTALL_ROOT", &root);
    if !cx.execute(&mut install)?.success() {
        bail!(
            "cargo-deny could not be installed; see {}",
            cx.log.display()
        );
    }
    Ok(binary)
}
