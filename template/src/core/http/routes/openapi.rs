//! The OpenAPI document: what handlers say, and what every operation has in common, added in one pass.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};
use utoipa::openapi::content::Content;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr,
    ResponseBuilder,
};

use utoipa::{PartialSchema, ToSchema};

use super::api::operations;
use crate::core::http::error::{PROBLEM_JSON, Problem, ProblemCode};

/// The statuses of which every document has a response to refer to.
const COMMON: [StatusCode; 12] = [
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_FOUND,
    StatusCode::CONFLICT,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// An OpenAPI 3.1 document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Value);

impl Document {
    /// The document as JSON.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// The document with only the paths that are `wanted`, and the components that they reach.
    #[must_use]
    pub fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let mut document = self.0.clone();
        if let Some(paths) = document["paths"].as_object_mut() {
            paths.retain(|path, _| wanted(path));
        }
        let reached = reached(&document["paths"], &document);
        if let Some(kinds) = document["components"].as_object_mut() {
            for (kind, components) in kinds.iter_mut() {
                if let Some(components) = components.as_object_mut() {
                    let reference = |name: &str| format!("#/components/{kind}/{name}");
                    components.retain(|name, _| reached.contains(&reference(name)));
                }
            }
        }
        Self(document)
    }
}

/// Every `$ref` that can be followed from `start`.
pub(super) fn reached(start: &Value, document: &Value) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![start];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(members) => {
                waiting.extend(members.values());
                if let Some(Value::String(reference)) = members.get("$ref")
                    && reached.insert(reference.clone())
                {
                    waiting.extend(document.pointer(reference.trim_start_matches('#')));
                }
            }
            _ => {}
        }
    }
    reached
}

/// A document without paths, about this service.
pub(super) fn empty() -> OpenApi {
    let info = InfoBuilder::new()
        .title(env!("CARGO_PKG_NAME"))
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")));
    OpenApiBuilder::new().info(info.build()).build()
}

/// The schemas of what every operation can answer.
pub(super) fn common_schemas() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    schemas.into_iter()
}

/// Adds the schemas, and what all operations have in common. Clients are limited wherever `is_limited` says so of a path.
pub(super) fn finish(
    mut openapi: OpenApi,
    schemas: impl Iterator<Item = (String, RefOr<Schema>)>,
    is_limited: impl Fn(&str) -> bool,
) -> Document {
    let mut components = Components::new();
    components.schemas = schemas.collect();
    for status in COMMON {
        let response = problem_response(status, meaning(status));
        components.responses.insert(name(status), response.into());
    }
    for (path, item) in &mut openapi.paths.paths {
        let is_limited = is_limited(path);
        for (_, operation) in operations(item) {
            complete(operation, &components, is_limited);
        }
    }
    openapi.components = Some(components);
    // Maps with text keys and plain values: nothing in it could fail to be written.
    Document(serde_json::to_value(&openapi).unwrap_or_default())
}

/// Adds the problems that an operation can end with, which follow from what it takes, and documents what its other responses carry.
fn complete(operation: &mut Operation, components: &Components, is_limited: bool) {
    let mut possible = possible(operation);
    if is_limited {
        // 400: an X-Request-Timeout that is none
        possible.extend([StatusCode::BAD_REQUEST, StatusCode::TOO_MANY_REQUESTS]);
    }
    for status in possible {
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.as_str().to_owned())
            .or_insert_with(|| {
                RefOr::Ref(Ref::new(format!("#/components/responses/{}", name(status))))
            });
    }
    for (status, response) in &mut operation.responses.responses {
        let (Ok(status), RefOr::T(response)) = (status.parse::<StatusCode>(), response) else {
            continue;
        };
        if response.description.is_empty() {
            let reason = status.canonical_reason().unwrap_or_default();
            reason.clone_into(&mut response.description);
        }
        if status.is_client_error() || status.is_server_error() {
            if response.content.is_empty() {
                *response = problem_response(status, &response.description);
            }
        } else {
            add_headers(status, response, components);
        }
    }
}

