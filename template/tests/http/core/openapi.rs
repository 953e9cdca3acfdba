//! The OpenAPI document: complete, consistent, and true.

use std::collections::{BTreeMap, BTreeSet};

use app::core::config::AppEnv;
use app::core::http::{Api, Exposure, Problem, Surface};
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, check};

const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

async fn document() -> Value {
    TestApp::without_database()
        .get("/openapi.json")
        .await
        .json()
}

/// The operations: path, method, and what is said about it.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Every value below this one, with where it stands.
fn everywhere<'v>(value: &'v Value, at: &str, visit: &mut impl FnMut(&str, &'v Value)) {
    visit(at, value);
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                everywhere(item, &format!("{at}/{index}"), visit);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                everywhere(member, &format!("{at}/{}", name.replace('/', "~1")), visit);
            }
        }
        _ => {}
    }
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

#[tokio::test]
async fn the_document_says_what_it_describes() {
    let document = document().await;
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], env!("CARGO_PKG_NAME"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        document["info"]["description"],
        env!("CARGO_PKG_DESCRIPTION")
    );
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_component_is_reached() {
    let document = document().await;
    let mut reached = BTreeSet::new();
    everywhere(&document, "", &mut |at, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let target = reference.trim_start_matches('#');
            assert!(document.pointer(target).is_some(), "{at}: {reference}");
            reached.insert(reference.to_owned());
        }
    });
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        let reference = format!("#/components/schemas/{name}");
        assert!(reached.contains(&reference), "nothing leads to {reference}");
    }
}

#[tokio::test]
async fn every_operation_has_an_id_a_tag_and_a_summary() {
    let document = document().await;
    let mut ids = BTreeMap::new();
    for (path, method, operation) in operations(&document) {
        assert!(METHODS.contains(&method), "{path}: {method}");
        let id = operation["operationId"].as_str().unwrap();
        assert_eq!(ids.insert(id, path), None, "{id} is used twice");
        assert!(operation["tags"][0].is_string(), "{id} has no tag");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(
            !summary.is_empty(),
            "{id}: its first line of documentation is missing"
        );
    }
}

#[tokio::test]
async fn the_parameters_of_a_path_are_documented() {
    let document = document().await;
    for (path, method, operation) in operations(&document) {
        let in_path = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path: BTreeSet<_> = in_path.collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let documented = parameters.filter(|parameter| parameter["in"] == "path");
        let documented: BTreeSet<_> = documented
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(in_path, documented, "{method} {path}: its `params(…)`");
    }
}

