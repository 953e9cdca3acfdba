//! The manifests in `k8s/` and the code say the same. Each overlay is rendered, read into Kubernetes' own types, and compared with what
//! the service itself says about its settings, its routes and its times.
//!
//! That takes kubectl, 1.32 or newer: the one that `TEST_KUBECTL` names, or one on the PATH. Where there is none, nothing is tested, and
//! that is said.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't be set up has failed"
)]

mod backup;
mod crds;
mod examples;
mod files;
mod kubectl;
mod limits;
mod objects;
mod pods;
mod policies;
mod probes;
mod releases;
mod secrets;
mod services;
mod settings;
mod sizes;
mod strictness;

#[path = "../support/files.rs"]
mod project;
