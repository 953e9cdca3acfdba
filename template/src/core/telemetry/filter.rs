use tracing_subscriber::EnvFilter;

/// What is logged. Both texts were checked when the configuration was read.
pub(super) fn filter(rust_log: Option<&str>, level: &str) -> EnvFilter {
    match rust_log {
        Some(directives) => EnvFilter::new(directives),
        None => EnvFilter::new(directives(level)),
    }
}

/// A level below `info` counts for the service's own code: what HTTP and database libraries say there would bury it.
fn directives(level: &str) -> String {
    let word = level.trim().to_ascii_lowercase();
    match word.as_str() {
        "debug" | "trace" => format!("info,{}={word}", env!("CARGO_CRATE_NAME")),
        _ => level.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_below_info_counts_for_the_services_own_code() {
        assert_eq!(filter(None, "debug").to_string(), "app=debug,info");
        assert_eq!(filter(None, "TRACE").to_string(), "app=trace,info");
        assert_eq!(filter(None, "warn").to_string(), "warn");
        assert_eq!(
            filter(None, "info,sqlx=debug").to_string(),
            "sqlx=debug,info"
        );
    }

    #[test]
    fn rust_log_wins() {
        assert_eq!(filter(Some("sqlx=trace"), "info").to_string(), "sqlx=trace");
    }
}
