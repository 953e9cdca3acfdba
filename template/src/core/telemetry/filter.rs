use tracing_subscriber::EnvFilter;

/// What is logged. Both texts were checked when the configuration was read.
pub(super) fn filter(rust_log: Option<&str>, level: &str) -> EnvFilter {
    match rust_log {
        Some(directives) => EnvFilter::new(directives),
        None => EnvFilter::new(directives(level)),
    }
}

/// A level below `info` counts for the service's own code: what HTTP and database libraries say there would bury it. The migrator
/// of SeaORM is quiet, since ours says what it applied.
fn directives(level: &str) -> String {
    let own = env!("CARGO_CRATE_NAME");
    match level.trim().to_ascii_lowercase().as_str() {
        word @ ("info" | "debug" | "trace") => format!("info,sea_orm_migration=warn,{own}={word}"),
        _ => level.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_below_info_counts_for_the_services_own_code() {
        assert_eq!(directives("debug"), "info,sea_orm_migration=warn,app=debug");
        assert_eq!(directives("TRACE"), "info,sea_orm_migration=warn,app=trace");
        assert_eq!(directives("warn"), "warn");
        assert_eq!(directives("info,sqlx=debug"), "info,sqlx=debug");
    }

    #[test]
    fn rust_log_wins() {
        assert_eq!(filter(Some("sqlx=trace"), "info").to_string(), "sqlx=trace");
    }
}
