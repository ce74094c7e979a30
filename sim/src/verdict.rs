//! What a run came to, and what many came to.

use std::{collections::BTreeMap, fmt, time::Duration};

use conclave_checks::Timed;
use serde::{Deserialize, Serialize};

use crate::{
    probes::Probe,
    trace::{Event, MachineId, Notes},
    world::Fired,
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

/// Name, statement: a row a rule.
macro_rules! rules {
    ($($rule:ident, $statement:literal;)*) => {
        /// What must hold of a run. Each rule is one way to be wrong: two failures are the same when their rules are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Rule {
            $(#[doc = $statement] $rule,)*
            /// What must always hold of the consensus, of durability and of the state machine.
            #[serde(untagged)]
            Invariant(conclave_checks::Rule),
        }

        impl Rule {
            /// What the rule says.
            pub fn statement(self) -> &'static str {
                match self {
                    $(Self::$rule => $statement,)*
                    Self::Invariant(rule) => rule.statement(),
                }
            }

            /// Where the rule comes from.
            pub fn source(self) -> &'static str {
                match self {
                    Self::Invariant(rule) => rule.source(),
                    Self::Linearizable | Self::Judged => "Herlihy and Wing 1990",
                    _ => "what Conclave promises",
                }
            }
        }
    };
}

rules! {
    Linearizable, "the history of each key has a linear order";
    Judged, "the judge came to a verdict within its bound of steps";
    RevisionsAreUnique, "each write has a revision of its own";
    RangesAreSnapshots, "a range is the store as it was at one revision, however large it is";
    RevisionsFollowTime, "a write that was answered has a lower revision than one asked for later";
    PastIsTrue, "reads of the past tell what was written then";
    CompactionHolds, "what is compacted cannot be read, and what nobody compacted can";
    BackupsAreWhole, "a backup that arrived whole is sound";
    ProcessesRunOn, "nodes and proxies run until they are told to stop, or have left";
    CoreElects, "a healed core has a leader within its bound";
    CoreServes, "every client of a healed core writes something within its bound";
    CoreConverges, "all nodes of a healed core apply what was committed";
    WritesSucceed, "a healed cluster accepts writes through every proxy";
    ChangesEnd, "what operators ask for comes to be";
    MistakesAreRefused, "what operators ask for by mistake is refused";
    ClientsAreAnswered, "clients are answered within their patience";
    ReadsSucceed, "a healed cluster can be read";
    MembersConverge, "all members apply what is committed";
    RemovedNodesStop, "nodes that were removed hear of it and stop";
    NoPanic, "code does not panic";
    SameTrace, "the same scenario gives the same trace, in whatever process and order";
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// The rule's name, as in a stored failure.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invariant(rule) => rule.fmt(f),
            other => other.serialize(f),
        }
    }
}

/// How long a healed core took. `None`: it was not judged, or did not come to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub to_leader: Option<Duration>,
    pub to_first_write: Option<Duration>,
}

/// The figures of a run; those of many add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Nanoseconds of simulated time.
    pub simulated_ns: u64,
    /// Leaders elected.
    pub elections: u64,
    /// Snapshots that took the place of a state.
    pub snapshots: u64,
    /// Entries committed.
    pub committed: u64,
    /// Events in the trace.
    pub events: u64,
    /// Faults of the scenario, by name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Operations of clients, by what they were told.
    pub operations: BTreeMap<&'static str, u64>,
    /// Until healed cores had a leader, one of each run that had.
    pub to_leader: Vec<Duration>,
    /// Until the first write in them.
    pub to_first_write: Vec<Duration>,
    /// Machines that stayed outside of a core, by what became of them.
    pub outsiders: BTreeMap<&'static str, u64>,
    /// The rare states that were reached, and in how many runs.
    pub probes: BTreeMap<Probe, u64>,
    /// The knobs that were set, and in how many runs.
    pub knobs: BTreeMap<&'static str, u64>,
    /// The points that were switched on, by name.
    pub buggify: BTreeMap<&'static str, Fired>,
}

impl Figures {
    /// Adds another run's figures.
    pub fn add(&mut self, other: &Figures) {
        self.simulated_ns += other.simulated_ns;
        self.elections += other.elections;
        self.snapshots += other.snapshots;
        self.committed += other.committed;
        self.events += other.events;
        self.to_leader.extend(&other.to_leader);
        self.to_first_write.extend(&other.to_first_write);
        for (fate, count) in &other.outsiders {
            *self.outsiders.entry(fate).or_default() += count;
        }
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (outcome, count) in &other.operations {
            *self.operations.entry(outcome).or_default() += count;
        }
        for (knob, runs) in &other.knobs {
            *self.knobs.entry(knob).or_default() += runs;
        }
        for (probe, runs) in &other.probes {
            *self.probes.entry(*probe).or_default() += runs;
        }
        for (point, Fired { asked, fired }) in &other.buggify {
            let counted = self.buggify.entry(point).or_default();
            counted.asked += asked;
            counted.fired += fired;
        }
    }
}

/// What a campaign came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Runs that ended.
    pub runs: u64,
    /// Their figures together.
    pub figures: Figures,
    /// Real time.
    pub took: Duration,
    /// Of so many it was seen whether they are the same in another process.
    pub repeated: u64,
    /// The runs that failed.
    pub failures: Vec<Verdict>,
    /// It was ended from outside.
    pub interrupted: bool,
}
