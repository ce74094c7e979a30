//! What waits to be sent on a stream: bounded in bytes, and taken in batches that are bounded in bytes too, so that no
//! message holds up those behind it for long. What is large may be left behind: the others go ahead of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use crate::env::{Buggify, Knob, buggify, knob, sometimes};

/// Items in one batch, however small they are.
const BATCH_ITEMS_MAX: usize = 1024;
/// Bytes in one batch; only an item that is larger by itself exceeds it, and travels alone. At 1 MB/s a batch takes 0.13 s:
/// far less than the silence after which a stream counts as dead, also when others share the line. A batch that takes
/// longer would be cut off and sent again, for ever.
pub(crate) const BATCH_BYTES_MAX: usize = 128 << 10;

/// Batches that may go ahead of one that waits behind them.
const BATCHES_AHEAD_MAX: usize = 4;

/// Makes an outbox that holds at most `bytes_max` bytes.
pub(crate) fn outbox<T>(bytes_max: usize) -> (Outbox<T>, OutboxReceiver<T>) {
    let ((ahead, ahead_queue), (behind, behind_queue)) =
        (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let waiting_bytes = Arc::<AtomicUsize>::default();
    let sender = Outbox { ahead, behind, waiting_bytes: waiting_bytes.clone(), bytes_max };
    let (ahead, behind) = (Lane::new(ahead_queue), Lane::new(behind_queue));
    (sender, OutboxReceiver { ahead, behind, waiting_bytes, batches_ahead: 0 })
}

/// Where items are left for a stream. Cheap to clone; all clones are one.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    ahead: mpsc::UnboundedSender<(T, usize)>,
    behind: mpsc::UnboundedSender<(T, usize)>,
    waiting_bytes: Arc<AtomicUsize>,
    bytes_max: usize,
}

/// Why an item was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many bytes wait already.
    Full,
    /// The stream has ended.
    Closed,
}

impl<T> Clone for Outbox<T> {
    fn clone(&self) -> Self {
        let (ahead, behind) = (self.ahead.clone(), self.behind.clone());
        Self { ahead, behind, waiting_bytes: self.waiting_bytes.clone(), bytes_max: self.bytes_max }
    }
}

impl<T> Outbox<T> {
    /// Leaves an item of this weight, unless what waits already fills the outbox. An empty outbox takes any item.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        let is_full = waiting > 0 && waiting.saturating_add(bytes) > self.bytes_max;
        if is_full || buggify(Buggify::OutboxFull) {
            sometimes!(is_full, OutboxFull);
            return Err(Refused::Full);
        }
        self.push_always(item, bytes)
    }

    /// What was left and has not gone on its way.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes.load(Ordering::Relaxed)
    }

    /// All that was left has gone on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) == 0
    }

    /// Leaves an item even if the outbox is full: what waits is bounded elsewhere.
    pub(crate) fn push_always(&self, item: T, bytes: usize) -> Result<(), Refused> {
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.ahead.send((item, bytes)).map_err(|_| Refused::Closed)
    }

    /// The same, for an item that all others may overtake. Items that are left so keep their order.
    pub(crate) fn push_behind(&self, item: T, bytes: usize) -> Result<(), Refused> {
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.behind.send((item, bytes)).map_err(|_| Refused::Closed)
    }
}

/// The stream's end of an outbox.
#[derive(Debug)]
pub(crate) struct OutboxReceiver<T> {
    ahead: Lane<T>,
    behind: Lane<T>,
    waiting_bytes: Arc<AtomicUsize>,
    /// Batches that went ahead since the last one of those behind.
    batches_ahead: usize,
}

/// Items that keep their order.
#[derive(Debug)]
struct Lane<T> {
    queue: mpsc::UnboundedReceiver<(T, usize)>,
    /// An item that did not fit into the batch before.
    next: Option<(T, usize)>,
}

