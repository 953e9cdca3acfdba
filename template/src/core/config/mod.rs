//! Settings: where they come from, what they may be, and what to say if they are not.
//!
//! A [`Section`] is a struct in a file of its own, registered under the prefix of its keys. Values are text from the layers of
//! [`Sources`], lowest first: the section's defaults for the environment, `env_files/.env`, `env_files/.env.{APP_ENV}`, the
//! secrets directory, the environment of the process. All that is wrong is collected and reported at once, in a [`ConfigError`].

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::Arc,
};

mod app_env;
mod check;
mod cors;
mod database;
mod docs;
mod field;
#[cfg(feature = "http-client")]
mod http_client;
mod list;
mod log;
mod problem;
mod read;
mod secret;
mod section;
mod server;
mod sources;

pub use app_env::{AppEnv, UnknownAppEnv};
pub use check::Checks;
pub use cors::CorsConfig;
pub use database::{DatabaseConfig, SslMode};
pub use docs::DocsConfig;
#[cfg(feature = "http-client")]
pub use http_client::HttpClientConfig;
pub use list::List;
pub use log::{LogConfig, LogFormat};
pub use problem::{ConfigError, Problem};
pub use secret::Secret;
pub use section::{Defaults, Section, SectionEntry};
pub use server::ServerConfig;
pub use sources::{Source, Sources};

use self::{field::SectionFields, read::Reader, section::Loaded};
use crate::core::registry::{self, RegistryError};

pub use crate::register_section;

/// The configuration: every registered section, read and checked. Cheap to clone.
#[derive(Clone)]
pub struct Config {
    env: AppEnv,
    sections: Arc<HashMap<TypeId, Box<dyn Loaded>>>,
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
        let env = sources
            .env()
            .map_err(|problem| ConfigError::new(vec![problem]))?;
        let entries = registry::entries::<SectionEntry>().and_then(|entries| {
            let kind = <SectionEntry as registry::Entry>::KIND;
            if entries.is_empty() {
                Err(RegistryError::Empty { kind })
            } else {
                Ok(entries)
            }
        });
        let entries =
            entries.map_err(|error| ConfigError::new(vec![Problem::new(error.to_string())]))?;

        let mut problems = Vec::new();
        let settings = sources.settings(env, &mut problems);
        let mut sections = HashMap::new();
        for entry in entries {
            let fields = SectionFields::of(entry);
            let mut reader = Reader {
                env,
                section: &fields,
                settings: &settings,
                problems: &mut problems,
            };
            if let Some(section) = (entry.read)(&mut reader) {
                sections.insert((*section).type_id(), section);
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        Ok(Self {
            env,
            sections: Arc::new(sections),
        })
    }

    /// For tests: the defaults of `local` and these keys, without files or the environment of the process.
    ///
    /// # Panics
    ///
    /// If something is wrong with them, with the text a user would see.
    #[track_caller]
    #[must_use]
    pub fn for_tests<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
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
        self.env
    }

    /// A section.
    ///
    /// # Panics
    ///
    /// If its type was never registered: a mistake in the code, which every test meets.
    #[must_use]
    pub fn section<S: Section>(&self) -> &S {
        let section = self.sections.get(&TypeId::of::<S>()).and_then(|section| {
            let section: &dyn Any = &**section;
            section.downcast_ref()
        });
        let Some(section) = section else {
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
            .field("env", &self.env)
            .field("sections", &self.sections.values())
            .finish()
    }
}
