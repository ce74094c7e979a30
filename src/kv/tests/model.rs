//! Random commands against a model that keeps the whole store at every revision.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

type Pairs = BTreeMap<Vec<u8>, KeyValue>;

/// The store at every revision: at index 0 the empty store of revision 1.
struct Model {
    history: Vec<Pairs>,
    compacted_revision: i64,
    /// The answers of each session, by sequence; none once acknowledged.
    sessions: BTreeMap<u64, ModelSession>,
}

#[derive(Default)]
struct ModelSession {
    answers: BTreeMap<u64, Reply>,
    acknowledged_below: u64,
}

impl Model {
    fn new() -> Self {
        Model { history: vec![Pairs::new()], compacted_revision: 0, sessions: BTreeMap::new() }
    }

    fn revision(&self) -> i64 {
        self.history.len() as i64
    }

    fn now(&self) -> &Pairs {
        self.history.last().expect("revision 1 is always there")
    }

    fn apply(&mut self, command: &Command) -> Reply {
        let Some(stamp) = command.stamp else { return self.execute(&command.operation) };
        let Some(session) = self.sessions.get_mut(&stamp.session) else {
            return Reply::Rejected(Rejection::SessionExpired);
        };
        session.acknowledged_below = session.acknowledged_below.max(stamp.acknowledged_below);
        if stamp.sequence < session.acknowledged_below {
            return Reply::Rejected(Rejection::Stale);
        }
        if let Some(answer) = session.answers.get(&stamp.sequence) {
            return answer.clone();
        }
        let answer = self.execute(&command.operation);
        let session = self.sessions.get_mut(&stamp.session).expect("no time passes, so none expires");
        session.answers.insert(stamp.sequence, answer.clone());
        answer
    }

    fn execute(&mut self, operation: &Operation) -> Reply {
        match operation {
            Operation::OpenSession { id } => {
                self.sessions.entry(*id).or_default();
                Reply::SessionOpened { session: *id }
            }
            Operation::Put(put) => self.put(put),
            Operation::DeleteRange(delete) => self.delete(delete),
            Operation::Compact { revision } => self.compact(*revision),
            Operation::Alarm(_) => unreachable!("this log raises no alarm"),
        }
    }

    fn compact(&mut self, revision: i64) -> Reply {
        if revision <= self.compacted_revision {
            return Reply::Rejected(Rejection::Compacted);
        }
        if revision > self.revision() {
            return Reply::Rejected(Rejection::FutureRevision);
        }
        self.compacted_revision = revision;
        Reply::Compacted { revision: self.revision() }
    }

    fn put(&mut self, put: &Put) -> Reply {
        let revision = self.revision() + 1;
        let mut pairs = self.now().clone();
        let previous = pairs.get(&put.key).cloned();
        if previous.is_none() && (put.ignore_value || put.ignore_lease) {
            return Reply::Rejected(Rejection::KeyNotFound);
        }
        let mut pair = previous.clone().unwrap_or(KeyValue {
            key: put.key.clone(),
            create_revision: revision,
            ..KeyValue::default()
        });
        pair.mod_revision = revision;
        pair.version += 1;
        if !put.ignore_value {
            pair.value = put.value.clone();
        }
        pairs.insert(put.key.clone(), pair);
        self.history.push(pairs);
        Reply::Put { revision, prev_kv: previous.filter(|_| put.prev_kv) }
    }

    fn delete(&mut self, delete: &DeleteRange) -> Reply {
        let within = |key: &[u8]| contains(&delete.key, &delete.range_end, key);
        let (doomed, kept): (Pairs, Pairs) = self.now().clone().into_iter().partition(|(key, _)| within(key));
        if !doomed.is_empty() {
            self.history.push(kept);
        }
        let deleted = doomed.len() as i64;
        let prev_kvs = if delete.prev_kv { doomed.into_values().collect() } else { vec![] };
        Reply::DeleteRange { revision: self.revision(), deleted, prev_kvs }
    }

    fn range(&self, request: &RangeRequest) -> Result<RangeReply, RangeRejection> {
        let revision = if request.revision > 0 { request.revision } else { self.revision() };
        if revision < self.compacted_revision {
            return Err(RangeRejection::Compacted { oldest: self.compacted_revision });
        }
        Ok(self.range_at(revision, request))
    }

