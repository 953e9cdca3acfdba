//! What is logged.

use app::core::config::Config;
use insta::assert_snapshot;
use rstest::rstest;

use crate::files::refused;

#[rstest]
#[case("warning", "; did you mean warn?")]
#[case("Warning", "; did you mean warn?")]
#[case("inof", "; did you mean info?")]
#[case("err", "; did you mean error?")]
#[case("verbose", "")]
#[case("app", "")]
fn a_word_that_is_no_level_would_silence_the_log_and_is_refused(
    #[case] level: &str,
    #[case] hint: &str,
) {
    let error = refused([("LOG_LEVEL", level)]);
    let reason = format!(
        "LOG_LEVEL must be one of error, warn, info, debug, trace, off, or directives such as `info,app=debug`{hint}\n"
    );
    assert!(error.contains(&reason), "{error}");
}

#[rstest]
#[case("warn")]
#[case("WARN")]
#[case("off")]
#[case("app=debug")]
#[case("info,sqlx")]
fn levels_and_directives_are_taken(#[case] level: &str) {
    let _ = Config::for_tests([("LOG_LEVEL", level)]);
}

#[test]
fn the_line_with_the_level_is_shown() {
    assert_snapshot!(refused([("LOG_LEVEL", "warning")]), @r"
    error: LOG_LEVEL must be one of error, warn, info, debug, trace, off, or directives such as `info,app=debug`; did you mean warn?
      --> environment
       |
       | LOG_LEVEL=warning
       |           ^^^^^^^ What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`, `off`), or directives such as `info,app=debug`; default debug

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn in_rust_log_a_word_may_be_a_target_as_everywhere() {
    let config = Config::for_tests([("RUST_LOG", "sqlx")]);
    assert_eq!(config.rust_log(), Some("sqlx"));
}
