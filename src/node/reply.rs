//! The way back to a proxy: what is to be said gathers while its stream is busy, and leaves in batches bounded in bytes.

use prost::Message as _;
use tokio::sync::mpsc;

use crate::{
    rpc::outbox::{Outbox, OutboxReceiver, outbox},
    wire::pb::v1::{self, refusal::Reason},
};

/// Where the answers to one proxy's stream go. A stream that has ended swallows them: the proxy asks again.
#[derive(Clone, Debug)]
pub(super) struct ReplySender {
    replies: Outbox<v1::Reply>,
    control: mpsc::UnboundedSender<Control>,
}

/// The stream's end. Its length is bounded by the proposals and reads that a node admits.
pub(super) struct ReplyReceiver {
    replies: OutboxReceiver<v1::Reply>,
    control: mpsc::UnboundedReceiver<Control>,
}

/// What never waits behind replies.
#[derive(Debug)]
enum Control {
    /// Who leads now.
    Leadership(v1::Leadership),
    /// The node lives.
    Alive,
}

pub(super) fn channel() -> (ReplySender, ReplyReceiver) {
    let (replies_tx, replies) = outbox(usize::MAX);
    let (control_tx, control) = mpsc::unbounded_channel();
    (ReplySender { replies: replies_tx, control: control_tx }, ReplyReceiver { replies, control })
}

impl ReplySender {
    pub(super) fn send(&self, id: u64, outcome: v1::reply::Outcome) {
        let reply = v1::Reply { id, outcome: Some(outcome) };
        let bytes = reply.encoded_len();
        let _ = self.replies.push_always(reply, bytes);
    }

    pub(super) fn refuse(&self, id: u64, reason: Reason, message: impl Into<String>) {
        let refusal = v1::Refusal { reason: reason.into(), message: message.into() };
        self.send(id, v1::reply::Outcome::Refusal(refusal));
    }

    pub(super) fn alive(&self) {
        let _ = self.control.send(Control::Alive);
    }

    /// False: the stream has ended.
    pub(super) fn lead(&self, leadership: v1::Leadership) -> bool {
        self.control.send(Control::Leadership(leadership)).is_ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.control.is_closed()
    }
}

impl ReplyReceiver {
    /// What leaves next. `None`: nobody is left to say anything. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<v1::ReplyBatch> {
        tokio::select! { biased;
            Some(control) = self.control.recv() => Some(match control {
                Control::Leadership(leadership) => {
                    v1::ReplyBatch { leadership: Some(leadership), replies: Vec::new() }
                }
                Control::Alive => v1::ReplyBatch::default(),
            }),
            replies = self.replies.batch() => {
                replies.map(|replies| v1::ReplyBatch { leadership: None, replies })
            }
        }
    }
}