    fn range_at(&self, revision: i64, request: &RangeRequest) -> RangeReply {
        let pairs = &self.history[revision as usize - 1];
        let in_range = pairs.values().filter(|pair| contains(&request.key, &request.range_end, &pair.key));
        let mut kvs: Vec<KeyValue> = in_range.cloned().collect();
        let count = kvs.len() as i64;
        if request.count_only {
            return RangeReply { revision: self.revision(), count, ..RangeReply::default() };
        }
        let within = |revision, min, max| (min == 0 || min <= revision) && (max == 0 || revision <= max);
        kvs.retain(|pair| within(pair.mod_revision, request.min_mod_revision, request.max_mod_revision));
        kvs.retain(|pair| {
            within(pair.create_revision, request.min_create_revision, request.max_create_revision)
        });
        sort(&mut kvs, request.sort_target, request.sort_order);
        let more = request.limit > 0 && kvs.len() as i64 > request.limit;
        if more {
            kvs.truncate(request.limit as usize);
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|pair| pair.value.clear());
        }
        RangeReply { revision: self.revision(), kvs, more, count }
    }
}

fn contains(key: &[u8], range_end: &[u8], candidate: &[u8]) -> bool {
    match range_end {
        b"" => candidate == key,
        b"\0" => candidate >= key,
        end => candidate >= key && candidate < end,
    }
}

fn sort(kvs: &mut [KeyValue], target: SortTarget, order: SortOrder) {
    let rank = |pair: &KeyValue| match target {
        SortTarget::Key => (0, pair.key.clone()),
        SortTarget::Version => (pair.version, vec![]),
        SortTarget::Create => (pair.create_revision, vec![]),
        SortTarget::Mod => (pair.mod_revision, vec![]),
        SortTarget::Value => (0, pair.value.clone()),
    };
    match order {
        SortOrder::None | SortOrder::Ascend => kvs.sort_by_key(rank),
        SortOrder::Descend => kvs.sort_by_key(|pair| std::cmp::Reverse(rank(pair))),
    }
}

/// Few keys, so that they meet; zeros and ones, because keys in the history escape them.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(select(vec![0, 1, b'a', 0xff]), 1..=3)
}

fn range_end() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(vec![]), Just(vec![0]), key()]
}

fn operation() -> impl Strategy<Value = Operation> {
    let put = (key(), vec(0..3u8, 0..4), any::<bool>(), 0..8u8).prop_map(|(key, value, prev_kv, ignore)| {
        let (ignore_value, ignore_lease) = (ignore == 0, ignore == 1);
        let value = if ignore_value { vec![] } else { value };
        Operation::Put(Put { key, value, lease: 0, prev_kv, ignore_value, ignore_lease })
    });
    let delete = (key(), range_end(), any::<bool>()).prop_map(|(key, range_end, prev_kv)| {
        Operation::DeleteRange(DeleteRange { key, range_end, prev_kv })
    });
    let compact = (0..40i64).prop_map(|revision| Operation::Compact { revision });
    let open = (1..20u64).prop_map(|id| Operation::OpenSession { id });
    prop_oneof![16 => put, 4 => delete, 2 => open, 1 => compact]
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (1..20u64, 1..10u64, 0..6u64).prop_map(|(session, sequence, acknowledged_below)| Stamp {
        session,
        sequence,
        acknowledged_below,
    })
}

/// A log. It begins by opening two sessions, so that many stamps name one.
fn log() -> impl Strategy<Value = Vec<Command>> {
    let command = (proptest::option::of(stamp()), operation(), 0..1_000u64)
        .prop_map(|(stamp, operation, timestamp_ms)| Command { timestamp_ms, stamp, operation });
    let open = |id| Command { timestamp_ms: 0, stamp: None, operation: Operation::OpenSession { id } };
    vec(command, 0..60).prop_map(move |commands| [vec![open(1), open(2)], commands].concat())
}

