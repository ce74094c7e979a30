//! The way back to a proxy. What is small gathers while the stream is busy, and leaves in batches bounded in bytes; large
//! answers leave in pieces, which take turns with each other and wait behind everything else, but not for ever.
//!
//! ```text
//!  who leads, signs of life ──────────────▶ ┐ first
//!  answers to writes, refusals ── outbox ─▶ │
//!  answers to short reads ── 2 batches ───▶ ├─▶ the stream
//!  pieces of long reads ── 4 pieces ──────▶ ┘ last; at least every fifth time
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use prost::Message as _;
use tokio::sync::mpsc;

use crate::{
    env::{Clock, Knob, knob, sometimes},
    rpc::outbox::{Outbox, OutboxReceiver, outbox},
    wire::{
        self,
        pb::v1::{self, refusal::Reason},
    },
};

/// Batches of answers to short reads that may wait for the stream; then short reads wait.
const READ_BATCHES_MAX: usize = 2;
/// Pieces that may wait for the stream; then long reads wait, each for its turn.
const PIECES_MAX: usize = 4;
/// Answers to writes, and refusals, that may wait for the stream; then no more requests of its proxy are taken, until that reads
/// what it is told.
const REPLIES_BYTES_MAX: usize = 2 << 20;
/// Large answers to writes that may wait for it, whose requests were taken before: small writes may be answered by large pairs.
const LARGE_ANSWERS_BYTES_MAX: usize = 64 << 20;
/// What an answer takes in memory, however small it is on the wire.
const REPLY_BYTES_MIN: usize = 128;
/// How often it is looked whether they still wait.
const ROOM_PAUSE: Duration = Duration::from_millis(10);
/// So many batches may leave before a piece that waits.
const BATCHES_BEFORE_A_PIECE_MAX: usize = 4;

/// Where the answers to one proxy's stream go. A stream that has ended swallows them: the proxy asks again.
#[derive(Clone, Debug)]
pub(super) struct ReplySender {
    replies: Outbox<v1::Reply>,
    control: mpsc::UnboundedSender<Control>,
    /// A sign of life waits for the stream: one is enough.
    alive_waits: Arc<AtomicBool>,
}

/// Where the answers to reads go, which are not taken before there is room.
#[derive(Clone, Debug)]
pub(super) struct ReadReplies {
    batches: mpsc::Sender<Vec<v1::Reply>>,
    pieces: mpsc::Sender<v1::Reply>,
}

/// The stream's end.
pub(super) struct ReplyReceiver {
    /// Bounded by what a node admits while there is room ([`ReplySender::await_room`]), and in bytes ([`ReplySender::send_or_forget`]).
    replies: OutboxReceiver<v1::Reply>,
    control: mpsc::UnboundedReceiver<Control>,
    alive_waits: Arc<AtomicBool>,
    batches: mpsc::Receiver<Vec<v1::Reply>>,
    pieces: mpsc::Receiver<v1::Reply>,
    /// Batches that left since the last piece.
    batches_since_piece: usize,
}

/// What never waits behind replies.
#[derive(Debug)]
enum Control {
    /// Who leads now.
    Leadership(v1::Leadership),
    /// The node lives.
    Alive,
}

pub(super) fn channel() -> (ReplySender, ReadReplies, ReplyReceiver) {
    let (replies_tx, replies) = outbox(usize::MAX);
    let (control_tx, control) = mpsc::unbounded_channel();
    let (batches_tx, batches) = mpsc::channel(knob(Knob::ReplyBatches, READ_BATCHES_MAX));
    let (pieces_tx, pieces) = mpsc::channel(knob(Knob::ReplyPieces, PIECES_MAX));
    let alive_waits = Arc::<AtomicBool>::default();
    let sender = ReplySender { replies: replies_tx, control: control_tx, alive_waits: alive_waits.clone() };
    let reads = ReadReplies { batches: batches_tx, pieces: pieces_tx };
    let receiver = ReplyReceiver { replies, control, alive_waits, batches, pieces, batches_since_piece: 0 };
    (sender, reads, receiver)
}

impl ReplySender {
    /// Leaves an answer, however much waits.
    pub(super) fn send(&self, id: u64, outcome: v1::reply::Outcome) {
        let (reply, bytes) = weighed(id, outcome);
        let _ = self.replies.push_always(reply, bytes);
    }

