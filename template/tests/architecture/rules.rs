//! The rules, as data and as functions from source files to findings.

use std::collections::BTreeSet;

use super::source::{Source, Use};

/// The layers, and what each may use beside itself. Arrows only point down.
pub(crate) const LAYERS: [(&str, &[&str]); 7] = [
    ("commands", &["core"]),
    ("routes", &["services", "repositories", "models", "core"]),
    ("services", &["repositories", "models", "core"]),
    ("repositories", &["models", "core"]),
    ("models", &["core"]),
    ("migrations", &["core"]),
    ("core", &[]),
];

/// The modules of core, ground first: each may use those before it.
pub(crate) const TOWER: [&str; 15] = [
    "registry",
    "config",
    "request_id",
    "telemetry",
    "clock",
    "deadline",
    "time_spent",
    "coalescing",
    "database",
    "rfc3339",
    "http_client",
    "state",
    "gauges",
    "health",
    "http",
];

/// Crates that a layer has no business with, and why.
const FORBIDDEN: [(&str, &[&str], &str); 5] = [
    (
        "routes",
        &["sea_orm", "sea_orm_migration", "sea_query", "sqlx"],
        "queries are written in repositories",
    ),
    (
        "services",
        &["sea_orm_migration", "sea_query", "sqlx"],
        "queries are written in repositories",
    ),
    (
        "services",
        &["axum", "tower", "tower_http"],
        "only routes and core::http know HTTP's server side",
    ),
    (
        "repositories",
        &["axum", "tower", "tower_http", "reqwest"],
        "repositories know no HTTP",
    ),
    (
        "models",
        &["axum", "tower", "tower_http", "reqwest"],
        "models know no HTTP",
    ),
];

/// What services may take from SeaORM: how a row to be written is put together, but nothing that asks the database.
const SEA_ORM_IN_SERVICES: [&str; 4] = ["ActiveValue", "NotSet", "Set", "Unchanged"];

/// Everything that is wrong.
pub(crate) fn check(sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        for used in &source.uses {
            let found = arrows(source, used).or_else(|| foreign(source, used));
            findings.extend(found.map(|what| format!("{}:{}: {what}", source.path, used.line)));
        }
    }
    findings.extend(undeclared(sources));
    findings.extend(strangers(sources));
    findings.sort();
    findings.dedup();
    findings
}

/// A use that points up, or sideways within core.
fn arrows(source: &Source, used: &Use) -> Option<String> {
    let module = source.module();
    let layer = module.first()?;
    let [root, target, ..] = used.path.as_slice() else {
        return None;
    };
    if root != "crate" {
        return None;
    }
    let (_, may_use) = LAYERS.iter().find(|(name, _)| name == layer)?;
    let is_layer = LAYERS.iter().any(|(name, _)| name == target);
    if is_layer && target != layer && !may_use.contains(&target.as_str()) {
        let path = used.path.join("::");
        return Some(format!(
            "{layer} must not use {target} (`{path}`); it may use: {}",
            may_use.join(", ")
        ));
    }
    if layer == "core" && target == "core" {
        return sideways(module.get(1)?, used.path.get(2)?);
    }
    None
}

fn sideways(module: &str, target: &str) -> Option<String> {
    let floor = |name: &str| TOWER.iter().position(|module| *module == name);
    let target_floor = floor(target)?;
    match floor(module) {
        None => Some(format!(
            "core::{module} has no floor yet: add it to TOWER in tests/architecture/rules.rs"
        )),
        Some(own) if target_floor > own => Some(format!(
            "core::{module} must not use core::{target}, which stands above it"
        )),
        Some(_) => None,
    }
}

/// A use of a crate that the layer has no business with.
fn foreign(source: &Source, used: &Use) -> Option<String> {
    let module = source.module();
    let layer = module.first()?;
    let name = used.path.first()?;
    let forbidden = FORBIDDEN
        .iter()
        .find(|(of, crates, _)| of == layer && crates.contains(&name.as_str()));
    if let Some((_, _, why)) = forbidden {
        return Some(format!("{layer} must not use {name}: {why}"));
    }
    let taken = used.path.get(1).map(String::as_str)?;
    if layer == "services" && name == "sea_orm" && !SEA_ORM_IN_SERVICES.contains(&taken) {
        return Some(format!(
            "services must not use sea_orm::{taken}: queries are written in repositories"
        ));
    }
    None
}

/// Files that no module declares, so the compiler never sees them.
fn undeclared(sources: &[Source]) -> impl Iterator<Item = String> {
    sources.iter().filter_map(|source| {
        let (directory, file) = source.path.rsplit_once('/')?;
        let name = file.strip_suffix(".rs")?;
        let (directory, name) = match (name, directory.rsplit_once('/')) {
            // a directory is a module of the one above it, unless it is a test binary's or shared by some
            ("mod", Some((above, name))) if above != "tests" => (above, name),
            ("lib" | "main" | "mod", _) => return None,
            _ => (directory, name),
        };
        if directory == "tests" {
            return None;
        }
        let parents = ["mod", "lib", "main"].map(|parent| format!("{directory}/{parent}.rs"));
        let parent = sources.iter().find(|source| parents.contains(&source.path));
        // a directory without any of them is reached by #[path]
        let parent =
            parent.filter(|parent| !parent.declares.iter().any(|declared| declared == name))?;
        let layer = directory.strip_prefix("src/").unwrap_or_default();
        let visible = ["models", "repositories", "services"].contains(&layer);
        let line = format!("{}mod {name};", if visible { "pub " } else { "" });
        Some(format!(
            "{}: nobody declares it: add `{line}` to {}",
            source.path, parent.path
        ))
    })
}

/// Files of a resource that are called otherwise than in the layers below.
fn strangers(sources: &[Source]) -> impl Iterator<Item = String> {
    let modules: BTreeSet<(String, String)> = sources
        .iter()
        .filter_map(|source| match source.module().as_slice() {
            [layer, name, ..] => Some((layer.clone(), name.clone())),
            _ => None,
        })
        .collect();
    let below = |layer: &str| match layer {
        "routes" => &["services", "repositories", "models"][..],
        "repositories" => &["models"],
        _ => &[],
    };
    let all = modules.clone();
    modules.into_iter().filter_map(move |(layer, name)| {
        let below = below(&layer);
        let has_namesake = |layer: &&str| all.contains(&((*layer).to_owned(), name.clone()));
        if below.is_empty() || below.iter().any(has_namesake) {
            return None;
        }
        Some(format!("src/{layer}/{name}: a resource is called the same in every layer, but there is no {name} in {}", below.join(" or ")))
    })
}
