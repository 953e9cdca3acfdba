//! `recipe/*`: what an owner does first, done as the documents say.

use std::fs;

use anyhow::Context as _;
use regex::Regex;

use crate::check::{Check, Failure, Outcome};
use crate::checks::{delivered, long_check, template};
use crate::context::Context;
use crate::generate::Request;
use crate::tree::Tree;

const ARCHITECTURE: &str = "cargo test --test architecture";
const REFERENCE: &str = "just reference";

pub(super) fn checks() -> Vec<Check> {
    vec![
        long_check(
            "recipe/add-a-resource",
            30,
            "a resource is added to a project without examples by adding files, as docs/adding-a-resource.md says",
            add_a_resource,
        )
        .typing(&[ARCHITECTURE, REFERENCE]),
    ]
}

fn add_a_resource(cx: &Context<'_>) -> Outcome {
    let what = "a resource `widgets`, added as docs/adding-a-resource.md says";
    let project = cx.project(&Request::new("widgets-svc").parts(Vec::new()))?;
    let widgets = Tree::read(&cx.repo().root().join("xtask/fixtures/widgets"))?;
    let recipe = fs::read_to_string(cx.repo().root().join("docs/adding-a-resource.md"))?;
    for (path, content) in &widgets.0 {
        if !recipe.contains(path) {
            return Err(Failure::new("the recipe does not name a file", what).at(path));
        }
        fs::write(project.join(path), content)?;
    }

    // Nothing declares the files yet; the test says what to add, and where.
    let missing = Regex::new(r"add `((?:pub )?mod widgets;|mod m\w+;)` to (\S+\.rs)")?;
    let mut test = cx.typed(ARCHITECTURE, &project, &[]);
    cx.share_builds(&mut test, &project);
    let (status, said) = cx.output(&mut test)?;
    cx.note(&said)?;
    let mut added = 0;
    for line in said.lines() {
        if let Some(found) = missing.captures(line) {
            let list = project.join(&found[2]);
            let modules = fs::read_to_string(&list).with_context(|| found[2].to_owned())?;
            let documented = format!("\n/// Widgets.\n{}\n", &found[1]);
            let private = format!("\n{}\n", &found[1]);
            let line = if found[1].starts_with("pub ") {
                documented
            } else {
                private
            };
            fs::write(&list, modules + line.as_str())?;
            added += 1;
        }
    }
    if status.success() || added != widgets.0.len() {
        let wrong = "the architecture test does not say which lines to add";
        return Err(Failure::new(wrong, what).at(format!("{added} of {}", widgets.0.len())));
    }
    cx.step(&mut test, "a resource does not fit into the architecture")?;

    let just = delivered::just(cx)?;
    let mut reference = cx.typed(REFERENCE, &project, &[]);
    cx.share_builds(&mut reference, &project);
    reference.env("PATH", delivered::path_with(&[&just])?);
    cx.step(&mut reference, "the reference cannot be written")?;
    for page in [
        "docs/reference/routes/widgets.txt",
        "docs/reference/openapi/widgets.json",
    ] {
        if !project.join(page).is_file() {
            return Err(Failure::new("the reference does not know the resource", what).at(page));
        }
    }
    template::lints(cx, &project)?;
    template::tests_on_sqlite(cx, &project)?;
    template::tests_on_postgres(cx, &project)
}
