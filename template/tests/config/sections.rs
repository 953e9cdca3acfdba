//! What each section's fields are, and what they may be.

use app::core::config::{AppEnv, DatabaseConfig, ServerConfig, SslMode};

use crate::files::load_in;

#[cfg(feature = "sqlite")]
#[test]
fn local_starts_without_any_setting() {
    use std::time::Duration;

    use app::core::config::{Config, CorsConfig, DatabaseAddress, LogConfig, LogFormat};

    let config = Config::for_tests([("", ""); 0]);
    let server = config.section::<ServerConfig>();
    assert_eq!(server.host.to_string(), "127.0.0.1");
    assert_eq!(server.management_port, None);
    assert_eq!(
        Duration::from_secs(server.request_timeout_secs),
        Duration::from_secs(20)
    );
    assert_eq!(config.section::<LogConfig>().format, LogFormat::Pretty);
    assert_eq!(*config.section::<CorsConfig>().allowed_origins, ["*"]);
    match config.section::<DatabaseConfig>().address() {
        Ok(DatabaseAddress::Sqlite(url)) => assert_eq!(url, "sqlite://app.db?mode=rwc"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn prod_has_its_policy_without_any_file() {
    let config = load_in(AppEnv::Prod, [("DATABASE_URL", "postgres://app@db/app")]).unwrap();
    let database = config.section::<DatabaseConfig>();
    assert_eq!(database.ssl_mode, SslMode::VerifyFull);
    assert!(!database.auto_migrate);
    assert_eq!(config.section::<ServerConfig>().management_port, Some(9090));
}
