//! Which build this is.

/// The version of the package.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision of the sources: what `APP_REVISION` was when the service was compiled.
pub const REVISION: &str = match option_env!("APP_REVISION") {
    Some(revision) if !revision.is_empty() => revision,
    _ => "unknown",
};
