//! The pods are admitted where no more than the standard `restricted` is allowed.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use super::owner::Owner;
use super::stored::{below, identity, lost};
use crate::check::{Failure, Outcome};
use crate::context::Context;

/// The standard, as the server knows it: namespaces have labels for it since 1.23 only. A root file system that can't be written to is more
/// than it asks for.
const STANDARD: &str = r"
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata:
  name: restricted
  annotations:
    seccomp.security.alpha.kubernetes.io/allowedProfileNames: runtime/default
spec:
  privileged: false
  allowPrivilegeEscalation: false
  requiredDropCapabilities: [ALL]
  readOnlyRootFilesystem: true
  volumes: [configMap, downwardAPI, emptyDir, persistentVolumeClaim, projected, secret]
  runAsUser: {rule: MustRunAsNonRoot}
  fsGroup: {rule: MustRunAs, ranges: [{min: 1, max: 65535}]}
  supplementalGroups: {rule: RunAsAny}
  seLinux: {rule: RunAsAny}
";

/// Has the server demand it of every pod.
pub(super) fn demand(cx: &Context<'_>, owner: &Owner<'_>) -> Outcome {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), STANDARD)?;
    let mut apply = owner.kubectl(&["apply", "-f"]);
    cx.step(apply.arg(file.path()), "the standard for pods is refused")
}

/// A pod from every template, which is admitted as it is; and one that should not be.
pub(super) fn pods_are_admitted(cx: &Context<'_>, owner: &Owner<'_>, objects: &[Value]) -> Outcome {
    for object in objects {
        let (kind, name) = identity(object)?;
        let templates = below("template", object);
        let Some(template) = templates.first() else {
            continue;
        };
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "pod",
                "namespace": object["metadata"]["namespace"],
                "labels": template["metadata"]["labels"],
            },
            "spec": template["spec"],
        });
        let what = format!("a pod of {kind} {name} in {}", owner.environment);
        let (admitted, said) = create(cx, owner, &pod)?;
        if !admitted {
            return Err(Failure::new("a pod is not admitted", what));
        }
        let stored: Value = serde_json::from_str(&said)?;
        let lost = lost(&pod, &stored);
        let rights = |pod| below("securityContext", pod);
        // What is missing the server would have added, here, but not where it judges by the namespace's label.
        if !lost.is_empty() || rights(&pod) != rights(&stored) {
            let wrong = "a pod is admitted only after the server has changed it";
            return Err(Failure::new(wrong, what).at(lost.join("\n")));
        }

        pod["spec"]["securityContext"]["runAsNonRoot"] = false.into();
        if let (true, _) = create(cx, owner, &pod)? {
            let wrong = "a pod that may run as root is admitted, so nothing is proven";
            return Err(Failure::new(wrong, what));
        }
    }
    Ok(())
}

/// Whether a pod would be admitted, and what would be stored.
fn create(cx: &Context<'_>, owner: &Owner<'_>, pod: &Value) -> Result<(bool, String)> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), pod.to_string())?;
    let mut create = owner.kubectl(&["create", "--dry-run=server", "-o=json", "-f"]);
    let (status, said) = cx.output(create.arg(file.path()))?;
    Ok((status.success(), said))
}
