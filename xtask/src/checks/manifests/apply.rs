//! `manifests/apply`: what docs/deploying.md has somebody type, typed before an API server.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::owner::{Owner, PLACEHOLDER};
use super::restricted;
use super::stored::{Versions, below, changes, identity, lost, versions};
use super::{NEXT_RELEASE, RENDER};
use crate::check::{Failure, Outcome};
use crate::context::Context;
use crate::kubernetes::Cluster;

const NAMESPACE: &str = "kubectl create namespace prod";
const STANDARD: &str = "kubectl label namespace prod pod-security.kubernetes.io/enforce=restricted";
const AUTHORITY: &str = "kubectl -n prod create configmap database-ca --from-file=ca.crt";
const SECRETS: &str = "kubectl -n prod apply -f secrets.yaml";
const APPLY: &str = "kubectl apply -k k8s/overlays/prod";

pub(super) const TYPED: &[&str] = &[
    RENDER,
    NEXT_RELEASE,
    NAMESPACE,
    STANDARD,
    AUTHORITY,
    SECRETS,
    APPLY,
];

pub(super) fn a_server_takes_them(cx: &Context<'_>) -> Outcome {
    let cluster = Cluster::start(cx)?;
    let longest = "a-service".repeat(7);
    for entry in fs::read_dir(cx.repo().root().join("k8s/overlays"))? {
        let environment = entry?.file_name().to_string_lossy().into_owned();
        for project in ["my-service", &longest] {
            let owner = Owner::of(cx, &cluster, project, &environment)?;
            if project != longest {
                prepare(cx, &owner)?;
            }
            let mut deployment = Deployment {
                cx,
                what: format!("the project {project} in {environment}"),
                owner,
                seen: Versions::new(),
            };
            deployment.first_apply()?;
            deployment.next_applies()?;
            deployment.what_must_not_be_taken()?;
        }
    }
    Ok(())
}

/// What is done once in a namespace.
fn prepare(cx: &Context<'_>, owner: &Owner<'_>) -> Outcome {
    restricted::demand(cx, owner)?;
    for (line, wrong) in [
        (NAMESPACE, "the namespace can't be created"),
        (STANDARD, "the namespace can't be labelled"),
        (AUTHORITY, "the database's authority can't be put there"),
    ] {
        cx.step(&mut owner.types(line), wrong)?;
    }
    Ok(())
}

/// A project in an environment, and what the server has of it.
struct Deployment<'c> {
    cx: &'c Context<'c>,
    owner: Owner<'c>,
    /// For failures.
    what: String,
    /// Whatever was applied, with its last version.
    seen: Versions,
}

