//! A project whose owner is about to deploy it, and types what docs/deploying.md says.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::checks::delivered::path_with;
use crate::context::Context;
use crate::generate::Request;
use crate::kubernetes::Cluster;
use crate::tools;

/// Needs an operator, whose kinds the server does not know.
const WITH_OPERATORS: [&str; 4] = [
    "external-secret",
    "gateway",
    "prometheus-rule",
    "service-monitor",
];

/// The manifests are for Kubernetes 1.33. What the server, which is older, has in another version, or has not: file, text, instead.
const OLDER: [(&str, &str, &str); 6] = [
    (
        "base/autoscaler.yaml",
        "apiVersion: autoscaling/v2\n",
        "apiVersion: autoscaling/v2beta2\n",
    ),
    (
        "base/deployment.yaml",
        "          matchLabelKeys: [pod-template-hash]\n",
        "",
    ),
    (
        "base/disruption-budget.yaml",
        "apiVersion: policy/v1\n",
        "apiVersion: policy/v1beta1\n",
    ),
    (
        "base/disruption-budget.yaml",
        "  unhealthyPodEvictionPolicy: AlwaysAllow\n",
        "",
    ),
    (
        "components/backup/cron-job.yaml",
        "apiVersion: batch/v1\n",
        "apiVersion: batch/v1beta1\n",
    ),
    (
        "components/backup/cron-job.yaml",
        "  timeZone: Etc/UTC\n",
        "",
    ),
];

/// What every placeholder has in it.
pub(super) const PLACEHOLDER: &str = "example.com";

/// Somebody with a project, an environment and a cluster.
pub(super) struct Owner<'c> {
    cx: &'c Context<'c>,
    kubeconfig: PathBuf,
    path: OsString,
    pub(super) environment: String,
    folder: TempDir,
}

impl<'c> Owner<'c> {
    /// Generates the project and fills in what the overlay wants to know.
    pub(super) fn of(
        cx: &'c Context<'c>,
        cluster: &Cluster,
        project: &str,
        environment: &str,
    ) -> Result<Self> {
        let owner = Self {
            cx,
            kubeconfig: cluster.kubeconfig(),
            path: path_with(&[&tools::kubectl(cx)?])?,
            environment: environment.to_owned(),
            folder: TempDir::with_prefix("strata-check-")?,
        };
        cx.generate(&Request::new(project))?
            .write_to(owner.folder.path())?;
        for (file, text, instead) in OLDER {
            owner.edit(file, text, instead)?;
        }

        let overlay = format!("overlays/{environment}");
        let kustomization = format!("{overlay}/kustomization.yaml");
        // With a port, as docs/deploying.md says.
        let registry = "registry.shop.test:5000/team";
        owner.edit(&kustomization, "registry.example.com/team", registry)?;
        owner.edit("release/release.yaml", "index: 1\n", "index: 2\n")?;
        for file in [&kustomization, &format!("{overlay}/settings.env")] {
            owner.edit(file, PLACEHOLDER, "shop.test")?;
        }
        for component in owner.components()? {
            let last = "  - ../../naming";
            let added = format!("  - ../../components/{component}\n{last}");
            owner.edit(&kustomization, last, &added)?;
        }

        fs::write(owner.folder.path().join("ca.crt"), "an authority\n")?;
        let example = fs::read_to_string(owner.file("base/secrets.example.yaml"))?;
        let secrets = example.replace("\"\"", "\"8Zb2kQw91Lr7mT\"");
        fs::write(owner.folder.path().join("secrets.yaml"), secrets)?;
        Ok(owner)
    }

    /// All that the server can know.
    fn components(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.file("components"))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !WITH_OPERATORS.contains(&name.as_str()) {
                found.push(name);
            }
        }
        found.sort();
        Ok(found)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("k8s").join(name)
    }

    /// Puts one text in the place of another, in a file of `k8s/`.
    pub(super) fn edit(&self, file: &str, text: &str, instead: &str) -> Result<()> {
        let path = self.file(file);
        let before = fs::read_to_string(&path)?;
        ensure!(before.contains(text), "k8s/{file} has no {text:?}");
        Ok(fs::write(path, before.replace(text, instead))?)
    }

    /// A command line of the page, for the environment in the place of `prod`.
    pub(super) fn types(&self, line: &'static str) -> Command {
        let environment = ("prod", self.environment.as_str());
        let mut command = self.cx.typed(line, self.folder.path(), &[environment]);
        self.prepare(&mut command);
        command
    }

    /// kubectl with arguments of the check's own.
    pub(super) fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = crate::cargo::program("kubectl", self.folder.path());
        command.args(arguments);
        self.prepare(&mut command);
        command
    }

    fn prepare(&self, command: &mut Command) {
        command
            .env("PATH", &self.path)
            .env("KUBECONFIG", &self.kubeconfig);
    }
}
