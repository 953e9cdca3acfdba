//! Commands that files bring along. Each registers itself, so a part that is left out leaves no trace on the command line.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand, error::ErrorKind};

use crate::core::registry::inventory;

/// The arguments of a command that registers itself; their documentation is what `help` says about it.
pub trait PlugIn: Args {
    /// Does what the command is there for.
    ///
    /// # Errors
    ///
    /// What went wrong, for whoever typed the command.
    fn run(self) -> anyhow::Result<()>;
}

/// A registered command; made by [`register_command!`](crate::register_command).
#[derive(Clone, Copy, Debug)]
pub struct CommandEntry {
    name: &'static str,
    describe: fn(Command) -> Command,
    run: fn(&ArgMatches) -> anyhow::Result<()>,
}

impl CommandEntry {
    /// Describes the command with this name and these arguments.
    #[must_use]
    pub const fn of<A: PlugIn>(name: &'static str) -> Self {
        Self {
            name,
            describe: A::augment_args,
            run: |matches| A::from_arg_matches(matches)?.run(),
        }
    }
}

inventory::collect!(CommandEntry);

/// Registers a command under its name: `register_command! { "lab": LabArgs }`.
#[macro_export]
macro_rules! register_command {
    ($name:literal : $arguments:ty $(;)?) => {
        $crate::core::registry::inventory::submit! {
            $crate::commands::CommandEntry::of::<$arguments>($name)
        }
    };
}

/// The registered commands, by name. That no two share one is seen to by clap.
fn entries() -> Vec<&'static CommandEntry> {
    let mut entries: Vec<_> = inventory::iter::<CommandEntry>.into_iter().collect();
    entries.sort_by_key(|entry| entry.name);
    entries
}

/// One of the registered commands, as it was typed.
#[derive(Debug)]
pub(super) struct PluggedIn {
    entry: &'static CommandEntry,
    matches: ArgMatches,
}

impl PluggedIn {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        (self.entry.run)(&self.matches)
    }
}

impl FromArgMatches for PluggedIn {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let (name, matches) = matches
            .subcommand()
            .ok_or_else(|| Error::new(ErrorKind::MissingSubcommand))?;
        let entry = entries().into_iter().find(|entry| entry.name == name);
        Ok(Self {
            entry: entry.ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))?,
            matches: matches.clone(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for PluggedIn {
    fn augment_subcommands(command: Command) -> Command {
        let describe = |entry: &CommandEntry| (entry.describe)(Command::new(entry.name));
        command.subcommands(entries().into_iter().map(describe))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        entries().iter().any(|entry| entry.name == name)
    }
}
