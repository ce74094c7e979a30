//! The way back to a proxy: what is to be said gathers while its stream is busy, and leaves as one batch.

use tokio::sync::mpsc;

use crate::wire::{
    self,
    pb::v1::{self, refusal::Reason},
};

/// Where the answers to one proxy's stream go. A stream that has ended swallows them: the proxy asks again.
#[derive(Clone, Debug)]
pub(super) struct ReplySender(mpsc::UnboundedSender<Saying>);

/// What a stream has to say. Its length is bounded by the proposals and reads that a node admits.
pub(super) type ReplyReceiver = mpsc::UnboundedReceiver<Saying>;

/// One thing said to a proxy.
#[derive(Debug)]
pub(super) enum Saying {
    /// An answer.
    Reply(v1::Reply),
    /// Who leads now.
    Leadership(v1::Leadership),
    /// The node lives.
    Sign,
}

pub(super) fn channel() -> (ReplySender, ReplyReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (ReplySender(sender), receiver)
}

impl ReplySender {
    pub(super) fn send(&self, id: u64, outcome: v1::reply::Outcome) {
        let _ = self.0.send(Saying::Reply(v1::Reply { id, outcome: Some(outcome) }));
    }

    pub(super) fn refuse(&self, id: u64, reason: Reason, message: impl Into<String>) {
        self.send(id, wire::refusal(reason, message));
    }

    pub(super) fn sign(&self) {
        let _ = self.0.send(Saying::Sign);
    }

    /// False: the stream has ended.
    pub(super) fn lead(&self, leadership: v1::Leadership) -> bool {
        self.0.send(Saying::Leadership(leadership)).is_ok()
    }
}

/// Puts what was said into one batch.
pub(super) fn batch(sayings: impl IntoIterator<Item = Saying>) -> v1::ReplyBatch {
    let mut batch = v1::ReplyBatch::default();
    for saying in sayings {
        match saying {
            Saying::Reply(reply) => batch.replies.push(reply),
            Saying::Leadership(leadership) => batch.leadership = Some(leadership),
            Saying::Sign => {}
        }
    }
    batch
}
