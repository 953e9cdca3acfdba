//! A release is applied over another one, in any order of its parts, and nothing that can't be changed is.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::{batch::v1::Job, core::v1::ConfigMap};
use serde_json::{Value, json};

use crate::kubectl::{Copy, Rendering, folders, kubectl, renderings};

/// What Kubernetes refuses to change, or what would leave pods behind that nobody knows any more.
const FIXED: &[(&str, &[&str])] = &[
    ("Deployment", &["/spec/selector"]),
    (
        "Job",
        &[
            "/spec/template",
            "/spec/selector",
            "/spec/completions",
            "/spec/completionMode",
        ],
    ),
    ("Service", &["/spec/clusterIP", "/spec/selector"]),
    ("PodDisruptionBudget", &["/spec/selector"]),
    ("Secret", &["/type"]),
];

/// Objects by what Kubernetes tells them apart by.
fn by_identity(rendering: &Rendering) -> BTreeMap<String, &Value> {
    let identity = |object: &Value| {
        let meta = &object["metadata"];
        format!(
            "{} {} {} in {}",
            object["apiVersion"], object["kind"], meta["name"], meta["namespace"]
        )
    };
    let objects: BTreeMap<_, _> = rendering
        .objects
        .iter()
        .map(|object| (identity(object), object))
        .collect();
    assert_eq!(
        objects.len(),
        rendering.objects.len(),
        "{}: two objects have one name",
        rendering.name
    );
    objects
}

/// What an apply of `after` would be refused for where `before` was applied.
fn refused(before: &Rendering, after: &Rendering) -> Vec<String> {
    let after = by_identity(after);
    let mut found = Vec::new();
    for (identity, before) in by_identity(before) {
        let Some(after) = after.get(&identity) else {
            continue;
        };
        let fields = FIXED
            .iter()
            .filter(|(kind, _)| before["kind"] == *kind)
            .flat_map(|(_, fields)| *fields);
        let changed = fields.filter(|field| before.pointer(field) != after.pointer(field));
        found.extend(changed.map(|field| format!("{identity}: {field}")));
    }
    found
}

fn release(overlay: &str, tag: &str) -> Copy {
    let tag = json!(tag);
    Copy::new(overlay).changed(|overlay| overlay["images"][0]["newTag"] = tag)
}

#[test]
fn the_next_release_can_be_applied_over_this_one() {
    if kubectl().is_none() {
        return;
    }
    for overlay in folders("overlays") {
        let now = release(&overlay, "1.2.3").render();
        let next = release(&overlay, "1.2.4")
            .setting("LOG_LEVEL=warn")
            .render();
        let refused = refused(&now, &next);
        assert!(
            refused.is_empty(),
            "overlays/{overlay}: Kubernetes would refuse the next release: {}",
            refused.join("; ")
        );
        let name = |rendering: &Rendering| rendering.the::<Job>().metadata.name.unwrap();
        assert_eq!(
            name(&now).strip_suffix("-1.2.3"),
            name(&next).strip_suffix("-1.2.4"),
            "overlays/{overlay}: the Job's name should end in the tag, or the next release's migrations are not run (k8s/release)"
        );
    }
}

#[test]
fn a_tag_that_looks_like_a_number_is_still_a_text_in_labels() {
    if kubectl().is_none() {
        return;
    }
    for tag in ["1.10", "20261120", "0123456", "1e5"] {
        let rendered = release("prod", tag).render();
        let labels = [
            rendered.deployment().metadata.labels,
            rendered.the::<Job>().metadata.labels,
        ];
        for labels in labels {
            assert_eq!(labels.unwrap()["app.kubernetes.io/version"], tag);
        }
    }
}

/// The Job is not run again, and can't be changed.
#[test]
fn a_changed_setting_replaces_the_pods_and_leaves_the_job_alone() {
    if kubectl().is_none() {
        return;
    }
    for overlay in folders("overlays") {
        let now = Copy::new(&overlay).render();
        let changed = Copy::new(&overlay).setting("LOG_LEVEL=warn").render();
        assert_eq!(refused(&now, &changed), [""; 0], "overlays/{overlay}");
        let pods = |rendering: &Rendering| rendering.deployment().spec.unwrap().template;
        assert_ne!(
            pods(&now),
            pods(&changed),
            "overlays/{overlay}: pods should run with the new settings: the ConfigMap's name needs its hash"
        );
    }
}

/// The comparison itself: what must not change is found.
#[test]
fn a_change_that_kubernetes_refuses_is_found() {
    let rendering = |image: &str| Rendering {
        name: String::new(),
        overlay: String::new(),
        objects: vec![json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "migrate", "namespace": "prod" },
            "spec": { "template": { "image": image } },
        })],
    };
    let found = refused(&rendering("a:1"), &rendering("a:2"));
    assert_eq!(
        found,
        [r#""batch/v1" "Job" "migrate" in "prod": /spec/template"#]
    );
    assert_eq!(refused(&rendering("a:1"), &rendering("a:1")), [""; 0]);
}

