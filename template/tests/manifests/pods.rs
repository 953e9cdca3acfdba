//! Pods may do what they need, and nothing else: what Kubernetes calls the `restricted` standard, and more.

use std::path::Path;

use k8s_openapi::api::core::v1::Container;

use crate::{
    kubectl::{Rendering, renderings},
    objects::Pod,
};

/// User and group that the image runs as. None where no Dockerfile says so.
fn user_of_the_image() -> Option<(i64, i64)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile");
    let text = std::fs::read_to_string(file).ok()?;
    let user = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("USER "));
    let user = user
        .expect("the Dockerfile has a line `USER <uid>:<gid>`")
        .trim();
    let (uid, gid) = user
        .split_once(':')
        .expect("USER in the Dockerfile is <uid>:<gid>");
    let number = |text: &str| {
        text.parse()
            .expect("USER in the Dockerfile has numbers, which Kubernetes can check")
    };
    Some((number(uid), number(gid)))
}

fn for_every_container(assert: impl Fn(&str, &Rendering, &Pod, &Container)) {
    for rendering in renderings() {
        for pod in rendering.pods() {
            for container in pod.containers() {
                let place = format!("{}: {}: {}", rendering.name, pod.owner, container.name);
                assert(&place, rendering, &pod, container);
            }
        }
    }
}

#[test]
fn nobody_is_root_and_everybody_is_who_the_image_says() {
    for rendering in renderings() {
        for pod in rendering.pods() {
            let place = format!("{}: {}: securityContext", rendering.name, pod.owner);
            let context = pod.spec.security_context.unwrap_or_default();
            assert_eq!(
                context.run_as_non_root,
                Some(true),
                "{place}: set `runAsNonRoot: true`, or the namespace's standard `restricted` refuses the pod"
            );
            let user = context.run_as_user.zip(context.run_as_group);
            let (uid, gid) = user.unwrap_or_else(|| {
                panic!("{place}: set runAsUser and runAsGroup, the numbers of USER in the Dockerfile: an image may have a name there, which nobody can check")
            });
            assert!(
                uid > 0 && gid > 0,
                "{place}: runAsUser and runAsGroup: {uid}:{gid} is root: take the numbers of USER in the Dockerfile"
            );
            if let Some(of_image) = user_of_the_image() {
                assert_eq!(
                    (uid, gid),
                    of_image,
                    "{place}: runAsUser and runAsGroup should be USER in the Dockerfile"
                );
            }
            assert_eq!(
                context.fs_group,
                Some(gid),
                "{place}: set fsGroup to runAsGroup: secrets are mounted for that group only, and the service could not read them"
            );
            let seccomp = context.seccomp_profile.map(|profile| profile.type_);
            assert_eq!(
                seccomp.as_deref(),
                Some("RuntimeDefault"),
                "{place}: set `seccompProfile: {{type: RuntimeDefault}}`, or the namespace's standard `restricted` refuses the pod"
            );
        }
    }
}

#[test]
fn containers_gain_no_rights_and_write_only_where_they_may() {
    for_every_container(|place, _, _, container| {
        let context = container.security_context.clone().unwrap_or_default();
        assert_eq!(
            context.read_only_root_filesystem,
            Some(true),
            "{place}: securityContext: set `readOnlyRootFilesystem: true`: who breaks in can leave nothing behind. What has to write gets an \
             emptyDir"
        );
        assert_eq!(
            context.allow_privilege_escalation,
            Some(false),
            "{place}: securityContext: set `allowPrivilegeEscalation: false`, or the namespace's standard `restricted` refuses the pod"
        );
        assert_ne!(
            context.privileged,
            Some(true),
            "{place}: securityContext: take `privileged` away: it is root on the node"
        );
        let capabilities = context.capabilities.unwrap_or_default();
        assert_eq!(
            capabilities.drop,
            Some(vec!["ALL".to_owned()]),
            "{place}: securityContext: set `capabilities: {{drop: [ALL]}}`: none is needed above port 1024"
        );
        assert_eq!(
            capabilities.add, None,
            "{place}: securityContext: take `capabilities.add` away: none is needed above port 1024"
        );
        assert_eq!(
            (context.run_as_user, context.run_as_group),
            (None, None),
            "{place}: securityContext: take runAsUser and runAsGroup away: the pod says for all its containers who it is"
        );
    });
}

