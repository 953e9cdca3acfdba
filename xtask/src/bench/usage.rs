//! What a process and its children have used, as Linux counts it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Ticks of a second in which processor time is counted (`USER_HZ`, the same on every machine that Rust's Linux targets name).
const TICKS: f64 = 100.0;

/// The processes of one group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group(pub(super) u32);

impl Group {
    /// Seconds of processor time that the group has used so far, in the kernel and outside.
    pub(super) fn processor_seconds(self) -> Result<f64> {
        let mut ticks = 0;
        for stat in self.stats()? {
            // utime and stime, fields 14 and 15 of proc(5).
            for field in [14, 15] {
                ticks += stat.number(field)?;
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a time in seconds")]
        let ticks = ticks as f64;
        Ok(ticks / TICKS)
    }

    /// Memory that the group holds, in MiB.
    pub(super) fn resident(self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The most memory that it held since [`forget_peak`](Self::forget_peak), in MiB.
    pub(super) fn peak(self) -> Result<f64> {
        self.status("VmHWM:")
    }

    /// Begins anew to look for the most.
    pub(super) fn forget_peak(self) -> Result<()> {
        for stat in self.stats()? {
            fs::write(format!("/proc/{}/clear_refs", stat.process), "5")?;
        }
        Ok(())
    }

    fn status(self, key: &str) -> Result<f64> {
        let mut kibibytes = 0.0;
        for stat in self.stats()? {
            let status = fs::read_to_string(format!("/proc/{}/status", stat.process))?;
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let value = line.and_then(|line| line.split_whitespace().next());
            kibibytes += value
                .context("the system tells no memory")?
                .parse::<f64>()?;
        }
        Ok(kibibytes / 1024.0)
    }

    fn stats(self) -> Result<Vec<Stat>> {
        let entries =
            fs::read_dir("/proc").context("this system has no /proc: the benchmark needs Linux")?;
        let stats = entries.filter_map(|entry| Stat::read(&entry.ok()?.path()));
        let own: Vec<Stat> = stats
            // pgrp, field 5.
            .filter(|stat| stat.number(5).is_ok_and(|group| group == u64::from(self.0)))
            .collect();
        anyhow::ensure!(!own.is_empty(), "the server has ended");
        Ok(own)
    }
}

/// `/proc/<process>/stat`.
struct Stat {
    process: u32,
    text: String,
}

impl Stat {
    /// None if it is no process, or one that has just ended.
    fn read(folder: &Path) -> Option<Self> {
        Some(Self {
            process: folder.file_name()?.to_str()?.parse().ok()?,
            text: fs::read_to_string(folder.join("stat")).ok()?,
        })
    }

    /// A field, counted as the manual does, from 3: the second is a name in brackets, in which anything can stand.
    fn number(&self, field: usize) -> Result<u64> {
        let (_, fields) = self.text.rsplit_once(") ").context("no stat")?;
        let field = fields.split(' ').nth(field - 3).context("no such field")?;
        Ok(field.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_behind_a_name_with_brackets_and_spaces() {
        let stat = Stat {
            process: 7,
            text: "7 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 31 11 0 0".into(),
        };
        assert_eq!(stat.number(5).unwrap(), 42);
        assert_eq!(stat.number(14).unwrap() + stat.number(15).unwrap(), 42);
    }
}
