//! `generate/*`: what a project consists of, proven by comparison with the template in place.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::check::{Check, Failure, Outcome};
use crate::checks::check;
use crate::context::Context;
use crate::generate::Request;
use crate::repo::Repo;
use crate::tree::Tree;

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "generate/default",
            2,
            "a project is the template in place, byte for byte, and nothing else",
            |cx| is_the_template(cx, &Request::new("aaa-svc")),
        ),
        check(
            "generate/everything",
            2,
            "the same with every part, under a name that sorts last",
            |cx| {
                let request = Request::new("zzz_svc").parts(cx.repo().parts());
                is_the_template(cx, &request)
            },
        ),
        check(
            "generate/minimal",
            2,
            "without parts, only their files are missing",
            |cx| is_the_template(cx, &Request::new("aaa-svc").parts(Vec::new())),
        ),
        check(
            "generate/pipelines",
            2,
            "with each pipeline there are its files, and none of another",
            |cx| {
                let is_right =
                    |pipeline: &String| is_the_template(cx, &Request::new("aaa-svc").ci(pipeline));
                cx.repo().pipelines().iter().try_for_each(is_right)
            },
        ),
        check(
            "generate/parts",
            2,
            "what an option leaves out exists, and every option changes the project",
            options_matter,
        ),
        check(
            "generate/lock",
            5,
            "the Cargo.lock that ships needs no change",
            lock_is_current,
        ),
    ]
}

/// A project as it follows from the files in place: rendered files have no content here.
fn expected(repo: &Repo, request: &Request) -> Result<Tree> {
    let parts = request.parts.clone().unwrap_or(repo.default_parts());
    let pipeline = request.ci.clone().unwrap_or(repo.default_pipeline());
    let without_parts = repo.left_out_without().into_iter();
    let other_pipelines = repo.left_out_unless().into_iter();
    let left_out: Vec<String> = without_parts
        .filter(|(part, _)| !parts.contains(part))
        .chain(other_pipelines.filter(|(other, _)| *other != pipeline))
        .flat_map(|(_, paths)| paths)
        .collect();
    let mut tree = everything(repo)?;
    tree.0
        .retain(|path, _| !left_out.iter().any(|gone| is_below(path, gone)));
    Ok(tree)
}

/// What any project could have.
fn everything(repo: &Repo) -> Result<Tree> {
    let mut tree = Tree::default();
    for file in repo.files()? {
        if let Some(path) = path_in_project(&file) {
            tree.0.insert(path, std::fs::read(repo.root().join(&file))?);
        }
    }
    Ok(tree)
}

/// Where a file of the repository stands in a project, if it goes there.
pub(super) fn path_in_project(file: &str) -> Option<String> {
    let (top, rest) = file.split_once('/')?;
    let path = match top {
        "template" => rest,
        "env_files" | "k8s" | "docs" => file,
        _ => return None,
    };
    Some(path.strip_suffix(".liquid").unwrap_or(path).to_owned())
}

/// Whether `path` is `place` or stands below it.
fn is_below(path: &str, place: &str) -> bool {
    let place = place.trim_end_matches('/');
    path == place
        || path
            .strip_prefix(place)
            .is_some_and(|rest| rest.starts_with('/'))
}

fn is_the_template(cx: &Context<'_>, request: &Request) -> Outcome {
    let rendered = cx.repo().rendered();
    let generated = cx.generate(request)?;
    let differences =
        expected(cx.repo(), request)?.differences(&generated, |path| rendered.contains(path));
    if let Some(first) = differences.first() {
        for difference in &differences {
            cx.note(&difference.to_string())?;
        }
        let what = format!(
            "a project generated with `{}`, beside template/, env_files/, k8s/ and docs/",
            request.definitions().join(" -d ")
        );
        return Err(
            Failure::new("the project is not the template in place", what).at(first.to_string()),
        );
    }
    Ok(())
}

/// The choice that brings no files.
const NO_PIPELINE: &str = "none";

