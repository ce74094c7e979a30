//! What is to be run, as data.

use std::{path::PathBuf, time::Duration};

use crate::{fault::Timed, shape::Shape};

/// What is to be run.
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) shape: Shape,
    pub(crate) length: Duration,
    pub(crate) faults: Vec<Timed>,
    /// How many clients there are on all machines together.
    pub(crate) clients: u64,
    /// Operations a second that they aim at together.
    pub(crate) rate: u64,
    pub(crate) binary: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) sabotage: Option<Sabotage>,
    /// Clients are served within this while a majority is connected.
    pub(crate) gap_max: Duration,
}

/// A run that must turn out red: whoever wonders whether the judge looks can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Sabotage {
    /// The data of a majority is wiped in the middle, and these nodes are started again under their numbers.
    WipedMajority,
    /// One read is recorded as something that nobody wrote.
    FalsifiedRead,
}

/// It was told to end from outside.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;
