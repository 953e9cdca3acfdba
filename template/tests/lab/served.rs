//! Where the lab is served: on the running binary, in each environment.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use app::core::config::AppEnv;
use app::core::http::Api;
use rstest::rstest;
use serde_json::Value;

use crate::program::{Program, Running};
use crate::support::{TestDatabase, project_file};

/// On free ports, with this database.
fn program(env: &str, database: &TestDatabase) -> Program {
    Program::new()
        .with("APP_ENV", env)
        .with("SERVER_HOST", "127.0.0.1")
        .with("SERVER_PORT", "0")
        .with("SERVER_MANAGEMENT_PORT", "0")
        .with("SERVER_SHUTDOWN_DRAIN_SECS", "0")
        .with("LOG_FORMAT", "json")
        .with("RATE_LIMIT_TRUSTED_PROXIES", "none")
        .with("DATABASE_SSL_MODE", "disable")
        .with_all(database.settings())
}

/// The ports of clients and of operators, from the line that says that it listens.
#[track_caller]
fn addresses(service: &mut Running<'_>) -> [String; 2] {
    let line: Value = serde_json::from_str(&service.line_with("\"listening\"")).unwrap();
    ["address", "management"].map(|key| line[key].as_str().unwrap().to_owned())
}

/// The status and the answer.
fn ask(address: &str, method_and_path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("{method_and_path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // what is cut off ends here, too
    let _ = stream.read_to_string(&mut answer);
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

#[rstest]
#[case::local("local", 200)]
#[case::dev("dev", 200)]
#[case::uat("uat", 404)]
#[case::prod("prod", 404)]
#[tokio::test]
async fn the_lab_is_served_to_operators_in_local_and_dev_and_nowhere_else(
    #[case] env: &str,
    #[case] expected: u16,
) {
    let database = TestDatabase::new().await;
    let program = program(env, &database);
    let mut service = program.start(&[]);
    let [clients, operators] = addresses(&mut service);
    for path in [
        "/lab/status",
        "/lab/patterns/per_request",
        "/lab/slow_query?seconds=0",
        "/lab/performance/async?requests=1",
        "/lab/coalescing/plain/1?delay_ms=0",
        "/lab/safety/query_error",
    ] {
        let get = format!("GET {path}");
        assert_eq!(ask(&operators, &get).0, expected, "{env}: {path}");
        assert_eq!(ask(&clients, &get).0, 404, "{env}: {path} for clients");
    }
    let listed = program.output(&["routes"]).contains("/lab/");
    assert_eq!(listed, expected == 200, "{env}: the table of routes");
    service.terminate();
    assert!(service.end().success());
}

#[tokio::test]
async fn the_service_stops_in_order_when_a_request_asks_for_it() {
    let database = TestDatabase::new().await;
    let program = program("dev", &database);
    let mut service = program.start(&[]);
    let [_, operators] = addresses(&mut service);
    assert_eq!(ask(&operators, "POST /lab/shutdown").0, 202);
    assert!(service.end().success());
    assert!(service.stderr().is_empty(), "{}", service.stderr());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_cut_and_others_go_on() {
    let database = TestDatabase::new().await;
    let program = program("dev", &database);
    let mut service = program.start(&[]);
    let [_, operators] = addresses(&mut service);
    let (status, answer) = ask(&operators, "GET /lab/safety/broken_stream?rows=100");
    assert_eq!(status, 200);
    assert!(answer.contains("\n1\n"), "{answer}");
    assert!(!answer.contains("\n50\n"), "{answer}");
    assert!(!answer.ends_with("0\r\n\r\n"), "it looks whole: {answer}");
    assert_eq!(ask(&operators, "GET /lab/status").0, 200);
    assert!(
        ask(&operators, "GET /lab/status")
            .1
            .contains("\"in_use\":0")
    );
}

#[test]
fn the_page_about_the_lab_names_each_of_its_routes_and_no_other() {
    let page = fs::read_to_string(project_file("docs/lab.md")).unwrap();
    let api = Api::registered(AppEnv::Local).unwrap();
    let routes = api.table().iter().map(|row| row.path.as_str());
    let routes: BTreeSet<&str> = routes.filter(|path| path.starts_with("/lab/")).collect();
    let named = page.split(['`', '?', ' ', '"', '\n']);
    let named: BTreeSet<&str> = named.filter(|word| word.starts_with("/lab/")).collect();
    assert_eq!(named, routes);
}
