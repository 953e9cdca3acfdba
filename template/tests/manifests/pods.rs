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
            assert_eq!(context.run_as_non_root, Some(true), "{place}: runAsNonRoot");
            let user = context.run_as_user.zip(context.run_as_group);
            let (uid, gid) = user.unwrap_or_else(|| panic!("{place}: runAsUser and runAsGroup"));
            assert!(uid > 0 && gid > 0, "{place}: {uid}:{gid} is root");
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
                "{place}: fsGroup: without it nobody can read the secrets"
            );
            let seccomp = context.seccomp_profile.map(|profile| profile.type_);
            assert_eq!(
                seccomp.as_deref(),
                Some("RuntimeDefault"),
                "{place}: seccompProfile"
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
            "{place}: readOnlyRootFilesystem"
        );
        assert_eq!(
            context.allow_privilege_escalation,
            Some(false),
            "{place}: allowPrivilegeEscalation"
        );
        assert_ne!(context.privileged, Some(true), "{place}: privileged");
        let capabilities = context.capabilities.unwrap_or_default();
        assert_eq!(
            capabilities.drop,
            Some(vec!["ALL".to_owned()]),
            "{place}: capabilities.drop"
        );
        assert_eq!(capabilities.add, None, "{place}: capabilities.add");
        assert_eq!(
            (context.run_as_user, context.run_as_group),
            (None, None),
            "{place}: the pod says who it is"
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
                "{place}: automountServiceAccountToken"
            );
            assert_eq!(
                spec.enable_service_links,
                Some(false),
                "{place}: enableServiceLinks: a Service called `database` would set DATABASE_PORT"
            );
            let shared = [
                spec.host_network,
                spec.host_pid,
                spec.host_ipc,
                spec.share_process_namespace,
            ];
            assert!(
                !shared.contains(&Some(true)),
                "{place}: hostNetwork, hostPID, hostIPC, shareProcessNamespace"
            );
            assert!(
                spec.service_account_name.is_some(),
                "{place}: `default` may have rights: serviceAccountName"
            );
        }
    }
}

#[test]
fn every_image_has_a_tag_that_means_one_release() {
    for_every_container(|place, _, _, container| {
        let image = container.image.as_deref().unwrap_or_default();
        let name = image.rsplit('/').next().unwrap_or_default();
        let tag = name.split_once(':').map(|(_, tag)| tag);
        let tag = tag.unwrap_or_else(|| {
            panic!("{place}: {image} has no tag: the overlay's `images` sets newTag")
        });
        assert!(
            !["", "latest"].contains(&tag),
            "{place}: {image} is another one tomorrow"
        );
        assert!(
            tag.contains(|c: char| c.is_ascii_digit()),
            "{place}: {image}: `{tag}` names no release"
        );
    });
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
                .unwrap_or_else(|| panic!("{}: nothing is spread over {key}", rendering.name));
            let selector = constraint.label_selector.clone().unwrap_or_default();
            assert!(
                crate::objects::selects(&selector, &api.labels),
                "{}: {key}: labelSelector",
                rendering.name
            );
        }
    }
}
