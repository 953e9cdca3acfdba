//! The system's package manager, where this tool may use it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// The first of these programs in a folder of PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Whether this tool runs as root.
pub(crate) fn is_root() -> bool {
    nix::unistd::Uid::effective().is_root()
}

/// Installs packages of Debian's or Ubuntu's; an error says what to install by hand.
///
/// `run` carries out a command and returns whether it ended well.
pub(crate) fn install(
    packages: &[&str],
    by_hand: &str,
    mut run: impl FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    if !is_root() || find_program("apt-get").is_none() {
        bail!("{by_hand}");
    }
    if packages.contains(&"postgresql") {
        forbid_a_cluster()?;
    }
    let mut apt = |arguments: &[&str]| {
        run(Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(std::process::Stdio::null()))
    };
    apt(&["update", "--quiet"])?; // it may fail on one list and still know the package
    let mut arguments = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    arguments.extend(packages);
    if !apt(&arguments)? {
        bail!(
            "apt-get could not install {}. {by_hand}",
            packages.join(" ")
        );
    }
    Ok(())
}

/// Unpacks a package of Debian's or Ubuntu's into a folder, without installing it: one that brings a server would start it.
///
/// `run` carries out a command and returns whether it ended well.
pub(crate) fn unpack(
    package: &str,
    folder: &Path,
    by_hand: &str,
    mut run: impl FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    let download = format!(
        "rm -f ./*.deb && apt-get download --quiet {package} && dpkg-deb -x ./*.deb . && rm ./*.deb"
    );
    unpack_by(&download, package, folder, by_hand, &mut run)
}

/// The same with all that the package needs and that isn't installed.
pub(crate) fn unpack_with_libraries(
    package: &str,
    folder: &Path,
    by_hand: &str,
    mut run: impl FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    let download = format!(
        "rm -f ./*.deb && mkdir -p partial && \
         apt-get install --yes --quiet --no-install-recommends --download-only -o Dir::Cache::archives=\"$PWD\" {package} && \
         for file in ./*.deb; do dpkg-deb -x \"$file\" . || exit; done && rm ./*.deb"
    );
    unpack_by(&download, package, folder, by_hand, &mut run)
}

fn unpack_by(
    script: &str,
    package: &str,
    folder: &Path,
    by_hand: &str,
    run: &mut dyn FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    if !is_root() || find_program("apt-get").is_none() || find_program("dpkg-deb").is_none() {
        bail!("{by_hand}");
    }
    let mut here = |program: &str, arguments: &[&str]| {
        run(Command::new(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(std::process::Stdio::null()))
    };
    here("apt-get", &["update", "--quiet"])?; // it may fail on one list and still know the package
    if !here("sh", &["-c", script])? {
        bail!("apt-get could not download {package}. {by_hand}");
    }
    Ok(())
}

/// Unpacks packages of Debian's `suite`, which this system need not have among its sources: for programs that bring all they need.
///
/// `run` carries out a command and returns whether it ended well.
pub(crate) fn unpack_from(
    suite: &str,
    packages: &[&str],
    folder: &Path,
    by_hand: &str,
    run: impl FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    const UNPACK: &str = r#"
rm -f ./*.deb
for package; do
    apt-get --quiet $aside download "$package/$suite" # whatever is installed
done
for file in ./*.deb; do
    dpkg-deb -x "$file" .
done
rm ./*.deb
"#;
    from_suite(suite, "deb", UNPACK, packages, folder, by_hand, run)
}

/// Unpacks the sources that a package of Debian's `suite` was made of, without Debian's changes.
///
/// `run` carries out a command and returns whether it ended well.
pub(crate) fn unpack_source_from(
    suite: &str,
    package: &str,
    folder: &Path,
    by_hand: &str,
    run: impl FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    const UNPACK: &str = r#"
rm -rf apt/source
mkdir apt/source
(cd apt/source && apt-get --quiet $aside source --download-only --only-source "$1")
tar --extract --file apt/source/*.orig.tar.* --strip-components=1
"#;
    from_suite(suite, "deb-src", UNPACK, &[package], folder, by_hand, run)
}

/// Carries out a script in a folder, in which `apt-get $aside` knows the suite and nothing else.
fn from_suite(
    suite: &str,
    kind: &str,
    script: &str,
    packages: &[&str],
    folder: &Path,
    by_hand: &str,
    mut run: impl FnMut(&mut Command) -> Result<bool>,
) -> Result<()> {
    const ASIDE: &str = r#"
mkdir -p apt/lists/partial apt/cache/archives/partial
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep --max-count=1 '/debian/*$')
echo "$kind [signed-by=$keys] $mirror $suite main" > apt/sources.list
aside="-o Dir::Etc::SourceList=$PWD/apt/sources.list -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists=$PWD/apt/lists -o Dir::Cache=$PWD/apt/cache"
apt-get --quiet $aside update
"#;
    let keys = Path::new("/usr/share/keyrings/debian-archive-keyring.gpg");
    if find_program("apt-get").is_none() || !keys.is_file() {
        bail!("{by_hand}");
    }
    let mut command = Command::new("sh");
    command
        .args(["-ec", &format!("{ASIDE}{script}rm -r apt"), "sh"])
        .args(packages)
        .envs([("suite", suite), ("kind", kind)])
        .env("keys", keys)
        .current_dir(folder)
        .stdin(std::process::Stdio::null());
    if !run(&mut command)? {
        let packages = packages.join(" ");
        bail!("apt-get could not download {packages} of {suite}. {by_hand}");
    }
    Ok(())
}

/// Debian's package would create a server for everybody and start it; only its programs are wanted.
fn forbid_a_cluster() -> Result<()> {
    let settings = Path::new("/etc/postgresql-common/createcluster.conf");
    if !settings.exists() {
        if let Some(folder) = settings.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(settings, "create_main_cluster = false\n")?;
    }
    Ok(())
}
