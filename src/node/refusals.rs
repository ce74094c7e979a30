//! What was refused because it cannot be true, or is meant for others: counted by kind, and told to the log now and then. It is
//! a sign that addresses are mixed up, or that two nodes have one number.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ::metrics::Counter;
use tonic::Status;

use super::metrics;
use crate::{
    env::{Clock, Moment},
    raft::{Message, NodeId},
    wire::{Malformed, pb::v1},
};

/// The log hears of each kind at most this often.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// All clones are one.
#[derive(Clone)]
pub(super) struct Refusals {
    clock: Clock,
    kinds: Arc<Mutex<BTreeMap<&'static str, Kind>>>,
}

struct Kind {
    count: u64,
    metric: Counter,
    /// Of those, how many the log was told of.
    logged: u64,
    logged_at: Moment,
}

impl Refusals {
    pub(super) fn new(clock: &Clock) -> Self {
        Self { clock: clock.clone(), kinds: Arc::default() }
    }

    /// A message of the core's, from the node that sends it. What breaks its form never gets there, nor what speaks for another.
    pub(super) fn decode(&self, sender: NodeId, message: v1::RaftMessage) -> Result<Message, Status> {
        let from = message.from;
        if from != sender && from != 0 {
            let why = format!("node {sender} sends a message of node {from}");
            self.note("other_sender", sender, &why);
            return Err(Status::permission_denied(why));
        }
        Message::try_from(message).map_err(|malformed| self.malformed(sender, malformed))
    }

    pub(super) fn malformed(&self, from: NodeId, malformed: Malformed) -> Status {
        self.note("malformed", from, malformed);
        malformed.into()
    }

    /// Something was refused, from a node that calls itself `from`.
    pub(super) fn note(&self, kind: &'static str, from: u64, why: impl Display) {
        let now = self.clock.now();
        let mut kinds = self.kinds();
        let noted = kinds.entry(kind).or_insert_with(|| Kind {
            count: 0,
            metric: metrics::refused(kind),
            logged: 0,
            logged_at: now,
        });
        noted.count += 1;
        noted.metric.increment(1);
        if noted.logged == 0 || now.since(noted.logged_at) >= LOG_INTERVAL {
            let silently = noted.count - noted.logged - 1;
            tracing::warn!(kind, from, silently, "refused: {why}");
            (noted.logged, noted.logged_at) = (noted.count, now);
        }
    }

    /// How many of each kind there were.
    pub(super) fn counts(&self) -> Vec<v1::RefusalCount> {
        let count =
            |(kind, noted): (&&str, &Kind)| v1::RefusalCount { kind: (*kind).into(), count: noted.count };
        self.kinds().iter().map(count).collect()
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<&'static str, Kind>> {
        self.kinds.lock().expect("nobody panics with it")
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_kind() {
        let refusals = Refusals::new(&Clock::new(Duration::ZERO));
        for from in [3, 4, 4] {
            refusals.note("stranger", from, "a test");
        }
        refusals.note("malformed", 9, "a test");
        let counts: Vec<_> = refusals.counts().into_iter().map(|it| (it.kind, it.count)).collect();
        assert_eq!(counts, [("malformed".to_owned(), 1), ("stranger".to_owned(), 3)]);
    }
}
