//! The examples of docs/deploying.md are what Kustomize takes, and do what the page says.

use std::fs;

use serde_json::Value;

use crate::{
    kubectl::{Copy, Rendering, kubectl, parse},
    project::project_file,
    strictness::problems,
};

const PAGE: &str = "docs/deploying.md";

/// The example in YAML that begins with this line.
#[track_caller]
fn example(first: &str) -> Value {
    let page = fs::read_to_string(project_file(PAGE)).unwrap();
    let mut blocks = page.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.lines().next() == Some(first));
    let block = block.unwrap_or_else(|| panic!("{PAGE} has no example `{first}`"));
    let (text, _) = block.split_once("```").expect("an example has an end");
    parse(text)
        .unwrap_or_else(|error| panic!("{PAGE}: {error}"))
        .remove(0)
}

/// Every text at this place in objects of a kind.
fn texts(rendering: &Rendering, kind: &str, place: &str) -> Vec<String> {
    let of_kind = rendering
        .objects
        .iter()
        .filter(|object| object["kind"] == kind);
    let found = of_kind.filter_map(|object| object.pointer(place)?.as_str());
    found.map(str::to_owned).collect()
}

#[test]
fn what_environments_must_not_share_is_said_in_the_overlay() {
    if kubectl().is_none() {
        return;
    }
    let example = example("# k8s/overlays/uat/kustomization.yaml, added to what is there");
    let with_components =
        || Copy::new("uat").with(&["database-ca", "external-secret", "gateway", "backup"]);
    let changed = with_components().changed(|overlay| {
        for (list, more) in example.as_object().expect("the example has lists") {
            let more = more.as_array().expect("the example has lists");
            let there = overlay[list].as_array_mut();
            there
                .unwrap_or_else(|| panic!("the overlay has no {list}"))
                .extend(more.clone());
        }
    });
    let (shared, own) = (with_components().render(), changed.render());

    for (kind, place) in [
        ("ExternalSecret", "/spec/data/0/remoteRef/key"),
        ("ExternalSecret", "/spec/data/1/remoteRef/key"),
        ("ConfigMap", "/data/BACKUP_TARGET"),
        ("HTTPRoute", "/spec/hostnames/0"),
    ] {
        let (shared, own) = (texts(&shared, kind, place), texts(&own, kind, place));
        assert!(
            !own.is_empty() && own.len() == shared.len(),
            "{kind} {place}"
        );
        for (shared, own) in shared.iter().zip(&own) {
            let is_own = own.contains("uat") && shared != own;
            assert!(is_own, "{kind} {place}: {own}, and elsewhere {shared}");
        }
    }
    for object in &own.objects {
        assert_eq!(problems(object), [""; 0], "{}", object["metadata"]["name"]);
    }
}
