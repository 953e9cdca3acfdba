//! The layers hold: arrows point down, each layer keeps to its business, and every file is part of the program.
//!
//! What the rules are stands in `architecture/rules.rs`.

#![expect(
    clippy::unwrap_used,
    reason = "a file that can't be read fails the test"
)]

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use rules::{LAYERS, TOWER, check};
use source::Source;

/// The program's own files and those of its tests.
fn project() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for directory in ["src", "tests"] {
        collect(root, &root.join(directory), &mut sources);
    }
    sources
}

fn collect(root: &Path, directory: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            sources.push(Source::read(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn the_project_keeps_its_architecture() {
    let findings = check(&project());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_layer_and_every_module_of_core_has_its_place_in_the_rules() {
    let sources = project();
    let lib = sources
        .iter()
        .find(|source| source.path == "src/lib.rs")
        .unwrap();
    for layer in &lib.declares {
        assert!(
            LAYERS.iter().any(|(name, _)| name == layer),
            "what may {layer} use? Say so in LAYERS"
        );
    }
    let core = sources
        .iter()
        .find(|source| source.path == "src/core/mod.rs")
        .unwrap();
    for module in &core.declares {
        assert!(
            TOWER.contains(&module.as_str()),
            "on which floor is core::{module}? Say so in TOWER"
        );
    }
    for (layer, _) in LAYERS {
        assert!(
            lib.declares.iter().any(|declared| declared == layer),
            "there is no layer {layer} any more"
        );
    }
}

/// What is found in these files, beside a skeleton that declares them.
#[track_caller]
fn assert_found(files: &[(&str, &str)], expected: &[&str]) {
    let sources: Vec<_> = files
        .iter()
        .map(|(path, text)| Source::read(path, text))
        .collect();
    assert_eq!(check(&sources), expected);
}

#[test]
fn an_arrow_that_points_up_is_found_however_it_is_written() {
    let up = "src/models/users.rs:1: models must not use routes (`crate::routes::users`); it may use: core";
    for text in [
        "use crate::routes::users;",
        "use super::super::routes::users;",
        "use crate::{core, routes::{users}};",
        "use crate::routes::users as other;",
        "fn f() { crate::routes::users::list() }",
        "const X: u8 = <u8 as From<crate::routes::users::X>>::from(0);",
        "pub(crate) use crate::{models::orders, routes::users};",
        "fn f<'a>(c: char) { if c == '\"' { crate::routes::users::list() } }",
        "macro_rules! m { () => { $crate::routes::users::list() } }",
    ] {
        let source = Source::read("src/models/users.rs", text);
        let findings = check(&[source]);
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
        let start = up.split(" (`").next().unwrap();
        assert!(findings[0].starts_with(start), "{text}: {findings:?}");
    }
    assert_found(
        &[("src/models/users.rs", "use crate::routes::users;")],
        &[up],
    );
}

#[test]
fn what_is_only_said_is_no_use() {
    let text = r##"
        //! [`crate::routes::users`]
        /* use crate::routes::users; /* nested */ use crate::routes::users; */
        /// See [`crate::services::orders`].
        const A: &str = "use crate::routes::users;";
        const B: &str = r#"crate::routes::users " crate::routes"#;
        const C: char = '\''; const D: &[u8] = b"crate::routes::users";
        fn routes<'routes>(x: &'routes str) {}
        use crate::models::orders;
        #[cfg(test)]
        mod tests { use crate::routes::users; fn f() { crate::services::orders::f() } }
    "##;
    assert_found(&[("src/models/users.rs", text)], &[]);
}

#[test]
fn each_layer_keeps_to_its_business() {
    assert_found(
        &[
            ("src/routes/users.rs", "use sea_orm::EntityTrait;"),
            ("src/models/users.rs", ""),
        ],
        &[
            "src/routes/users.rs:1: routes must not use sea_orm: queries are written in repositories",
        ],
    );
    assert_found(
        &[(
            "src/services/orders.rs",
            "use sea_orm::{\n  Set,\n  QueryFilter as _};",
        )],
        &[
            "src/services/orders.rs:3: services must not use sea_orm::QueryFilter: queries are written in repositories",
        ],
    );
    assert_found(
        &[
            ("src/repositories/users.rs", "fn f(x: axum::Json<u8>) {}"),
            ("src/models/users.rs", ""),
        ],
        &["src/repositories/users.rs:1: repositories must not use axum: repositories know no HTTP"],
    );
    assert_found(
        &[("src/models/users.rs", "use ::axum::Json;")],
        &["src/models/users.rs:1: models must not use axum: models know no HTTP"],
    );
}

#[test]
fn core_is_a_tower() {
    assert_found(
        &[(
            "src/core/http/server.rs",
            "use crate::core::{config::Config, state::AppState};",
        )],
        &[],
    );
    assert_found(
        &[(
            "src/core/database/pool.rs",
            "use super::super::http::AppError;",
        )],
        &[
            "src/core/database/pool.rs:1: core::database must not use core::http, which stands above it",
        ],
    );
    assert_found(
        &[("src/core/cache.rs", "use crate::core::config::Config;")],
        &[
            "src/core/cache.rs:1: core::cache has no floor yet: add it to TOWER in tests/architecture/rules.rs",
        ],
    );
    assert_found(
        &[(
            "src/core/config/mod.rs",
            "use crate::models::users::Entity;",
        )],
        &[
            "src/core/config/mod.rs:1: core must not use models (`crate::models::users::Entity`); it may use: ",
        ],
    );
}

#[test]
fn a_file_that_nobody_declares_is_found_with_the_line_to_add() {
    assert_found(
        &[
            ("src/models/mod.rs", "//! pub mod widgets;\npub mod users;"),
            ("src/models/users.rs", ""),
            ("src/models/widgets.rs", ""),
            ("src/routes/mod.rs", "mod users;"),
            ("src/routes/users/mod.rs", "#[cfg(test)]\nmod tests;"),
            ("src/routes/users/tests.rs", ""),
            ("src/routes/widgets/mod.rs", ""),
            ("tests/http/main.rs", "mod users;"),
            ("tests/http/users.rs", ""),
            ("tests/http/widgets.rs", ""),
            ("tests/support/mod.rs", ""),
        ],
        &[
            "src/models/widgets.rs: nobody declares it: add `pub mod widgets;` to src/models/mod.rs",
            "src/routes/widgets/mod.rs: nobody declares it: add `mod widgets;` to src/routes/mod.rs",
            "tests/http/widgets.rs: nobody declares it: add `mod widgets;` to tests/http/main.rs",
        ],
    );
}

#[test]
fn a_resource_that_is_called_otherwise_in_a_layer_is_found() {
    assert_found(
        &[
            ("src/routes/user.rs", ""),
            ("src/routes/quotes.rs", ""),
            ("src/services/quotes.rs", ""),
            ("src/repositories/people.rs", ""),
            ("src/repositories/users.rs", ""),
            ("src/models/users.rs", ""),
        ],
        &[
            "src/repositories/people: a resource is called the same in every layer, but there is no people in models",
            "src/routes/user: a resource is called the same in every layer, but there is no user in services or repositories or models",
        ],
    );
}
