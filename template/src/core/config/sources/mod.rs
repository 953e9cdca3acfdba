//! Where values come from, and which of them counts.

use std::{
    collections::BTreeMap,
    env, fmt,
    path::{Path, PathBuf},
};

use super::{AppEnv, ConfigError, Problem};

mod env_file;
mod secrets_dir;

pub(super) use secrets_dir::text_of;

/// What sets a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The section's default for the environment.
    Default,
    /// A line of an env file.
    EnvFile {
        /// The file, relative to the working directory if it is below.
        path: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// A file of the secrets directory.
    SecretFile(PathBuf),
    /// The environment of the process.
    Environment,
}

impl Source {
    pub(super) fn line(&self) -> Option<usize> {
        match self {
            Self::EnvFile { line, .. } => Some(*line),
            _ => None,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::EnvFile { path, line } => write!(f, "{path}:{line}"),
            Self::SecretFile(path) => f.write_str(&shown(path)),
            Self::Environment => f.write_str("environment"),
        }
    }
}

/// A value and who set it. No `Debug`: the value may be a secret.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) value: String,
    pub(super) source: Source,
}

/// All settings of each key, lowest first: the last one counts, the others are shadowed.
pub(super) type Settings = BTreeMap<String, Vec<Setting>>;

/// Where the configuration is read from.
#[derive(Clone)]
pub struct Sources {
    config_dir: Directory,
    secrets_dir: Directory,
    process: BTreeMap<String, String>,
    /// Variables whose value is no UTF-8.
    unreadable: Vec<String>,
    env: Option<AppEnv>,
}

#[derive(Clone)]
enum Directory {
    /// No files at all.
    None,
    /// Where it usually is; nothing is read if it isn't there.
    Usual(PathBuf),
    /// Where it was said to be: it must exist.
    Said(PathBuf),
}

impl Directory {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::None => None,
            Self::Usual(path) | Self::Said(path) => Some(path),
        }
    }

    /// Whether there is something to read.
    fn exists(&self, key: &str, problems: &mut Vec<Problem>) -> bool {
        match self {
            Self::None => false,
            Self::Usual(path) => path.is_dir(),
            Self::Said(path) => {
                let exists = path.is_dir();
                if !exists {
                    let message = format!("{key} is `{}`, which is no directory", path.display());
                    problems.push(Problem::new(message).at(&Source::Environment));
                }
                exists
            }
        }
    }
}

/// Decides about the whole configuration, so it can stand in the process environment only.
pub(super) const APP_ENV: &str = "APP_ENV";
/// Where the env files are.
pub(super) const APP_CONFIG_DIR: &str = "APP_CONFIG_DIR";
/// Where the secret files are.
pub(super) const APP_SECRETS_DIR: &str = "APP_SECRETS_DIR";
/// Where they usually are.
const SECRETS_DIR: &str = "/mnt/secrets";
/// What is logged, for this run: it wins over `LOG_LEVEL`.
pub(super) const RUST_LOG: &str = "RUST_LOG";
/// The three keys that say where the other ones are found.
pub(super) const BOOTSTRAP: [&str; 3] = [APP_ENV, APP_CONFIG_DIR, APP_SECRETS_DIR];

impl Sources {
    /// The environment of the process, and the directories that it names.
    #[must_use]
    pub fn of_process() -> Self {
        let (mut process, mut unreadable) = (Vec::new(), Vec::new());
        for (key, value) in env::vars_os() {
            // A key that is no UTF-8 is none of ours.
            let Ok(key) = key.into_string() else { continue };
            match value.into_string() {
                Ok(value) => process.push((key, value)),
                Err(_) => unreadable.push(key),
            }
        }
        Self {
            unreadable,
            ..Self::of_environment(process)
        }
    }

