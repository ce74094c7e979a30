//! Why a message is not believed.

use std::fmt;

use super::{ClusterId, Index, NodeId, Term};

/// A message that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Who sent it, as it says.
    pub from: NodeId,
    /// Its term.
    pub term: Term,
    pub why: Refusal,
}

/// Why a message cannot be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is meant for another node: addresses are mixed up.
    NotForThisNode { to: NodeId },
    /// It comes from a node of another cluster: an address is used again, or a data directory was founded anew.
    OtherCluster { cluster: ClusterId },
    /// Its sender has another data directory than the member of that number: it has lost what it promised.
    OtherIncarnation,
    /// It bears the number of the node itself, or none: two nodes have the same number.
    ImpossibleSender,
    /// Its term is too far ahead.
    TermTooFar,
    /// No configuration known here has its sender as a member, and this node hears a leader; or asked the sender nothing.
    Stranger,
    /// Another node leads the term: two nodes have the same number, or a disk has forgotten a vote.
    SecondLeader { leader: NodeId },
    /// Its entries have gaps, their terms fall or are later than the message's, or a configuration has no voters.
    BrokenEntries,
    /// Its entries are others than those that are committed here.
    ContradictsCommitted { index: Index },
    /// It commits what the log does not hold.
    CommitBeyondLog { commit: Index },
    /// A snapshot of nothing, of a later term, or of a configuration without voters.
    BrokenSnapshot,
    /// It acknowledges what the leader never sent.
    AckBeyondLog { matched: Index },
    /// It answers a heartbeat that was never sent.
    UnknownRound { round: u64 },
    /// It says that this node was removed, by a configuration that does not say so.
    NotRemoved,
}

impl Refusal {
    /// Every kind of refusal has one word, under which it is counted.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotForThisNode { .. } => "not_for_this_node",
            Self::OtherCluster { .. } => "other_cluster",
            Self::OtherIncarnation => "other_incarnation",
            Self::ImpossibleSender => "impossible_sender",
            Self::TermTooFar => "term_too_far",
            Self::Stranger => "stranger",
            Self::SecondLeader { .. } => "second_leader",
            Self::BrokenEntries => "broken_entries",
            Self::ContradictsCommitted { .. } => "contradicts_committed",
            Self::CommitBeyondLog { .. } => "commit_beyond_log",
            Self::BrokenSnapshot => "broken_snapshot",
            Self::AckBeyondLog { .. } => "ack_beyond_log",
            Self::UnknownRound { .. } => "unknown_round",
            Self::NotRemoved => "not_removed",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotForThisNode { to } => write!(f, "it is meant for node {to}"),
            Self::OtherCluster { cluster } => write!(f, "it comes from another cluster ({cluster:016x})"),
            Self::OtherIncarnation => f.write_str(
                "its sender has another data directory than it had, and has lost what it promised",
            ),
            Self::ImpossibleSender => f.write_str("it bears this node's own number, or none"),
            Self::TermTooFar => f.write_str("its term is too far ahead"),
            Self::Stranger => f.write_str("its sender is no member, as far as this node knows"),
            Self::SecondLeader { leader } => write!(f, "node {leader} leads its term"),
            Self::BrokenEntries => f.write_str("its entries make no log"),
            Self::ContradictsCommitted { index } => write!(f, "it contradicts committed entry {index}"),
            Self::CommitBeyondLog { commit } => {
                write!(f, "it commits up to {commit}, which the log does not hold")
            }
            Self::BrokenSnapshot => f.write_str("its snapshot stands for nothing"),
            Self::AckBeyondLog { matched } => {
                write!(f, "it acknowledges entry {matched}, which does not exist")
            }
            Self::UnknownRound { round } => write!(f, "it answers heartbeat {round}, which was never sent"),
            Self::NotRemoved => f.write_str("it says that this node was removed, which is not so"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_refusal_has_a_word_and_a_sentence_of_its_own() {
        let all = [
            Refusal::NotForThisNode { to: 1 },
            Refusal::OtherCluster { cluster: 1 },
            Refusal::OtherIncarnation,
            Refusal::ImpossibleSender,
            Refusal::TermTooFar,
            Refusal::Stranger,
            Refusal::SecondLeader { leader: 1 },
            Refusal::BrokenEntries,
            Refusal::ContradictsCommitted { index: 1 },
            Refusal::CommitBeyondLog { commit: 1 },
            Refusal::BrokenSnapshot,
            Refusal::AckBeyondLog { matched: 1 },
            Refusal::UnknownRound { round: 1 },
            Refusal::NotRemoved,
        ];
        let words: BTreeSet<&str> = all.iter().map(Refusal::kind).collect();
        let sentences: BTreeSet<String> = all.iter().map(Refusal::to_string).collect();
        assert_eq!((words.len(), sentences.len()), (all.len(), all.len()));
    }
}
