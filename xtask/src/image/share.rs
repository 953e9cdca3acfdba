//! A part of a processor, as a container may have it: a control group of Linux', version 1 or 2.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// How often the kernel counts anew, in microseconds, as container runtimes have it.
const PERIOD: u32 = 100_000;

/// A control group whose programs get so much of a processor; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Share {
    group: PathBuf,
}

/// In how many periods the programs of a group wanted to run, and in how many the kernel stopped them.
#[derive(Debug)]
pub(crate) struct Periods {
    pub(crate) all: u64,
    pub(crate) stopped: u64,
}

impl Share {
    /// Makes one. That fails where this process may not: as another user than root, and in most containers.
    pub(crate) fn of(millicores: u32) -> Result<Self> {
        let mounts = fs::read_to_string("/proc/mounts").context("cannot read /proc/mounts")?;
        let hierarchy = Hierarchy::find(&mounts).context("no control groups for processors")?;
        let name = format!("strata-check-{}", std::process::id());
        let quota = millicores * (PERIOD / 1000);
        let (Hierarchy::V1(root) | Hierarchy::V2(root)) = &hierarchy;
        if matches!(hierarchy, Hierarchy::V2(_)) {
            write(&root.join("cgroup.subtree_control"), "+cpu")?;
        }
        let group = root.join(name);
        fs::create_dir(&group).with_context(|| format!("cannot make {}", group.display()))?;
        let share = Self { group };
        match hierarchy {
            Hierarchy::V1(_) => {
                write(&share.group.join("cpu.cfs_period_us"), &PERIOD.to_string())?;
                write(&share.group.join("cpu.cfs_quota_us"), &quota.to_string())?;
            }
            Hierarchy::V2(_) => {
                write(&share.group.join("cpu.max"), &format!("{quota} {PERIOD}"))?;
            }
        }
        Ok(share)
    }

    /// Whoever writes `0` here belongs to the group, with all it starts.
    pub(super) fn entrance(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }

    pub(crate) fn periods(&self) -> Result<Periods> {
        let statistics = fs::read_to_string(self.group.join("cpu.stat"))?;
        let count = |name: &str| -> Result<u64> {
            let mut lines = statistics.lines();
            let count = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let count = count.with_context(|| format!("cpu.stat has no {name}"))?;
            Ok(count.parse()?)
        };
        Ok(Periods {
            all: count("nr_periods")?,
            stopped: count("nr_throttled")?,
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.group); // what is left is empty, and has a telling name
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// Where the kernel shows the groups that share out processors.
#[derive(Debug, PartialEq, Eq)]
enum Hierarchy {
    V1(PathBuf),
    V2(PathBuf),
}

impl Hierarchy {
    /// Version 1, where both are mounted: the controller is in one of them only.
    fn find(mounts: &str) -> Option<Self> {
        let mounts: Vec<[&str; 3]> = mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ').skip(1);
                Some([fields.next()?, fields.next()?, fields.next()?])
            })
            .collect();
        let is_first = |[_, kind, options]: &&[&str; 3]| {
            *kind == "cgroup" && options.split(',').any(|option| option == "cpu")
        };
        if let Some([place, ..]) = mounts.iter().find(is_first) {
            return Some(Self::V1(place.into()));
        }
        let second = mounts.iter().find(|[_, kind, _]| *kind == "cgroup2")?;
        Some(Self::V2(second[0].into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_processors_are_found() {
        let first = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
            cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\n\
            cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let found = Hierarchy::find(first);
        assert_eq!(
            found,
            Some(Hierarchy::V1("/sys/fs/cgroup/cpu,cpuacct".into()))
        );
        let second = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        let found = Hierarchy::find(second);
        assert_eq!(found, Some(Hierarchy::V2("/sys/fs/cgroup".into())));
        assert_eq!(Hierarchy::find("proc /proc proc rw 0 0\n"), None);
    }
}
