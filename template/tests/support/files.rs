//! Finding the project's files.

use std::path::{Path, PathBuf};

/// The directory that holds `env_files/`, `docs/` and the like: the project's own, or one above it.
pub(crate) fn project_root() -> &'static Path {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir
        .ancestors()
        .find(|dir| dir.join("env_files").is_dir())
        .unwrap_or_else(|| {
            panic!(
                "no directory above {} holds env_files/",
                crate_dir.display()
            )
        })
}

/// A file of the project, such as `docs/reference/routes/users.txt`.
pub(crate) fn project_file(path: impl AsRef<Path>) -> PathBuf {
    project_root().join(path)
}

const _: fn(&'static str) -> PathBuf = project_file;
