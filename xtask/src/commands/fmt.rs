//! `cargo xtask fmt`: formats the code, and writes the twins that follow from it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cargo::cargo;
use crate::process::Child;
use crate::repo::Repo;
use crate::twins;

pub(crate) fn run() -> Result<ExitCode> {
    let repo = Repo::find()?;
    for folder in [
        repo.template(),
        repo.root().join("xtask"),
        repo.root().join("bench/reference/bare"),
    ] {
        let status = Child::spawn(&mut cargo(&folder, ["fmt"]))?
            .wait(Instant::now() + Duration::from_mins(2), || {})?;
        if !status.success() {
            return Ok(ExitCode::FAILURE);
        }
    }
    for twin in twins::derive(&repo)? {
        if !twin.is_current() {
            std::fs::write(&twin.path, &twin.content)?;
            println!(
                "wrote {}",
                twin.path
                    .strip_prefix(repo.root())
                    .unwrap_or(&twin.path)
                    .display()
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
