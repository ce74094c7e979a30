//! Invariants of single steps: what a node may not do, whatever it did before.

use std::sync::Arc;

use conclave::raft::{Configuration, Entry, Message, NodeId, Refusal, Refused};
use conclave_checks::{is_promise_kept, may_follow, may_wait, without_quorum};

use crate::{hashed::Hashed, history::History, node::Node};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    /// A node leads whom no quorum elected.
    NotElected,
    /// A term, a vote or a commit index was taken back.
    TakenBack,
    /// A message left that promises more than the sender's disk holds.
    PromiseNotDurable,
    /// An entry was applied out of order, before it was durable there, or that was not committed.
    AppliedWrongly,
    /// A message was refused as impossible that a node had said.
    Refused(Refusal),
    /// An assertion of the core itself failed, and said this.
    Assertion(String),
}

type Judged = Result<(), Broken>;

fn check(holds: bool, broken: Broken) -> Judged {
    if holds { Ok(()) } else { Err(broken) }
}

/// A quorum of disks holds the votes that make a leader, unless they have gone on to later terms by now.
pub(crate) fn judge_election(
    leader: &Node,
    nodes: &[Hashed<Node>; 3],
    counted_by: &Arc<Configuration>,
) -> Judged {
    let vote = leader.core().vote();
    let votes = |id: NodeId| {
        let durable = nodes[id as usize - 1].disk().vote();
        durable == vote || durable.term > vote.term
    };
    check(is_quorum(counted_by, votes), Broken::NotElected)
}

/// A step is never a crash: so what the core knows only grows.
pub(crate) fn judge_core(before: &Node, after: &Node) -> Judged {
    let commit_grows = before.core().commit() <= after.core().commit();
    check(commit_grows && may_follow(before.core().vote(), after.core().vote()), Broken::TakenBack)
}

/// One vote a node and term, across crashes: for what is on the disk survives them, and nothing else is promised.
pub(crate) fn judge_disk(before: &Node, after: &Node) -> Judged {
    check(may_follow(before.disk().vote(), after.disk().vote()), Broken::TakenBack)
}

pub(crate) fn judge_messages(sender: &Node, messages: &[Message]) -> Judged {
    let disk = sender.disk();
    let all_kept = messages.iter().all(|message| is_promise_kept(disk.vote(), disk.last(), message));
    check(all_kept, Broken::PromiseNotDurable)
}

pub(crate) fn judge_refused(node: &Node, refused: &[Refused]) -> Judged {
    let is_lawful = |refused: &&Refused| !may_wait(refused, node.core().configuration());
    refused.iter().find(is_lawful).map_or(Ok(()), |refused| Err(Broken::Refused(refused.why)))
}

pub(crate) fn judge_applied(before: &Node, after: &Node, applied: &[Entry], history: &History) -> Judged {
    let expected = (before.applied()..).map_while(|index| history.committed.get(index as usize));
    let is_next = applied.iter().zip(expected).filter(|(entry, next)| **entry == next.entry).count();
    let are_durable = applied.iter().all(|entry| after.disk().holds(entry));
    check(
        is_next == applied.len() && are_durable && after.applied() <= after.core().commit(),
        Broken::AppliedWrongly,
    )
}

pub(crate) fn is_quorum(configuration: &Configuration, agrees: impl Fn(NodeId) -> bool) -> bool {
    without_quorum(configuration, agrees).is_none()
}
