//! What may be said about pages of other origins.

use app::core::config::AppEnv;
use insta::assert_snapshot;
use rstest::rstest;

use crate::files::{load_in, refused};

#[test]
fn cors_lists_are_checked() {
    let error = load_in(
        AppEnv::Prod,
        [
            ("DATABASE_URL", "postgres://app@db/app"),
            ("CORS_ALLOWED_ORIGINS", "*"),
            ("CORS_ALLOW_CREDENTIALS", "true"),
        ],
    )
    .unwrap_err();
    assert_snapshot!(error, @r"
    error: CORS_ALLOWED_ORIGINS must list the origins: APP_ENV=prod refuses `*`
      --> environment
       |
       | CORS_ALLOWED_ORIGINS=*
       |                      ^ Origins whose pages may call this service, such as `https://app.example.com`, or `*` for all of them

    error: CORS_ALLOW_CREDENTIALS must be false while CORS_ALLOWED_ORIGINS holds `*`
      --> environment
       |
       | CORS_ALLOW_CREDENTIALS=true
       |                        ^^^^ Whether browsers send cookies and credentials along; default false
       = browsers take `*` at its word only without credentials: list what is meant

    2 problems; nothing was started. `config explain` shows where each value comes from.
    ");
    assert_snapshot!(refused([("CORS_ALLOWED_ORIGINS", "https://a.example, b.example/")]), @r"
    error: CORS_ALLOWED_ORIGINS must hold origins: scheme, host and port, without a path or a final slash
      --> environment
       |
       | CORS_ALLOWED_ORIGINS=https://a.example, b.example/
       |                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ Origins whose pages may call this service, such as `https://app.example.com`, or `*` for all of them; default *
       = `b.example/` is none; `https://app.example.com` is one

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[rstest]
#[case("CORS_ALLOWED_ORIGINS", "https://a.example b.example")]
#[case("CORS_ALLOWED_ORIGINS", "https://me@a.example")]
#[case("CORS_ALLOWED_ORIGINS", "https://b\u{fc}cher.example")]
#[case("CORS_ALLOWED_METHODS", "GET, PO ST")]
#[case("CORS_ALLOWED_HEADERS", "content-type, x y")]
#[case("CORS_EXPOSED_HEADERS", "etag:")]
fn what_is_no_method_or_header_is_refused(#[case] key: &str, #[case] list: &str) {
    let error = refused([(key, list)]);
    assert!(error.starts_with(&format!("error: {key} ")), "{error}");
}

#[test]
fn the_value_that_is_no_header_is_named() {
    assert_snapshot!(refused([("CORS_ALLOWED_HEADERS", "content-type, x y")]), @r"
    error: CORS_ALLOWED_HEADERS holds `x y`: invalid HTTP header name
      --> environment
       |
       | CORS_ALLOWED_HEADERS=content-type, x y
       |                      ^^^^^^^^^^^^^^^^^ Request headers that they may send; default authorization,content-type,idempotency-key,if-match,x-request-id,x-request-timeout

    1 problem; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[rstest]
#[case("CORS_ALLOWED_METHODS")]
#[case("CORS_ALLOWED_HEADERS")]
#[case("CORS_EXPOSED_HEADERS")]
fn no_list_is_everything_together_with_credentials(#[case] key: &str) {
    let settings = [
        ("CORS_ALLOWED_ORIGINS", "https://a.example"),
        ("CORS_ALLOW_CREDENTIALS", "true"),
        (key, "*"),
    ];
    let error = refused(settings);
    let reason = format!("CORS_ALLOW_CREDENTIALS must be false while {key} holds `*`");
    assert!(error.contains(&reason), "{error}");
}