impl Deployment<'_> {
    fn first_apply(&mut self) -> Outcome {
        let (cx, owner) = (self.cx, &self.owner);
        cx.step(&mut owner.types(SECRETS), "the Secrets are refused")?;
        let (status, rendered) = cx.output(&mut owner.types(RENDER))?;
        if !status.success() || rendered.contains(PLACEHOLDER) {
            let wrong = "a placeholder is left where no overlay sets it";
            return Err(Failure::new(wrong, &self.what));
        }
        self.apply()?;

        let given: Vec<Value> = serde_saphyr::from_multiple(&rendered)?;
        let stored = self.stored()?;
        for object in &given {
            let (kind, name) = identity(object)?;
            let found = stored.iter().find(|stored| {
                stored["kind"] == object["kind"] && stored["metadata"]["name"] == name
            });
            let lost = lost(object, found.unwrap_or(&Value::Null));
            if !lost.is_empty() {
                let wrong = format!("the server does not hold {kind} {name} as it was applied");
                return Err(Failure::new(wrong, &self.what).at(lost.join("\n")));
            }
        }
        self.seen = versions(&stored)?;
        self.what_pods_name_is_there(&given)?;
        restricted::pods_are_admitted(cx, &self.owner, &given)
    }

    /// Applies what is there, in any state of the cluster.
    fn next_applies(&mut self) -> Outcome {
        self.apply_changing("the same again", &[])?;
        let (cx, owner) = (self.cx, &self.owner);
        cx.step(&mut owner.types(NEXT_RELEASE), "the tag can't be set")?;
        let release = ["Deployment has changed", "Job is new"];
        self.apply_changing("the next release", &release)?;

        let settings = format!("overlays/{}/settings.env", self.owner.environment);
        self.owner
            .edit(&settings, "APP_ENV=", "LOG_LEVEL=warn\nAPP_ENV=")?;
        let setting = [
            "ConfigMap has changed",
            "ConfigMap is new",
            "Deployment has changed",
        ];
        self.apply_changing("another setting", &setting)?;

        self.set("newTag: \"0.2.0\"", "newTag: \"0.1.0\"")?;
        self.apply_changing("the release before", &["Deployment has changed"])
    }

    /// What the checks above rely on: the server does say no.
    fn what_must_not_be_taken(&self) -> Outcome {
        // A tag that moves.
        self.set("/team/service", "/team/other")?;
        self.is_refused("another image under the same tag", "field is immutable")?;
        self.set("/team/other", "/team/service")?;
        // What the Job's name is for.
        self.set("  - ../../release\n", "  []\n")?;
        self.apply()?;
        self.set("newTag: \"0.1.0\"", "newTag: \"0.2.0\"")?;
        self.is_refused("a Job without the tag in its name", "field is immutable")?;
        self.owner.edit(
            "base/deployment.yaml",
            "  revisionHistoryLimit:",
            "  revisionHistory:",
        )?;
        self.is_refused("a field that there is not", "unknown field")
    }

    /// Changes the overlay's kustomization.
    fn set(&self, text: &str, instead: &str) -> Result<()> {
        let file = format!("overlays/{}/kustomization.yaml", self.owner.environment);
        self.owner.edit(&file, text, instead)
    }

    fn apply(&self) -> Outcome {
        let (status, said) = self.cx.said(&mut self.owner.types(APPLY))?;
        if status.success() {
            return Ok(());
        }
        let wrong = "the server does not take it";
        Err(Failure::new(wrong, &self.what).at(end(&said)))
    }

    fn is_refused(&self, what: &str, with: &str) -> Outcome {
        let (status, said) = self.cx.said(&mut self.owner.types(APPLY))?;
        if !status.success() && said.contains(with) {
            return Ok(());
        }
        let wrong = format!("{what} is not refused with \"{with}\"");
        Err(Failure::new(wrong, &self.what).at(end(&said)))
    }

    /// Applies, and sees what that changes in the cluster.
    fn apply_changing(&mut self, what: &str, expected: &[&str]) -> Outcome {
        self.apply()?;
        let after = versions(&self.stored()?)?;
        let changes = changes(&self.seen, &after);
        self.seen.extend(after);
        if changes == expected {
            return Ok(());
        }
        let wrong = format!("{what}, applied, changes something else: {changes:?}");
        Err(Failure::new(wrong, &self.what).at(format!("expected: {expected:?}")))
    }

    /// The objects of the overlay, as the server has them.
    fn stored(&self) -> Result<Vec<Value>> {
        let overlay = format!("k8s/overlays/{}", self.owner.environment);
        let mut get = self.owner.kubectl(&["get", "-o=json", "-k", &overlay]);
        let (status, list) = self.cx.output(&mut get)?;
        ensure!(status.success(), "the objects can't be read again");
        let list: Value = serde_json::from_str(&list)?;
        let items = list["items"].as_array().context("no list of objects")?;
        Ok(items.clone())
    }

    /// A pod whose Secret is not there waits for ever.
    fn what_pods_name_is_there(&self, objects: &[Value]) -> Outcome {
        let templates = objects.iter().flat_map(|object| below("template", object));
        for template in templates {
            let secrets = below("secretName", template).into_iter();
            let maps = below("configMap", template).into_iter();
            let maps = maps.chain(below("configMapRef", template));
            let named = secrets
                .map(|name| ("secret", name))
                .chain(maps.map(|map| ("configmap", &map["name"])));
            for (kind, name) in named {
                let name = name.as_str().context("a volume has no name")?;
                let namespace = format!("--namespace={}", self.owner.environment);
                let mut get = self.owner.kubectl(&["get", &namespace, kind, name]);
                let wrong = format!("pods need a {kind} that is not there");
                self.cx.step(&mut get, &wrong)?;
            }
        }
        Ok(())
    }
}

/// The last line that kubectl said. What it says of a Job that can't be changed has a page of what the Job was in its middle.
fn end(said: &str) -> String {
    const SHOWN: usize = 200;
    let line = said.trim().lines().next_back().unwrap_or_default();
    let characters = line.chars().count();
    if characters <= 2 * SHOWN {
        return line.to_owned();
    }
    let begin: String = line.chars().take(SHOWN).collect();
    let end: String = line.chars().skip(characters - SHOWN).collect();
    format!("{begin} … {end}")
}
