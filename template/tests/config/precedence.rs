//! Which of several values counts.

use app::core::config::{AppEnv, Config, DatabaseConfig, ServerConfig, SslMode};
use rstest::rstest;

use crate::files::Files;

fn port(config: &Config) -> u16 {
    config.section::<ServerConfig>().port
}

#[test]
fn each_layer_overrules_those_below() {
    let mut files = Files::new();
    assert_eq!(port(&files.load()), 8080, "the default");
    files = files.env_file(".env", "SERVER_PORT=1001");
    assert_eq!(port(&files.load()), 1001, ".env");
    files = files.env_file(".env.local", "SERVER_PORT=1002");
    assert_eq!(port(&files.load()), 1002, ".env.local");
    files = files.secret("SERVER_PORT", "1003");
    assert_eq!(port(&files.load()), 1003, "the secrets directory");
    files = files.variable("SERVER_PORT", "1004");
    assert_eq!(port(&files.load()), 1004, "the process environment");
}

#[rstest]
#[case(AppEnv::Local, 1)]
#[case(AppEnv::Dev, 2)]
#[case(AppEnv::Uat, 3)]
#[case(AppEnv::Prod, 4)]
fn only_the_file_of_the_environment_is_read(#[case] env: AppEnv, #[case] expected: u16) {
    let files = Files::of(env)
        .env_file(".env.local", "SERVER_PORT=1")
        .env_file(".env.dev", "SERVER_PORT=2")
        .env_file(".env.uat", "SERVER_PORT=3")
        .env_file(".env.prod", "SERVER_PORT=4");
    assert_eq!(port(&files.load()), expected);
}

#[test]
fn an_empty_value_unsets_an_optional_key_that_a_lower_layer_sets() {
    let files = Files::of(AppEnv::Dev).variable("SERVER_MANAGEMENT_PORT", "");
    let config = files.load();
    assert_eq!(config.section::<ServerConfig>().management_port, None);
}

#[test]
fn an_environment_that_is_no_environment_lists_those_there_are() {
    insta::assert_snapshot!(Files::new().variable("APP_ENV", "production").error(), @r"
    error: APP_ENV is `production`; it must be one of local, dev, uat, prod
      --> environment

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn an_empty_environment_is_local() {
    assert_eq!(
        Files::new().variable("APP_ENV", "").load().env(),
        AppEnv::Local
    );
}

#[test]
fn a_directory_that_was_named_must_exist() {
    let files = Files::new()
        .variable("APP_CONFIG_DIR", "/nowhere/env_files")
        .variable("APP_SECRETS_DIR", "/nowhere/secrets");
    insta::assert_snapshot!(files.error(), @r"
    error: APP_CONFIG_DIR is `/nowhere/env_files`, which is no directory
      --> environment

    error: APP_SECRETS_DIR is `/nowhere/secrets`, which is no directory
      --> environment

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn the_environment_can_be_chosen_for_a_check() {
    let files = Files::of(AppEnv::Dev);
    let config = Config::from_sources(&files.sources().with_env(AppEnv::Prod)).unwrap();
    assert_eq!(config.env(), AppEnv::Prod);
    let database = config.section::<DatabaseConfig>();
    assert_eq!(database.ssl_mode, SslMode::VerifyFull);
}
