//! Every file in `k8s/` is used, so that the other tests see it.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{kubectl::read_yaml, project::project_file};

const KUSTOMIZATION: &str = "kustomization.yaml";
/// Filled in by hand, and tested by itself.
const EXAMPLE: &str = "secrets.example.yaml";

/// Every text in a document.
fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

fn check(folder: &Path) {
    let kustomization = folder.join(KUSTOMIZATION);
    let documents = if kustomization.is_file() {
        read_yaml(&kustomization)
    } else {
        Vec::new()
    };
    let mut named = Vec::new();
    for document in &documents {
        texts(document, &mut named);
    }
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        if path.is_dir() {
            check(&path);
            continue;
        }
        let kind = path.extension().and_then(|kind| kind.to_str());
        if kind == Some("yaml") {
            // Kustomize reads over an empty file.
            let documents = read_yaml(&path);
            let are_objects = documents
                .iter()
                .all(|document| document["kind"].is_string());
            assert!(
                are_objects && !documents.is_empty(),
                "{} holds no object",
                path.display()
            );
        }
        if ![KUSTOMIZATION, EXAMPLE].contains(&name) && kind != Some("liquid") {
            assert!(
                named.contains(&name),
                "{} is not named in the {KUSTOMIZATION} beside it, so nobody applies it",
                path.display()
            );
        }
    }
}

#[test]
fn every_file_is_part_of_some_kustomization() {
    check(&project_file("k8s"));
}

/// A component that no overlay of the tests has would be tested by nobody.
#[test]
fn every_component_says_that_it_is_one() {
    for name in crate::kubectl::folders("components") {
        let file = project_file("k8s/components")
            .join(name)
            .join(KUSTOMIZATION);
        assert_eq!(
            read_yaml(&file)[0]["kind"],
            "Component",
            "{}",
            file.display()
        );
    }
}
