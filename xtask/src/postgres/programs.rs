//! Where a system keeps PostgreSQL's programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::packages;

/// The oldest version whose server notices that a client has gone (`client_connection_check_interval`).
const OLDEST: u32 = 14;

/// The folder with `initdb` and `postgres`: the newest version there is.
pub(super) fn find_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    for (parent, prefix, rest) in [
        ("/usr/lib/postgresql", "", "bin"), // Debian, Ubuntu
        ("/usr", "pgsql-", "bin"),          // the project's packages for Fedora, RHEL
        ("/usr/lib64", "pgsql", "bin"),
        ("/usr/local", "pgsql", "bin"), // from source, FreeBSD
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
        ("/usr/libexec", "postgresql", ""), // Alpine
    ] {
        let entries = std::fs::read_dir(parent)
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        let fitting =
            entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
        folders.extend(fitting.map(|entry| entry.path().join(rest)));
    }
    let with_programs = folders
        .into_iter()
        .filter(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    let with_version =
        with_programs.filter_map(|folder| Some((version(&folder.join("postgres"))?, folder)));
    with_version
        .filter(|(version, _)| *version >= OLDEST)
        .max_by_key(|(version, _)| *version)
        .map(|(_, folder)| folder)
}

/// 15, of `postgres (PostgreSQL) 15.14`.
fn version(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres)
        .arg("--version")
        .stderr(Stdio::null())
        .output()
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<u32> {
    let number = text
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

/// `psql`, from PATH or beside the server's programs.
pub(super) fn find_client() -> Option<PathBuf> {
    packages::find_program("psql").or_else(|| {
        find_programs()
            .map(|folder| folder.join("psql"))
            .filter(|file| file.is_file())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_server_says() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_version("nonsense"), None);
    }
}
