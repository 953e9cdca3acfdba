//! The changes that pages describe are what Kustomize takes, do what the page says, and pass all other tests, which look at them, too.

use std::fs;

use serde_json::Value;

use crate::{
    kubectl::{Copy, Rendering, kubectl, parse},
    project::project_file,
    strictness::problems,
};

/// An example in YAML: the page that it stands on, the overlay that it is added to, and the components that it is about.
type Example = (&'static str, &'static str, &'static [&'static str]);

const OWN_PLACES: Example = (
    "docs/deploying.md",
    "uat",
    &["database-ca", "external-secret", "gateway", "backup"],
);
const OPERATOR: Example = (
    "docs/deploying.md",
    "prod",
    &["service-monitor", "prometheus-rule"],
);
const SIDECAR: Example = ("docs/rotating-secrets.md", "prod", &[]);
const VOLUME: Example = ("docs/backups.md", "prod", &["database-ca", "backup"]);

/// An overlay with an example added, and another deployment of the same image.
pub(crate) fn described() -> Vec<Rendering> {
    let examples = [OWN_PLACES, OPERATOR, SIDECAR, VOLUME].map(changed);
    examples.into_iter().chain([second_deployment()]).collect()
}

/// The overlay with the example's components.
fn unchanged((_, overlay, components): Example) -> Copy {
    Copy::new(overlay).with(components)
}

#[track_caller]
fn changed(example: Example) -> Rendering {
    let (page, ..) = example;
    let copy = unchanged(example).with_lists(&text(example));
    copy.named(&format!("the example of {page}")).render()
}

/// As docs/scaling.md says: the base's Deployment again, with a name and a component of its own.
fn second_deployment() -> Rendering {
    let base = fs::read_to_string(project_file("k8s/base/deployment.yaml")).unwrap();
    let report = base.replace("/component: api", "/component: report");
    let report = report.replacen("\n  name: api", "\n  name: report", 1);
    let copy = Copy::new("prod").resource("report.yaml", &report);
    copy.named("a second deployment").render()
}

/// What an example adds, as it stands on its page.
#[track_caller]
fn text((page, overlay, _): Example) -> Value {
    let first = format!("# k8s/overlays/{overlay}/kustomization.yaml, added to what is there");
    block(page, &first)
}

/// The block of a page that begins with this line.
#[track_caller]
fn block(page: &str, first: &str) -> Value {
    let text = fs::read_to_string(project_file(page)).unwrap();
    let mut blocks = text.split("```yaml\n").skip(1);
    let block = blocks.find(|block| block.lines().next() == Some(first));
    let block = block.unwrap_or_else(|| panic!("{page} has no example `{first}`"));
    let (block, _) = block.split_once("```").expect("an example has an end");
    parse(block)
        .unwrap_or_else(|error| panic!("{page}: {error}"))
        .remove(0)
}

/// Every text at this place in objects of a kind.
fn texts(rendering: &Rendering, kind: &str, place: &str) -> Vec<String> {
    let of_kind = rendering
        .objects
        .iter()
        .filter(|object| object["kind"] == kind);
    let found = of_kind.filter_map(|object| object.pointer(place)?.as_str());
    found.map(str::to_owned).collect()
}

#[test]
fn what_environments_must_not_share_is_said_in_the_overlay() {
    if kubectl().is_none() {
        return;
    }
    let (shared, own) = (unchanged(OWN_PLACES).render(), changed(OWN_PLACES));
    for (kind, place) in [
        ("ExternalSecret", "/spec/data/0/remoteRef/key"),
        ("ExternalSecret", "/spec/data/1/remoteRef/key"),
        ("ConfigMap", "/data/BACKUP_TARGET"),
        ("HTTPRoute", "/spec/hostnames/0"),
    ] {
        let (shared, own) = (texts(&shared, kind, place), texts(&own, kind, place));
        assert!(
            !own.is_empty() && own.len() == shared.len(),
            "{kind} {place}"
        );
        for (shared, own) in shared.iter().zip(&own) {
            let is_own = own.contains("uat") && shared != own;
            assert!(is_own, "{kind} {place}: {own}, and elsewhere {shared}");
        }
    }
}

