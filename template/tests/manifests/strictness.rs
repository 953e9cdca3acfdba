//! Nothing is in the manifests that Kubernetes doesn't know, and nothing is missing that it demands.

use k8s_openapi::api::{
    apps::v1::Deployment,
    autoscaling::v2::HorizontalPodAutoscaler,
    batch::v1::{CronJob, Job},
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
    networking::v1::{Ingress, NetworkPolicy},
    policy::v1::PodDisruptionBudget,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    crds::{ExternalSecret, HttpRoute, PrometheusRule, ServiceMonitor},
    kubectl::renderings,
};

#[test]
fn every_object_has_the_form_of_its_kind() {
    for rendering in renderings() {
        for object in &rendering.objects {
            let problems = problems(object);
            let name = &object["metadata"]["name"];
            let kind = &object["kind"];
            assert!(
                problems.is_empty(),
                "{}: {kind} {name}: {}",
                rendering.name,
                problems.join("; ")
            );
        }
    }
}

/// What is wrong with the form of an object.
pub(crate) fn problems(object: &Value) -> Vec<String> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    match (text("apiVersion"), text("kind")) {
        ("v1", "ConfigMap") => read::<ConfigMap>(object),
        ("v1", "PersistentVolumeClaim") => read::<PersistentVolumeClaim>(object),
        ("v1", "Pod") => read::<Pod>(object),
        ("v1", "Secret") => read::<Secret>(object),
        ("v1", "Service") => read::<Service>(object),
        ("v1", "ServiceAccount") => read::<ServiceAccount>(object),
        ("apps/v1", "Deployment") => read::<Deployment>(object),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => read::<HorizontalPodAutoscaler>(object),
        ("batch/v1", "CronJob") => read::<CronJob>(object),
        ("batch/v1", "Job") => read::<Job>(object),
        ("networking.k8s.io/v1", "Ingress") => read::<Ingress>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => read::<NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => read::<PodDisruptionBudget>(object),
        ("external-secrets.io/v1", "ExternalSecret") => read::<ExternalSecret>(object),
        ("gateway.networking.k8s.io/v1", "HTTPRoute") => read::<HttpRoute>(object),
        ("monitoring.coreos.com/v1", "PrometheusRule") => read::<PrometheusRule>(object),
        ("monitoring.coreos.com/v1", "ServiceMonitor") => read::<ServiceMonitor>(object),
        (version, kind) => vec![format!(
            "{kind} of {version} has no type here: add one to tests/manifests/strictness.rs"
        )],
    }
}

/// Reads an object and writes it again: Kubernetes' types read over what they don't know, and put defaults in the place of what they
/// miss. Both show in what they write.
fn read<T: Serialize + DeserializeOwned>(object: &Value) -> Vec<String> {
    let understood: T = match serde_path_to_error::deserialize(object) {
        Ok(understood) => understood,
        Err(error) => return vec![error.to_string()],
    };
    let mut found = Vec::new();
    compare(object, &json!(understood), "", &mut found);
    found
}

fn compare(given: &Value, understood: &Value, path: &str, found: &mut Vec<String>) {
    match (given, understood) {
        (Value::Object(given), Value::Object(understood)) => {
            for (key, value) in given {
                let path = format!("{path}.{key}");
                match understood.get(key) {
                    Some(same) => compare(value, same, &path, found),
                    None => found.push(format!(
                        "{path} is no field: take it away, or correct its name"
                    )),
                }
            }
            let missing = understood.keys().filter(|key| !given.contains_key(*key));
            found.extend(missing.map(|key| format!("{path}.{key} is missing")));
        }
        (Value::Array(given), Value::Array(understood)) if given.len() == understood.len() => {
            for (index, (given, understood)) in given.iter().zip(understood).enumerate() {
                compare(given, understood, &format!("{path}[{index}]"), found);
            }
        }
        _ if given == understood => {}
        _ => found.push(format!("{path} is {given}, which is read as {understood}")),
    }
}

#[test]
fn a_field_that_nobody_knows_is_named_and_so_is_one_that_is_missing() {
    let pod =
        json!({ "metadata": {}, "spec": { "containers": [{ "name": "api", "imagee": "x" }] } });
    let deployment = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": { "template": pod } });
    assert_eq!(
        problems(&deployment),
        [
            ".spec.template.spec.containers[0].imagee is no field: take it away, or correct its name",
            ".spec.selector is missing",
        ]
    );
    let monitor = json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": { "name": "api" },
        "spec": { "selector": {}, "endpoints": [{ "prot": "management" }] },
    });
    let problems = problems(&monitor);
    assert!(
        problems[0].starts_with("spec.endpoints[0].prot: unknown field `prot`"),
        "{problems:?}"
    );
}
