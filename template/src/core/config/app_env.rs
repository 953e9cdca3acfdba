use std::{fmt, str::FromStr};

/// The environment a service runs in.
///
/// It decides the sections' defaults, and what the methods here say. Other code asks these by what they are about, and never which
/// environment it is: so the whole policy stands in the sections' `defaults` and on this page.
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

    /// Whether clients read why the service failed. Elsewhere only the log says it: causes name hosts, tables and versions.
    #[must_use]
    pub const fn reveals_causes(self) -> bool {
        matches!(self, Self::Local | Self::Dev)
    }

    /// Whether answers say how much of their time went to the database: that helps an attacker as well as a developer.
    #[must_use]
    pub const fn shows_timing(self) -> bool {
        !matches!(self, Self::Prod)
    }

    /// Whether a command may drop every table with all that is in them.
    #[must_use]
    pub const fn may_drop_schema(self) -> bool {
        matches!(self, Self::Local)
    }

    /// Whether a command may write example data beside what is there.
    #[must_use]
    pub const fn may_seed(self) -> bool {
        !matches!(self, Self::Prod)
    }

    /// Whether pages of any origin may call the service; otherwise the origins are listed.
    #[must_use]
    pub const fn may_allow_any_origin(self) -> bool {
        matches!(self, Self::Local)
    }

    /// Whether clients are limited, and so must be told apart, also behind proxies.
    #[must_use]
    pub const fn limits_clients(self) -> bool {
        !matches!(self, Self::Local)
    }

    /// Whether a secret must be a real one: neither empty nor a placeholder.
    #[must_use]
    pub const fn demands_real_secrets(self) -> bool {
        !matches!(self, Self::Local)
    }

    /// Whether a secret must be one that can't be guessed.
    #[must_use]
    pub const fn demands_strong_secrets(self) -> bool {
        matches!(self, Self::Prod)
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

#[cfg(test)]
mod tests {
    use super::AppEnv;

    #[test]
    fn the_policy_gets_stricter_from_local_to_prod() {
        let allowed_in = |policy: fn(AppEnv) -> bool| {
            let envs = AppEnv::ALL.into_iter().filter(|env| policy(*env));
            envs.map(AppEnv::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(allowed_in(AppEnv::reveals_causes), "local dev");
        assert_eq!(allowed_in(AppEnv::shows_timing), "local dev uat");
        assert_eq!(allowed_in(AppEnv::may_drop_schema), "local");
        assert_eq!(allowed_in(AppEnv::may_seed), "local dev uat");
        assert_eq!(allowed_in(AppEnv::may_allow_any_origin), "local");
        assert_eq!(allowed_in(AppEnv::limits_clients), "dev uat prod");
        assert_eq!(allowed_in(AppEnv::demands_real_secrets), "dev uat prod");
        assert_eq!(allowed_in(AppEnv::demands_strong_secrets), "prod");
    }
}
