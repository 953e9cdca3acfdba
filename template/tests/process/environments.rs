//! What `APP_ENV` decides, cell by cell, on running services: without files, in which a project may decide otherwise.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use rstest::rstest;
use serde_json::Value;

use crate::program::{Program, Running};

/// One column of the table.
#[expect(
    clippy::struct_excessive_bools,
    reason = "the table has a yes or no in each cell"
)]
struct Policy {
    env: &'static str,
    logs_json: bool,
    logs_debug: bool,
    docs: bool,
    own_management_port: bool,
    any_origin: bool,
    tells_causes: bool,
    migrates_at_start: bool,
    has_database: bool,
    refuses_placeholders: bool,
    refuses_weak_secrets: bool,
}

const LOCAL: Policy = Policy {
    env: "local",
    logs_json: false,
    logs_debug: true,
    docs: true,
    own_management_port: false,
    any_origin: true,
    tells_causes: true,
    migrates_at_start: true,
    has_database: true,
    refuses_placeholders: false,
    refuses_weak_secrets: false,
};

const DEV: Policy = Policy {
    env: "dev",
    logs_json: true,
    own_management_port: true,
    any_origin: false,
    migrates_at_start: false,
    has_database: false,
    refuses_placeholders: true,
    ..LOCAL
};

const UAT: Policy = Policy {
    env: "uat",
    logs_debug: false,
    tells_causes: false,
    ..DEV
};

const PROD: Policy = Policy {
    env: "prod",
    docs: false,
    refuses_weak_secrets: true,
    ..UAT
};

fn program(env: &str) -> Program {
    Program::new()
        .with("APP_ENV", env)
        .with("RATE_LIMIT_TRUSTED_PROXIES", "none")
}

/// That, with a database and on free ports.
fn on_a_file(policy: &Policy) -> Program {
    let program = program(policy.env)
        .with("SERVER_HOST", "127.0.0.1")
        .with("SERVER_PORT", "0")
        .with("SERVER_SHUTDOWN_DRAIN_SECS", "600")
        .with("DATABASE_URL", "sqlite://app.db?mode=rwc");
    if policy.own_management_port {
        program.with("SERVER_MANAGEMENT_PORT", "0")
    } else {
        program
    }
}

/// The ports of clients and of probes, from the line that says that it listens.
#[track_caller]
fn addresses(service: &mut Running<'_>, policy: &Policy) -> (SocketAddr, Option<SocketAddr>) {
    if !policy.logs_json {
        let url = service.url();
        return (url.trim_start_matches("http://").parse().unwrap(), None);
    }
    let line: Value = serde_json::from_str(&service.line_with("\"listening\"")).unwrap();
    let address = |key: &str| line[key].as_str().map(|address| address.parse().unwrap());
    (address("address").unwrap(), address("management"))
}

/// The answer to a request from a page of another origin, in lower case.
fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: test\r\norigin: https://page.example\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

fn is(status: u16, answer: &str) -> bool {
    answer.starts_with(&format!("http/1.1 {status} "))
}

