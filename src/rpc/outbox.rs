//! What waits to be sent on a stream: bounded in bytes, and taken in batches that are bounded in bytes too, so that no
//! message holds up those behind it for long.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

/// Items in one batch, however small they are.
const BATCH_ITEMS_MAX: usize = 1024;
/// Bytes in one batch; only an item that is larger by itself exceeds it, and travels alone. At 1 MB/s a batch takes 0.13 s:
/// far less than the silence after which a stream counts as dead, also when others share the line. A batch that takes
/// longer would be cut off and sent again, for ever.
pub(crate) const BATCH_BYTES_MAX: usize = 128 << 10;

/// Makes an outbox that holds at most `bytes_max` bytes.
pub(crate) fn outbox<T>(bytes_max: usize) -> (Outbox<T>, OutboxReceiver<T>) {
    let (items, queue) = mpsc::unbounded_channel();
    let waiting_bytes = Arc::<AtomicUsize>::default();
    let sender = Outbox { items, waiting_bytes: waiting_bytes.clone(), bytes_max };
    (sender, OutboxReceiver { queue, waiting_bytes, next: None })
}

/// Where items are left for a stream. Cheap to clone; all clones are one.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    items: mpsc::UnboundedSender<(T, usize)>,
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
        Self {
            items: self.items.clone(),
            waiting_bytes: self.waiting_bytes.clone(),
            bytes_max: self.bytes_max,
        }
    }
}

impl<T> Outbox<T> {
    /// Leaves an item of this weight, unless what waits already fills the outbox. An empty outbox takes any item.
    pub(crate) fn push(&self, item: T, bytes: usize) -> Result<(), Refused> {
        let waiting = self.waiting_bytes.load(Ordering::Relaxed);
        if waiting > 0 && waiting.saturating_add(bytes) > self.bytes_max {
            return Err(Refused::Full);
        }
        self.push_always(item, bytes)
    }

    /// All that was left has gone on its way.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) == 0
    }

    /// Leaves an item even if the outbox is full: what waits is bounded elsewhere.
    pub(crate) fn push_always(&self, item: T, bytes: usize) -> Result<(), Refused> {
        self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.items.send((item, bytes)).map_err(|_| Refused::Closed)
    }
}

/// The stream's end of an outbox.
#[derive(Debug)]
pub(crate) struct OutboxReceiver<T> {
    queue: mpsc::UnboundedReceiver<(T, usize)>,
    waiting_bytes: Arc<AtomicUsize>,
    /// An item that did not fit into the batch before.
    next: Option<(T, usize)>,
}

impl<T> OutboxReceiver<T> {
    /// The next batch, as soon as there is an item. `None`: nobody is left to leave any. Nothing is lost when the
    /// future is dropped.
    pub(crate) async fn batch(&mut self) -> Option<Vec<T>> {
        if self.next.is_none() {
            self.next = Some(self.queue.recv().await?);
        }
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        while let Some((item, bytes)) = self.next.take().or_else(|| self.queue.try_recv().ok()) {
            let is_full = batch.len() == BATCH_ITEMS_MAX || batch_bytes + bytes > BATCH_BYTES_MAX;
            if is_full && !batch.is_empty() {
                self.next = Some((item, bytes));
                break;
            }
            batch_bytes += bytes;
            batch.push(item);
        }
        self.waiting_bytes.fetch_sub(batch_bytes, Ordering::Relaxed);
        Some(batch)
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
