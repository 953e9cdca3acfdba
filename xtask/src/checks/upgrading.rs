//! `upgrade/*`: a project takes over what is new in the template.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::check::{Check, Failure, Outcome};
use crate::checks::command::{commit, git, make_repository};
use crate::checks::{check, delivered};
use crate::context::Context;
use crate::tools;
use crate::tree::Tree;

const PLACES: &str = "mkdir ../before ../after";
const BEFORE: &str = "cargo generate --git https://github.com/strata-rs/strata --tag v0.1.0 --destination ../before --name my-service --vcs none --silent --define parts=examples --define ci=github";
const AFTER: &str = "cargo generate --git https://github.com/strata-rs/strata --tag v0.2.0 --destination ../after --name my-service --vcs none --silent --define parts=examples --define ci=github";
const COMPARE: &str =
    "git -C .. diff --no-index --binary before/my-service after/my-service > ../template.patch";
const APPLY: &str = "git apply --3way -p3 ../template.patch";

/// Both sides change this file, in different places.
const SHARED: &str = "docs/operations.md";
const OURS: &str = "\nThe template has more to say.\n";
/// What is new in the pipelines.
const PIPELINES: [&str; 2] = [".github/workflows/checks.yaml", ".gitlab-ci.yml"];
const OF_PIPELINES: &str = "# Improved.\n";
const THEIRS: &str = "Whom to call: the owners.\n\n";

pub(super) fn checks() -> Vec<Check> {
    vec![
        check(
            "upgrade/template",
            20,
            "a project that was changed, with any pipeline or none, takes over a newer version of the template, as docs/upgrading.md says",
            template,
        )
        .typing(&[PLACES, BEFORE, AFTER, COMPARE, APPLY]),
    ]
}

fn template(cx: &Context<'_>) -> Outcome {
    let places = tempfile::TempDir::with_prefix("strata-check-")?;
    let source = two_versions(cx, &places.path().join("source"))?;
    for pipeline in cx.repo().pipelines() {
        let work = places.path().join(&pipeline);
        takes_over(cx, &source, &work, &pipeline)?;
    }
    Ok(())
}

fn takes_over(cx: &Context<'_>, source: &Path, work: &Path, pipeline: &str) -> Outcome {
    let what = &format!(
        "the commands of docs/upgrading.md with ci={pipeline}, in a project that its owner has changed"
    );
    let url = format!("file://{}", source.display());
    let instead = [
        ("https://github.com/strata-rs/strata", &*url),
        ("ci=github", &*format!("ci={pipeline}")),
    ];
    let generator = tools::cargo_generate(cx)?;
    let typed = |line, folder: &Path| -> Result<_> {
        let mut command = cx.typed(line, folder, &instead);
        command.env("PATH", delivered::path_with(&[&generator])?);
        command.env("USER", "strata").env("RUST_BACKTRACE", "0"); // containers often have no USER
        Ok(command)
    };

    // The owner's project: what the older version makes, committed, and then changed.
    let project = work.join("my-service");
    fs::create_dir_all(&project)?;
    cx.step(&mut typed(PLACES, &project)?, "folders cannot be made")?;
    cx.step(
        &mut typed(BEFORE, &project)?,
        "the older version cannot be generated",
    )?;
    Tree::read(&work.join("before/my-service"))?.write_to(&project)?;
    git(cx, &project, &["init", "--quiet"])?;
    commit(cx, &project, "Begin")?;
    change(&project.join(SHARED), |text| format!("{THEIRS}{text}"))?;
    commit(cx, &project, "Say whom to call")?;

    cx.step(
        &mut typed(AFTER, &project)?,
        "the newer version cannot be generated",
    )?;
    let compared = cx.execute(&mut typed(COMPARE, &project)?)?;
    if compared.code() != Some(1) {
        return Err(Failure::new("two versions are the same", what).at(compared.to_string()));
    }
    cx.step(
        &mut typed(APPLY, &project)?,
        "the difference cannot be applied",
    )?;

    let shared = fs::read_to_string(project.join(SHARED))?;
    let record = fs::read_to_string(project.join(".strata.toml"))?;
    let improved = PIPELINES.iter().filter(|file| {
        let text = fs::read_to_string(project.join(file)).unwrap_or_default();
        text.ends_with(OF_PIPELINES)
    });
    let has_pipeline = usize::from(pipeline != "none");
    for (is_so, wrong) in [
        (shared.starts_with(THEIRS), "the owner's change is lost"),
        (shared.ends_with(OURS), "the template's change is lost"),
        (
            project.join("docs/new.md").is_file(),
            "a new file is missing",
        ),
        (
            improved.count() == has_pipeline,
            "the pipeline is not the newer one, or another one came along",
        ),
        (
            record.contains("\"0.2.0\""),
            ".strata.toml has the older version",
        ),
    ] {
        if !is_so {
            return Err(Failure::new(wrong, what));
        }
    }
    Ok(())
}

/// This checkout as version 0.1.0, and a later one.
fn two_versions(cx: &Context<'_>, folder: &Path) -> Result<std::path::PathBuf> {
    fs::create_dir(folder)?;
    let source = make_repository(cx, folder)?;
    git(cx, &source, &["tag", "v0.1.0"])?;
    change(&source.join(SHARED), |text| format!("{text}{OURS}"))?;
    fs::write(source.join("docs/new.md"), "# New\n")?;
    for file in PIPELINES {
        change(&source.join("template").join(file), |text| {
            format!("{text}{OF_PIPELINES}")
        })?;
    }
    change(&source.join("template/.strata.toml.liquid"), |text| {
        text.replace("version = \"0.1.0\"", "version = \"0.2.0\"")
    })?;
    commit(cx, &source, "The template, improved")?;
    git(cx, &source, &["tag", "v0.2.0"])?;
    Ok(source)
}

fn change(file: &Path, how: impl FnOnce(&str) -> String) -> Result<()> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    Ok(fs::write(file, how(&text))?)
}