#[rstest]
#[case(LOCAL)]
#[case(DEV)]
#[case(UAT)]
#[case(PROD)]
fn a_running_service_keeps_the_policy_of_its_environment(#[case] policy: Policy) {
    let env = policy.env;
    let program = on_a_file(&policy);
    let mut service = program.start(&[]);
    let (public, management) = addresses(&mut service, &policy);

    assert_eq!(
        management.is_some(),
        policy.own_management_port,
        "{env}: management on a port of its own"
    );
    for path in ["/livez", "/readyz", "/health", "/version"] {
        let for_clients = ask(public, path);
        assert_eq!(
            is(404, &for_clients),
            policy.own_management_port,
            "{env}: {path} for clients: {for_clients}"
        );
        let for_probes = ask(management.unwrap_or(public), path);
        assert!(
            is(200, &for_probes),
            "{env}: {path} for probes: {for_probes}"
        );
    }
    let document = ask(public, "/openapi.json");
    assert_eq!(
        is(200, &document),
        policy.docs,
        "{env}: the OpenAPI document"
    );
    if cfg!(feature = "swagger-ui") {
        let page = ask(public, "/docs/");
        assert_eq!(
            is(200, &page),
            policy.docs,
            "{env}: the page that describes the API: {page}"
        );
    }
    let answer = ask(public, "/");
    let any_origin = answer.contains("access-control-allow-origin: *");
    assert_eq!(
        any_origin, policy.any_origin,
        "{env}: pages of any origin: {answer}"
    );
    let allowed = answer.contains("access-control-allow-origin");
    assert_eq!(
        allowed, policy.any_origin,
        "{env}: pages of an origin that is not listed: {answer}"
    );

    service.terminate();
    service.line_with("draining");
    let failure = ask(management.unwrap_or(public), "/readyz");
    assert!(is(503, &failure), "{env}: {failure}");
    let told = failure.contains("not ready: draining");
    assert_eq!(
        told, policy.tells_causes,
        "{env}: why the service can't: {failure}"
    );
    service.terminate();
    assert!(service.end().success());

    let applied = service
        .seen
        .iter()
        .any(|line| line.contains("the schema is up to date"));
    assert_eq!(
        applied, policy.migrates_at_start,
        "{env}: migrations at start: {:#?}",
        service.seen
    );
    let says_level = |line: &String| line.contains("DEBUG ") || line.contains(r#""level":"debug""#);
    let debug = service.seen.iter().any(says_level);
    assert_eq!(
        debug, policy.logs_debug,
        "{env}: log at debug: {:#?}",
        service.seen
    );
    let is_json = |line: &String| serde_json::from_str::<Value>(line).is_ok();
    let json = service.seen.iter().all(is_json);
    assert_eq!(
        json, policy.logs_json,
        "{env}: log as JSON: {:#?}",
        service.seen
    );
}

#[rstest]
#[case(LOCAL)]
#[case(DEV)]
#[case(UAT)]
#[case(PROD)]
fn an_environment_decides_what_it_starts_with(#[case] policy: Policy) {
    let env = policy.env;
    let explained = program(env)
        .with("DATABASE_URL", "postgres://app@db/app")
        .output(&["config", "explain"]);
    let port = explained
        .lines()
        .find(|line| line.starts_with("SERVER_MANAGEMENT_PORT"));
    let own = port.is_some_and(|line| line.contains("9090"));
    assert_eq!(own, policy.own_management_port, "{env}: {port:?}");

    let without = program(env).run(&["config", "check"]);
    let starts = without.code == Some(0);
    assert_eq!(
        starts, policy.has_database,
        "{env}: a database nobody named: {without}"
    );
    if !starts {
        assert!(
            without.stderr.contains("DATABASE_URL is not set"),
            "{env}: {without}"
        );
    }

    let any_origin = program(env)
        .with("DATABASE_URL", "postgres://app@db/app")
        .with("CORS_ALLOWED_ORIGINS", "*")
        .run(&["config", "check"]);
    assert_eq!(
        any_origin.code == Some(0),
        policy.any_origin,
        "{env}: `*` as origin: {any_origin}"
    );

    let check = |password: &str| {
        program(env)
            .with("DATABASE_URL", "postgres://app@db/app")
            .with("DATABASE_PASSWORD", password)
            .run(&["config", "check"])
    };
    let placeholder = check("changeme");
    assert_eq!(
        placeholder.code == Some(1),
        policy.refuses_placeholders,
        "{env}: a placeholder: {placeholder}"
    );
    let weak = check("hunter2");
    assert_eq!(
        weak.code == Some(1),
        policy.refuses_weak_secrets,
        "{env}: a password that can be guessed: {weak}"
    );
    let strong = check("uRk7-bw2_Qy9xA");
    assert_eq!(strong.code, Some(0), "{env}: a good password: {strong}");
}