#[test]
fn the_operator_finds_what_has_its_label() {
    if kubectl().is_none() {
        return;
    }
    let rendering = changed(OPERATOR);
    for kind in ["ServiceMonitor", "PrometheusRule"] {
        let found = texts(&rendering, kind, "/metadata/labels/release");
        assert_eq!(found, ["prometheus"], "{kind}");
    }
}

#[test]
fn a_sidecar_writes_the_secrets_before_anybody_reads_them() {
    if kubectl().is_none() {
        return;
    }
    let pod = changed(SIDECAR).api();
    let mut volumes = pod.spec.volumes.iter().flatten();
    let secrets = volumes.find(|volume| volume.name == "secrets").unwrap();
    assert!(
        secrets.secret.is_none() && secrets.empty_dir.is_some(),
        "the volume is in the Secret's place"
    );
    let first = pod.containers().next().unwrap();
    assert_eq!(
        first.restart_policy.as_deref(),
        Some("Always"),
        "the sidecar comes first: what waits for migrations needs the password, too"
    );
}

#[test]
fn dumps_stay_on_the_volume_that_is_claimed() {
    if kubectl().is_none() {
        return;
    }
    let pods = changed(VOLUME).pods();
    let pod = pods.iter().find(|pod| pod.owner.starts_with("CronJob "));
    let mut volumes = pod.unwrap().spec.volumes.iter().flatten();
    let backup = volumes.find(|volume| volume.name == "backup").unwrap();
    assert!(backup.persistent_volume_claim.is_some() && backup.empty_dir.is_none());
}

/// It is put in place by hand, in a hurry: with the image, the rights and the names of what is there.
#[test]
fn the_pod_that_restores_fits_the_backup_and_the_service() {
    if kubectl().is_none() {
        return;
    }
    let restore = block("docs/backups.md", "# restore.yaml");
    assert_eq!(problems(&restore), [""; 0]);
    let rendering = unchanged(VOLUME).render();
    let pods = rendering.pods();
    let backup = pods.iter().find(|pod| pod.owner.starts_with("CronJob "));
    let backup = serde_json::to_value(&backup.unwrap().spec).unwrap();
    assert_eq!(
        restore["spec"]["securityContext"],
        backup["securityContext"]
    );
    let (container, dumps) = (
        &restore["spec"]["containers"][0],
        &backup["initContainers"][0],
    );
    for field in ["image", "securityContext"] {
        assert_eq!(container[field], dumps[field], "{field}");
    }

    let labels = rendering.api().labels;
    let service = &labels["app.kubernetes.io/name"];
    let own = |name: &Value| name.as_str().unwrap().replace("my-service", service);
    let settings = own(&container["envFrom"][0]["configMapRef"]["name"]);
    assert!(rendering.config_map(&settings).is_some(), "{settings}");
    let secret = own(&restore["spec"]["volumes"][0]["secret"]["secretName"]);
    let job = pods.iter().find(|pod| pod.owner.starts_with("Job "));
    let mut volumes = job.unwrap().spec.volumes.iter().flatten();
    assert!(
        volumes.any(|volume| {
            let mounted = volume.secret.as_ref();
            mounted.and_then(|mounted| mounted.secret_name.as_ref()) == Some(&secret)
        }),
        "{secret} is not what the Job mounts"
    );
}

#[test]
fn a_second_deployment_is_not_taken_for_what_serves() {
    if kubectl().is_none() {
        return;
    }
    let rendering = second_deployment();
    let owners: Vec<_> = rendering.pods().into_iter().map(|pod| pod.owner).collect();
    assert!(
        owners.iter().any(|owner| owner.ends_with("-report")),
        "{owners:?}"
    );
    assert!(rendering.api().owner.ends_with("-api"));
}
