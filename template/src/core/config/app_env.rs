use std::{fmt, str::FromStr};

/// The environment a service runs in. It decides defaults and how strict the checks are, nothing else: no code asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AppEnv {
    /// A developer's machine, and tests.
    #[default]
    Local,
    /// Where the team tries things out together.
    Dev,
    /// Where a release is accepted by those who ordered it.
    Uat,
    /// Where the customers are.
    Prod,
}

impl AppEnv {
    /// All four, from the most lenient to the strictest.
    pub const ALL: [Self; 4] = [Self::Local, Self::Dev, Self::Uat, Self::Prod];

    /// How it is written in `APP_ENV` and in the name of its file, `.env.{name}`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Uat => "uat",
            Self::Prod => "prod",
        }
    }
}

impl fmt::Display for AppEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is none of the four names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is `{0}`; it must be one of local, dev, uat, prod")]
pub struct UnknownAppEnv(String);

impl FromStr for AppEnv {
    type Err = UnknownAppEnv;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|env| env.name() == text)
            .ok_or_else(|| UnknownAppEnv(text.to_owned()))
    }
}
