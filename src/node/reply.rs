//! The way back to a proxy: what is to be said gathers while its stream is busy, and leaves as one batch.

use tokio::sync::mpsc;

use crate::wire::pb::v1::{self, refusal::Reason};

/// Where the answers to one proxy's stream go. A stream that has ended swallows them: the proxy asks again.
#[derive(Clone, Debug)]
pub(super) struct ReplySender(mpsc::UnboundedSender<Outgoing>);

/// What a stream has to say. Its length is bounded by the proposals and reads that a node admits.
pub(super) type ReplyReceiver = mpsc::UnboundedReceiver<Outgoing>;

/// A message to a proxy.
#[derive(Debug)]
pub(super) enum Outgoing {
    Reply(v1::Reply),
    /// Who leads now.
    Leadership(v1::Leadership),
    /// The node lives.
    Alive,
}

pub(super) fn channel() -> (ReplySender, ReplyReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (ReplySender(sender), receiver)
}

impl ReplySender {
    pub(super) fn send(&self, id: u64, outcome: v1::reply::Outcome) {
        let _ = self.0.send(Outgoing::Reply(v1::Reply { id, outcome: Some(outcome) }));
    }

    pub(super) fn refuse(&self, id: u64, reason: Reason, message: impl Into<String>) {
        let refusal = v1::Refusal { reason: reason.into(), message: message.into() };
        self.send(id, v1::reply::Outcome::Refusal(refusal));
    }

    pub(super) fn alive(&self) {
        let _ = self.0.send(Outgoing::Alive);
    }

    /// False: the stream has ended.
    pub(super) fn lead(&self, leadership: v1::Leadership) -> bool {
        self.0.send(Outgoing::Leadership(leadership)).is_ok()
    }
}

/// Puts messages into one batch.
pub(super) fn batch(messages: impl IntoIterator<Item = Outgoing>) -> v1::ReplyBatch {
    let mut batch = v1::ReplyBatch::default();
    for message in messages {
        match message {
            Outgoing::Reply(reply) => batch.replies.push(reply),
            Outgoing::Leadership(leadership) => batch.leadership = Some(leadership),
            Outgoing::Alive => {}
        }
    }
    batch
}
