//! The checked-in copies of the table of routes and of the OpenAPI document.

use std::collections::BTreeMap;
use std::fs;

use app::core::config::AppEnv;
use app::core::http::{Api, Reference, route_table};

use crate::support::project_file;

#[track_caller]
fn compare(command: &str, directory: &str, extension: &str, expected: BTreeMap<String, String>) {
    // The copies are made with all features; without one its routes are missing.
    if !cfg!(all(feature = "swagger-ui", feature = "http-client")) {
        return;
    }
    let path = project_file(format!("docs/reference/{directory}"));
    let files = fs::read_dir(&path).into_iter().flatten();
    let found: BTreeMap<_, _> = files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect();
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(module, content)| (format!("{module}.{extension}"), content))
        .collect();
    let names = expected.keys().chain(found.keys());
    let different = names.filter(|name| expected.get(*name) != found.get(*name));
    let mut different: Vec<_> = different.map(String::as_str).collect();
    different.sort_unstable();
    different.dedup();
    assert!(
        different.is_empty(),
        "{} in {} not what the code says: `cargo run -- {command} --write` brings it up to date; look at the difference, \
         which is what clients will see",
        different.join(", "),
        path.display()
    );
}

#[test]
fn the_checked_in_tables_of_routes_are_up_to_date() {
    let reference = Reference::of(&Api::registered(AppEnv::Local).unwrap());
    compare("routes", "routes", "txt", reference.routes);
}

#[test]
fn the_checked_in_openapi_documents_are_up_to_date() {
    let reference = Reference::of(&Api::registered(AppEnv::Local).unwrap());
    compare("openapi", "openapi", "json", reference.openapi);
}

#[test]
fn a_file_that_registers_routes_is_in_the_table_but_tests_are_in_no_copy() {
    let api = Api::registered(AppEnv::Local).unwrap();
    let table = route_table(api.table());
    let rows: Vec<_> = table
        .lines()
        .filter(|row| row.contains("toys-inspection"))
        .collect();
    assert_eq!(rows.len(), 1);
    let cells: Vec<_> = rows[0].split_whitespace().collect();
    assert_eq!(
        cells,
        [
            "GET",
            "/toys-inspection",
            "management",
            "inspect_toys",
            "tests/http/core/toys.rs"
        ]
    );

    let reference = Reference::of(&api);
    for copy in reference.routes.values().chain(reference.openapi.values()) {
        assert!(!copy.contains("toys"), "{copy}");
    }
}
