use std::fmt;

use super::{
    AppEnv, ConfigError, Source, Sources,
    field::{Field, SectionFields},
    report::shown_value,
    sources::{APP_CONFIG_DIR, APP_ENV, APP_SECRETS_DIR, RUST_LOG, Setting},
};

/// Every key: its value, who set it, and whom that overruled. Displayed as a table. Secrets are not shown.
///
/// It needs no value to be right, so it also explains a configuration that is refused.
#[derive(Clone, Debug)]
pub struct Explanation {
    rows: Vec<[String; 4]>,
}

const HEADINGS: [&str; 4] = ["KEY", "VALUE", "FROM", "SHADOWS"];
const NONE: &str = "-";
const EMPTY: &str = "(empty)";
const REDACTED: &str = "[redacted]";

impl Explanation {
    /// Explains what these sources say.
    ///
    /// # Errors
    ///
    /// If it isn't even known which environment it is.
    pub fn of(sources: &Sources) -> Result<Self, ConfigError> {
        let env = sources.env()?;
        let sections = SectionFields::all()?;
        // What is wrong with the files is reported where the configuration is loaded.
        let (settings, _) = sources.settings(env);

        let mut rows = vec![bootstrap(sources, APP_ENV, env.name())];
        let config_dir = sources.config_dir().map(|path| path.display().to_string());
        rows.push(bootstrap(
            sources,
            APP_CONFIG_DIR,
            config_dir.as_deref().unwrap_or(NONE),
        ));
        rows.push(bootstrap(sources, APP_SECRETS_DIR, &sources.secrets_dir()));
        if let Some(directives) = sources.variable(RUST_LOG) {
            rows.push(bootstrap(sources, RUST_LOG, directives));
        }
        for field in sections.iter().flat_map(|section| &section.fields) {
            let settings = settings.get(&field.key).map_or(&[][..], Vec::as_slice);
            rows.push(row(field, settings, env));
        }
        Ok(Self { rows })
    }
}

fn bootstrap(sources: &Sources, key: &str, value: &str) -> [String; 4] {
    let from = match sources.variable(key) {
        Some(said) if said == value => Source::Environment.to_string(),
        Some(said) if !said.is_empty() => "command line".to_owned(),
        _ => Source::Default.to_string(),
    };
    [key.to_owned(), shown_value(value), from, NONE.to_owned()]
}

/// `settings` are lowest first, without the default.
fn row(field: &Field, settings: &[Setting], env: AppEnv) -> [String; 4] {
    let default = field.default_in(env).map(|value| Setting {
        value: value.to_owned(),
        source: Source::Default,
    });
    let mut settings = settings.iter().rev().chain(&default);
    let (value, from) = match settings.next() {
        Some(winner) => (shown(field, winner), winner.source.to_string()),
        None => (NONE.to_owned(), NONE.to_owned()),
    };
    let shadowed: Vec<String> = settings
        .map(|setting| match shown(field, setting).as_str() {
            EMPTY => format!("{} {EMPTY}", setting.source),
            value => format!("{} ({value})", setting.source),
        })
        .collect();
    let shadows = if shadowed.is_empty() {
        NONE.to_owned()
    } else {
        shadowed.join(", ")
    };
    [field.key.clone(), value, from, shadows]
}

fn shown(field: &Field, setting: &Setting) -> String {
    if setting.value.is_empty() {
        EMPTY.to_owned()
    } else if field.is_secret() && setting.source != Source::Default {
        REDACTED.to_owned()
    } else {
        shown_value(&setting.value)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headings = HEADINGS.map(str::to_owned);
        let rows = || std::iter::once(&headings).chain(&self.rows);
        let width = |column: usize| {
            rows()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        };
        let [key, value, from] = [width(0), width(1), width(2)];
        for row in rows() {
            writeln!(
                f,
                "{:key$}   {:value$}   {:from$}   {}",
                row[0], row[1], row[2], row[3]
            )?;
        }
        Ok(())
    }
}
