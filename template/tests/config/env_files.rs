//! How env files are written.

use app::core::config::{AppEnv, DatabaseConfig, LogConfig};
use rstest::rstest;
use secrecy::ExposeSecret;

use crate::files::Files;

#[rstest]
#[case::plain("info", "info")]
#[case::spaces_around("  info  ", "info")]
#[case::double_quotes("\"info\"", "info")]
#[case::single_quotes("'info'", "info")]
#[case::an_equals_sign("info,app=debug", "info,app=debug")]
fn a_value_reaches_to_the_end_of_its_line(#[case] written: &str, #[case] expected: &str) {
    let files = Files::new().env_file(".env", &format!("LOG_LEVEL = {written}\n"));
    assert_eq!(files.load().section::<LogConfig>().level, expected);
}

#[rstest]
#[case::hash("pass#word", "pass#word")]
#[case::hash_after_space("pass # word", "pass # word")]
#[case::dollar("$HOME${HOME}", "$HOME${HOME}")]
#[case::backslash(r"a\nb\\", r"a\nb\\")]
#[case::leading_zero("0123", "0123")]
#[case::float("1e5", "1e5")]
#[case::bool("true", "true")]
#[case::bracket("[x", "[x")]
#[case::brace("{a=b}", "{a=b}")]
#[case::quotes_inside("a#b\"'", "a#b\"'")]
#[case::one_quote("\"", "\"")]
#[case::outer_spaces("\" a \"", " a ")]
#[case::quoted_quotes("'\"a\"'", "\"a\"")]
fn a_value_means_what_stands_there(#[case] written: &str, #[case] expected: &str) {
    let text = format!("DATABASE_URL=postgres://app@db/app\nDATABASE_PASSWORD={written}");
    let config = Files::new().env_file(".env", &text).load();
    let password = config
        .section::<DatabaseConfig>()
        .password
        .as_ref()
        .unwrap();
    assert_eq!(password.expose_secret(), expected);
}

#[test]
fn comments_empty_lines_byte_order_marks_and_carriage_returns_are_no_matter() {
    let text = "\u{feff}# a comment\r\n\r\n   # another=one\r\nLOG_LEVEL=warn\r\n";
    assert_eq!(
        Files::new()
            .env_file(".env", text)
            .load()
            .section::<LogConfig>()
            .level,
        "warn"
    );
}

#[test]
fn a_line_that_is_none_is_refused_without_showing_it() {
    let files = Files::new().env_file(
        ".env",
        "# fine\nthe-second-line-of-a-secret\nexport LOG_LEVEL=info\nLOG LEVEL=info\n=info\n",
    );
    let error = files.error();
    assert!(!error.contains("the-second-line"));
    insta::assert_snapshot!(error, @r"
    error: a line without `=`
      --> env_files/.env:2
       = a line is KEY=value to its end, a # comment, or empty

    error: `export` before LOG_LEVEL: this is no shell script
      --> env_files/.env:3
       = a line is KEY=value to its end, a # comment, or empty

    error: a key that is not made of letters, digits and _
      --> env_files/.env:4
       = a line is KEY=value to its end, a # comment, or empty

    error: a key that is not made of letters, digits and _
      --> env_files/.env:5
       = a line is KEY=value to its end, a # comment, or empty

    4 problems; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn a_key_twice_in_one_file_is_refused() {
    let files = Files::new().env_file(".env", "LOG_LEVEL=info\n\nLOG_LEVEL=warn\n");
    insta::assert_snapshot!(files.error(), @r"
    error: LOG_LEVEL is set twice in env_files/.env
      --> env_files/.env:3
       = it is also set at env_files/.env:1

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn keys_that_decide_which_files_are_read_cannot_stand_in_them() {
    let files = Files::new().env_file(".env", "APP_ENV=prod\nRUST_LOG=debug\n");
    insta::assert_snapshot!(files.error(), @r"
    error: APP_ENV is read from the environment of the process only
      --> env_files/.env:1
       = it decides which files are read

    error: RUST_LOG is read from the environment of the process only
      --> env_files/.env:2
       = LOG_LEVEL means the same and can stand in a file

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn a_secret_in_an_env_file_is_warned_of_outside_local() {
    let files = Files::new()
        .variable("APP_ENV", AppEnv::Dev.name())
        .variable("RATE_LIMIT_TRUSTED_PROXIES", "none")
        .env_file(
            ".env.dev",
            "DATABASE_URL=postgres://app:hunter2hunter2@db/app",
        );
    let warnings = files.warnings();
    assert!(!warnings.contains("hunter2"));
    insta::assert_snapshot!(warnings, @r"
    warning: DATABASE_URL is a secret, and stands in an env file
      --> env_files/.env.dev:1
       = env files are for everybody who may read the repository
       = put it into secrets/DATABASE_URL, or set DATABASE_URL
    ");
}
