//! What the pods are configured with is what the service understands, and enough for it to start.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use app::core::config::{
    AppEnv, Config, DatabaseConfig, Explanation, Pooler, Sources, SslMode, example,
};
use axum::http::Uri;
use k8s_openapi::api::core::v1::{ConfigMap, Container};
use tempfile::TempDir;

use crate::{
    kubectl::{Rendering, renderings},
    objects::Pod,
    project::project_file,
    secrets,
};

/// What an authority's file looks like from outside.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

impl Rendering {
    /// The configuration that a container of ours starts with: the image's env files, the files of the mounted Secret with what would stand
    /// there, and the environment that Kubernetes gives it.
    #[track_caller]
    pub(crate) fn config(&self, pod: &Pod, container: &Container) -> Config {
        let place = format!("{}: {}: {}", self.name, pod.owner, container.name);
        let folder = tempfile::tempdir().unwrap();
        let sources = self.sources(&place, pod, container, &folder);
        let config = Config::from_sources(&sources)
            .unwrap_or_else(|error| panic!("{place} would not start:\n{error}"));
        let warnings = config.warnings().iter();
        let warnings: Vec<_> = warnings.map(|found| found.titled("warning")).collect();
        assert!(warnings.is_empty(), "{place}: {}", warnings.join("\n"));
        config
    }

    /// The other services that a container's settings lead to, by the setting: what ends in `_URL` or `_ENDPOINT`.
    #[track_caller]
    pub(crate) fn services_asked(&self, pod: &Pod, container: &Container) -> BTreeMap<String, Uri> {
        let place = format!("{}: {}: {}", self.name, pod.owner, container.name);
        let folder = tempfile::tempdir().unwrap();
        let sources = self.sources(&place, pod, container, &folder);
        let explained = Explanation::of(&sources).unwrap().to_string();
        let rows = explained.lines().filter_map(|row| {
            let mut columns = row.split_whitespace();
            Some((columns.next()?, columns.next()?))
        });
        rows.filter(|(key, value)| leads_elsewhere(key) && value.contains("://"))
            .map(|(key, value)| {
                let uri = value.parse();
                let uri = uri.unwrap_or_else(|error| panic!("{place}: {key}: {error}"));
                (key.to_owned(), uri)
            })
            .collect()
    }

    /// What a container reads its configuration from, with files in a folder of ours.
    #[track_caller]
    fn sources(&self, place: &str, pod: &Pod, container: &Container, folder: &TempDir) -> Sources {
        let secrets = folder.path().join("secrets");
        fs::create_dir(&secrets).unwrap();
        for (key, value) in secrets::mounted(pod, container) {
            fs::write(secrets.join(key), value).unwrap();
        }
        let mut variables = self.environment(place, container);
        for value in variables.values_mut() {
            *value = in_folder(value, container, folder);
        }
        let directories = [
            ("APP_CONFIG_DIR", project_file("env_files")),
            ("APP_SECRETS_DIR", secrets),
        ];
        variables
            .extend(directories.map(|(key, path)| (key.to_owned(), path.display().to_string())));
        Sources::of_environment(variables)
    }

    /// The configuration of the container that serves.
    #[track_caller]
    pub(crate) fn api_config(&self) -> Config {
        let api = self.api();
        self.config(&api, api.main())
    }

    /// What Kubernetes puts into the container's environment; of two that set the same, the later one counts.
    #[track_caller]
    pub(crate) fn environment(
        &self,
        place: &str,
        container: &Container,
    ) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        for source in container.env_from.iter().flatten() {
            let name = source.config_map_ref.as_ref().map(|map| map.name.as_str());
            let name = name.unwrap_or_else(|| {
                panic!("{place}: secrets are mounted as files, not put into the environment")
            });
            let map = self.config_map(name);
            let map = map.unwrap_or_else(|| panic!("{place}: there is no ConfigMap {name}"));
            variables.extend(map.data.unwrap_or_default());
        }
        for variable in container.env.iter().flatten() {
            let value = variable.value.clone();
            let value = value
                .unwrap_or_else(|| panic!("{place}: {} has no value of its own", variable.name));
            variables.insert(variable.name.clone(), value);
        }
        variables
    }
}

/// Whether a setting says where another service is. The database has a place of its own in the tests.
pub(crate) fn leads_elsewhere(key: &str) -> bool {
    key != "DATABASE_URL" && ["_URL", "_ENDPOINT"].iter().any(|end| key.ends_with(end))
}

/// A value that names a file of a mounted volume, with the file in a folder of ours.
fn in_folder(value: &str, container: &Container, folder: &TempDir) -> String {
    let mut mounts = container.volume_mounts.iter().flatten();
    let Some(file) =
        mounts.find_map(|mount| value.strip_prefix(&mount.mount_path)?.strip_prefix('/'))
    else {
        return value.to_owned();
    };
    let path = folder.path().join(file);
    fs::write(&path, CERTIFICATE).unwrap();
    path.display().to_string()
}

