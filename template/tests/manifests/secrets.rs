//! Secrets: which files the pods find, and that the example has all of them, without values.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Secret, Volume};
use serde_json::Value;

use crate::{
    crds::ExternalSecret,
    kubectl::{read_yaml, renderings},
    objects::Pod,
    project::project_file,
    strictness::problems,
};

/// Where the service looks for secrets if nothing else is said.
pub(crate) const SECRETS_DIR: &str = "/mnt/secrets";

const EXAMPLE: &str = "k8s/base/secrets.example.yaml";

/// What a sidecar writes there, if the volume is no Secret (docs/rotating-secrets.md).
const WRITTEN: [&str; 2] = ["DATABASE_PASSWORD", "DATABASE_USER"];

/// The Secrets of the example, by name.
fn example() -> BTreeMap<String, Secret> {
    let documents = read_yaml(&project_file(EXAMPLE)).into_iter();
    let secrets = documents.map(|document| {
        let secret: Secret = serde_json::from_value(document).unwrap();
        (secret.metadata.name.clone().unwrap_or_default(), secret)
    });
    secrets.collect()
}

/// The volume that is mounted where the service looks for secrets.
fn mounted_volume<'p>(pod: &'p Pod, container: &Container) -> Option<&'p Volume> {
    let mut mounts = container.volume_mounts.iter().flatten();
    let mount = mounts.find(|mount| mount.mount_path == SECRETS_DIR)?;
    let mut volumes = pod.spec.volumes.iter().flatten();
    volumes.find(|volume| volume.name == mount.name)
}

/// The name of the Secret in a volume, if one is.
fn secret_name(volume: &Volume) -> Option<&str> {
    volume.secret.as_ref()?.secret_name.as_deref()
}

/// The files that a container finds among its secrets, with such values as would stand there.
#[track_caller]
pub(crate) fn mounted(pod: &Pod, container: &Container) -> Vec<(String, String)> {
    let volume = mounted_volume(pod, container).unwrap_or_else(|| {
        panic!(
            "{}: {}: nothing is mounted at {SECRETS_DIR}, where the service looks for its password: add the volume `secrets` to volumeMounts",
            pod.owner, container.name
        )
    });
    let keys: Vec<String> = match secret_name(volume) {
        Some(name) => {
            let secret = example().remove(name).unwrap_or_else(|| {
                panic!(
                    "{EXAMPLE} has no Secret {name}, which {} mounts: add it there, or nobody knows what it has to hold",
                    pod.owner
                )
            });
            let data = secret.string_data.unwrap_or_default();
            data.into_keys().collect()
        }
        None => WRITTEN.map(str::to_owned).into(),
    };
    let value = || "uRk7-bw2_Qy9xA".to_owned();
    keys.into_iter().map(|key| (key, value())).collect()
}

#[test]
fn the_example_has_the_form_of_secrets_and_no_values() {
    for document in read_yaml(&project_file(EXAMPLE)) {
        assert_eq!(problems(&document), [""; 0], "{EXAMPLE}");
    }
    for (name, secret) in example() {
        assert_eq!(
            secret.data, None,
            "{EXAMPLE}: {name}: `stringData` is easier to read"
        );
        for (key, value) in secret.string_data.unwrap_or_default() {
            assert_eq!(
                value, "",
                "{EXAMPLE}: {name}: {key} has a value: anybody who may read the repository knows it"
            );
        }
    }
}

/// Applying would overwrite the real ones.
#[test]
fn no_secret_is_applied() {
    for rendering in renderings() {
        let secrets = rendering.all::<Secret>();
        let names: Vec<_> = secrets
            .iter()
            .map(|secret| secret.metadata.name.as_deref())
            .collect();
        assert!(
            names.is_empty(),
            "{}: {names:?} are among the resources",
            rendering.name
        );
    }
}

#[test]
fn what_reads_secrets_finds_them_in_the_example() {
    for rendering in renderings() {
        for pod in rendering.pods() {
            let volumes = pod.spec.volumes.iter().flatten();
            for name in volumes.filter_map(|volume| volume.secret.as_ref()?.secret_name.clone()) {
                assert!(
                    example().contains_key(&name),
                    "{}: {} mounts {name}, which {EXAMPLE} lacks",
                    rendering.name,
                    pod.owner
                );
            }
        }
    }
}

/// What may change the schema has a Secret of its own, so that it can be another role.
#[test]
fn the_job_has_other_credentials_than_the_service() {
    for rendering in renderings() {
        let secret = |pod: &Pod| {
            let volume = mounted_volume(pod, pod.main());
            volume.and_then(secret_name).map(str::to_owned)
        };
        let of_the_service = secret(&rendering.api());
        let pods = rendering.pods();
        let jobs: Vec<_> = pods
            .iter()
            .filter(|pod| pod.owner.starts_with("Job "))
            .collect();
        assert!(!jobs.is_empty(), "{}: nothing migrates", rendering.name);
        for job in jobs {
            assert!(
                of_the_service.is_none() || secret(job) != of_the_service,
                "{}: {} mounts {of_the_service:?}, and so does what serves: who changes the schema could be no other role",
                rendering.name,
                job.owner
            );
        }
    }
}

#[test]
fn external_secrets_fill_what_the_example_lists() {
    for rendering in renderings() {
        let of_kind = |object: &&Value| object["kind"] == "ExternalSecret";
        for object in rendering.objects.iter().filter(of_kind) {
            let external: ExternalSecret = serde_json::from_value(object.clone()).unwrap();
            let name = &external.spec.target.name;
            let example = example();
            let secret = example.get(name);
            let secret = secret
                .unwrap_or_else(|| panic!("{}: {EXAMPLE} has no Secret {name}", rendering.name));
            let wanted: Vec<_> = secret
                .string_data
                .iter()
                .flatten()
                .map(|(key, _)| key.clone())
                .collect();
            let mut filled: Vec<_> = external
                .spec
                .data
                .into_iter()
                .map(|data| data.secret_key)
                .collect();
            filled.sort();
            assert_eq!(filled, wanted, "{}: the keys of {name}", rendering.name);
        }
    }
}
