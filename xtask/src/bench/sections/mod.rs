//! How things are measured, one file per kind of figure.

mod builds;
mod coalescing;
mod connections;
mod memory;
mod requests;
mod settings;
mod start;
mod stream;

use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use super::samples::Samples;
use super::stage::Stage;

/// A kind of figures, which can be asked for alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Section {
    /// What a request costs: GET by id, list, POST, a static route; on all servers
    Requests,
    /// GET by id with settings changed: what they cost, or spare
    Settings,
    /// One product that everybody wants, with and without sharing the query
    Coalescing,
    /// All rows of a large table as one answer
    Stream,
    /// Memory: idle, after load, with telemetry that nobody takes
    Memory,
    /// Memory of a connection that does nothing
    Connections,
    /// From the start to the first answer
    Start,
    /// A cold build, one after a change, the size of what is delivered
    Builds,
}

/// How thoroughly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) rounds: u32,
    /// Of each measurement under load.
    pub(crate) time: Duration,
    /// That are streamed.
    pub(crate) rows: u64,
    /// That are kept idle.
    pub(crate) connections: u32,
}

impl Section {
    /// What is measured unless something else is asked for: all but what compiles everything once more.
    pub(crate) const DEFAULT: [Self; 7] = [
        Self::Requests,
        Self::Settings,
        Self::Coalescing,
        Self::Stream,
        Self::Memory,
        Self::Connections,
        Self::Start,
    ];

    pub(super) fn measure(
        self,
        stage: &Stage<'_>,
        pace: Pace,
        samples: &mut Samples,
    ) -> Result<()> {
        match self {
            Self::Requests => requests::measure(stage, pace, samples),
            Self::Settings => settings::measure(stage, pace, samples),
            Self::Coalescing => coalescing::measure(stage, pace, samples),
            Self::Stream => stream::measure(stage, pace, samples),
            Self::Memory => memory::measure(stage, pace, samples),
            Self::Connections => connections::measure(stage, pace, samples),
            Self::Start => start::measure(stage, pace, samples),
            Self::Builds => builds::measure(stage, pace, samples),
        }
    }
}
