//! The report of a run that was measured before.

use std::{fs, path::PathBuf};

use anyhow::Context;
use clap::Args;

use super::{page, run::Run};
use crate::commands::output::print_line;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The run's folder; without it, the last run in lab/runs
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Write the comparison of all patterns as a picture of its own, too
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
}

impl ReportArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let run = Run::open(self.dir.as_deref())?;
        let results = run.results()?;
        let path = run.report(&page::render(&results))?;
        print_line(&format!("report  {}", path.display()));
        if let Some(picture) = self.picture {
            let svg = page::picture(&results) + "\n";
            let written = fs::write(&picture, svg);
            written.with_context(|| format!("can't write {}", picture.display()))?;
        }
        Ok(())
    }
}
