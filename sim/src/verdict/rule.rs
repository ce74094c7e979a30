//! What must hold of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How grave it is that a rule is broken. The gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The testbed does not say the same twice: nothing that it says can be replayed.
    Determinism,
    /// Something wrong was told, or written.
    Safety,
    /// A program ended by itself.
    Crash,
    /// What should come to be does not, within its bound.
    Liveness,
}

/// Name, class, statement: a row a rule.
macro_rules! rules {
    ($($rule:ident, $class:ident, $statement:literal;)*) => {
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
            /// Every one: those of the run first.
            pub fn all() -> impl Iterator<Item = Self> {
                let invariants = conclave_checks::Rule::ALL.iter().copied().map(Self::Invariant);
                [$(Self::$rule,)*].into_iter().chain(invariants)
            }

            /// What the rule says.
            pub fn statement(self) -> &'static str {
                match self {
                    $(Self::$rule => $statement,)*
                    Self::Invariant(rule) => rule.statement(),
                }
            }

            /// How grave it is that it is broken.
            pub fn class(self) -> Class {
                match self {
                    $(Self::$rule => Class::$class,)*
                    Self::Invariant(rule) if rule.is_of_availability() => Class::Liveness,
                    Self::Invariant(_) => Class::Safety,
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
    Linearizable, Safety, "the history of each key has a linear order";
    Judged, Safety, "the judge came to a verdict within its bound of steps";
    RevisionsAreUnique, Safety, "each write has a revision of its own";
    RangesAreSnapshots, Safety, "a range is the store as it was at one revision, however large it is";
    RevisionsFollowTime, Safety, "a write that was answered has a lower revision than one asked for later";
    CreationsAreTrue, Safety, "a pair tells since when its key has been there, and how many writes ago that was";
    PastIsTrue, Safety, "reads of the past tell what was written then";
    PagesAreTrue, Safety, "a page of a range is what was asked for of it";
    CompactionHolds, Safety, "what is compacted cannot be read, and what nobody compacted can";
    StoredStateIsSound, Safety, "what nodes have on their disks can be read, and is what its digest says";
    AlarmsHold, Safety, "while an alarm says that there is no space nothing is put; nothing else, and no put at another time, is refused for that";
    BackupsAreWhole, Safety, "a backup that arrived whole is sound";
    ProcessesRunOn, Crash, "nodes and proxies run until they are told to stop, or have left";
    CoreElects, Liveness, "a healed core has a leader within its bound";
    CoreServes, Liveness, "every client of a healed core writes something within its bound";
    CoreConverges, Liveness, "all nodes of a healed core apply what was committed";
    WritesSucceed, Liveness, "a healed cluster accepts writes through every proxy";
    ChangesEnd, Liveness, "what operators ask for comes to be";
    MistakesAreRefused, Safety, "what operators ask for by mistake is refused";
    ClientsAreAnswered, Liveness, "clients are answered within their patience";
    ReadsSucceed, Liveness, "a healed cluster can be read";
    MembersConverge, Liveness, "all members apply what is committed";
    TransferSucceeds, Liveness, "who is to lead a healed cluster comes to lead";
    RemovedNodesStop, Liveness, "nodes that were removed hear of it and stop";
    NoPanic, Crash, "code does not panic";
    SameTrace, Determinism, "the same scenario gives the same trace, in whatever process and order";
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

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
