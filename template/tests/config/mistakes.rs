//! Every kind of mistake, and what the user reads about it.

use app::core::config::{AppEnv, Config};
use insta::assert_snapshot;
use rstest::rstest;

use crate::files::Files;

#[track_caller]
fn refused<const N: usize>(pairs: [(&str, &str); N]) -> String {
    match Config::for_tests_in(AppEnv::Local, pairs) {
        Ok(_) => panic!("it loads, and should be refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_unknown_key_in_an_env_file_comes_with_the_nearest_real_one() {
    let files = Files::new().env_file(".env", "\n\nDATABASE_POOL_MAXSIZE=20\nCOLOUR=green\n");
    assert_snapshot!(files.error(), @"");
}

#[test]
fn a_mistyped_secret_is_not_shown() {
    let files = Files::new().env_file(
        ".env",
        "DATABASE_PASSWROD=hunter2\nDATABASE_PW=hunter2\nDATABASE_POR=hunter2\nDATABASE_PWT=4711\n",
    );
    let error = files.error();
    assert!(
        !error.contains("hunter2") && !error.contains("4711"),
        "{error}"
    );
    assert_snapshot!(error, @"");
}

#[test]
fn an_unknown_key_in_the_secrets_directory_is_a_warning() {
    let files = Files::new()
        .secret("DATABASE_PASSWROD", "hunter2")
        .secret("tls.crt", "x");
    assert_snapshot!(files.warnings(), @"");
}

#[test]
fn an_unknown_key_in_the_process_environment_is_a_warning_if_it_has_a_prefix_of_ours() {
    let files = Files::new()
        .variable("SERVER_PROT", "80")
        .variable("EDITOR", "vi");
    assert_snapshot!(files.warnings(), @"");
}

#[test]
fn all_problems_are_reported_at_once() {
    let files = Files::new()
        .env_file(".env", "SERVER_PORT=http\nSERVER_PROT=1\nDATABASE_POOL_MAX_SIZE=5000\nDATABASE_COMMAND_TIMEOUT_SECS=20\n")
        .variable("CORS_ALLOW_CREDENTIALS", "perhaps")
        .variable("LOG_FORMAT", "xml");
    assert_snapshot!(files.error(), @"");
}

#[rstest]
#[case::port("SERVER_PORT", "65536")]
#[case::negative("SERVER_PORT", "-1")]
#[case::fraction("SERVER_PORT", "80.5")]
#[case::optional("SERVER_MANAGEMENT_PORT", "none")]
#[case::unit("SERVER_REQUEST_TIMEOUT_SECS", "20s")]
#[case::range("SERVER_REQUEST_TIMEOUT_SECS", "0")]
#[case::address("SERVER_HOST", "localhost")]
#[case::bool("DOCS_ENABLED", "perhaps")]
#[case::choice("LOG_FORMAT", "xml")]
#[case::empty("LOG_LEVEL", "")]
#[case::empty_number("SERVER_PORT", "")]
#[case::directives("LOG_LEVEL", "app=loud")]
#[case::rust_log("RUST_LOG", "app=loud")]
#[case::two_lines("LOG_FORMAT", "json\npretty")]
fn a_value_that_cannot_be_read_says_what_can(#[case] key: &str, #[case] value: &str) {
    let error = refused([(key, value)]);
    assert!(error.starts_with(&format!("error: {key} must ")), "{error}");
    assert!(error.contains("--> environment"), "{error}");
    assert!(error.contains("1 problem; nothing was started."), "{error}");
}

#[test]
fn a_value_out_of_range_is_shown_with_what_is_accepted() {
    assert_snapshot!(refused([("DATABASE_POOL_MAX_SIZE", "5000")]), @"");
}

#[test]
fn a_word_that_is_none_of_the_choices_lists_them() {
    assert_snapshot!(refused([("DATABASE_SSL_MODE", "verify")]), @"");
}

#[test]
fn timeouts_must_nest() {
    assert_snapshot!(refused([("DATABASE_COMMAND_TIMEOUT_SECS", "20")]), @"");
    assert_snapshot!(refused([("SERVER_REQUEST_TIMEOUT_SECS", "26")]), @"");
    assert_snapshot!(refused([("SERVER_SHUTDOWN_TIMEOUT_SECS", "19")]), @"");
}

#[test]
fn outside_local_it_must_be_said_where_the_database_is() {
    let error = Config::for_tests_in(AppEnv::Uat, [("", ""); 0]).unwrap_err();
    assert_snapshot!(error, @"");
}

#[test]
fn cors_lists_are_checked() {
    let error = Config::for_tests_in(
        AppEnv::Prod,
        [
            ("DATABASE_URL", "postgres://app@db/app"),
            ("CORS_ALLOWED_ORIGINS", "*"),
            ("CORS_ALLOW_CREDENTIALS", "true"),
        ],
    )
    .unwrap_err();
    assert_snapshot!(error, @"");
    assert_snapshot!(refused([("CORS_ALLOWED_ORIGINS", "https://a.example, b.example/")]), @"");
}

#[test]
fn service_links_of_kubernetes_are_explained() {
    assert_snapshot!(refused([("DATABASE_PORT", "tcp://10.0.0.7:5432")]), @"");
    let files = Files::new()
        .variable("SERVER_SERVICE_HOST", "10.0.0.7")
        .variable("SERVER_SERVICE_PORT", "80")
        .variable("SERVER_SERVICE_PORT_HTTP", "80")
        .variable("SERVER_PORT_80_TCP", "tcp://10.0.0.7:80")
        .variable("SERVER_PORT_80_TCP_ADDR", "10.0.0.7");
    assert_snapshot!(files.warnings(), @"");
}

#[test]
fn the_url_of_the_database_and_its_parts_exclude_each_other() {
    let url = ("DATABASE_URL", "postgres://app:hunter2@db/app");
    assert_snapshot!(refused([url, ("DATABASE_HOST", "db"), ("DATABASE_NAME", "app")]), @"");
    assert_snapshot!(refused([url, ("DATABASE_PASSWORD", "hunter3")]), @"");
}

#[test]
fn parts_of_the_database_must_be_complete() {
    assert_snapshot!(refused([("DATABASE_HOST", "db"), ("DATABASE_USER", "app")]), @"");
    assert_snapshot!(refused([("DATABASE_PASSWORD", "hunter2")]), @"");
    assert_snapshot!(refused([("DATABASE_URL", "postgres://db/app"), ("DATABASE_PASSWORD", "hunter2")]), @"");
}

#[test]
fn a_url_of_another_database_is_refused_without_showing_it() {
    assert_snapshot!(refused([("DATABASE_URL", "mysql://root:hunter2@db/app")]), @"");
}
