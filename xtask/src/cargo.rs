//! Calling cargo, rid of what the cargo that runs this tool has put into the environment.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Variables that cargo sets for a program it runs; another cargo, its build scripts and the programs it runs must not see them.
fn is_cargos_own(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    key.starts_with("CARGO_PKG_")
        || key.starts_with("CARGO_BIN_")
        || matches!(&*key, "CARGO" | "CARGO_CRATE_NAME" | "CARGO_MANIFEST_DIR" | "CARGO_MANIFEST_PATH" | "CARGO_PRIMARY_PACKAGE" | "CARGO_TARGET_DIR")
        // `[env]` of the repository's .cargo/config.toml: right in place, wrong in a generated project
        || key == "APP_CONFIG_DIR"
}

/// What the keys of a service begin with: those of the environment, and of each section of its configuration.
const PREFIXES: [&str; 15] = [
    "APP_",
    "SERVER_",
    "DATABASE_",
    "HTTP_CLIENT_",
    "STREAM_",
    "BATCH_",
    "COALESCING_",
    "IDEMPOTENCY_",
    "CORS_",
    "RATE_LIMIT_",
    "DOCS_",
    "LOG_",
    "OTEL_",
    "UPSTREAM_",
    "LAB_",
];

/// Settings of a service: those of whoever runs this tool must not reach the services it starts.
fn is_a_services_own(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    key == "RUST_LOG" || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// A program with a clean environment, in a folder.
pub(crate) fn program(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .stdin(std::process::Stdio::null());
    for (key, _) in std::env::vars_os() {
        if is_cargos_own(&key) || is_a_services_own(&key) {
            command.env_remove(key);
        }
    }
    // Named by this tool only, where it is wanted: a check that says SQLite must not run on a server.
    command.env_remove("TEST_DATABASE_URL");
    command.env_remove("TEST_DATABASE_DIRECT_URL");
    command.env_remove("TEST_KUBECTL");
    command
}

/// Cargo with arguments, in a folder.
pub(crate) fn cargo<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = program(
        std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
        folder,
    );
    command.args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::repo::Repo;
    use crate::tree::Tree;

    #[test]
    fn the_settings_of_every_section_are_known() {
        let template = Repo::find().unwrap().template().join("src");
        let mut registered = BTreeSet::from(["APP_".to_owned()]);
        for bytes in Tree::read(&template).unwrap().0.values() {
            for line in String::from_utf8_lossy(bytes).lines() {
                let section = line.split_once("register_section! { \"");
                if let Some((prefix, _)) = section.and_then(|(_, rest)| rest.split_once('"'))
                    && !line.trim_start().starts_with("//")
                {
                    registered.insert(prefix.to_owned());
                }
            }
        }
        assert_eq!(registered, PREFIXES.map(str::to_owned).into());
    }
}
