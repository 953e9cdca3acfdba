//! Env files, secret files and variables of a test's own.

use std::{collections::BTreeMap, fs, path::Path};

use app::core::config::{AppEnv, Config, ConfigError, Explanation, Sources};
use tempfile::TempDir;

/// What `local` needs: without SQLite it has no database of its own.
pub(crate) const NEEDED: &[(&str, &str)] = if cfg!(feature = "sqlite") {
    &[]
} else {
    &[("DATABASE_URL", "postgres://app@db/app")]
};

/// What every environment outside `local` needs beside a database.
const NO_PROXIES: (&str, &str) = ("RATE_LIMIT_TRUSTED_PROXIES", "none");

/// These settings in this environment, with what each needs outside `local` but for a database.
pub(crate) fn load_in<const N: usize>(
    env: AppEnv,
    pairs: [(&str, &str); N],
) -> Result<Config, ConfigError> {
    Config::for_tests_in(env, pairs.into_iter().chain([NO_PROXIES]))
}

/// What a user of `local` reads who sets these variables.
#[track_caller]
pub(crate) fn refused<const N: usize>(pairs: [(&str, &str); N]) -> String {
    match Config::for_tests_in(AppEnv::Local, NEEDED.iter().copied().chain(pairs)) {
        Ok(_) => panic!("it loads, and should be refused"),
        Err(error) => error.to_string(),
    }
}

/// Whether this is what `local` needs, which nothing that a test sets itself shall be hidden by.
fn stands_in(key: &str, value: &str) -> bool {
    NEEDED.contains(&(key, value))
}

/// What a configuration is read from. Its texts show the temporary directory as nothing, so they are the same every time.
pub(crate) struct Files {
    dir: TempDir,
    variables: BTreeMap<String, String>,
}

impl Files {
    /// An empty directory of env files and one of secrets.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut variables = BTreeMap::new();
        for (key, name) in [
            ("APP_CONFIG_DIR", "env_files"),
            ("APP_SECRETS_DIR", "secrets"),
        ] {
            let path = dir.path().join(name);
            fs::create_dir(&path).unwrap();
            variables.insert(key.to_owned(), path.display().to_string());
        }
        let needed = NEEDED
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()));
        variables.extend(needed);
        Self { dir, variables }
    }

    /// The same for an environment outside `local`, with a database.
    pub(crate) fn of(env: AppEnv) -> Self {
        Self::new()
            .variable(NO_PROXIES.0, NO_PROXIES.1)
            .variable("APP_ENV", env.name())
            .variable("DATABASE_URL", "postgres://app@db/app")
    }

    pub(crate) fn env_file(mut self, name: &str, text: &str) -> Self {
        self.variables
            .retain(|key, value| !stands_in(key, value) || !text.contains(key.as_str()));
        fs::write(self.dir.path().join("env_files").join(name), text).unwrap();
        self
    }

    pub(crate) fn secret(mut self, key: &str, text: &str) -> Self {
        self.variables
            .retain(|other, value| !stands_in(other, value) || other != key);
        fs::write(self.secrets_dir().join(key), text).unwrap();
        self
    }

    pub(crate) fn variable(mut self, key: &str, value: &str) -> Self {
        self.variables.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn secrets_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("secrets")
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources::of_environment(self.variables.clone())
    }

    #[track_caller]
    pub(crate) fn load(&self) -> Config {
        match self.try_load() {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn try_load(&self) -> Result<Config, ConfigError> {
        Config::from_sources(&self.sources())
    }

    /// What a user reads if it can't be loaded.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        match self.try_load() {
            Ok(_) => panic!("it loads, and should be refused"),
            Err(error) => self.without_directory(&error.to_string()),
        }
    }

    /// What a user reads if it is loaded with warnings.
    #[track_caller]
    pub(crate) fn warnings(&self) -> String {
        let config = self.load();
        let warnings = config
            .warnings()
            .iter()
            .map(|warning| warning.titled("warning"));
        self.without_directory(&warnings.collect::<Vec<_>>().join("\n\n"))
    }

    #[track_caller]
    pub(crate) fn explain(&self) -> String {
        Explanation::of(&self.sources()).unwrap().to_string()
    }

    fn without_directory(&self, text: &str) -> String {
        let directory: &Path = self.dir.path();
        text.replace(&format!("{}/", directory.display()), "")
    }
}