fn options_matter(cx: &Context<'_>) -> Outcome {
    let repo = cx.repo();
    let all = everything(repo)?;
    let pipelines = repo.left_out_unless().into_iter();
    let lists = repo.left_out_without().into_iter().chain(pipelines);
    for (option, paths) in lists {
        let what = format!("the `ignore` list of `{option}` in cargo-generate.toml");
        if paths.is_empty() && option != NO_PIPELINE {
            return Err(Failure::new(
                "an option that leaves nothing out is no option",
                what,
            ));
        }
        let mut seen = BTreeSet::new();
        for path in &paths {
            if !all.0.keys().any(|file| is_below(file, path)) {
                return Err(
                    Failure::new("a path that is to be left out does not exist", what).at(path),
                );
            }
            if !seen.insert(path) {
                return Err(Failure::new("a path is named twice", what).at(path));
            }
        }
    }

    let name = "option-svc";
    let base = cx.generate(&Request::new(name).parts(repo.parts()))?;
    for part in repo.parts() {
        let others = repo
            .parts()
            .into_iter()
            .filter(|other| *other != part)
            .collect();
        if cx.generate(&Request::new(name).parts(others))? == base {
            return Err(Failure::new(
                "an option changes nothing",
                format!("a project without the part `{part}`"),
            ));
        }
    }
    let mut pipelines = Vec::new();
    for pipeline in repo.pipelines() {
        let request = Request::new(name).parts(repo.parts()).ci(&pipeline);
        let project = cx.generate(&request)?;
        if pipelines.contains(&project) {
            return Err(Failure::new(
                "an option changes nothing",
                format!("a project with the pipeline `{pipeline}`, beside others"),
            ));
        }
        pipelines.push(project);
    }
    for (option, other) in [
        ("the name", Request::new("other-svc").parts(repo.parts())),
        (
            "the description",
            Request::new(name)
                .parts(repo.parts())
                .description("Something else"),
        ),
    ] {
        let other = cx.generate(&other)?;
        let changed = base.differences(&other, |_| false);
        if changed.is_empty() {
            return Err(Failure::new(
                "an option changes nothing",
                format!("a project with another answer for {option}"),
            ));
        }
    }
    Ok(())
}

fn lock_is_current(cx: &Context<'_>) -> Outcome {
    for (name, parts) in [
        ("aaa-svc", cx.repo().parts()),
        ("zzz_svc", cx.repo().parts()),
        ("aaa-svc", Vec::new()),
        ("zzz_svc", Vec::new()),
        // a direct dependency and one of its own have these names, too
        ("inventory", cx.repo().parts()),
        ("quote", Vec::new()),
    ] {
        let folder = tempfile::TempDir::with_prefix("strata-check-")?;
        let project = cx
            .source()?
            .generate(&Request::new(name).parts(parts), folder.path())?;
        lock_keeps_its_versions(cx, &project, |cx| {
            cx.step(
                &mut cx.cargo(&project, ["tree", "--locked", "--quiet"]),
                "cargo wants to change the Cargo.lock that ships",
            )
        })?;
    }
    Ok(())
}

/// Does something with a project and compares the versions in its Cargo.lock before and after.
pub(super) fn lock_keeps_its_versions(
    cx: &Context<'_>,
    project: &Path,
    work: impl FnOnce(&Context<'_>) -> Outcome,
) -> Outcome {
    let before = versions(project)?;
    work(cx)?;
    let after = versions(project)?;
    if let Some(changed) = before.symmetric_difference(&after).next() {
        return Err(Failure::new(
            "a build changes the Cargo.lock that ships",
            "the versions in Cargo.lock, before and after",
        )
        .at(changed));
    }
    Ok(())
}

fn versions(project: &Path) -> Result<BTreeSet<String>> {
    let lock: toml::Table = std::fs::read_to_string(project.join("Cargo.lock"))?.parse()?;
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten();
    let text = |package: &toml::Value, key: &str| {
        package
            .get(key)
            .and_then(toml::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Ok(packages
        .map(|package| format!("{} {}", text(package, "name"), text(package, "version")))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_repository_have_their_place_in_a_project() {
        assert_eq!(
            path_in_project("template/src/lib.rs").unwrap(),
            "src/lib.rs"
        );
        assert_eq!(
            path_in_project("template/src/routes/mod.rs.liquid").unwrap(),
            "src/routes/mod.rs"
        );
        assert_eq!(path_in_project("docs/tour.md").unwrap(), "docs/tour.md");
        assert_eq!(path_in_project("README.md"), None);
        assert_eq!(path_in_project("xtask/src/main.rs"), None);
    }

    #[test]
    fn a_folder_covers_what_is_below_it_only() {
        assert!(is_below("docs/tour/one.md", "docs/tour"));
        assert!(is_below("docs/tour.md", "docs/tour.md"));
        assert!(!is_below("docs/tourist.md", "docs/tour"));
    }
}
