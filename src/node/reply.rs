//! The way back to a proxy: what is to be said gathers while its stream is busy, and leaves in batches bounded in bytes.

use prost::Message as _;
use tokio::sync::mpsc;

use crate::{
    rpc::outbox::{Outbox, OutboxReceiver, outbox},
    wire::{
        self, MESSAGE_BYTES_MAX,
        pb::v1::{self, refusal::Reason},
    },
};

/// The largest reply. One that no message can carry would break the stream for everybody, and again whenever the proxy
/// asks again. (Answers to writes are bounded by the state machine, far below.)
const REPLY_BYTES_MAX: usize = MESSAGE_BYTES_MAX - (1 << 20);

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
        if bytes > REPLY_BYTES_MAX {
            let why =
                format!("the answer has {bytes} bytes, at most {REPLY_BYTES_MAX} are sent: ask with a limit");
            return self.refuse(id, Reason::Limit, why);
        }
        let _ = self.replies.push_always(reply, bytes);
    }

    pub(super) fn refuse(&self, id: u64, reason: Reason, message: impl Into<String>) {
        self.send(id, wire::refusal(reason, message));
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

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;
    use crate::wire::pb::{etcdserverpb::RangeResponse, mvccpb::KeyValue, v1::reply::Outcome};

    #[tokio::test]
    async fn an_answer_that_no_message_carries_is_refused_and_the_next_one_is_sent() {
        let (replies, mut receiver) = channel();
        let value = vec![0; REPLY_BYTES_MAX].into();
        let kvs = vec![KeyValue { value, ..KeyValue::default() }];
        replies.send(1, Outcome::Range(RangeResponse { kvs, ..RangeResponse::default() }));
        replies.send(2, Outcome::Range(RangeResponse::default()));
        let batch = receiver.next().await.expect("the sender is there");
        let Some(Outcome::Refusal(refusal)) = &batch.replies[0].outcome else { panic!("it is refused") };
        assert_eq!((batch.replies[0].id, refusal.reason()), (1, Reason::Limit));
        assert!(refusal.message.contains("ask with a limit"), "{}", refusal.message);
        assert_eq!(batch.replies[1].id, 2);
    }
}
