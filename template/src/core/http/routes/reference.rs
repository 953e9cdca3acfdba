//! The checked-in copies of the table of routes and of the OpenAPI document: one file for each module, so that a part takes its own along.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Api, Document, RouteRow, route_table};

/// What the checked-in copies must say.
#[derive(Debug)]
pub struct Reference {
    /// By module: the content of `docs/reference/routes/<module>.txt`.
    pub routes: BTreeMap<String, String>,
    /// By module: the content of `docs/reference/openapi/<module>.json`. `core.http` has what is common to all.
    pub openapi: BTreeMap<String, String>,
}

impl Reference {
    /// The content for the modules of this crate that every environment has: the rest is promised to nobody. What tests register is not
    /// part of it.
    #[must_use]
    pub fn of(api: &Api) -> Self {
        let mut modules: BTreeMap<&str, Vec<&RouteRow>> = BTreeMap::new();
        let own = env!("CARGO_CRATE_NAME");
        for row in api.table() {
            if row.everywhere && row.origin.module.split("::").next() == Some(own) {
                modules.entry(&row.reference).or_default().push(row);
            }
        }
        let routes = modules.iter().map(|(module, rows)| {
            let table = route_table(rows.iter().copied());
            ((*module).to_owned(), table)
        });
        let documented = modules
            .iter()
            .filter(|(_, rows)| rows.iter().any(|row| row.operation != "-"));
        let openapi = documented.map(|(module, rows)| {
            let document = of_module(api.document(), rows);
            ((*module).to_owned(), document)
        });
        Self {
            routes: routes.collect(),
            openapi: openapi.chain([common(api.document())]).collect(),
        }
    }
}

/// The module's operations with the schemas they reach. Title and version are left out, since they differ from project to project;
/// so are the responses and schemas that all modules share.
fn of_module(document: &Document, rows: &[&RouteRow]) -> String {
    let document = document.only(|path| rows.iter().any(|row| row.path == path));
    let mut paths = document.json()["paths"].clone();
    for (path, item) in paths.as_object_mut().into_iter().flatten() {
        if let Some(item) = item.as_object_mut() {
            let has = |method: &str| {
                rows.iter()
                    .any(|row| row.path == *path && row.method.eq_ignore_ascii_case(method))
            };
            item.retain(|member, _| has(member));
        }
    }
    let shared = shared_schemas(&document);
    let mut schemas = document.json()["components"]["schemas"].clone();
    if let Some(schemas) = schemas.as_object_mut() {
        schemas.retain(|name, _| {
            !shared
                .iter()
                .any(|shared| shared.ends_with(&format!("/{name}")))
        });
    }
    pretty(&Value::Object(Map::from_iter([
        ("paths".to_owned(), paths),
        ("schemas".to_owned(), schemas),
    ])))
}

fn common(document: &Document) -> (String, String) {
    let components = &document.json()["components"];
    let shared = shared_schemas(document);
    let mut schemas = components["schemas"].clone();
    if let Some(schemas) = schemas.as_object_mut() {
        schemas.retain(|name, _| {
            shared
                .iter()
                .any(|shared| shared.ends_with(&format!("/{name}")))
        });
    }
    let content = pretty(&Value::Object(Map::from_iter([
        ("responses".to_owned(), components["responses"].clone()),
        ("schemas".to_owned(), schemas),
    ])));
    ("core.http".to_owned(), content)
}

/// References to the schemas of the common responses.
fn shared_schemas(document: &Document) -> Vec<String> {
    let responses = &document.json()["components"]["responses"];
    super::openapi::reached(responses, document.json())
        .into_iter()
        .filter(|reference| reference.starts_with("#/components/schemas/"))
        .collect()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
