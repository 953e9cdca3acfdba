//! The objects of a rendering, as Kubernetes reads them.

use std::collections::BTreeMap;

use k8s_openapi::{
    Metadata,
    api::{
        apps::v1::Deployment,
        batch::v1::{CronJob, Job},
        core::v1::{ConfigMap, Container, ContainerPort, PodSpec, PodTemplateSpec},
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use serde::de::DeserializeOwned;

use crate::kubectl::Rendering;

pub(crate) type Labels = BTreeMap<String, String>;

const COMPONENT: &str = "app.kubernetes.io/component";

impl Rendering {
    /// All objects of a kind.
    #[track_caller]
    pub(crate) fn all<T: Metadata<Ty = ObjectMeta> + DeserializeOwned>(&self) -> Vec<T> {
        let of_kind = self
            .objects
            .iter()
            .filter(|object| object["kind"] == T::KIND && object["apiVersion"] == T::API_VERSION);
        of_kind
            .map(|object| serde_json::from_value(object.clone()).unwrap())
            .collect()
    }

    /// The only object of a kind.
    #[track_caller]
    pub(crate) fn the<T: Metadata<Ty = ObjectMeta> + DeserializeOwned>(&self) -> T {
        let mut all = self.all::<T>();
        assert_eq!(
            all.len(),
            1,
            "{}: number of objects of kind {}",
            self.name,
            T::KIND
        );
        all.remove(0)
    }

    /// The `ConfigMap` of this name.
    pub(crate) fn config_map(&self, name: &str) -> Option<ConfigMap> {
        let mut all = self.all::<ConfigMap>().into_iter();
        all.find(|map| map.metadata.name.as_deref() == Some(name))
    }

    /// Every kind of pod, with who makes it.
    #[track_caller]
    pub(crate) fn pods(&self) -> Vec<Pod> {
        let deployments = self.all::<Deployment>().into_iter().map(|deployment| {
            Pod::new(
                "Deployment",
                &deployment.metadata,
                deployment.spec.unwrap().template,
            )
        });
        let jobs = self
            .all::<Job>()
            .into_iter()
            .map(|job| Pod::new("Job", &job.metadata, job.spec.unwrap().template));
        let cron_jobs = self.all::<CronJob>().into_iter().map(|job| {
            let template = job.spec.unwrap().job_template.spec.unwrap().template;
            Pod::new("CronJob", &job.metadata, template)
        });
        deployments.chain(jobs).chain(cron_jobs).collect()
    }

    /// The Deployment of what serves. There may be others of the same image.
    #[track_caller]
    pub(crate) fn deployment(&self) -> Deployment {
        let mut all = self.all::<Deployment>().into_iter();
        let serves = all.find(|deployment| {
            let labels = deployment.metadata.labels.as_ref();
            labels
                .and_then(|labels| labels.get(COMPONENT))
                .map(String::as_str)
                == Some("api")
        });
        serves.unwrap_or_else(|| {
            panic!(
                "{}: no Deployment has the label {COMPONENT}: api, by which Service, autoscaler and policies know what serves",
                self.name
            )
        })
    }

    /// The pod that serves.
    #[track_caller]
    pub(crate) fn api(&self) -> Pod {
        let deployment = self.deployment();
        Pod::new(
            "Deployment",
            &deployment.metadata,
            deployment.spec.unwrap().template,
        )
    }

    /// The containers of a pod that run the service's binary.
    pub(crate) fn ours<'p>(&self, pod: &'p Pod) -> impl Iterator<Item = &'p Container> {
        let image = self.api().main().image.clone();
        pod.containers()
            .filter(move |container| container.image == image)
    }
}

/// What starts pods of one kind.
pub(crate) struct Pod {
    /// Kind and name of who makes it.
    pub(crate) owner: String,
    pub(crate) labels: Labels,
    pub(crate) spec: PodSpec,
}

impl Pod {
    #[track_caller]
    fn new(kind: &str, metadata: &ObjectMeta, template: PodTemplateSpec) -> Self {
        let labels = template.metadata.and_then(|metadata| metadata.labels);
        Self {
            owner: format!("{kind} {}", metadata.name.as_deref().unwrap_or_default()),
            labels: labels.unwrap_or_default(),
            spec: template.spec.unwrap(),
        }
    }

    /// Its containers, those that run before the others first.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Container> {
        let before = self.spec.init_containers.iter().flatten();
        before.chain(&self.spec.containers)
    }

    /// The container that does what the pod is for: the first one, which kubectl takes, too, if nobody says which. Sidecars come after
    /// it, or are `initContainers` that go on.
    pub(crate) fn main(&self) -> &Container {
        &self.spec.containers[0]
    }

    /// The port of the container that a name or a number means.
    pub(crate) fn port(&self, port: &IntOrString) -> Option<&ContainerPort> {
        let mut ports = self
            .spec
            .containers
            .iter()
            .flat_map(|container| container.ports.iter().flatten());
        ports.find(|found| match port {
            IntOrString::Int(number) => found.container_port == *number,
            IntOrString::String(name) => found.name.as_ref() == Some(name),
        })
    }
}

/// A port as it is written.
pub(crate) fn shown(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    }
}

/// Whether a selector without expressions chooses what has these labels. One that says nothing chooses all.
pub(crate) fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    assert_eq!(
        selector.match_expressions, None,
        "expressions are not understood here"
    );
    has(labels, selector.match_labels.as_ref())
}

/// Whether all the wanted labels are among these.
pub(crate) fn has(labels: &Labels, wanted: Option<&Labels>) -> bool {
    let mut wanted = wanted.into_iter().flatten();
    wanted.all(|(key, value)| labels.get(key) == Some(value))
}
