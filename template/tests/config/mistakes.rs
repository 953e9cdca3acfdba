//! Every kind of mistake, and what the user reads about it.

use app::core::config::{AppEnv, Config};
use insta::assert_snapshot;
use rstest::rstest;

use crate::files::{Files, load_in, refused};

#[test]
fn an_unknown_key_in_an_env_file_comes_with_the_nearest_real_one() {
    let files = Files::new().env_file(".env", "\n\nDATABASE_POOL_MAXSIZE=20\nCOLOUR=green\n");
    assert_snapshot!(files.error(), @r"
    error: unknown key DATABASE_POOL_MAXSIZE
      --> env_files/.env:3
       |
     3 | DATABASE_POOL_MAXSIZE=20
       | ^^^^^^^^^^^^^^^^^^^^^^^^ did you mean DATABASE_POOL_MAX_SIZE? (Connections that the pool may hold; default 10)

    error: unknown key COLOUR
      --> env_files/.env:4
       = `config explain` lists all keys

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
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
    assert_snapshot!(error, @r"
    error: unknown key DATABASE_PASSWROD
      --> env_files/.env:1
       |
     1 | DATABASE_PASSWROD=…
       | ^^^^^^^^^^^^^^^^^^^ did you mean DATABASE_PASSWORD? (Password of the user)

    error: unknown key DATABASE_PW
      --> env_files/.env:2
       |
     2 | DATABASE_PW=…
       | ^^^^^^^^^^^^^ did you mean DATABASE_PORT? (Port of the PostgreSQL server)

    error: unknown key DATABASE_POR
      --> env_files/.env:3
       |
     3 | DATABASE_POR=…
       | ^^^^^^^^^^^^^^ did you mean DATABASE_PORT? (Port of the PostgreSQL server)

    error: unknown key DATABASE_PWT
      --> env_files/.env:4
       |
     4 | DATABASE_PWT=…
       | ^^^^^^^^^^^^^^ did you mean DATABASE_PORT? (Port of the PostgreSQL server)

    4 problems; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn an_unknown_key_in_the_secrets_directory_is_a_warning() {
    let files = Files::new()
        .secret("DATABASE_PASSWROD", "hunter2")
        .secret("tls.crt", "x");
    assert_snapshot!(files.warnings(), @r"
    warning: unknown key DATABASE_PASSWROD
      --> secrets/DATABASE_PASSWROD
       |
       | DATABASE_PASSWROD=…
       | ^^^^^^^^^^^^^^^^^^^ did you mean DATABASE_PASSWORD? (Password of the user)

    warning: unknown key tls.crt
      --> secrets/tls.crt
       = `config explain` lists all keys
    ");
}

#[test]
fn an_unknown_key_in_the_process_environment_is_a_warning_if_it_has_a_prefix_of_ours() {
    let files = Files::new()
        .variable("SERVER_PROT", "80")
        .variable("EDITOR", "vi");
    assert_snapshot!(files.warnings(), @r"
    warning: unknown key SERVER_PROT
      --> environment
       |
       | SERVER_PROT=…
       | ^^^^^^^^^^^^^ did you mean SERVER_PORT? (Port the server listens on; default 8080)
    ");
}

#[test]
fn all_problems_are_reported_at_once() {
    let files = Files::new()
        .env_file(".env", "SERVER_PORT=http\nSERVER_PROT=1\nDATABASE_POOL_MAX_SIZE=5000\nDATABASE_COMMAND_TIMEOUT_SECS=20\n")
        .variable("CORS_ALLOW_CREDENTIALS", "perhaps")
        .variable("LOG_FORMAT", "xml");
    assert_snapshot!(files.error(), @r"
    error: unknown key SERVER_PROT
      --> env_files/.env:2
       |
     2 | SERVER_PROT=…
       | ^^^^^^^^^^^^^ did you mean SERVER_PORT? (Port the server listens on; default 8080)

    error: CORS_ALLOW_CREDENTIALS must be true or false
      --> environment
       |
       | CORS_ALLOW_CREDENTIALS=perhaps
       |                        ^^^^^^^ Whether browsers send cookies and credentials along; default false

    error: DATABASE_POOL_MAX_SIZE must be a whole number from 1 to 1000
      --> env_files/.env:3
       |
     3 | DATABASE_POOL_MAX_SIZE=5000
       |                        ^^^^ Connections that the pool may hold; default 10

    error: LOG_FORMAT must be one of pretty, json
      --> environment
       |
       | LOG_FORMAT=xml
       |            ^^^ `pretty` for people, `json` for machines: one object a line; default pretty

    error: SERVER_PORT must be a whole number from 0 to 65535
      --> env_files/.env:1
       |
     1 | SERVER_PORT=http
       |             ^^^^ Port the server listens on; default 8080

    error: DATABASE_COMMAND_TIMEOUT_SECS must be less than SERVER_REQUEST_TIMEOUT_SECS, which is 20 (default)
      --> env_files/.env:4
       |
     4 | DATABASE_COMMAND_TIMEOUT_SECS=20
       |                               ^^ Time a statement may take before the server stops it; default 5
       = otherwise the request ends first, and its statement runs on for nobody

    6 problems; nothing was started. `config explain` shows where each value comes from.
    ");
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
    assert_snapshot!(refused([("DATABASE_POOL_MAX_SIZE", "5000")]), @r"
    error: DATABASE_POOL_MAX_SIZE must be a whole number from 1 to 1000
      --> environment
       |
       | DATABASE_POOL_MAX_SIZE=5000
       |                        ^^^^ Connections that the pool may hold; default 10

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn a_word_that_is_none_of_the_choices_lists_them() {
    assert_snapshot!(refused([("DATABASE_SSL_MODE", "verify")]), @r"
    error: DATABASE_SSL_MODE must be one of disable, prefer, require, verify-ca, verify-full
      --> environment
       |
       | DATABASE_SSL_MODE=verify
       |                   ^^^^^^ How far PostgreSQL's TLS certificate is checked; default prefer

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn outside_local_it_must_be_said_where_the_database_is() {
    let error = load_in(AppEnv::Uat, []).unwrap_err();
    assert_snapshot!(error, @r"
    error: DATABASE_URL is not set: nothing says where the database is
       = set DATABASE_URL (postgres://user:password@host:5432/name), or DATABASE_HOST, DATABASE_USER, DATABASE_PASSWORD and DATABASE_NAME

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn service_links_of_kubernetes_are_explained() {
    assert_snapshot!(refused([("DATABASE_PORT", "tcp://10.0.0.7:5432")]), @r"
    error: DATABASE_PORT was set by Kubernetes, for a Service called `database`
      --> environment
       |
       | DATABASE_PORT=tcp://10.0.0.7:5432
       |               ^^^^^^^^^^^^^^^^^^^ Port of the PostgreSQL server
       = put `enableServiceLinks: false` into the pod's spec, or give the Service another name

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    let files = Files::new()
        .variable("SERVER_SERVICE_HOST", "10.0.0.7")
        .variable("SERVER_SERVICE_PORT", "80")
        .variable("SERVER_SERVICE_PORT_HTTP", "80")
        .variable("SERVER_PORT_80_TCP", "tcp://10.0.0.7:80")
        .variable("SERVER_PORT_80_TCP_ADDR", "10.0.0.7");
    assert_snapshot!(files.warnings(), @r"
    warning: Kubernetes set SERVER_PORT_80_TCP, SERVER_PORT_80_TCP_ADDR, SERVER_SERVICE_HOST, SERVER_SERVICE_PORT, SERVER_SERVICE_PORT_HTTP among the settings, for the Service `server`
      --> environment
       = they are ignored; `enableServiceLinks: false` in the pod's spec keeps them away
    ");
}

#[test]
fn one_port_can_not_serve_both() {
    assert_snapshot!(refused([("SERVER_MANAGEMENT_PORT", "8080")]), @r"
    error: SERVER_MANAGEMENT_PORT must not be SERVER_PORT, which is 8080, too
      --> environment
       |
       | SERVER_MANAGEMENT_PORT=8080
       |                        ^^^^ Port of the management routes (health, version), which are not for clients

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    let error = load_in(
        AppEnv::Prod,
        [
            ("DATABASE_URL", "postgres://app@db/app"),
            ("SERVER_PORT", "9090"),
        ],
    );
    assert_snapshot!(error.unwrap_err(), @r"
    error: SERVER_PORT must not be SERVER_MANAGEMENT_PORT, which is 9090, too
      --> environment
       |
       | SERVER_PORT=9090
       |             ^^^^ Port the server listens on; default 8080

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
    let free = [("SERVER_PORT", "0"), ("SERVER_MANAGEMENT_PORT", "0")];
    let _ = Config::for_tests(free);
}
