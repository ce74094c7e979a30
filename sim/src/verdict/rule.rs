//! What must hold of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HistoryRule;

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
            /// What must hold of what clients were told.
            #[serde(untagged)]
            History(HistoryRule),
            /// What must always hold of the consensus, of durability and of the state machine.
            #[serde(untagged)]
            Invariant(conclave_checks::Rule),
        }

        impl Rule {
            /// Every one: those of histories, of the run, of the consensus.
            pub fn all() -> impl Iterator<Item = Self> {
                let of_histories = HistoryRule::ALL.iter().copied().map(Self::History);
                let invariants = conclave_checks::Rule::ALL.iter().copied().map(Self::Invariant);
                of_histories.chain([$(Self::$rule,)*]).chain(invariants)
            }

            /// What the rule says.
            pub fn statement(self) -> &'static str {
                match self {
                    $(Self::$rule => $statement,)*
                    Self::History(rule) => rule.statement(),
                    Self::Invariant(rule) => rule.statement(),
                }
            }

            /// How grave it is that it is broken.
            pub fn class(self) -> Class {
                match self {
                    $(Self::$rule => Class::$class,)*
                    Self::Invariant(rule) if rule.is_of_availability() => Class::Liveness,
                    Self::History(_) | Self::Invariant(_) => Class::Safety,
                }
            }

            /// Where the rule comes from.
            pub fn source(self) -> &'static str {
                match self {
                    Self::Invariant(rule) => rule.source(),
                    Self::History(rule) => rule.source(),
                    _ => "what Conclave promises",
                }
            }
        }
    };
}

rules! {
    StoredStateIsSound, Safety, "what nodes have on their disks can be read, and is what its digest says";
    ProcessesRunOn, Crash, "nodes and proxies run until they are told to stop, or have left";
    CoreElects, Liveness, "a healed core has a leader within its bound";
    CoreServes, Liveness, "every client of a healed core writes something within its bound, or reads if it does nothing else";
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
            Self::History(rule) => rule.fmt(f),
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
