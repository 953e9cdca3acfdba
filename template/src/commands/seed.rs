use anyhow::{Context, bail};
use clap::Args;

use super::{Bootstrap, database, output::print_line};
use crate::core::{config::Config, database::seed::seeds, telemetry::Output};

#[derive(Debug, Args)]
pub(super) struct SeedArgs {
    /// About how many rows each table gets
    #[arg(long, value_name = "N", default_value_t = 25)]
    rows: u64,
}

impl SeedArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let bootstrap = Bootstrap::new(Output::Stderr)?;
        let env = bootstrap.config().env();
        if !env.may_seed() {
            bail!(
                "`seed` writes example data, which is refused where the customers are (APP_ENV={env})"
            );
        }
        bootstrap.run(async |config| self.seed(&config).await)
    }

    async fn seed(self, config: &Config) -> anyhow::Result<()> {
        let database = database::connect(config).await?;
        let pending = database::migrator(config)?.status().await?.pending;
        if !pending.is_empty() {
            bail!("there are tables missing: run `migrate up` first");
        }
        let seeds = seeds()?;
        for seed in &seeds {
            let table = seed.table();
            let added = seed.fill(&database, self.rows).await;
            let added = added.with_context(|| format!("can't fill {table}"))?;
            print_line(&match added {
                0 => format!("{table:12} nothing to add"),
                added => format!("{table:12} {added} rows"),
            });
        }
        if seeds.is_empty() {
            print_line("nothing to do: no table has example data");
        }
        database.close().await;
        Ok(())
    }
}
