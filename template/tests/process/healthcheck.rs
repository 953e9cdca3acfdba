//! `healthcheck`, for images without a shell.

use crate::program::Program;

#[test]
fn it_succeeds_while_the_service_is_ready() {
    let program = Program::on_free_port();
    let mut service = program.start(&[]);
    let url = service.url();
    let port = url.rsplit(':').next().unwrap();
    let check = Program::new().with("SERVER_PORT", port);
    assert_eq!(check.output(&["healthcheck"]), "");
    assert_eq!(check.output(&["healthcheck", "--live"]), "");
}

#[test]
fn it_fails_if_nothing_answers() {
    let error = Program::new()
        .with("SERVER_PORT", "1")
        .error(&["healthcheck"]);
    assert!(
        error.starts_with("error: http://127.0.0.1:1/readyz does not answer"),
        "{error}"
    );
}
