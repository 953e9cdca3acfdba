//! `openapi/*`: the document that the service serves about itself.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};

use anyhow::Result;

use crate::cargo::program;
use crate::check::{Check, Failure, Outcome};
use crate::checks::place::{Kind, on_both_databases, place_to_run};
use crate::checks::{check, long_check};
use crate::context::Context;
use crate::http;
use crate::tools;

const VALIDATOR: &str = "0.9.0";
const SCHEMATHESIS: &str = "4.32.5";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "openapi/valid",
            20,
            "the OpenAPI document is valid",
            is_valid,
        ),
        long_check(
            "openapi/schemathesis",
            40,
            "the service keeps to its OpenAPI document, whatever it is sent",
            keeps_its_word,
        ),
    ]
}

fn is_valid(cx: &Context<'_>) -> Outcome {
    let validator = tools::python(
        cx,
        "openapi-spec-validator",
        VALIDATOR,
        "openapi-spec-validator",
    )?;
    let place = place_to_run(cx, Kind::Sqlite)?;
    let folder = place.folder.path();
    let (status, document) = cx.output(&mut place.binary.command(["openapi"]))?;
    if !status.success() {
        return Err(Failure::new(
            "the document is not printed",
            "the command `openapi` of the service",
        ));
    }
    std::fs::write(folder.join("openapi.json"), document)?;
    cx.step(
        program(validator, folder).arg("openapi.json"),
        "the OpenAPI document is not valid",
    )
}

fn keeps_its_word(cx: &Context<'_>) -> Outcome {
    let schemathesis = tools::python(cx, "schemathesis", SCHEMATHESIS, "schemathesis")?;
    // Says what is accepted beyond the document.
    let settings = cx.repo().root().join("xtask/schemathesis.toml");
    let upstream = answer_quotes()?;
    on_both_databases(|database| {
        let place = place_to_run(cx, database)?;
        let binary = place
            .binary
            .clone()
            .setting("UPSTREAM_BASE_URL", format!("http://127.0.0.1:{upstream}"));
        let service = binary.serve(http::free_port()?, &cx.log)?;
        let mut run = program(&schemathesis, place.folder.path());
        run.arg("--config-file")
            .arg(&settings)
            .args(["run", &format!("{}/openapi.json", service.url())]);
        run.args([
            "--checks",
            "all",
            "--mode",
            "all",
            "--max-examples",
            "50",
            "--seed",
            "20261120",
        ]);
        run.args(["--continue-on-failure", "--warnings", "off"]);
        let wrong = format!(
            "the service breaks the word of its document, on {}",
            database.name()
        );
        cx.step(&mut run, &wrong)?;
        service.stop()?;
        Ok(())
    })
}

/// The other service that the example asks for quotes, as long as this process lives; returns its port.
///
/// Without one those requests are answered 503, which is right and yet a server error to schemathesis.
fn answer_quotes() -> Result<u16> {
    const QUOTE: &str = r#"{"price":"9.95"}"#;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().filter_map(io::Result::ok) {
            let mut request = [0; 4096]; // a GET from our own client: one packet
            let _ = stream.read(&mut request).and_then(|_| {
                let length = QUOTE.len();
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{QUOTE}")
            });
        }
    });
    Ok(port)
}