#[tokio::test]
async fn every_operation_has_the_problems_it_can_end_with() {
    let document = document().await;
    let api = Api::registered(AppEnv::Local).unwrap();
    let management = api
        .table()
        .iter()
        .filter(|row| row.exposure == Exposure::Management);
    let management: BTreeSet<_> = management.map(|row| row.path.as_str()).collect();
    assert!(management.contains("/livez"));
    for (path, method, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let parameters: Vec<_> = parameters.collect();
        let mut expected = vec!["500", "503", "504"];
        let is_limited = !management.contains(path);
        if is_limited {
            expected.extend(["400", "429"]);
        } else {
            assert!(operation["responses"].get("429").is_none(), "{path}");
        }
        if operation.get("requestBody").is_some() {
            expected.extend(["400", "413", "415", "422"]);
        }
        if !parameters.is_empty() {
            expected.push("400");
        }
        if path.contains('{') {
            expected.push("404");
        }
        if parameters
            .iter()
            .any(|parameter| parameter["name"] == "If-Match")
        {
            expected.push("412");
        }
        for status in expected {
            let response = resolve(&document, &operation["responses"][status]);
            let schema = &response["content"]["application/problem+json"]["schema"];
            assert_eq!(
                schema["$ref"], "#/components/schemas/Problem",
                "{method} {path} {status}"
            );
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolve(&document, response);
            let description = response["description"].as_str().unwrap();
            assert!(!description.is_empty(), "{method} {path} {status}");
            if status.starts_with(['4', '5']) {
                let content = response["content"].as_object().unwrap();
                assert!(
                    content.contains_key("application/problem+json"),
                    "{method} {path} {status}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_a_handler_says_about_a_problem_is_kept() {
    let document = document().await;
    let conflict = &document["paths"]["/toys"]["post"]["responses"]["409"];
    assert_eq!(conflict["description"], "Conflict");
    let examples = &conflict["content"]["application/problem+json"]["examples"];
    assert_eq!(examples["conflict"]["value"]["status"], 409);
}

#[tokio::test]
async fn answers_document_the_headers_they_carry() {
    let document = document().await;
    let headers = |path: &str, method: &str, status: &str| {
        let response = &document["paths"][path][method]["responses"][status];
        let headers = resolve(&document, response)["headers"].as_object();
        headers.map_or(Vec::new(), |headers| headers.keys().cloned().collect())
    };
    assert_eq!(headers("/toys", "post", "201"), ["ETag", "Location"]);
    assert_eq!(headers("/toys/{id}", "get", "200"), ["ETag"]);
    assert_eq!(headers("/toys/{id}", "get", "503"), ["Retry-After"]);
    assert_eq!(
        headers("/toys/{id}", "get", "429"),
        ["RateLimit", "RateLimit-Policy", "Retry-After"]
    );
}

#[tokio::test]
async fn every_body_refuses_fields_it_does_not_know() {
    let document = document().await;
    let unknown = json!({ "a field that nobody could know": 1 });
    for (path, method, operation) in operations(&document) {
        let Some(body) = operation.get("requestBody") else {
            continue;
        };
        for (content_type, content) in body["content"].as_object().unwrap() {
            let mut schema = resolve(&document, &content["schema"]);
            if schema["type"] == "array" {
                schema = resolve(&document, &schema["items"]);
            }
            let problems = check(&unknown, schema, &document);
            let refused = problems
                .iter()
                .any(|problem| problem.contains("additionalProperties false"));
            assert!(
                refused,
                "{method} {path} ({content_type}): add #[serde(deny_unknown_fields)] to its type"
            );
        }
    }
}

#[tokio::test]
async fn every_example_is_what_its_schema_says() {
    let document = document().await;
    let mut problems = Vec::new();
    everywhere(&document, "#", &mut |at, value| {
        // A property may be called so; an example stands beside a schema's keywords.
        let of_schema = value
            .get("example")
            .filter(|_| !at.ends_with("/properties"));
        if let Some(example) = of_schema {
            let schema = value.get("schema").unwrap_or(value);
            problems.extend(
                check(example, schema, &document)
                    .into_iter()
                    .map(|problem| format!("{at} {problem}")),
            );
        }
        let of_schema = value
            .get("examples")
            .filter(|_| !at.ends_with("/properties"));
        for example in of_schema.and_then(Value::as_array).into_iter().flatten() {
            problems.extend(
                check(example, value, &document)
                    .into_iter()
                    .map(|problem| format!("{at} {problem}")),
            );
        }
        let examples = value.get("examples").and_then(Value::as_object);
        for (name, example) in examples.into_iter().flatten() {
            let found = check(&example["value"], &value["schema"], &document);
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{at} {name} {problem}")),
            );
        }
    });
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn real_problems_are_what_the_schema_says() {
    let app = TestApp::without_database();
    let document = document().await;
    let schema = &document["components"]["schemas"]["Problem"];
    let requests = [
        (Method::GET, "/toys/17"),
        (Method::GET, "/nowhere"),
        (Method::PATCH, "/toys"),
        (Method::POST, "/toys/broken"),
        (Method::GET, "/toys/unavailable"),
    ];
    for (method, path) in requests {
        let response = app.request(method, path).await;
        let problem = response.json();
        assert_eq!(
            check(&problem, schema, &document),
            Vec::<String>::new(),
            "{path}"
        );
        response.read_as::<Problem>();
    }
}

#[tokio::test]
async fn an_empty_parameter_is_accepted_where_its_schema_allows_it() {
    let app = TestApp::new().await;
    let document = document().await;
    for (path, method, operation) in operations(&document) {
        if method != "get" || path.contains('{') {
            continue;
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let allowed = check(&json!(""), &parameter["schema"], &document).is_empty();
            if parameter["in"] == "query" && allowed {
                let name = parameter["name"].as_str().unwrap();
                let response = app.get(&format!("{path}?{name}=")).await;
                assert_eq!(response.status, StatusCode::OK, "{path}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn the_document_of_a_port_has_only_what_is_served_there() {
    let settings = [("DOCS_ENABLED", "true")];
    let app = TestApp::without_database_in(AppEnv::Prod, Surface::Public, settings);
    let document = app.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/toys"));
    assert!(!paths.contains_key("/livez") && !paths.contains_key("/toys-inspection"));
    assert!(document["components"]["schemas"].get("HealthOut").is_none());
}