    /// Leaves the answer to a write, if it is small or there is room for it. If not, the proxy is told that it is forgotten: the session
    /// has it still, for whoever asks again under the same number.
    pub(super) fn send_or_forget(&self, id: u64, outcome: v1::reply::Outcome) {
        let (reply, bytes) = weighed(id, outcome);
        let waiting = self.replies.waiting_bytes();
        let is_large = bytes > REPLY_BYTES_MIN && waiting > 0;
        if is_large && waiting + bytes > knob(Knob::AnswersBytes, LARGE_ANSWERS_BYTES_MAX) {
            sometimes!(AnswerLeftOut);
            return self.refuse(id, Reason::Forgotten, "the proxy reads too little of its answers");
        }
        let _ = self.replies.push_always(reply, bytes);
    }

    pub(super) fn refuse(&self, id: u64, reason: Reason, message: impl Into<String>) {
        self.send(id, wire::refusal(reason, message));
    }

    pub(super) fn alive(&self) {
        if !self.alive_waits.swap(true, Ordering::Relaxed) {
            let _ = self.control.send(Control::Alive);
        }
    }

    /// Completes when the proxy has read so much that it may be answered more, or the stream has ended.
    pub(super) async fn await_room(&self, clock: &Clock) {
        while self.replies.waiting_bytes() > knob(Knob::ReplyBytes, REPLIES_BYTES_MAX) && !self.is_closed() {
            sometimes!(RepliesFull);
            clock.sleep(ROOM_PAUSE).await;
        }
    }

    /// False: the stream has ended.
    pub(super) fn lead(&self, leadership: v1::Leadership) -> bool {
        self.control.send(Control::Leadership(leadership)).is_ok()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.control.is_closed()
    }

    /// Completes when the stream ends.
    pub(super) async fn closed(&self) {
        self.control.closed().await;
    }
}

/// A reply, and the bytes that it counts as while it waits.
fn weighed(id: u64, outcome: v1::reply::Outcome) -> (v1::Reply, usize) {
    let reply = v1::Reply { id, outcome: Some(outcome) };
    let bytes = reply.encoded_len().max(REPLY_BYTES_MIN);
    (reply, bytes)
}

impl ReadReplies {
    /// Leaves answers to short reads. False: the stream has ended.
    pub(super) async fn send(&self, replies: Vec<v1::Reply>) -> bool {
        sometimes!(!replies.is_empty() && self.batches.capacity() == 0, ReadLaneFull);
        replies.is_empty() || self.batches.send(replies).await.is_ok()
    }

    /// Leaves a piece of an answer, or its end. Whoever waits has a turn before who comes later. False: the stream has
    /// ended.
    pub(super) async fn send_piece(&self, piece: v1::Reply) -> bool {
        self.pieces.send(piece).await.is_ok()
    }

    /// Completes when the stream ends.
    pub(super) async fn closed(&self) {
        self.pieces.closed().await;
    }
}

