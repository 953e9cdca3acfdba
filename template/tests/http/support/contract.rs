//! Every exchange that a test has with the service is held against the OpenAPI document: what it promises is true wherever anybody looks.

use axum::http::Method;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;

use super::{TestResponse, check};

/// What was asked.
pub(super) struct Asked<'r> {
    pub(super) method: &'r Method,
    pub(super) path: &'r str,
    pub(super) body: Option<&'r str>,
}

/// Fails if the document doesn't promise this answer: its status, its type and the form of its body. What the service accepts has to be
/// allowed by the document, too. What the document knows no operation for is not looked at.
pub(super) fn hold(document: &Value, asked: &Asked<'_>, response: &TestResponse) {
    let Some(operation) = operation(document, asked) else {
        return;
    };
    let mut problems = answer(document, operation, asked.method, response);
    if response.status.is_success() {
        problems.extend(request(document, operation, asked));
    }
    let Asked { method, path, body } = asked;
    assert!(
        problems.is_empty(),
        "{method} {path} {body:?} is not as the OpenAPI document says:\n{}\n{response:#?}",
        problems.join("\n")
    );
}

/// What the document says about the request; a literal part of a path goes before a parameter, as it does in the router.
fn operation<'d>(document: &'d Value, asked: &Asked<'_>) -> Option<&'d Value> {
    let path = asked.path.split('?').next()?;
    let fits = |template: &str| {
        let parts = template.split('/').zip(path.split('/'));
        template.split('/').count() == path.split('/').count()
            && parts.into_iter().all(|(template, part)| {
                template == part || (template.starts_with('{') && !part.is_empty())
            })
    };
    let paths = document["paths"].as_object()?.iter();
    let (_, item) = paths
        .filter(|(template, _)| fits(template))
        .min_by_key(|(template, _)| template.matches('{').count())?;
    let method = match *asked.method {
        Method::HEAD => "get".to_owned(),
        ref method => method.as_str().to_ascii_lowercase(),
    };
    item.get(method)
}

fn answer(
    document: &Value,
    operation: &Value,
    method: &Method,
    response: &TestResponse,
) -> Vec<String> {
    let Some(promised) = operation["responses"].get(response.status.as_str()) else {
        return vec![format!("the status {} is not documented", response.status)];
    };
    if method == Method::HEAD {
        return Vec::new();
    }
    let promised = match promised["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => promised,
    };
    let content = promised["content"].as_object();
    let sent = response.header(CONTENT_TYPE.as_str());
    // Of which there may be none.
    let is_lines = sent == "application/x-ndjson";
    if response.body.is_empty() && !is_lines {
        let missing = content.is_some_and(|content| !content.is_empty());
        return missing
            .then(|| "a body is documented".to_owned())
            .into_iter()
            .collect();
    }
    let essence = sent.split(';').next().unwrap_or_default();
    let Some(promised) = content.and_then(|content| content.get(essence)) else {
        return vec![format!("a body of type {sent:?} is not documented")];
    };
    // Who asks for a compressed answer reads it.
    let is_compressed = response.headers.contains_key(CONTENT_ENCODING);
    if is_lines && !is_compressed {
        let text = String::from_utf8_lossy(&response.body);
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        return lines
            .flat_map(|line: Value| check(&line, &promised["schema"], document))
            .collect();
    }
    if is_compressed || !essence.ends_with("json") {
        return Vec::new();
    }
    check(&response.json(), &promised["schema"], document)
}

/// What the document has against a request that was accepted.
fn request(document: &Value, operation: &Value, asked: &Asked<'_>) -> Vec<String> {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    let Some(body) = asked.body else {
        return Vec::new();
    };
    match serde_json::from_str(body) {
        Ok(body) => check(&body, schema, document)
            .into_iter()
            .map(|problem| format!("it is accepted, but {problem}"))
            .collect(),
        Err(error) => vec![format!("it is accepted, but {error}")],
    }
}