fn possible(operation: &Operation) -> Vec<StatusCode> {
    let parameters = operation.parameters.iter().flatten();
    let parameters: Vec<_> = parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
        .collect();
    let has_body = operation.request_body.is_some();
    let mut statuses = Vec::new();
    if has_body || !parameters.is_empty() {
        statuses.push(StatusCode::BAD_REQUEST);
    }
    if parameters
        .iter()
        .any(|parameter| parameter.parameter_in == ParameterIn::Path)
    {
        statuses.push(StatusCode::NOT_FOUND);
    }
    if parameters
        .iter()
        .any(|parameter| parameter.name.eq_ignore_ascii_case("if-match"))
    {
        statuses.push(StatusCode::PRECONDITION_FAILED);
    }
    if has_body {
        statuses.extend([
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ]);
    }
    statuses.extend([
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]);
    statuses
}

/// `Created` and `Tagged` add headers by what the body has; so does their documentation.
fn add_headers(status: StatusCode, response: &mut Response, components: &Components) {
    if status == StatusCode::CREATED {
        let location = header("Where the new resource is.", "uri-reference");
        response
            .headers
            .insert("Location".to_owned(), location.into());
    }
    let has_version = response.content.values().any(|content| {
        let RefOr::T(Content { schema: Some(RefOr::Ref(reference)), .. }) = content else {
            return false;
        };
        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
        matches!(
            components.schemas.get(name),
            Some(RefOr::T(Schema::Object(Object { properties, .. }))) if properties.contains_key("version")
        )
    });
    if has_version {
        let etag = header("The version of the resource, for `If-Match`.", "");
        response.headers.insert("ETag".to_owned(), etag.into());
    }
}

fn header(description: &str, format: &str) -> Header {
    let mut schema = Object::with_type(Type::String);
    if !format.is_empty() {
        schema.format = Some(utoipa::openapi::SchemaFormat::Custom(format.to_owned()));
    }
    HeaderBuilder::new()
        .description(Some(description))
        .schema(Some(Schema::Object(schema)))
        .build()
}

/// The name of a common response, such as `NotFound`.
fn name(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    reason.split(' ').collect()
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request can't be understood, or a parameter is not valid.",
        StatusCode::UNPROCESSABLE_ENTITY => ProblemCode::Validation.description(),
        StatusCode::NOT_FOUND => ProblemCode::NotFound.description(),
        _ => ProblemCode::for_status(status).description(),
    }
}

fn problem_response(status: StatusCode, description: &str) -> Response {
    let codes = ProblemCode::ALL
        .iter()
        .filter(|code| code.status() == status);
    let examples = codes.map(|code| (code.as_str(), example(*code)));
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .examples_from_iter(examples)
        .build();
    let mut response = ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content);
    let is_limited = status == StatusCode::TOO_MANY_REQUESTS;
    if is_limited || status == StatusCode::SERVICE_UNAVAILABLE {
        let mut seconds = header("Seconds after which to try again.", "");
        seconds.schema = Some(Schema::Object(Object::with_type(Type::Integer)).into());
        response = response.header("Retry-After", seconds);
    }
    if is_limited {
        let left = "Requests that are left (`r`), and seconds until all are again (`t`). Answers that are no error have it, too.";
        let policy = "Requests that may come at once (`q`), and seconds in which so many are given back (`w`).";
        response = response
            .header("RateLimit", header(left, ""))
            .header("RateLimit-Policy", header(policy, ""));
    }
    response.build()
}

fn example(code: ProblemCode) -> Example {
    let mut problem = json!({
        "type": code.uri(),
        "title": code.title(),
        "status": code.status().as_u16(),
        "code": code.as_str(),
        "request_id": "0198c0de-7000-7abc-8def-0123456789ab",
    });
    let (detail, errors) = match code {
        ProblemCode::InvalidParameter => (
            "1 parameter was refused.",
            json!([{ "parameter": "limit", "detail": "must be at most 100, was 181" }]),
        ),
        ProblemCode::Validation => (
            "1 field was refused.",
            json!([{ "pointer": "#/lines/3/quantity", "detail": "must be at least 1, was 0" }]),
        ),
        _ => {
            return ExampleBuilder::new()
                .summary(code.title())
                .value(Some(problem))
                .build();
        }
    };
    problem["detail"] = detail.into();
    problem["errors"] = errors;
    ExampleBuilder::new()
        .summary(code.title())
        .value(Some(problem))
        .build()
}
