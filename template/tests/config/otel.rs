//! Where traces and logs are sent.

use app::core::config::{AppEnv, Config, OtelConfig};
use insta::assert_snapshot;
use rstest::rstest;

use crate::files::{NEEDED, refused};

fn section<const N: usize>(pairs: [(&str, &str); N]) -> OtelConfig {
    let config = Config::for_tests(pairs);
    config.section::<OtelConfig>().clone()
}

#[rstest]
#[case([], false, false)]
#[case([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")], true, true)]
#[case([("OTEL_TRACES_EXPORTER", "otlp")], true, false)]
#[case([("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"), ("OTEL_LOGS_EXPORTER", "none")], true, false)]
fn nothing_is_sent_unless_somebody_says_so<const N: usize>(
    #[case] pairs: [(&str, &str); N],
    #[case] traces: bool,
    #[case] logs: bool,
) {
    let section = section(pairs);
    assert_eq!(
        (section.exports_traces(), section.exports_logs()),
        (traces, logs)
    );
}

#[test]
fn the_path_of_the_signal_is_added_to_the_endpoint() {
    let url = |endpoint: &str| {
        let section = section([("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]);
        section.url_of("traces").unwrap().to_string()
    };
    assert_eq!(
        url("http://collector:4318"),
        "http://collector:4318/v1/traces"
    );
    assert_eq!(
        url("https://otlp.example/a/"),
        "https://otlp.example/a/v1/traces"
    );
    let unset = section([]).url_of("logs").unwrap();
    assert_eq!(unset.as_str(), "http://localhost:4318/v1/logs");
}

#[test]
fn headers_are_as_the_specification_writes_them_and_are_never_shown() {
    let section = section([(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "x-api-key=hid%2Cden, x-tenant=shop",
    )]);
    let headers = section.headers().unwrap();
    assert_eq!(headers["x-api-key"], "hid,den");
    assert_eq!(headers["x-tenant"], "shop");
    assert!(!format!("{section:?} {headers:?}").contains("hid"));
}

#[test]
fn what_cannot_be_used_is_refused_without_showing_it() {
    let error = refused([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hidden"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
    ]);
    assert!(!error.contains("hidden"), "{error}");
    assert_snapshot!(error, @r"
    error: OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf
      --> environment
       |
       | OTEL_EXPORTER_OTLP_PROTOCOL=grpc
       |                             ^^^^ How the collector is spoken to; default http/protobuf

    error: OTEL_TRACES_SAMPLER must be one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio
      --> environment
       |
       | OTEL_TRACES_SAMPLER=sometimes
       |                     ^^^^^^^^^ Which traces are recorded; default parentbased_always_on

    error: OTEL_EXPORTER_OTLP_ENDPOINT must begin with http:// or https://
      --> environment
       |
       | OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318
       |                             ^^^^^^^^^^^^^^ Where the collector is, such as `http://collector:4318`; `/v1/traces` and `/v1/logs` are added

    error: OTEL_EXPORTER_OTLP_HEADERS must be `key=value`, with commas between them
      --> environment

    error: OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1
      --> environment
       |
       | OTEL_TRACES_SAMPLER_ARG=2
       |                         ^ The part of the traces that `traceidratio` records, from 0 to 1

    5 problems; nothing was started. `config explain` shows where each value comes from.
    ");
}

#[test]
fn a_placeholder_is_no_header_outside_local() {
    let pairs = [("OTEL_EXPORTER_OTLP_HEADERS", "changeme")];
    let error = Config::for_tests_in(AppEnv::Dev, NEEDED.iter().copied().chain(pairs));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_HEADERS"), "{error}");
}