impl ReplyReceiver {
    /// What leaves next. `None`: nobody is left to say anything. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<v1::ReplyBatch> {
        if self.batches_since_piece >= BATCHES_BEFORE_A_PIECE_MAX
            && self.control.is_empty()
            && let Ok(piece) = self.pieces.try_recv()
        {
            sometimes!(PieceBeforeBatch);
            return Some(self.piece(piece));
        }
        tokio::select! { biased;
            Some(control) = self.control.recv() => Some(match control {
                Control::Leadership(leadership) => {
                    v1::ReplyBatch { leadership: Some(leadership), replies: Vec::new() }
                }
                Control::Alive => {
                    self.alive_waits.store(false, Ordering::Relaxed);
                    v1::ReplyBatch::default()
                }
            }),
            replies = self.replies.batch() => Some(self.batch(replies?)),
            Some(replies) = self.batches.recv() => Some(self.batch(replies)),
            Some(piece) = self.pieces.recv() => Some(self.piece(piece)),
        }
    }

    fn batch(&mut self, replies: Vec<v1::Reply>) -> v1::ReplyBatch {
        self.batches_since_piece += 1;
        v1::ReplyBatch { leadership: None, replies }
    }

    fn piece(&mut self, piece: v1::Reply) -> v1::ReplyBatch {
        self.batches_since_piece = 0;
        v1::ReplyBatch { leadership: None, replies: vec![piece] }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;
    use crate::wire::pb::v1::reply::Outcome;

    fn reply(id: u64) -> v1::Reply {
        v1::Reply { id, outcome: Some(Outcome::Piece(vec![7; 100].into())) }
    }

    async fn next_id(receiver: &mut ReplyReceiver) -> u64 {
        receiver.next().await.expect("the sender is there").replies[0].id
    }

    #[tokio::test]
    async fn pieces_wait_for_room_and_take_turns_and_nothing_waits_behind_them() {
        let (sender, end, mut receiver) = channel();
        for answer in [1, 2] {
            let replies = end.clone();
            tokio::spawn(async move {
                for _ in 0..20 {
                    assert!(replies.send_piece(reply(answer)).await);
                }
            });
        }
        while end.pieces.capacity() > 0 {
            tokio::task::yield_now().await;
        }
        sender.refuse(3, Reason::Invalid, "small");
        assert_eq!(next_id(&mut receiver).await, 3, "what is small goes ahead");
        let mut ids = Vec::new();
        for _ in 0..40 {
            ids.push(next_id(&mut receiver).await);
            tokio::task::yield_now().await;
        }
        let in_turns = ids.windows(2).skip(PIECES_MAX).take(20).filter(|pair| pair[0] != pair[1]).count();
        assert!(in_turns >= 15, "{ids:?}");
    }

    #[tokio::test]
    async fn who_reads_nothing_is_asked_nothing_more_and_holds_no_memory() {
        let clock = Clock::new(Duration::ZERO);
        let (sender, _end, mut receiver) = channel();
        (0..1000).for_each(|_| sender.alive());
        assert_eq!(receiver.control.len(), 1, "one sign of life says it all");
        assert!(receiver.next().await.expect("it is there").replies.is_empty());
        sender.alive();
        assert_eq!(receiver.control.len(), 1, "the next one");
        assert!(receiver.next().await.is_some());

        let has_room = async || clock.timeout(4 * ROOM_PAUSE, sender.await_room(&clock)).await.is_ok();
        let refusals = REPLIES_BYTES_MAX / REPLY_BYTES_MIN;
        (0..=refusals as u64).for_each(|id| sender.refuse(id, Reason::Invalid, ""));
        assert!(!has_room().await);
        assert!(receiver.next().await.is_some());
        assert!(has_room().await);
        (0..=refusals as u64).for_each(|id| sender.refuse(id, Reason::Invalid, ""));
        assert!(!has_room().await);
        drop(receiver);
        assert!(has_room().await, "nobody is left who could read");
    }

    #[tokio::test]
    async fn an_answer_for_which_there_is_no_room_is_forgotten_unless_nothing_waits() {
        let (sender, _end, mut receiver) = channel();
        let large = |id| sender.send_or_forget(id, Outcome::Piece(vec![7; LARGE_ANSWERS_BYTES_MAX].into()));
        large(1);
        large(2);
        sender.send_or_forget(4, Outcome::Piece("small".into()));
        assert_eq!(next_id(&mut receiver).await, 1, "one always goes");
        let told = receiver.next().await.expect("the sender is there").replies;
        let is_forgotten = |reply: &v1::Reply| matches!(&reply.outcome, Some(Outcome::Refusal(refusal)) if refusal.reason() == Reason::Forgotten);
        assert_eq!(told.iter().map(is_forgotten).collect::<Vec<_>>(), [true, false]);
        large(3);
        assert_eq!(next_id(&mut receiver).await, 3);
    }

    #[tokio::test]
    async fn a_flood_of_what_is_small_does_not_stop_pieces() {
        let (sender, end, mut receiver) = channel();
        assert!(end.send_piece(reply(1)).await);
        for turn in 0.. {
            sender.refuse(2, Reason::Invalid, "small");
            if next_id(&mut receiver).await == 1 {
                assert_eq!(turn, BATCHES_BEFORE_A_PIECE_MAX);
                break;
            }
        }
    }

    #[tokio::test]
    async fn who_leads_goes_ahead_of_everything_and_the_end_of_the_stream_is_noticed() {
        let (sender, end, mut receiver) = channel();
        assert!(end.send(vec![reply(1)]).await);
        assert!(end.send_piece(reply(1)).await);
        sender.refuse(2, Reason::Invalid, "small");
        assert!(sender.lead(v1::Leadership::default()));
        assert!(receiver.next().await.expect("the sender is there").leadership.is_some());
        drop(receiver);
        end.closed().await;
        assert!(!end.send_piece(reply(1)).await);
        assert!(sender.is_closed());
    }
}
