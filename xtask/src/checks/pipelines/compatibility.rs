//! `ci/compatibility`: the gate in front of changes that break clients.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::run;
use crate::cargo::program;
use crate::check::{Failure, Outcome};
use crate::checks::delivered::just;
use crate::context::Context;

const USERS: &str = "docs/reference/openapi/users.json";

/// What is changed in the document, and what the gate says to it.
struct Change {
    what: &'static str,
    place: &'static str,
    /// Null takes away what stands there.
    value: Value,
    /// None: it lets it pass.
    said: Option<&'static str>,
}

fn changes() -> [Change; 6] {
    let change = |what, place, value, said| Change {
        what,
        place,
        value,
        said,
    };
    let text = || json!({ "type": "string" });
    let parameter = json!({ "in": "query", "name": "tenant", "required": true, "schema": text() });
    [
        change(
            "a field more in answers",
            "/schemas/UserOut/properties/nickname",
            text(),
            None,
        ),
        change(
            "a field more that may be sent",
            "/schemas/UserIn/properties/nickname",
            text(),
            None,
        ),
        change(
            "a field less in answers",
            "/schemas/UserOut/properties/email",
            Value::Null,
            Some("field `email` is gone"),
        ),
        change(
            "a route less",
            "/paths/~1api~1v1~1users~1{id}/delete",
            Value::Null,
            Some("DELETE /api/v1/users/{id} is gone"),
        ),
        change(
            "another type",
            "/schemas/UserOut/properties/age/type",
            json!("string"),
            Some("field `age` is string now, was integer"),
        ),
        change(
            "a parameter that must be sent",
            "/paths/~1api~1v1~1users/get/parameters/-",
            parameter,
            Some("query parameter `tenant` is new, and must be sent"),
        ),
    ]
}

pub(super) fn gate_holds(cx: &Context<'_>) -> Outcome {
    let project = run::project(cx)?;
    let file = project.join(USERS);
    let original = fs::read_to_string(&file)?;
    let outcome = try_changes(cx, &project, &file, &original);
    fs::write(&file, original)?;
    outcome
}

fn try_changes(cx: &Context<'_>, project: &Path, file: &Path, original: &str) -> Outcome {
    let just = just(cx)?;
    for Change {
        what,
        place,
        value,
        said,
    } in changes()
    {
        let mut document: Value = serde_json::from_str(original)?;
        change(&mut document, place, value)
            .ok_or_else(|| Failure::new("the document has no such place", place))?;
        fs::write(file, format!("{document:#}\n"))?;
        // Beside the branch that the recipe asks for unless told otherwise.
        let mut gate = program(&just, project);
        cx.share_builds(gate.arg("compatibility"), project);
        let (status, output) = cx.output(&mut gate)?;
        cx.note(&output)?;
        let is_right = match said {
            None => status.success(),
            Some(said) => !status.success() && output.contains(said),
        };
        if !is_right {
            let wrong = "the gate lets through what breaks clients, or stops what doesn't";
            return Err(Failure::new(wrong, what).at(place));
        }
    }
    Ok(())
}

/// Sets what stands at a place, appends it to a list, or takes it away.
fn change(document: &mut Value, place: &str, value: Value) -> Option<()> {
    let (parent, name) = place.rsplit_once('/')?;
    match document.pointer_mut(parent)? {
        Value::Object(parent) if value.is_null() => {
            parent.remove(name)?;
        }
        Value::Object(parent) => {
            parent.insert(name.to_owned(), value);
        }
        Value::Array(parent) => parent.push(value),
        _ => return None,
    }
    Some(())
}
