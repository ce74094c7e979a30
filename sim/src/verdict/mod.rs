//! What a run came to, and what many came to.
//!
//! | file | idea |
//! | --- | --- |
//! | `rule.rs` | what must hold, and how grave it is when it does not |
//! | `told.rs` | how many operations ended how |
//! | `figures.rs` | what is counted; the figures of many runs add up |
//! | `outcome.rs` | what many runs came to, and which of them failed |
//! | `coverage.rs` | what many runs should have met, and did not |
//! | `trial.rs` | what rules are tried with, in tests |

mod coverage;
mod figures;
mod outcome;
mod rule;
mod told;
#[cfg(test)]
pub(crate) mod trial;

use std::{collections::BTreeSet, fmt, time::Duration};

pub use conclave_checks::history::HistoryRule;
use conclave_checks::{Stretches, Timed, history::Broken};
use serde::{Deserialize, Serialize};

pub(crate) use self::told::count;
pub use self::{
    figures::Figures,
    outcome::{Failed, Moment, Outcome, Subject},
    rule::{Class, Rule},
};
use crate::{
    probes::Combination,
    trace::{Event, MachineId, Notes},
};

/// The outcome of one run, and its figures.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The seed that it was replayed from.
    pub seed: u64,
    /// The hash of its trace: the same seed gives the same hash.
    pub trace_hash: u64,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    pub figures: Figures,
    /// The latest events of the trace (all of them in a replay).
    pub story: Vec<Timed<Event>>,
    /// What was noted beside it (in a replay).
    pub notes: Notes,
    /// What guides a campaign.
    pub combinations: BTreeSet<Combination>,
}

impl Verdict {
    /// When its last event was, in milliseconds from its beginning, rounded up: that of a run that failed is where it broke, if not when
    /// its history was judged.
    pub fn ended_ms(&self) -> u64 {
        self.story.last().map_or(0, |timed| timed.at_ns).max(self.figures.simulated_ns).div_ceil(1_000_000)
    }
}

/// What went wrong: which rule broke, and where. The rule is the identity of a failure; the rest is its circumstances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub rule: Rule,
    /// The machines that it concerns: first the one that showed it.
    pub machines: Vec<MachineId>,
    /// The term in which it broke, if it is about one.
    pub term: Option<u64>,
    /// What was seen, for a reader.
    pub detail: String,
}

/// How long a healed core took (`None`: it was not judged, or did not come to it), and things that have a bound before that.
#[derive(Clone, Debug, Default)]
pub struct Times {
    pub to_leader: Option<Duration>,
    pub to_first_write: Option<Duration>,
    pub stretches: Stretches,
}

impl Failure {
    /// A failure that is about no term.
    pub fn new(rule: Rule, machines: impl IntoIterator<Item = MachineId>, detail: String) -> Self {
        Self { rule, machines: machines.into_iter().collect(), term: None, detail }
    }
}

impl From<conclave_checks::Failure> for Failure {
    fn from(failure: conclave_checks::Failure) -> Self {
        let detail =
            format!("{}; but {} ({})", failure.detail, failure.rule.statement(), failure.rule.source());
        Self {
            rule: Rule::Invariant(failure.rule),
            machines: failure.nodes.into_iter().map(MachineId::Node).collect(),
            term: Some(failure.term),
            detail,
        }
    }
}

impl From<Broken> for Failure {
    fn from(Broken { rule, clients, detail }: Broken) -> Self {
        Self::new(Rule::History(rule), clients.into_iter().map(MachineId::Client), detail)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}
