//! What `kubectl kustomize` makes of `k8s/`.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{examples::described, project::project_file};

/// What one apply would send to a cluster.
pub(crate) struct Rendering {
    /// What was rendered, such as `overlays/prod with backup`.
    pub(crate) name: String,
    /// The overlay.
    pub(crate) overlay: String,
    pub(crate) objects: Vec<Value>,
}

/// Components that are no good alone, and which one they need.
const NEED: [(&str, &str); 1] = [("backup", "database-ca")];

/// Every overlay as it stands, and one with each component alone, or with what it needs, and with all of them, and with each of the changes
/// that the pages describe. None where there is no kubectl.
pub(crate) fn renderings() -> &'static [Rendering] {
    static RENDERINGS: LazyLock<Vec<Rendering>> = LazyLock::new(|| {
        if kubectl().is_none() {
            return Vec::new();
        }
        let overlays = folders("overlays");
        let mut renderings: Vec<_> = overlays
            .iter()
            .map(|name| Copy::new(name).render())
            .collect();
        let strictest = overlays
            .iter()
            .find(|name| *name == "prod")
            .or(overlays.first());
        let strictest = strictest.expect("k8s/overlays has an overlay");
        let components = folders("components");
        for component in &components {
            let needed = NEED.iter().filter(|(one, _)| one == component);
            let needed: Vec<_> = needed.map(|(_, other)| *other).collect();
            let copy = Copy::new(strictest).with(&needed).with(&[component]);
            renderings.push(copy.render());
        }
        let all: Vec<&str> = components.iter().map(String::as_str).collect();
        renderings.push(Copy::new(strictest).with(&all).render());
        renderings.extend(described());
        renderings
    });
    &RENDERINGS
}

/// The folders in a folder of `k8s/`, by name.
pub(crate) fn folders(of: &str) -> Vec<String> {
    let entries = fs::read_dir(project_file("k8s").join(of)).unwrap();
    let folders = entries
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_dir());
    let mut names: Vec<_> = folders
        .map(|folder| folder.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The program, if there is one.
pub(crate) fn kubectl() -> Option<&'static Path> {
    static KUBECTL: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "it configures the tests, not the service"
        )]
        let named = std::env::var("TEST_KUBECTL")
            .ok()
            .filter(|path| !path.is_empty());
        let is_wanted = named.is_some();
        let path = PathBuf::from(named.unwrap_or_else(|| "kubectl".to_owned()));
        let version = Command::new(&path).args(["version", "--client"]).output();
        if version.is_ok_and(|version| version.status.success()) {
            return Some(path);
        }
        assert!(
            !is_wanted,
            "TEST_KUBECTL names {}, which does not run",
            path.display()
        );
        // Not `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: the manifests are not tested without kubectl on the PATH or in TEST_KUBECTL"
        );
        None
    });
    KUBECTL.as_deref()
}

/// A copy of `k8s/` in which an overlay can be changed.
pub(crate) struct Copy {
    folder: TempDir,
    overlay: String,
    added: Vec<String>,
}

impl Copy {
    pub(crate) fn new(overlay: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&project_file("k8s"), folder.path());
        Self {
            folder,
            overlay: overlay.to_owned(),
            added: Vec::new(),
        }
    }

    /// With these components, too: before the last one, which names everything.
    pub(crate) fn with(mut self, components: &[impl AsRef<str>]) -> Self {
        for component in components.iter().map(AsRef::as_ref) {
            let path = json!(format!("../../components/{component}"));
            self = self.changed(|overlay| {
                let listed = overlay["components"].as_array_mut().unwrap();
                if !listed.contains(&path) {
                    listed.insert(listed.len() - 1, path);
                }
            });
            self.added.push(component.to_owned());
        }
        self
    }

    /// With the lists of an example at the end of the overlay's own.
    #[track_caller]
    pub(crate) fn with_lists(self, example: &Value) -> Self {
        self.changed(|overlay| {
            for (list, more) in example.as_object().expect("the example has lists") {
                let more = more.as_array().expect("the example has lists");
                let there = overlay[list].as_array_mut();
                there
                    .unwrap_or_else(|| panic!("the overlay has no {list}"))
                    .extend(more.clone());
            }
        })
    }

    /// With a file more in the overlay, which is one of its resources.
    pub(crate) fn resource(self, name: &str, text: &str) -> Self {
        fs::write(self.overlay_folder().join(name), text).unwrap();
        self.with_lists(&json!({ "resources": [name] }))
    }

    /// With a name that says what was changed.
    pub(crate) fn named(mut self, change: &str) -> Self {
        self.added.push(change.to_owned());
        self
    }

    /// With a change of the overlay's kustomization.
    pub(crate) fn changed(self, change: impl FnOnce(&mut Value)) -> Self {
        let file = self.overlay_folder().join("kustomization.yaml");
        let mut overlay = read_yaml(&file).remove(0);
        change(&mut overlay);
        // Every JSON document is a YAML document.
        fs::write(file, overlay.to_string()).unwrap();
        self
    }

    /// With a line more in the overlay's settings.
    pub(crate) fn setting(self, line: &str) -> Self {
        let file = self.overlay_folder().join("settings.env");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{text}\n{line}\n")).unwrap();
        self
    }

    #[track_caller]
    pub(crate) fn render(self) -> Rendering {
        let kubectl = kubectl().expect("it is asked for before");
        let output = Command::new(kubectl)
            .arg("kustomize")
            .arg(self.overlay_folder())
            .output()
            .unwrap();
        let mut name = format!("overlays/{}", self.overlay);
        if !self.added.is_empty() {
            name = format!("{name} with {}", self.added.join(", "));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name} can't be rendered: {said}");
        let objects = parse(&String::from_utf8(output.stdout).unwrap());
        let objects = objects.unwrap_or_else(|error| panic!("{name}: {error}"));
        Rendering {
            name,
            overlay: self.overlay,
            objects,
        }
    }

    fn overlay_folder(&self) -> PathBuf {
        self.folder.path().join("overlays").join(&self.overlay)
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The documents of a YAML file.
#[track_caller]
pub(crate) fn read_yaml(file: &Path) -> Vec<Value> {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The documents of a text in YAML.
pub(crate) fn parse(text: &str) -> Result<Vec<Value>, serde_saphyr::Error> {
    serde_saphyr::from_multiple(text)
}
