use clap::{Args, Subcommand};

use super::{
    output::{print, print_line, warnings},
    reference::{Copies, CopiesArgs, config_dir, reference_dir},
};
use crate::core::config::{AppEnv, Config, Explanation, Sources, example, pages};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Show every key, its value, who set it, and whom that overruled; secrets are not shown
    Explain(EnvArgs),
    /// Tell all that is wrong with the settings, without starting anything
    Check(EnvArgs),
    /// Print every key with its meaning and default, as an env file
    Example(CopiesArgs),
}

#[derive(Debug, Args)]
pub(super) struct EnvArgs {
    /// As if it were this environment: local, dev, uat or prod
    #[arg(long, value_name = "APP_ENV")]
    env: Option<AppEnv>,
}

impl EnvArgs {
    fn sources(&self) -> Sources {
        let sources = Sources::of_process();
        match self.env {
            Some(env) => sources.with_env(env),
            None => sources,
        }
    }
}

impl ConfigCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Explain(arguments) => explain(&arguments.sources()),
            Self::Check(arguments) => check(&arguments.sources()),
            Self::Example(arguments) => write_example(&arguments),
        }
    }
}

/// The table comes first and in any case: it is what one looks at when something is wrong.
fn explain(sources: &Sources) -> anyhow::Result<()> {
    print(&Explanation::of(sources)?.to_string());
    warnings(&Config::from_sources(sources)?);
    Ok(())
}

fn check(sources: &Sources) -> anyhow::Result<()> {
    let config = Config::from_sources(sources)?;
    warnings(&config);
    print_line(&format!(
        "the settings for APP_ENV={} are in order",
        config.env()
    ));
    Ok(())
}

fn write_example(arguments: &CopiesArgs) -> anyhow::Result<()> {
    let example = example()?;
    let pages = pages()?.into_iter().map(|page| (page.name, page.text));
    Copies::new("config example")
        .file(config_dir().join(&example.name), example.text.clone())
        .directory(reference_dir().join("configuration"), pages)
        .run(arguments, || print(&example.text))
}
