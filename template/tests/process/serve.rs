//! Starting and stopping.

use std::net::TcpListener;

use crate::program::{Program, get};

/// How the last line of a start begins.
const LAST: &str = if cfg!(feature = "swagger-ui") {
    "Swagger UI  http://127.0.0.1:"
} else {
    "ready       http://127.0.0.1:"
};

#[cfg(all(unix, feature = "sqlite"))]
#[test]
fn the_last_line_of_a_start_says_where_to_go_and_sigterm_ends_it_well() {
    let program = Program::on_free_port();
    let mut service = program.start(&[]);
    let line = service.line_with(LAST);
    if cfg!(feature = "swagger-ui") {
        assert!(line.ends_with("/docs"), "{line}");
    }
    assert!(
        program.dir().join("app.db").is_file(),
        "the database of `local` is a file"
    );

    let before = service.seen.len();
    service.terminate();
    let status = service.end();
    assert_eq!(
        status.code(),
        Some(0),
        "{:#?} {}",
        service.seen,
        service.stderr()
    );
    let next = service.seen.get(before).expect("it says that it stops");
    assert!(
        next.contains("stopping"),
        "{LAST}… was not the last line: {next}"
    );
}

#[cfg(feature = "sqlite")]
#[test]
fn it_answers_once_it_has_said_so() {
    let program = Program::on_free_port();
    let mut service = program.start(&["serve"]);
    let url = service.url();
    let answer = get(&url, "/readyz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_port_in_use_names_the_key_and_the_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = Program::new().with("SERVER_PORT", port.as_str());
    let error = program.error(&[]).replace(&port, "<port>");
    insta::assert_snapshot!(error, @"error: port <port> is in use already: stop what listens there, or set SERVER_PORT to another port");
}

#[cfg(all(feature = "sqlite", feature = "http-client"))]
#[test]
fn what_refuses_to_start_does_so_before_the_database_is_touched() {
    let program = Program::on_free_port();
    let file = program.dir().join("ca.pem");
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, broken).unwrap();
    let program = program.with("HTTP_CLIENT_CA_CERT", file);
    let error = program.error(&["serve"]);
    assert!(error.contains("HTTP_CLIENT_CA_CERT"), "{error}");
    assert!(!program.dir().join("app.db").exists(), "{error}");
}
