//! Settings: where they come from, what they may be, and what to say if they are not.
//!
//! A `Section` is a struct in a file of its own, registered under the prefix of its keys. Values are text from the layers of
//! `Sources`, lowest first: the section's defaults for the environment, `env_files/.env`, `env_files/.env.{APP_ENV}`, the secrets
//! directory, the environment of the process. All that is wrong is collected and reported at once, in a `ConfigError`.
//!
//! | to find out | read |
//! |---|---|
//! | what the keys of a section are | the file of its name, such as `server.rs` |
//! | which of several values counts, and how files are read | `sources/` |
//! | what a URL of the database may hold, and what becomes of it | `database_url.rs`, `database_address.rs` |
//! | how the database's password is read again | `password_file.rs` |
//! | what a struct says about its keys | `section.rs`, `field.rs` |
//! | how text becomes a section | `read.rs` |
//! | what is refused | `check.rs`, `timeouts.rs`, `unknown.rs`, `secret.rs` |
//! | how a mistake is told | `report.rs`, `problem.rs` |
//! | what `config explain` and `config example` show | `explain.rs`, `reference.rs` |

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    fmt,
    sync::Arc,
};

mod app_env;
mod check;
mod coalescing;
mod cors;
mod database;
mod database_address;
mod database_url;
mod docs;
mod explain;
mod field;
#[cfg(feature = "http-client")]
mod http_client;
mod idempotency;
mod list;
mod log;
#[cfg(feature = "otlp")]
mod otel;
mod password_file;
mod problem;
mod rate_limit;
mod read;
mod reference;
mod report;
mod secret;
mod section;
mod server;
mod sources;
mod stream;
mod timeouts;
mod unknown;

pub use app_env::{AppEnv, UnknownAppEnv};
pub use check::Checks;
pub use coalescing::CoalescingConfig;
pub use cors::CorsConfig;
pub use database::{DatabaseConfig, Pooler, SslMode};
pub use database_address::{DatabaseAddress, PostgresAddress};
pub use docs::DocsConfig;
pub use explain::Explanation;
#[cfg(feature = "http-client")]
pub use http_client::HttpClientConfig;
pub use idempotency::IdempotencyConfig;
pub use list::List;
pub use log::{LogConfig, LogFormat};
#[cfg(feature = "otlp")]
pub use otel::{OtelConfig, OtelExporter, OtlpProtocol, TracesSampler};
pub use password_file::PasswordFile;
pub use problem::{ConfigError, Problem};
pub use rate_limit::{ForwardedHeader, RateLimitConfig, TrustedProxies};
pub use reference::{GeneratedFile, example, pages};
pub use secret::Secret;
pub use section::{Defaults, Section, SectionEntry};
pub use server::ServerConfig;
pub use sources::{Source, Sources};
pub use stream::StreamConfig;

use self::{
    field::SectionFields, read::Reader, report::Report, section::Loaded, sources::RUST_LOG,
};

pub use crate::register_section;

/// The configuration: every registered section, read and checked. Cheap to clone.
#[derive(Clone)]
pub struct Config(Arc<Inner>);

struct Inner {
    env: AppEnv,
    warnings: Vec<Problem>,
    rust_log: Option<String>,
    sections: Sections,
}

/// The sections that were read, by their type.
#[derive(Default)]
struct Sections(BTreeMap<TypeId, Box<dyn Loaded>>);

impl Sections {
    fn get<S: Section>(&self) -> Option<&S> {
        let section: &dyn Any = &**self.0.get(&TypeId::of::<S>())?;
        section.downcast_ref()
    }
}

impl Config {
    /// Reads the environment of the process and the files it names.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, with its source.
    pub fn load() -> Result<Self, ConfigError> {
        Self::from_sources(&Sources::of_process())
    }

    /// Reads these sources.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, with its source.
    pub fn from_sources(sources: &Sources) -> Result<Self, ConfigError> {
        let env = sources.env()?;
        let fields = SectionFields::all()?;

        let (settings, problems) = sources.settings(env);
        let mut report = Report::new(env, &settings, sources.secrets_dir());
        report.problems.extend(problems);
        unknown::report(fields, &mut report);
        unknown::report_unreadable(sources.unreadable(), fields, &mut report);

        let mut sections = Sections::default();
        for section in fields {
            let mut reader = Reader {
                section,
                report: &mut report,
            };
            if let Some(section) = (section.entry.read)(&mut reader) {
                sections.0.insert((*section).type_id(), section);
            }
        }
        timeouts::check(&sections, fields, &mut report);
        let rust_log = sources.variable(RUST_LOG).filter(|text| !text.is_empty());
        if let Some(Err(reason)) = rust_log.map(log::check_directives) {
            let problem = Problem::new(format!("{RUST_LOG} {reason}"));
            report.problems.push(problem.at(&Source::Environment));
        }

        if !report.problems.is_empty() {
            return Err(ConfigError::new(report.problems));
        }
        Ok(Self(Arc::new(Inner {
            env,
            warnings: report.warnings,
            rust_log: rust_log.map(str::to_owned),
            sections,
        })))
    }

    /// For tests: the defaults of `local` and these keys, without files or the environment of the process. Without the Cargo feature
    /// `sqlite`, where `local` has no database of its own, it is one that nobody serves, unless a key says another.
    ///
    /// # Panics
    ///
    /// If something is wrong with them, with the text a user would see.
    #[track_caller]
    #[must_use]
    pub fn for_tests<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pairs = pairs
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()));
        let mut pairs: Vec<(String, String)> = pairs.collect();
        let names_a_database = pairs
            .iter()
            .any(|(key, _)| key == "DATABASE_URL" || key == "DATABASE_HOST");
        if cfg!(not(feature = "sqlite")) && !names_a_database {
            pairs.push((
                "DATABASE_URL".into(),
                "postgres://nobody@127.0.0.1:1/none".into(),
            ));
        }
        match Self::for_tests_in(AppEnv::Local, pairs) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        }
    }

    /// For tests: the defaults of this environment and these keys, without files or the environment of the process.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn for_tests_in<K: Into<String>, V: Into<String>>(
        env: AppEnv,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        Self::from_sources(&Sources::of_variables(pairs).with_env(env))
    }

    /// The environment whose defaults and rules hold.
    #[must_use]
    pub fn env(&self) -> AppEnv {
        self.0.env
    }

    /// What is odd but no reason not to start.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.0.warnings
    }

    /// What `RUST_LOG` said, which wins over `LOG_LEVEL`.
    #[must_use]
    pub fn rust_log(&self) -> Option<&str> {
        self.0.rust_log.as_deref()
    }

    /// A section.
    ///
    /// # Panics
    ///
    /// If its type was never registered: a mistake in the code, which every test meets.
    #[must_use]
    pub fn section<S: Section>(&self) -> &S {
        let Some(section) = self.0.sections.get() else {
            panic!(
                "{} is no section: `register_section!` is missing in its file",
                std::any::type_name::<S>()
            )
        };
        section
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("env", &self.0.env)
            .field("sections", &self.0.sections.0.values())
            .finish()
    }
}
