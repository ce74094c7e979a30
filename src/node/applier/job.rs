//! What there is to do for the state machine, in the order in which it is to be done.

use std::collections::VecDeque;

use tokio::sync::{mpsc, oneshot};

use super::super::{event::Stage, reply::ReplySender};
use crate::{
    env::{Buggify, Knob, buggify, knob, sometimes},
    raft::{Entry, Index, Snapshot, Term},
    storage::StateView,
};

/// Entries that are applied together, by size: between two batches a flush may begin, or be waited for, and proxies hear of
/// the first batch before the second one is applied.
const BATCH_BYTES_MAX: usize = 4 << 20;

pub(in crate::node) enum Job {
    /// Those wait for entries that are not yet committed.
    Await(Vec<Waiter>),
    /// Committed entries, to be applied.
    Apply(Vec<Entry>),
    /// A piece of a snapshot that is being received.
    Stage(Stage),
    /// Puts the staged snapshot in the state's place. Until that is reported the core hands out no entries.
    Install(Snapshot),
    /// Shows the state as it stands, durable or not, to be sent to another node.
    Show(oneshot::Sender<StateView>),
}

/// The applier's end of its queue.
pub(super) struct JobQueue {
    queue: mpsc::UnboundedReceiver<Job>,
    taken: VecDeque<Job>,
    /// For [`mpsc::UnboundedReceiver::recv_many`]; empty between two calls.
    received: Vec<Job>,
}

impl JobQueue {
    pub(super) fn new(queue: mpsc::UnboundedReceiver<Job>) -> Self {
        Self { queue, taken: VecDeque::new(), received: Vec::new() }
    }

    /// The next jobs, as soon as there is one to carry out: all that are there, but for entries beyond what is applied together. That
    /// somebody waits is nothing to carry out: it is noted with the next job. `None`: nobody is left to leave any. Nothing is lost when
    /// the future is dropped.
    pub(super) async fn batch(&mut self) -> Option<Vec<Job>> {
        let is_work = |job: &Job| !matches!(job, Job::Await(_));
        let mut has_work = self.taken.iter().any(is_work);
        while !has_work {
            if self.queue.recv_many(&mut self.received, usize::MAX).await == 0 {
                return None;
            }
            has_work = self.received.iter().any(is_work);
            self.taken.extend(self.received.drain(..));
        }
        let mut batch = Vec::new();
        let bytes_max = knob(Knob::AppliedBytes, BATCH_BYTES_MAX);
        let mut room = if buggify(Buggify::ShortApply) { 0 } else { bytes_max };
        while let Some(job) = self.taken.pop_front() {
            match job {
                Job::Apply(mut entries) => {
                    let rest = entries.split_off(count_within(&entries, &mut room, batch.is_empty()));
                    let is_whole = rest.is_empty();
                    if !entries.is_empty() {
                        batch.push(Job::Apply(entries));
                    }
                    if !is_whole {
                        sometimes!(ApplyBatchCut);
                        self.taken.push_front(Job::Apply(rest));
                        break;
                    }
                }
                job => batch.push(job),
            }
        }
        Some(batch)
    }
}

/// How many of the entries there is room for; at least one, if one is to be taken in any case.
fn count_within(entries: &[Entry], room: &mut usize, at_least_one: bool) -> usize {
    let fits = |(position, entry): &(usize, &Entry)| {
        let bytes = entry.size_bytes();
        let fits = bytes <= *room || (at_least_one && *position == 0);
        *room = if fits { room.saturating_sub(bytes) } else { 0 };
        fits
    };
    entries.iter().enumerate().take_while(fits).count()
}

/// A proxy waits for the outcome of the entry at `index`, if it bears `term`.
pub(in crate::node) struct Waiter {
    pub(in crate::node) index: Index,
    pub(in crate::node) term: Term,
    pub(in crate::node) request: u64,
    pub(in crate::node) replies: ReplySender,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::Payload;

    /// Entries of half a batch each.
    fn entries(indexes: std::ops::RangeInclusive<Index>) -> Job {
        let command = Payload::Command(vec![0; BATCH_BYTES_MAX / 2 - 100].into());
        Job::Apply(indexes.map(|index| Entry { term: 1, index, payload: command.clone() }).collect())
    }

    /// The indexes of entries, and 0 for any other job.
    fn shown(batch: &[Job]) -> Vec<Index> {
        let indexes = |job: &Job| match job {
            Job::Apply(entries) => entries.iter().map(|entry| entry.index).collect(),
            _ => vec![0],
        };
        batch.iter().flat_map(indexes).collect()
    }

    #[tokio::test]
    async fn batches_are_bounded_in_bytes_and_keep_the_order() {
        let (jobs, queue) = mpsc::unbounded_channel();
        let mut queue = JobQueue::new(queue);
        let other = || Job::Await(Vec::new());
        for job in [entries(1..=1), other(), entries(2..=5), other(), other(), entries(6..=6)] {
            jobs.send(job).unwrap_or_else(|_| panic!("the queue is there"));
        }
        drop(jobs);
        let mut batches = Vec::new();
        while let Some(batch) = queue.batch().await {
            batches.push(shown(&batch));
        }
        assert_eq!(batches, [vec![1, 0, 2], vec![3, 4], vec![5, 0, 0, 6]]);
    }

    #[tokio::test]
    async fn who_waits_is_noted_with_what_is_carried_out_next() {
        let (jobs, queue) = mpsc::unbounded_channel();
        let mut queue = JobQueue::new(queue);
        let send = |job| jobs.send(job).unwrap_or_else(|_| panic!("the queue is there"));
        for _ in 0..2 {
            send(Job::Await(Vec::new()));
            let alone = tokio::time::timeout(std::time::Duration::from_millis(1), queue.batch()).await;
            assert!(alone.is_err(), "there is nothing to carry out");
        }
        send(entries(1..=1));
        assert_eq!(shown(&queue.batch().await.expect("a batch")), [0, 0, 1]);
        send(Job::Await(Vec::new()));
        drop(jobs);
        assert!(queue.batch().await.is_none(), "nobody is left");
    }

    #[tokio::test]
    async fn an_entry_that_is_larger_than_a_batch_is_applied_alone() {
        let (jobs, queue) = mpsc::unbounded_channel();
        let mut queue = JobQueue::new(queue);
        let large = Payload::Command(vec![0; 2 * BATCH_BYTES_MAX].into());
        let large = |index| Entry { term: 1, index, payload: large.clone() };
        jobs.send(Job::Apply(vec![large(1), large(2)])).unwrap_or_else(|_| panic!("the queue is there"));
        let batches = [queue.batch().await, queue.batch().await].map(|batch| shown(&batch.expect("a batch")));
        assert_eq!(batches, [[1], [2]]);
    }
}
