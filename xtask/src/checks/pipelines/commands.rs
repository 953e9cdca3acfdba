//! The commands of a pipeline's files, read from them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cargo::program;
use crate::context::Context;
use crate::tools;

/// Brings the schemas of workflow files along, and a reader of YAML.
pub(super) const CHECK_JSONSCHEMA: &str = "0.39.0";

/// Keys of GitLab's file that are no jobs.
const NO_JOBS: [&str; 5] = ["workflow", "stages", "variables", "default", "include"];

/// A step of a job, as the pipeline's shell gets it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The file and the job.
    pub(super) place: String,
    pub(super) job: String,
    pub(super) script: String,
    pub(super) env: BTreeMap<String, String>,
}

impl Step {
    /// Its commands, one a line.
    pub(super) fn commands(&self) -> impl Iterator<Item = &str> {
        self.script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    }
}

/// The steps of all workflows of GitHub in a folder.
pub(super) fn of_github(cx: &Context<'_>, root: &Path) -> Result<Vec<Step>> {
    let folder = root.join(".github/workflows");
    let mut files: Vec<_> = std::fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let mut steps = Vec::new();
    for file in files {
        let workflow = read_yaml(cx, &file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        for (job, description) in members(&workflow["jobs"]) {
            for step in description["steps"].as_array().into_iter().flatten() {
                let Some(script) = step["run"].as_str() else {
                    continue; // an action
                };
                let levels = [&workflow["env"], &description["env"], &step["env"]];
                steps.push(Step {
                    place: format!("{name}, {job}"),
                    job: job.clone(),
                    script: script.to_owned(),
                    env: environment(levels),
                });
            }
        }
    }
    Ok(steps)
}

/// The commands of GitLab's file, each a step of its own.
pub(super) fn of_gitlab(cx: &Context<'_>, root: &Path) -> Result<Vec<Step>> {
    let file = read_yaml(cx, &root.join(".gitlab-ci.yml"))?;
    let mut steps = Vec::new();
    for (job, description) in members(&file).filter(|(key, _)| !NO_JOBS.contains(&key.as_str())) {
        let scripts = ["before_script", "script", "after_script"].map(|key| &description[key]);
        for script in scripts.into_iter().filter_map(Value::as_array).flatten() {
            let script = script
                .as_str()
                .context("a script holds something else than text")?;
            steps.push(Step {
                place: format!(".gitlab-ci.yml, {job}"),
                job: job.clone(),
                script: script.to_owned(),
                env: environment([&file["variables"], &description["variables"], &Value::Null]),
            });
        }
    }
    Ok(steps)
}

/// What is set around a step; the inner levels count.
fn environment(levels: [&Value; 3]) -> BTreeMap<String, String> {
    let pairs = levels.into_iter().flat_map(members);
    pairs
        .map(|(key, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (key.clone(), text)
        })
        .collect()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

pub(super) fn read_yaml(cx: &Context<'_>, file: &Path) -> Result<Value> {
    let python = tools::python(cx, "check-jsonschema", CHECK_JSONSCHEMA, "python")?;
    let root = cx.repo().root();
    let mut script = program(python, root);
    script
        .arg(root.join("xtask/scripts/yaml_to_json.py"))
        .arg(file);
    let (status, json) = cx.output(&mut script)?;
    anyhow::ensure!(status.success(), "{} can't be read", file.display());
    Ok(serde_json::from_str(&json)?)
}
