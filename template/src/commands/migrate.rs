use std::{num::NonZeroU32, time::Duration};

use anyhow::bail;
use clap::Subcommand;

use super::{Bootstrap, database, output::print_line};
use crate::core::{
    config::Config,
    database::migrator::{Migrator, SchemaStatus},
    telemetry::Output,
};

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Apply what is pending; any number of processes may try at once
    Up,
    /// Undo the last migration, or the last N
    Down {
        /// How many
        #[arg(value_name = "N", default_value = "1")]
        steps: NonZeroU32,
    },
    /// Show what is applied and what is pending
    Status {
        /// Wait until nothing is pending, at most for so many seconds (a day has 86400)
        #[arg(long, value_name = "SECS", num_args = 0..=1, require_equals = true, default_missing_value = "300", value_parser = clap::value_parser!(u64).range(..=86_400))]
        wait: Option<u64>,
    },
    /// Drop every table and apply all migrations; only in `local`, since all data is lost
    Fresh,
}

impl MigrateCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bootstrap = Bootstrap::new(Output::Stderr)?;
        let env = bootstrap.config().env();
        if matches!(self, Self::Fresh) && !env.may_drop_schema() {
            bail!(
                "`migrate fresh` drops every table, which is refused outside local (APP_ENV={env})"
            );
        }
        bootstrap.run(async |config| self.migrate(&config).await)
    }

    async fn migrate(self, config: &Config) -> anyhow::Result<()> {
        // `status --wait` does its own waiting.
        if !matches!(self, Self::Status { wait: Some(_) }) {
            database::connect(config).await?.close().await;
        }
        let migrator = database::migrator(config)?;
        match self {
            Self::Up => list("applied", &migrator.up().await?),
            Self::Down { steps } => list("undone", &migrator.down(steps.get()).await?),
            Self::Fresh => {
                migrator.fresh().await?;
                list("applied", &migrator.names());
            }
            Self::Status { wait } => show(&status(&migrator, wait).await?),
        }
        Ok(())
    }
}

async fn status(migrator: &Migrator, wait: Option<u64>) -> anyhow::Result<SchemaStatus> {
    Ok(match wait {
        Some(secs) => {
            migrator
                .wait_until_current(Duration::from_secs(secs))
                .await?
        }
        None => migrator.status().await?,
    })
}

fn list(what: &str, names: &[String]) {
    for name in names {
        print_line(&format!("{what:8} {name}"));
    }
    if names.is_empty() {
        print_line("nothing to do");
    }
}

fn show(status: &SchemaStatus) {
    let names = [
        ("applied", &status.applied),
        ("pending", &status.pending),
        ("unknown", &status.unknown),
    ];
    for (what, names) in names {
        for name in names {
            print_line(&format!("{what:8} {name}"));
        }
    }
    let (applied, pending) = (status.applied.len(), status.pending.len());
    print_line(&format!("{applied} applied, {pending} pending"));
    if !status.unknown.is_empty() {
        print_line("unknown ones were applied by another release of this service");
    }
}
