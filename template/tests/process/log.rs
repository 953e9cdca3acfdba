//! The log of a running service.

use serde_json::Value;

use crate::program::{Program, get};

#[cfg(unix)]
#[test]
fn outside_local_every_line_is_json_and_a_request_has_its_id() {
    let program = Program::on_free_port()
        .with("LOG_FORMAT", "json")
        .with("SERVER_PROT", "a warning");
    let mut service = program.start(&[]);
    let line = service.line_with("\"listening\"");
    let line: Value = serde_json::from_str(&line).unwrap();
    let url = format!("http://{}", line["address"].as_str().unwrap());
    get(&url, "/nowhere");
    service.line_with("\"request_id\"");
    service.terminate();
    assert!(service.end().success());

    let lines: Vec<Value> = service
        .seen
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for key in ["ts", "level", "msg", "target"] {
            assert!(line[key].is_string(), "no {key}: {line}");
        }
    }
    assert!(lines.iter().any(|line| {
        line["level"] == "warn"
            && line["msg"]
                .as_str()
                .is_some_and(|msg| msg.contains("SERVER_PROT"))
    }));
}

#[test]
fn rust_log_wins_over_the_level() {
    let program = Program::on_free_port()
        .with("LOG_LEVEL", "trace")
        .with("RUST_LOG", "off");
    let mut service = program.start(&[]);
    service.url();
    assert_eq!(service.seen.len(), 1, "{:#?}", service.seen);
}