    /// These variables in the place of the process environment, and the directories that they name.
    #[must_use]
    pub fn of_environment<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let process: BTreeMap<String, String> = variables
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect();
        let directory = |key: &str, usual: &str| match process.get(key) {
            Some(said) if !said.is_empty() => Directory::Said(PathBuf::from(said)),
            _ => Directory::Usual(PathBuf::from(usual)),
        };
        Self {
            config_dir: directory(APP_CONFIG_DIR, "env_files"),
            secrets_dir: directory(APP_SECRETS_DIR, SECRETS_DIR),
            process,
            unreadable: Vec::new(),
            env: None,
        }
    }

    /// These variables and nothing else: no file is read.
    pub(super) fn of_variables<K: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self {
            config_dir: Directory::None,
            secrets_dir: Directory::None,
            ..Self::of_environment(variables)
        }
    }

    /// As if `APP_ENV` said so.
    #[must_use]
    pub fn with_env(mut self, env: AppEnv) -> Self {
        self.env = Some(env);
        self
    }

    /// The directory of the env files.
    #[must_use]
    pub fn config_dir(&self) -> Option<&Path> {
        self.config_dir.path()
    }

    /// The directory of the secrets, to be named where a secret is missing.
    pub(super) fn secrets_dir(&self) -> String {
        let path = self.secrets_dir.path().unwrap_or(Path::new(SECRETS_DIR));
        path.display().to_string()
    }

    /// Variables of the process whose value is no text. They set nothing.
    pub(super) fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    pub(super) fn variable(&self, key: &str) -> Option<&str> {
        self.process.get(key).map(String::as_str)
    }

    /// The environment: what [`with_env`](Self::with_env) said, or `APP_ENV`.
    ///
    /// # Errors
    ///
    /// If `APP_ENV` is none of the four.
    pub fn env(&self) -> Result<AppEnv, ConfigError> {
        match (self.env, self.variable(APP_ENV)) {
            (Some(env), _) => Ok(env),
            (None, None | Some("")) => Ok(AppEnv::default()),
            (None, Some(text)) => text.parse().map_err(|error| {
                let problem = Problem::new(format!("{APP_ENV} {error}"));
                ConfigError::new(vec![problem.at(&Source::Environment)])
            }),
        }
    }

    /// Everything that is set, by anything but a default. Reads top-down as the list of precedence, lowest first.
    /// Also what was wrong with the files themselves.
    pub(super) fn settings(&self, env: AppEnv) -> (Settings, Vec<Problem>) {
        let mut settings = Settings::new();
        let mut problems = Vec::new();
        if self.config_dir.exists(APP_CONFIG_DIR, &mut problems)
            && let Some(directory) = self.config_dir()
        {
            // 1. What holds in every environment.
            env_file::read(&directory.join(".env"), &mut settings, &mut problems);
            // 2. What holds in this one. In `local` that is a developer's own file, which git ignores.
            let of_env = directory.join(format!(".env.{env}"));
            env_file::read(&of_env, &mut settings, &mut problems);
        }
        // 3. Secrets, one file for each key.
        if self.secrets_dir.exists(APP_SECRETS_DIR, &mut problems)
            && let Some(directory) = self.secrets_dir.path()
        {
            secrets_dir::read(directory, &mut settings, &mut problems);
        }
        // 4. The environment of the process.
        for (key, value) in &self.process {
            let setting = Setting {
                value: value.clone(),
                source: Source::Environment,
            };
            settings.entry(key.clone()).or_default().push(setting);
        }
        (settings, problems)
    }
}

/// A path as it is shown: from the working directory, if that is not far.
fn shown(path: &Path) -> String {
    let from_here = env::current_dir().ok().and_then(|here| {
        let below = path.strip_prefix(&here).map(Path::to_owned);
        let beside = || Some(Path::new("..").join(path.strip_prefix(here.parent()?).ok()?));
        // From the root of the file system everything would be not far.
        let beside = || beside().filter(|_| here.components().count() > 2);
        below.ok().or_else(beside)
    });
    from_here.as_deref().unwrap_or(path).display().to_string()
}