/// Replicas that come and go can share no volume that stays; what runs now and then, such as a backup, may have one.
#[test]
fn what_is_mounted_is_there_and_only_empty_folders_can_be_written() {
    for_every_container(|place, _, pod, container| {
        for mount in container.volume_mounts.iter().flatten() {
            let mut volumes = pod.spec.volumes.iter().flatten();
            let volume = volumes.find(|volume| volume.name == mount.name);
            let volume =
                volume.unwrap_or_else(|| panic!("{place}: there is no volume {}", mount.name));
            assert!(
                volume.host_path.is_none(),
                "{place}: volumes: {} is a folder of the node (hostPath), which is another one on each: take an emptyDir",
                mount.name
            );
            // ConfigMaps are read-only by themselves.
            let may_be_written = volume.empty_dir.is_some()
                || volume.config_map.is_some()
                || (volume.persistent_volume_claim.is_some() && pod.owner.starts_with("CronJob "));
            assert!(
                may_be_written || mount.read_only == Some(true),
                "{place}: volumeMounts: add `readOnly: true` to {}, or make it an emptyDir: pods keep nothing, and share nothing that they write",
                mount.name
            );
        }
    });
}

#[test]
fn pods_know_nothing_of_the_cluster() {
    for rendering in renderings() {
        for pod in rendering.pods() {
            let place = format!("{}: {}", rendering.name, pod.owner);
            let spec = pod.spec;
            assert_eq!(
                spec.automount_service_account_token,
                Some(false),
                "{place}: set `automountServiceAccountToken: false`: who breaks in would have a key to the cluster"
            );
            assert_eq!(
                spec.enable_service_links,
                Some(false),
                "{place}: set `enableServiceLinks: false`: a Service called `database` would set DATABASE_PORT"
            );
            let shared = [
                spec.host_network,
                spec.host_pid,
                spec.host_ipc,
                spec.share_process_namespace,
            ];
            assert!(
                !shared.contains(&Some(true)),
                "{place}: take hostNetwork, hostPID, hostIPC and shareProcessNamespace away: they show a pod what is not its own"
            );
            assert!(
                spec.service_account_name.is_some(),
                "{place}: set `serviceAccountName: api`, which has no rights: `default` may have some"
            );
        }
    }
}

/// Why an image means no release, if it doesn't.
fn no_release(image: &str) -> Option<&'static str> {
    let name = image.rsplit('/').next().unwrap_or_default();
    match name.split_once(':') {
        None => Some("it has no tag: the overlay's `images` sets newTag"),
        Some((_, tag)) if !tag.contains(|c: char| c.is_ascii_digit()) => Some(
            "it is another one tomorrow: the overlay's `images` sets newTag to one release, which has a number",
        ),
        Some(_) => None,
    }
}

#[test]
fn every_image_has_a_tag_that_means_one_release() {
    for_every_container(|place, _, _, container| {
        let image = container.image.as_deref().unwrap_or_default();
        let wrong = no_release(image);
        assert_eq!(wrong, None, "{place}: {image}");
    });
}

/// The tag goes into labels and into the Job's name, which have room for 63 characters.
#[test]
fn the_image_of_the_service_is_told_by_its_tag() {
    for rendering in renderings() {
        let image = rendering.api().main().image.clone().unwrap_or_default();
        assert!(
            !image.contains('@'),
            "{}: {image}: a digest can't be the tag: labels and the Job's name would get too long. Set newTag in the overlay's `images`, and \
             take `digest` away; have the registry refuse to move tags",
            rendering.name
        );
    }
}

#[test]
fn images_that_mean_no_release_are_found() {
    for image in [
        "postgres",
        "registry:5000/service",
        "service:latest",
        "service:main",
        "service:",
    ] {
        assert!(no_release(image).is_some(), "{image}");
    }
    let digest = "service@sha256:8f1c0e6a5d3b2f47";
    for image in ["registry:5000/team/service:1.2.3", digest] {
        assert_eq!(no_release(image), None, "{image}");
    }
}

#[test]
fn replicas_are_spread_over_zones_and_nodes() {
    for rendering in renderings() {
        let api = rendering.api();
        let constraints = api
            .spec
            .topology_spread_constraints
            .clone()
            .unwrap_or_default();
        for key in ["topology.kubernetes.io/zone", "kubernetes.io/hostname"] {
            let constraint = constraints
                .iter()
                .find(|constraint| constraint.topology_key == key);
            let constraint = constraint
                .unwrap_or_else(|| {
                    panic!(
                        "{}: add {key} to topologySpreadConstraints in k8s/base/deployment.yaml, or all replicas may fail together",
                        rendering.name
                    )
                });
            let selector = constraint.label_selector.clone().unwrap_or_default();
            assert!(
                crate::objects::selects(&selector, &api.labels),
                "{}: topologySpreadConstraints: the labelSelector of {key} has to choose the labels of the pods, or nothing is spread",
                rendering.name
            );
        }
    }
}
