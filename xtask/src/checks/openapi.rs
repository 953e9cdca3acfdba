//! `openapi/*`: the document that the service serves about itself.

use crate::cargo::program;
use crate::checks::{check, documents, long_check};
use crate::http;
use crate::runner::{Check, Context, Failure, Outcome};
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
    let folder = tempfile::TempDir::with_prefix("strata-check-")?;
    let (status, document) = cx.output(&mut cx.binary(folder.path())?.command(["openapi"]))?;
    if !status.success() {
        return Err(Failure::new(
            "the document is not printed",
            "the command `openapi` of the service",
        ));
    }
    std::fs::write(folder.path().join("openapi.json"), document)?;
    cx.step(
        program(validator, folder.path()).arg("openapi.json"),
        "the OpenAPI document is not valid",
    )
}

fn keeps_its_word(cx: &Context<'_>) -> Outcome {
    let schemathesis = tools::python(cx, "schemathesis", SCHEMATHESIS, "schemathesis")?;
    for database in documents::DATABASES {
        let place = documents::place_to_run(cx, database)?;
        let port = http::free_port()?;
        let service = place.binary.serve(port, &cx.log)?;
        let mut run = program(&schemathesis, place.folder.path());
        run.args([
            "run",
            &format!("{}/openapi.json", service.url()),
            "--checks",
            "all",
            "--mode",
            "all",
        ]);
        run.args([
            "--max-examples",
            "50",
            "--seed",
            "20261120",
            "--continue-on-failure",
            "--warnings",
            "off",
        ]);
        cx.step(
            &mut run,
            &format!(
                "schemathesis finds what the document does not say ({})",
                database.name()
            ),
        )?;
        service.stop()?;
    }
    Ok(())
}
