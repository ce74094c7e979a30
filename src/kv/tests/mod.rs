//! Stories of what the state machine promises, and random commands against a model of it.

mod compaction;
mod corruption;
mod format;
mod large;
mod model;
mod sessions;
mod stories;

use super::*;

/// A state machine in memory, its log appended to by hand.
#[derive(Clone, Default)]
struct Machine {
    store: MemoryStore,
    header: Header,
    now_ms: u64,
}

impl Machine {
    /// Applies a command as the next entry, in a batch of its own.
    fn run(&mut self, stamp: Option<Stamp>, operation: Operation) -> Reply {
        let command = Command { timestamp_ms: self.now_ms, stamp, operation };
        let mut applier = Applier::begin(&mut self.store).expect("the store is sound");
        let reply = applier.apply((1, self.header.applied_index + 1), &command).expect("the store is sound");
        self.header = applier.finish().expect("the store is sound");
        reply
    }

    /// Puts a pair and returns the revision.
    fn put(&mut self, key: &str, value: &str) -> i64 {
        match self.run(None, put(key, value)) {
            Reply::Put { revision, .. } => revision,
            reply => panic!("a put was answered by {reply:?}"),
        }
    }

    /// Puts several pairs, in order.
    fn put_all<const N: usize>(&mut self, pairs: [(&str, &str); N]) {
        for (key, value) in pairs {
            self.put(key, value);
        }
    }

    /// Deletes a range and returns the revision and how many pairs were deleted.
    fn delete(&mut self, key: &str, range_end: &str) -> (i64, i64) {
        match self.run(None, delete(key, range_end)) {
            Reply::DeleteRange { revision, deleted, .. } => (revision, deleted),
            reply => panic!("a delete was answered by {reply:?}"),
        }
    }

    fn compact(&mut self, revision: i64) -> Reply {
        self.run(None, Operation::Compact { revision })
    }

    fn alarm(&mut self, request: AlarmRequest) -> Reply {
        self.run(None, Operation::Alarm(request))
    }

    /// Removes all that is compacted, so many events at a time.
    fn prune(&mut self, events_max: usize) {
        let mut pruner = Pruner::default();
        while pruner.step(&mut self.store, events_max).expect("the store is sound") {}
    }

    /// Opens a session that is named by its entry.
    fn open_session(&mut self) -> u64 {
        match self.run(None, Operation::OpenSession { id: self.header.applied_index + 1 }) {
            Reply::SessionOpened { session } => session,
            reply => panic!("the opening of a session was answered by {reply:?}"),
        }
    }

    fn range(&self, request: RangeRequest) -> Result<RangeReply, RangeRejection> {
        range(&self.store, &request).expect("the store is sound")
    }

    fn read(&self, request: RangeRequest) -> RangeReply {
        self.range(request).expect("the request can be answered")
    }

    /// The pair under a key.
    fn get(&self, key: &str) -> Option<KeyValue> {
        self.read(one(key)).kvs.pop()
    }

    /// The records of a table.
    fn records(&self, table: Table) -> usize {
        use std::ops::{Bound::Unbounded, ControlFlow::Continue};
        let mut count = 0;
        let Ok(()) = self.store.scan(table, (Unbounded, Unbounded), &mut |_, _| {
            count += 1;
            Continue(())
        });
        count
    }
}

fn put(key: &str, value: &str) -> Operation {
    Operation::Put(Put { key: key.into(), value: value.into(), ..Put::default() })
}

fn delete(key: &str, range_end: &str) -> Operation {
    Operation::DeleteRange(DeleteRange { key: key.into(), range_end: range_end.into(), prev_kv: false })
}

fn one(key: &str) -> RangeRequest {
    RangeRequest { key: key.into(), ..RangeRequest::default() }
}

fn between(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest { range_end: range_end.into(), ..one(key) }
}

fn everything() -> RangeRequest {
    between("\0", "\0")
}

/// The keys of a reply, as text.
fn keys(reply: &RangeReply) -> Vec<&str> {
    reply.kvs.iter().map(|pair| std::str::from_utf8(&pair.key).expect("these tests use text")).collect()
}