fn request() -> impl Strategy<Value = RangeRequest> {
    use {SortOrder::*, SortTarget::*};
    let bounds = || prop_oneof![4 => Just([0, 0]), 1 => [0..20i64, 0..20i64]];
    let target = select(vec![Key, Key, Key, Version, Create, Mod, Value]);
    let sort = (select(vec![None, Ascend, Descend]), target);
    ((key(), range_end()), 0..4i64, sort, any::<bool>(), prop::bool::weighted(0.1), bounds(), bounds())
        .prop_map(
            |(
                (key, range_end),
                limit,
                (sort_order, sort_target),
                keys_only,
                count_only,
                modified,
                created,
            )| {
                let revision = 0;
                let [min_mod_revision, max_mod_revision] = modified;
                let [min_create_revision, max_create_revision] = created;
                RangeRequest {
                    key,
                    range_end,
                    limit,
                    revision,
                    sort_order,
                    sort_target,
                    keys_only,
                    count_only,
                    min_mod_revision,
                    max_mod_revision,
                    min_create_revision,
                    max_create_revision,
                }
            },
        )
}

/// Applies a log in batches of the given sizes, over and over; returns the replies, the header and the contents. After
/// each batch so many compacted events are removed.
fn apply_in_batches(log: &[Command], sizes: &[usize], pruned: usize) -> (Vec<Reply>, Header, MemoryStore) {
    let mut store = MemoryStore::new();
    let mut replies = Vec::new();
    let mut sizes = sizes.iter().cycle();
    let mut pruner = Pruner::default();
    while replies.len() < log.len() {
        let size = *sizes.next().expect("a cycle has no end");
        let mut applier = Applier::begin(&mut store).expect("the store is sound");
        for command in log.iter().skip(replies.len()).take(size) {
            let index = replies.len() as u64 + 1;
            replies.push(applier.apply((1, index), command).expect("the store is sound"));
        }
        applier.finish().expect("the store is sound");
        if pruned > 0 {
            pruner.step(&mut store, pruned).expect("the store is sound");
        }
    }
    let header = Header::load(&store).expect("the store is sound");
    (replies, header, store)
}

proptest! {
    #[test]
    fn random_commands_are_answered_and_read_back_as_the_model_says(
        log in log(),
        requests in vec(request(), 1..20),
        records in 1..6usize,
        bytes in select(vec![1, 200, usize::MAX]),
        size in 1..10usize,
        pruned in 0..5usize,
    ) {
        let mut model = Model::new();
        let expected: Vec<Reply> = log.iter().map(|command| model.apply(command)).collect();
        let (replies, header, store) = apply_in_batches(&log, &[size], pruned);
        prop_assert_eq!(replies, expected);
        prop_assert_eq!(header.revision, model.revision());
        prop_assert_eq!(recompute_content(&store), Ok(header.content));
        for revision in 0..=model.revision() {
            for request in &requests {
                let request = RangeRequest { revision, ..request.clone() };
                let read = range(&store, &request).expect("the store is sound");
                prop_assert_eq!(&read, &model.range(&request), "{:?}", request);
                let in_steps = range_in_steps(&store, &request, StepBudget { records, bytes });
                prop_assert_eq!(in_steps.expect("the store is sound"), read, "{:?}", request);
            }
        }
    }

    #[test]
    fn how_the_log_is_cut_into_batches_leaves_no_mark(
        mut log in log(),
        sizes in vec(1..20usize, 1..5),
        hours in vec(0..3u64, 62),
    ) {
        let mut now_ms = 0;
        for (command, hours) in log.iter_mut().zip(hours) {
            now_ms += hours * SESSION_IDLE_MS_MAX / 2;
            command.timestamp_ms += now_ms;
        }
        let one_by_one = apply_in_batches(&log, &[1], 0);
        prop_assert_eq!(&apply_in_batches(&log, &sizes, 0), &one_by_one);
        prop_assert_eq!(&apply_in_batches(&log, &[log.len()], 0), &one_by_one);
        let (replies, header, store) = one_by_one;
        let (pruned_replies, pruned_header, _) = apply_in_batches(&log, &sizes, 1);
        prop_assert_eq!((&pruned_replies, &pruned_header), (&replies, &header), "removal leaves no mark");
        prop_assert_eq!(recompute_content(&store), Ok(header.content));
    }
}
