//! A message between nodes as a reader sees it, and what became of it.

use conclave::raft::{AppendOutcome, Body, Message, NodeId, SendSnapshot, Term};

/// A message that a node sent to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub from: NodeId,
    pub to: NodeId,
    pub term: Term,
    pub kind: MessageKind,
    /// What it says.
    pub words: String,
    /// When the core let it go: it may have waited for its connection thereafter.
    pub sent_ns: u64,
    /// When it arrived. `None`: it was lost, or the run ended before.
    pub arrived_ns: Option<u64>,
    /// It had arrived before.
    pub is_copy: bool,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    Vote,
    Append,
    AppendAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Snapshot,
    Other,
}

impl MessageKind {
    /// Every one.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Vote, "vote"),
        (Self::Append, "append"),
        (Self::AppendAnswer, "append answer"),
        (Self::Heartbeat, "heartbeat"),
        (Self::HeartbeatAnswer, "heartbeat answer"),
        (Self::Snapshot, "snapshot"),
        (Self::Other, "other"),
    ];
}

impl Sent {
    /// A message that leaves now.
    pub(super) fn of(message: &Message, sent_ns: u64) -> Self {
        let Message { from, to, term, ref body, .. } = *message;
        let (kind, words) = in_words(body);
        Self { from, to, term, kind, words, sent_ns, arrived_ns: None, is_copy: false }
    }

    /// A snapshot whose first piece leaves now. It has arrived with its last one.
    pub(super) fn of_snapshot(from: NodeId, snapshot: &SendSnapshot, sent_ns: u64) -> Self {
        let SendSnapshot { to, stream, needed, .. } = *snapshot;
        let words = format!("snapshot, at {needed} or later");
        let kind = MessageKind::Snapshot;
        Self { from, to, term: stream.term, kind, words, sent_ns, arrived_ns: None, is_copy: false }
    }
}

fn in_words(body: &Body) -> (MessageKind, String) {
    let granted = |granted: bool| if granted { "yes" } else { "no" };
    match body {
        Body::PreVoteRequest { last } => {
            (MessageKind::Vote, format!("would you vote for me? my log ends at {last}"))
        }
        Body::PreVoteResponse { granted: it } => (MessageKind::Vote, format!("would vote: {}", granted(*it))),
        Body::VoteRequest { last, leadership_transfer } => {
            let asked = if *leadership_transfer { ", the leader asked me to" } else { "" };
            (MessageKind::Vote, format!("vote for me, my log ends at {last}{asked}"))
        }
        Body::VoteResponse { granted: it } => (MessageKind::Vote, format!("vote: {}", granted(*it))),
        Body::TimeoutNow => (MessageKind::Vote, "campaign at once".to_owned()),
        Body::AppendRequest { previous, entries, commit } => {
            let words = match (entries.first(), entries.last()) {
                (Some(first), Some(last)) => format!("entries {} to {} after", first.index, last.index),
                _ => "does your log hold".to_owned(),
            };
            (MessageKind::Append, format!("{words} {previous}, commit {commit}"))
        }
        Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, .. } => {
            (MessageKind::AppendAnswer, format!("my log matches up to {matched}"))
        }
        Body::AppendResponse { outcome: AppendOutcome::Rejected { previous_index, hint }, .. } => {
            (MessageKind::AppendAnswer, format!("my log does not match at {previous_index}, try {hint}"))
        }
        Body::HeartbeatRequest { commit, round } => {
            (MessageKind::Heartbeat, format!("I lead, commit {commit}, round {round}"))
        }
        Body::HeartbeatResponse { round, promise_us, .. } => {
            let promise = match promise_us {
                0 => String::new(),
                us => format!(", nobody else for {} ms", us / 1_000),
            };
            (MessageKind::HeartbeatAnswer, format!("you lead, round {round}{promise}"))
        }
        Body::InstallSnapshot { snapshot, .. } => {
            (MessageKind::Snapshot, format!("go on from the snapshot at {}", snapshot.last))
        }
        Body::SnapshotRejected { why, .. } => {
            (MessageKind::Snapshot, format!("the snapshot was not taken: {why:?}"))
        }
        Body::Removed { .. } => (MessageKind::Other, "you were removed".to_owned()),
        Body::ReadIndexRequest { id } => (MessageKind::Other, format!("where may I read? (read {id})")),
        Body::ReadIndexResponse { id, index: Some(index) } => {
            (MessageKind::Other, format!("read at {index} (read {id})"))
        }
        Body::ReadIndexResponse { id, index: None } => {
            (MessageKind::Other, format!("cannot be confirmed, ask again (read {id})"))
        }
    }
}
