//! Whether the disk has room for what a run compiles.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use ignore::WalkBuilder;
use rustix::fs::statvfs;

/// What the default checks compile, estimated from a build folder that many runs had used.
const COMPILED: u64 = 7 * GB;
/// How much more that is with incremental state.
const INCREMENTAL: u64 = 12 * GB;
/// What databases, packages and linkers need meanwhile, in each run.
const MEANWHILE: u64 = 3 * GB;
const GB: u64 = 1_000_000_000;

/// Says what is wrong if the disk of `build`, the folder that is compiled into, has not enough room for the checks. A run may
/// still end well, as not all of them need as much: this is no refusal.
pub(crate) fn warning(build: &Path) -> Result<Option<String>> {
    let incremental = std::env::var_os("CARGO_INCREMENTAL").is_none_or(|set| set != "0");
    let to_compile = if incremental {
        COMPILED + INCREMENTAL
    } else {
        COMPILED
    };
    let free = free(build)?;
    if free >= to_compile + MEANWHILE {
        return Ok(None);
    }
    let shortage = shortage(free, to_compile, compiled(build, incremental));
    Ok(shortage.map(|what| {
        let less = if incremental {
            "\n  less     CARGO_INCREMENTAL=0 saves most of it"
        } else {
            ""
        };
        format!("warning  {what}\n  where    {}{less}", build.display())
    }))
}

/// What is missing, if anything is: what is compiled already needs no room any more.
fn shortage(free: u64, to_compile: u64, compiled: u64) -> Option<String> {
    let needed = to_compile.saturating_sub(compiled) + MEANWHILE;
    (free < needed).then(|| {
        format!(
            "the disk may fill up: {} GB are free, and the checks may need {} GB",
            in_gb(free),
            in_gb(needed)
        )
    })
}

/// In tenths.
fn in_gb(bytes: u64) -> String {
    format!("{}.{}", bytes / GB, bytes % GB / (GB / 10))
}

/// What anybody may still write to the disk that holds `folder`, or will once it is made.
fn free(folder: &Path) -> Result<u64> {
    let existing = folder.ancestors().find(|folder| folder.exists());
    let disk = statvfs(existing.unwrap_or(folder))
        .with_context(|| format!("cannot ask how full the disk of {} is", folder.display()))?;
    Ok(disk.f_bavail * disk.f_frsize)
}

/// The bytes that are compiled in `build` already; incremental state counts only if more of it is kept.
fn compiled(build: &Path, incremental: bool) -> u64 {
    let files = WalkBuilder::new(build.join("debug"))
        .standard_filters(false)
        .filter_entry(move |entry| incremental || entry.file_name() != "incremental")
        .build();
    files
        .flatten()
        .filter_map(|entry| fs::symlink_metadata(entry.path()).ok())
        .filter(fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_may_fill_up_is_named_with_what_is_missing() {
        assert_eq!(
            shortage(3_250_000_000, COMPILED, GB).unwrap(),
            "the disk may fill up: 3.2 GB are free, and the checks may need 9.0 GB"
        );
    }

    #[test]
    fn what_is_compiled_already_needs_no_room_but_the_run_does() {
        assert_eq!(shortage(COMPILED + MEANWHILE, COMPILED, 0), None);
        assert_eq!(shortage(MEANWHILE, COMPILED, 2 * COMPILED), None);
        let full = shortage(MEANWHILE - 1, COMPILED, 2 * COMPILED);
        assert!(full.unwrap().ends_with("may need 3.0 GB"));
    }

    #[test]
    fn incremental_state_counts_only_if_it_is_kept() {
        let build = tempfile::tempdir().unwrap();
        for folder in ["debug/deps", "debug/incremental/app"] {
            let folder = build.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("file"), [0; 1000]).unwrap();
        }
        assert_eq!(compiled(build.path(), false), 1000);
        assert_eq!(compiled(build.path(), true), 2000);
        let not_made_yet = build.path().join("of/a/first/run");
        assert_eq!(compiled(&not_made_yet, true), 0);
        assert!(free(&not_made_yet).unwrap() > 0);
    }
}