impl<T> OutboxReceiver<T> {
    /// The next batch, as soon as there is an item. `None`: nobody is left to leave any. Nothing is lost when the
    /// future is dropped.
    pub(crate) async fn batch(&mut self) -> Option<Vec<T>> {
        let is_turn_of_behind =
            self.batches_ahead >= knob(Knob::BatchesAhead, BATCHES_AHEAD_MAX) && self.behind.has_next();
        let is_ahead = !is_turn_of_behind
            && tokio::select! { biased;
                true = self.ahead.wait() => true,
                true = self.behind.wait() => false,
                else => return None,
            };
        let lane = if is_ahead { &mut self.ahead } else { &mut self.behind };
        let (batch, bytes) = lane.batch();
        self.batches_ahead = if is_ahead { self.batches_ahead + 1 } else { 0 };
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        Some(batch)
    }
}

impl<T> Lane<T> {
    fn new(queue: mpsc::UnboundedReceiver<(T, usize)>) -> Self {
        Self { queue, next: None }
    }

    /// An item is there.
    fn has_next(&mut self) -> bool {
        self.next = self.next.take().or_else(|| self.queue.try_recv().ok());
        self.next.is_some()
    }

    /// Waits until an item is there. False: none comes any more.
    async fn wait(&mut self) -> bool {
        if self.next.is_none() {
            self.next = self.queue.recv().await;
        }
        self.next.is_some()
    }

    /// As many items as make a batch, and what they weigh.
    fn batch(&mut self) -> (Vec<T>, usize) {
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        let items_max = knob(Knob::BatchItems, BATCH_ITEMS_MAX);
        let bytes_max = knob(Knob::BatchBytes, BATCH_BYTES_MAX);
        while self.has_next()
            && let Some((item, bytes)) = self.next.take()
        {
            let is_full = batch.len() == items_max || batch_bytes + bytes > bytes_max;
            if (is_full || buggify(Buggify::ShortBatch)) && !batch.is_empty() {
                sometimes!(is_full, BatchCut);
                self.next = Some((item, bytes));
                break;
            }
            batch_bytes += bytes;
            batch.push(item);
        }
        (batch, batch_bytes)
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn batches_are_bounded_in_bytes_and_what_is_larger_travels_alone() {
        let (outbox, mut receiver) = outbox(10 * BATCH_BYTES_MAX);
        let small = BATCH_BYTES_MAX / 2;
        for (item, bytes) in [(1, small), (2, small), (3, 3 * BATCH_BYTES_MAX), (4, 1), (5, 1)] {
            outbox.push(item, bytes).expect("it fits");
        }
        drop(outbox);
        let mut batches = Vec::new();
        while let Some(batch) = receiver.batch().await {
            batches.push(batch);
        }
        assert_eq!(batches, [vec![1, 2], vec![3], vec![4, 5]]);
    }

    #[tokio::test]
    async fn what_was_left_behind_is_overtaken_but_not_for_ever() {
        let (outbox, mut receiver) = outbox(usize::MAX);
        for item in [1, 2] {
            outbox.push_behind(item, BATCH_BYTES_MAX).expect("it fits");
        }
        for item in 10..20 {
            outbox.push_always(item, BATCH_BYTES_MAX).expect("it fits");
        }
        drop(outbox);
        let mut order = Vec::new();
        while let Some(batch) = receiver.batch().await {
            order.extend(batch);
        }
        assert_eq!(order, [10, 11, 12, 13, 1, 14, 15, 16, 17, 2, 18, 19]);
    }

    #[tokio::test]
    async fn a_full_outbox_takes_nothing_and_an_empty_one_takes_anything() {
        let (outbox, mut receiver) = outbox(100);
        assert_eq!(outbox.push("larger than all", 1000), Ok(()));
        assert_eq!(outbox.push("more", 1), Err(Refused::Full));
        assert_eq!(receiver.batch().await, Some(vec!["larger than all"]));
        assert_eq!(outbox.push("more", 1), Ok(()));
        drop(receiver);
        assert_eq!(outbox.push("too late", 1), Err(Refused::Closed));
    }
}
