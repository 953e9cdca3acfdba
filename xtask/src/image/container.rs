//! What is in an image, run as in a pod.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

use super::{Image, Share, Store};
use crate::packages;

/// Becomes process 1 in `$1`, which nobody can write but in /tmp; `$2` stands for the user, `$3` for the group, `$4` for the folder and `$5` for
/// the entrance of a control group, if there is one. Further arguments up to `--` are mounts, source and target; the rest is the command.
const ENTER: &str = r#"root=$1 user=$2 group=$3 folder=$4 share=$5
shift 5
[ -z "$share" ] || echo 0 > "$share"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do
    mount --bind -o ro "$1" "$root$2"
    shift 2
done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root="$root" --wd="$folder" --setgid="$group" --setuid="$user" "$@"
"#;

/// A container of an image: the same files, user, folder and environment, and no more rights than a pod has. Dropped, it is gone.
///
/// The network is this machine's.
pub(crate) struct Container {
    store: Store,
    name: String,
    pub(crate) root: PathBuf,
    entrypoint: Vec<String>,
    user: (String, String),
    folder: String,
    settings: Vec<(String, OsString)>,
    mounts: Vec<(PathBuf, String)>,
    /// The entrance of a control group.
    share: Option<PathBuf>,
}

impl Container {
    /// Unpacks the image.
    pub(crate) fn of(store: &Store, image: &Image) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("container-{}-{number}", std::process::id());
        let ask = |arguments: &[&str]| -> Result<String> {
            let output = store
                .buildah(&store.folder, arguments.iter().copied())
                .output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                bail!("buildah {}: {said}", arguments.join(" "));
            }
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        ask(&["from", "--pull-never", "--name", &name, &image.name])?;
        let text = |key: &str| image.config[key].as_str().unwrap_or_default();
        let (user, group) = text("User")
            .split_once(':')
            .context("the image's user is not `user:group`")?;
        let settings = image.list("Env");
        let settings = settings.iter().filter_map(|line| line.split_once('='));
        let mut container = Self {
            store: store.clone(),
            root: PathBuf::new(),
            entrypoint: image.list("Entrypoint"),
            user: (user.to_owned(), group.to_owned()),
            folder: text("WorkingDir").to_owned(),
            settings: settings
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
            mounts: Vec::new(),
            share: None,
            name,
        };
        container.root = ask(&["mount", &container.name])?.into();
        Ok(container)
    }

    /// Shows a file or a folder of this machine in the container, where it can't be written.
    pub(crate) fn mount(&mut self, source: &Path, target: &str) -> Result<()> {
        // As a container runtime does: the place is made before the root becomes read-only.
        let place = self.root.join(target.trim_start_matches('/'));
        if source.is_dir() {
            fs::create_dir_all(&place)?;
        } else {
            fs::create_dir_all(place.parent().unwrap_or(&self.root))?;
            fs::File::options().create(true).append(true).open(&place)?;
        }
        self.mounts.push((source.to_owned(), target.to_owned()));
        Ok(())
    }

    /// Gives what is started from now on no more of a processor than this.
    pub(crate) fn limit(&mut self, share: &Share) {
        self.share = Some(share.entrance());
    }

    pub(crate) fn setting(&mut self, key: &str, value: impl Into<OsString>) {
        self.settings.push((key.to_owned(), value.into()));
    }

    /// The image's program with arguments.
    pub(crate) fn command(
        &self,
        arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    ) -> Result<Command> {
        let mut command = self.program(&self.entrypoint)?;
        command.args(arguments);
        Ok(command)
    }

    /// Any program of the image's.
    pub(crate) fn program(&self, words: impl IntoIterator<Item: AsRef<OsStr>>) -> Result<Command> {
        let unshare = packages::find_program("unshare").context("there is no unshare")?;
        let script = self.store.folder.join("enter.sh");
        fs::write(&script, ENTER)?;
        let mut command = Command::new(unshare);
        command
            .args(["--mount", "--propagation", "private"])
            .args(["--pid", "--fork", "--kill-child", "sh", "-e"])
            .arg(script)
            .arg(&self.root)
            .args([&self.user.0, &self.user.1, &self.folder])
            .arg(self.share.as_deref().unwrap_or(Path::new("")));
        for (source, target) in &self.mounts {
            command.arg(source).arg(target);
        }
        command.arg("--").args(words);
        command.env_clear().envs(self.settings.iter().cloned());
        Ok(command)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let mut remove = self.store.buildah(&self.store.folder, ["rm", &self.name]);
        let _ = remove.output(); // what is left is in the cache, and has a telling name
    }
}
