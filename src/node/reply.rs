//! The way back to a proxy: replies gather while its stream is busy, and leave as one batch.

use tokio::sync::mpsc;

use crate::rpc::pb::v1::{self, refusal::Reason};

/// Where the replies of one proxy's stream go. A stream that has ended swallows them: the proxy asks again.
#[derive(Clone, Debug)]
pub(super) struct ReplySender(mpsc::UnboundedSender<v1::Reply>);

/// The replies of one stream. Their number is bounded by the proposals and reads that a node admits.
pub(super) type ReplyReceiver = mpsc::UnboundedReceiver<v1::Reply>;

pub(super) fn channel() -> (ReplySender, ReplyReceiver) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (ReplySender(sender), receiver)
}

impl ReplySender {
    pub(super) fn send(&self, id: u64, outcome: v1::reply::Outcome) {
        let _ = self.0.send(v1::Reply { id, outcome: Some(outcome) });
    }

    pub(super) fn refuse(&self, id: u64, reason: Reason, message: impl Into<String>) {
        let refusal = v1::Refusal { reason: reason.into(), message: message.into() };
        self.send(id, v1::reply::Outcome::Refusal(refusal));
    }
}
