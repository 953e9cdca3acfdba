//! Which names, parts and pipelines are accepted, judged before anything is written.

use std::path::Path;

use anyhow::{Result, bail};
use rhai::{Engine, Scope};

use crate::repo::Repo;

/// Refuses a name that `hooks/names.rhai` refuses, in its words: there is one place that judges.
pub(crate) fn check_name(repo: &Repo, name: &str) -> Result<()> {
    match refusal(&repo.root().join("hooks/names.rhai"), name)? {
        Some(refusal) => bail!(refusal),
        None => Ok(()),
    }
}

/// What the script says against a name.
fn refusal(script: &Path, name: &str) -> Result<Option<String>> {
    let engine = Engine::new();
    let judged = engine
        .compile_file(script.to_path_buf())
        .and_then(|ast| {
            engine.call_fn::<String>(&mut Scope::new(), &ast, "refusal", (name.to_owned(),))
        })
        .map_err(|error| anyhow::anyhow!("{}: {error}", script.display()))?;
    Ok(Some(judged).filter(|text| !text.is_empty()))
}

/// The parts that a comma list names; all of `repo`'s default ones if there is no list.
pub(crate) fn parts(repo: &Repo, list: Option<&str>) -> Result<Vec<String>> {
    let Some(list) = list else {
        return Ok(repo.default_parts());
    };
    let known = repo.parts();
    let chosen: Vec<String> = list
        .split(',')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect();
    if let Some(unknown) = chosen.iter().find(|part| !known.contains(part)) {
        bail!(
            "there is no part \"{unknown}\". Accepted: a comma list of {}; `--parts=` is none.",
            known.join(", ")
        );
    }
    Ok(chosen)
}

/// The pipeline of that name; `repo`'s default one if none is named.
pub(crate) fn pipeline(repo: &Repo, name: Option<&str>) -> Result<String> {
    let Some(name) = name else {
        return Ok(repo.default_pipeline());
    };
    let known = repo.pipelines();
    if !known.iter().any(|pipeline| pipeline == name) {
        bail!(
            "there is no pipeline \"{name}\". Accepted: one of {}.",
            known.join(", ")
        );
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(name: &str) -> Option<String> {
        refusal(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../hooks/names.rhai")),
            name,
        )
        .unwrap()
    }

    #[test]
    fn names_of_services_are_accepted() {
        for name in [
            "my-service",
            "my_service",
            "svc2go",
            "aaa-svc",
            "zzz_svc",
            "ab",
            "my-type",
            "x".repeat(63).as_str(),
        ] {
            assert_eq!(refused(name), None, "{name}");
        }
    }

    #[test]
    fn a_refusal_says_what_is_accepted() {
        for name in [
            "",
            "x",
            "1abc",
            "-abc",
            "abc-",
            "a--b",
            "my_svc-x",
            "MyService",
            "my service",
            "my.service",
            "dienst-für-alle",
            "../up",
            "fn",
            "async",
            "gen",
            "app",
            "core",
            "std",
            "test",
            "proc-macro",
            "deps",
            "x".repeat(64).as_str(),
        ] {
            let said = refused(name).unwrap_or_else(|| panic!("{name:?} is accepted"));
            assert!(said.contains("Accepted: lower-case letters"), "{said}");
            assert!(said.contains(&format!("\"{name}\"")), "{said}");
        }
    }
}
