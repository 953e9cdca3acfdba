//! What the overlay prod would start.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::cargo::program;
use crate::context::Context;
use crate::generate::Request;
use crate::image::texts;
use crate::tools;
use crate::tree::Tree;

/// The objects that Kustomize makes of an overlay.
pub(super) struct Overlay(Vec<Value>);

/// A container of a pod, as far as it says how the image is run.
pub(super) struct Started {
    pub(super) arguments: Vec<String>,
    pub(super) settings: BTreeMap<String, String>,
    /// Its limit, as the manifest has it, such as `128Mi`.
    pub(super) memory: String,
    /// What it requests of a processor, such as `250m`.
    pub(super) processor: String,
    /// How long it may take to start, in seconds: then it is killed. None if nobody asks.
    pub(super) start_budget: Option<u64>,
}

impl Overlay {
    /// Of a generated project, with the component for a database whose certificate is signed by an authority of one's own.
    pub(super) fn prod(cx: &Context<'_>, request: &Request) -> Result<Self> {
        const LAST_COMPONENT: &str = "  - ../../naming";
        let mut manifests = cx.generate(request)?;
        manifests.0.retain(|path, _| path.starts_with("k8s/"));
        let folder = TempDir::with_prefix("strata-check-")?;
        Tree::write_to(&manifests, folder.path())?;
        let overlay = folder.path().join("k8s/overlays/prod");
        let file = overlay.join("kustomization.yaml");
        let text = fs::read_to_string(&file)?;
        ensure!(
            text.contains(LAST_COMPONENT),
            "{} names no component",
            file.display()
        );
        let with_authority = format!("  - ../../components/database-ca\n{LAST_COMPONENT}");
        fs::write(&file, text.replace(LAST_COMPONENT, &with_authority))?;

        let mut render = program(tools::kubectl(cx)?, &overlay);
        let (status, rendered) = cx.output(render.args(["kustomize", "."]))?;
        ensure!(status.success(), "the overlay prod can't be rendered");
        Ok(Self(serde_saphyr::from_multiple(&rendered)?))
    }

    /// A container of the one object of a kind.
    pub(super) fn container(&self, kind: &str, container: &str) -> Result<Started> {
        let object = self.0.iter().find(|object| object["kind"] == kind);
        let object = object.with_context(|| format!("the overlay has no {kind}"))?;
        let pod = &object["spec"]["template"]["spec"];
        let containers = ["initContainers", "containers"]
            .into_iter()
            .filter_map(|list| pod[list].as_array());
        let container = containers
            .flatten()
            .find(|found| found["name"] == container)
            .with_context(|| format!("the {kind} has no container {container}"))?;
        if !container["env"].is_null() {
            bail!("the {kind} has `env`, which this check does not read");
        }
        let mut settings = BTreeMap::new();
        for source in container["envFrom"].as_array().into_iter().flatten() {
            let name = &source["configMapRef"]["name"];
            let map = self.0.iter().find(|object| {
                object["kind"] == "ConfigMap" && object["metadata"]["name"] == *name
            });
            let map = map.with_context(|| format!("there is no ConfigMap {name}"))?;
            for (key, value) in map["data"].as_object().into_iter().flatten() {
                let value = value
                    .as_str()
                    .with_context(|| format!("{key} is no text"))?;
                settings.insert(key.clone(), value.to_owned());
            }
        }
        let resource = |of: &str, name: &str| -> Result<String> {
            let value = container["resources"][of][name].as_str();
            let value = value.with_context(|| format!("the {kind} has no {name} in {of}"))?;
            Ok(value.to_owned())
        };
        let probe = &container["startupProbe"];
        let times = probe["failureThreshold"].as_u64();
        Ok(Started {
            arguments: texts(&container["args"]),
            settings,
            memory: resource("limits", "memory")?,
            processor: resource("requests", "cpu")?,
            start_budget: times.and_then(|times| Some(times * probe["periodSeconds"].as_u64()?)),
        })
    }
}