#[test]
fn the_job_runs_the_release_that_its_name_says() {
    for rendering in renderings() {
        let job: Job = rendering.the();
        let name = job.metadata.name.unwrap();
        let image = job.spec.unwrap().template.spec.unwrap().containers[0]
            .image
            .clone()
            .unwrap();
        let tag = image.rsplit(':').next().unwrap_or_default();
        assert!(
            name.ends_with(&format!("-{tag}")),
            "{}: Job {name} runs {image}: an overlay's `transformers` hold ../../release, which needs `index: 2` if the \
             registry has a port",
            rendering.name
        );
        assert_eq!(
            rendering.api().main().image.as_deref(),
            Some(image.as_str()),
            "{}: the pods' image",
            rendering.name
        );
        let labels = rendering.api().labels;
        assert_eq!(
            labels.get("app.kubernetes.io/version").map(String::as_str),
            Some(tag),
            "{}: version",
            rendering.name
        );
    }
}

#[test]
fn a_new_pod_waits_for_the_migrations_before_it_serves() {
    for rendering in renderings() {
        let deadline = rendering
            .deployment()
            .spec
            .unwrap()
            .progress_deadline_seconds
            .unwrap_or(600);
        let place = format!("{}: the initContainers", rendering.name);
        let before = rendering.api().spec.init_containers.unwrap_or_default();
        let wait = before.iter().find_map(|container| {
            let [migrate, status, wait] = container.args.as_deref()? else {
                return None;
            };
            let wait = wait.strip_prefix("--wait=")?.parse().ok()?;
            (migrate == "migrate" && status == "status").then(|| Duration::from_secs(wait))
        });
        let wait = wait.unwrap_or_else(|| {
            panic!("{place}: one has to have the args [migrate, status, --wait=<seconds>], or new pods serve on an old schema")
        });
        let deadline = Duration::from_secs(u64::from(deadline.unsigned_abs()));
        assert!(
            wait < deadline,
            "{place}: one waits {wait:?}, and the roll-out fails after progressDeadlineSeconds, {deadline:?}: raise that in \
             k8s/base/deployment.yaml"
        );
    }
}

#[test]
fn everything_bears_the_name_of_the_service_and_is_in_its_namespace() {
    const NAME: &str = "app.kubernetes.io/name";
    for rendering in renderings() {
        let service = rendering
            .api()
            .labels
            .get(NAME)
            .cloned()
            .unwrap_or_default();
        assert!(
            !service.is_empty(),
            "{}: pods have no label {NAME}",
            rendering.name
        );
        let namespace = &rendering.objects[0]["metadata"]["namespace"];
        for object in &rendering.objects {
            let meta = &object["metadata"];
            let name = meta["name"].as_str().unwrap();
            let place = format!("{}: {} {name}", rendering.name, object["kind"]);
            assert_eq!(
                meta["labels"][NAME], service,
                "{place}: k8s/naming comes last among the components"
            );
            assert!(
                name.starts_with(&format!("{service}-")),
                "{place}: k8s/naming comes last among the components"
            );
            assert!(
                name.len() <= 63,
                "{place}: {} characters, and 63 are allowed: shorten the name or the tag",
                name.len()
            );
            assert!(
                meta["namespace"].is_string() && meta["namespace"] == *namespace,
                "{place}: namespace"
            );
        }
        for pod in rendering.pods() {
            assert_eq!(
                pod.labels.get(NAME),
                Some(&service),
                "{}: {}",
                rendering.name,
                pod.owner
            );
            assert!(
                pod.labels.contains_key("app.kubernetes.io/component"),
                "{}: {}",
                rendering.name,
                pod.owner
            );
        }
    }
}

/// Names of config maps end in a hash: one that is not among the resources would stay without.
#[test]
fn every_config_map_that_is_named_is_there() {
    /// Made by whoever runs the cluster: it holds the authority that the database's certificate is from.
    const GIVEN: &str = "database-ca";
    for rendering in renderings() {
        let maps = rendering.all::<ConfigMap>();
        let names: Vec<_> = maps
            .iter()
            .filter_map(|map| map.metadata.name.as_deref())
            .collect();
        for pod in rendering.pods() {
            let volumes = pod.spec.volumes.iter().flatten();
            let of_volumes =
                volumes.filter_map(|volume| Some(volume.config_map.as_ref()?.name.as_str()));
            let from = pod
                .containers()
                .flat_map(|container| container.env_from.iter().flatten());
            let of_environment =
                from.filter_map(|source| Some(source.config_map_ref.as_ref()?.name.as_str()));
            for name in of_volumes
                .chain(of_environment)
                .filter(|name| *name != GIVEN)
            {
                assert!(
                    names.contains(&name),
                    "{}: {}: there is no ConfigMap {name}",
                    rendering.name,
                    pod.owner
                );
            }
        }
    }
}