/// The pods whose containers run the service's binary, with these.
fn ours(rendering: &Rendering) -> Vec<(Pod, Container)> {
    let pods = rendering.pods().into_iter();
    pods.flat_map(|pod| {
        let containers: Vec<_> = rendering.ours(&pod).cloned().collect();
        containers.into_iter().map(move |container| {
            let (labels, spec) = (pod.labels.clone(), pod.spec.clone());
            let owner = pod.owner.clone();
            (
                Pod {
                    owner,
                    labels,
                    spec,
                },
                container,
            )
        })
    })
    .collect()
}

#[test]
fn every_container_of_ours_would_start_in_the_environment_of_its_overlay() {
    for rendering in renderings() {
        let ours = ours(rendering);
        assert!(
            ours.len() >= 3,
            "{}: what serves, what waits and what migrates",
            rendering.name
        );
        for (pod, container) in ours {
            let env = rendering.config(&pod, &container).env();
            assert_eq!(
                env.name(),
                rendering.overlay,
                "{}: {}: {}: APP_ENV, in settings.env, should be the overlay's name",
                rendering.name,
                pod.owner,
                container.name
            );
        }
    }
}

#[test]
fn every_overlay_is_an_environment_outside_local() {
    let overlays: BTreeSet<_> = crate::kubectl::folders("overlays").into_iter().collect();
    let environments = AppEnv::ALL.iter().filter(|env| **env != AppEnv::Local);
    let environments: BTreeSet<_> = environments.map(|env| env.name().to_owned()).collect();
    assert!(
        overlays.is_subset(&environments),
        "{overlays:?} should be among {environments:?}: an overlay's name is the APP_ENV of its pods"
    );
}

/// Every key of every section.
pub(crate) fn known_keys() -> BTreeSet<String> {
    let example = example().unwrap();
    let lines = example
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("# "));
    let keys = lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, _)| key);
    let is_key = |key: &&str| {
        key.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    keys.filter(is_key).map(str::to_owned).collect()
}

#[test]
fn every_key_is_one_of_the_configuration() {
    let known = known_keys();
    assert!(known.contains("SERVER_PORT"), "{known:?}");
    for rendering in renderings() {
        for (pod, container) in ours(rendering) {
            let place = format!("{}: {}: {}", rendering.name, pod.owner, container.name);
            let mut keys: BTreeSet<_> = rendering
                .environment(&place, &container)
                .into_keys()
                .collect();
            assert!(keys.remove("APP_ENV"), "{place}: nothing sets APP_ENV");
            keys.extend(
                secrets::mounted(&pod, &container)
                    .into_iter()
                    .map(|(key, _)| key),
            );
            for key in keys {
                assert!(
                    known.contains(&key),
                    "{place}: {key} is no setting: docs/reference/configuration lists them"
                );
            }
        }
    }
}

#[test]
fn no_config_map_holds_a_secret() {
    let known = known_keys();
    for rendering in renderings() {
        for map in rendering.all::<ConfigMap>() {
            let name = map.metadata.name.unwrap_or_default();
            let data = map.data.unwrap_or_default();
            let settings = data
                .clone()
                .into_iter()
                .filter(|(key, _)| known.contains(key));
            let sources = Sources::of_environment(settings).with_env(AppEnv::Prod);
            let explained = Explanation::of(&sources).unwrap().to_string();
            for key in data.keys() {
                let row = explained
                    .lines()
                    .find(|row| row.split_whitespace().next() == Some(key));
                let is_secret = row.is_some_and(|row| row.contains("[redacted]"));
                let sounds_secret = ["PASSWORD", "TOKEN", "SECRET", "CREDENTIAL", "PRIVATE"]
                    .iter()
                    .any(|word| key.to_uppercase().contains(word));
                assert!(
                    !is_secret && !sounds_secret,
                    "{}: ConfigMap {name} holds {key}: everybody who may look at the namespace can read it; put it into the Secret",
                    rendering.name
                );
            }
        }
    }
}

#[test]
fn what_migrates_reaches_the_server_itself() {
    for rendering in renderings() {
        for (pod, container) in ours(rendering) {
            let migrates = container.args.iter().flatten().any(|arg| arg == "migrate");
            let config = rendering.config(&pod, &container);
            let pooler = config.section::<DatabaseConfig>().pooler;
            assert!(
                !migrates || pooler == Pooler::None,
                "{}: {}: {}: migrations can't go through a pooler: give migrate-settings a file of its own, with DATABASE_HOST of the \
                 server and without DATABASE_POOLER",
                rendering.name,
                pod.owner,
                container.name
            );
        }
    }
}

#[test]
fn prod_checks_whom_it_speaks_to_and_migrates_nothing_by_itself() {
    for rendering in renderings()
        .iter()
        .filter(|rendering| rendering.overlay == "prod")
    {
        let config = rendering.api_config();
        let database = config.section::<DatabaseConfig>();
        assert_eq!(
            database.ssl_mode,
            SslMode::VerifyFull,
            "{}: DATABASE_SSL_MODE",
            rendering.name
        );
        assert!(
            !database.auto_migrate,
            "{}: DATABASE_AUTO_MIGRATE: the Job migrates",
            rendering.name
        );
    }
}
