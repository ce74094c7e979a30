//! Requests of clients, and what proxies make of them.

use std::convert::Infallible;

use prost::Message as _;

use super::messages;
use crate::{
    kv::{
        Applier, Command, Digest, Error, Header, MemoryStore, Operation, Pruner, Put, StepBudget,
        recompute_content,
    },
    wire::{
        kv as wire,
        pb::{
            etcdserverpb::{RangeRequest, ResponseHeader},
            v1,
        },
    },
};

/// Commands that one run takes.
const COMMANDS_MAX: usize = 64;
/// Steps that the longest read of so small a store takes, and some more.
const STEPS_MAX: usize = 1000;
/// The session whose writes the commands may repeat.
pub(super) const SESSION: u64 = 9;

/// The store is in memory: if anything is wrong, it was written so.
fn sound<T>(result: Result<T, Error<Infallible>>) -> T {
    result.unwrap_or_else(|error| panic!("the state is broken: {error}"))
}

/// A store with a past: keys written several times, one deleted, a session.
struct Machine {
    store: MemoryStore,
    header: Header,
}

impl Machine {
    fn new() -> Self {
        let mut machine = Self { store: MemoryStore::new(), header: Header::default() };
        machine.apply(&Command {
            timestamp_ms: 1,
            stamp: None,
            operation: Operation::OpenSession { id: SESSION },
        });
        for number in 0..12u8 {
            let put = Put { key: vec![b'a' + number % 5], value: vec![number; 20], ..Put::default() };
            machine.apply(&Command { timestamp_ms: 2, stamp: None, operation: Operation::Put(put) });
        }
        machine.apply(&Command {
            timestamp_ms: 3,
            stamp: None,
            operation: Operation::Compact { revision: 4 },
        });
        machine
    }

    fn apply(&mut self, command: &Command) {
        let mut applier = sound(Applier::begin(&mut self.store));
        let reply = sound(applier.apply((1, self.header.applied_index + 1), command));
        let header = sound(applier.finish());
        assert!(header.revision >= self.header.revision, "revisions only grow");
        self.header = header;
        let _ = wire::reply_to_pb(reply, ResponseHeader::default());
    }

    fn content(&self) -> Digest {
        sound(recompute_content(&self.store))
    }
}

/// Commands as a proxy sends them, and as the log carries them. What the checks before the log refuse, the state machine takes
/// no harm of either: another program may have let it in.
///
/// # Panics
/// A rule of the state machine is broken.
pub fn commands(bytes: &[u8]) {
    let mut machine = Machine::new();
    for command in messages::<v1::Command>(bytes, COMMANDS_MAX) {
        let is_refused = wire::validate(&command).is_err();
        let Ok(decoded) = wire::decode_command(&command.encode_to_vec()) else {
            assert!(is_refused, "admitted to the log, and cannot be applied: {command:?}");
            continue;
        };
        let before = machine.header.revision;
        machine.apply(&decoded);
        assert!(!is_refused || machine.header.revision == before, "refused, and yet written: {command:?}");
    }
    assert_eq!(machine.content(), machine.header.content);
    let mut pruner = Pruner::default();
    while sound(pruner.step(&mut machine.store, 3)) {}
    assert_eq!(machine.content(), machine.header.content);
}

/// A request to read, of a client.
///
/// # Panics
/// It does not end, or a rule of the state machine is broken.
pub fn reads(bytes: &[u8]) {
    let Ok(request) = RangeRequest::decode(bytes) else { return };
    let is_refused = wire::check_read(&request).is_err();
    let machine = Machine::new();
    let Ok(mut scan) = sound(wire::begin_range(&machine.store, &request)) else { return };
    assert!(!is_refused || request.key.is_empty(), "refused by the proxy alone: {request:?}");
    let mut pairs = Vec::new();
    for _ in 0..STEPS_MAX {
        if scan.is_done() {
            let limit = usize::try_from(request.limit).unwrap_or(usize::MAX).max(1);
            assert!(request.limit <= 0 || pairs.len() <= limit, "more than was asked for");
            let _ = wire::range_to_pb(scan.summary(), pairs, ResponseHeader::default());
            return;
        }
        let Ok(found) = sound(scan.step(&machine.store, StepBudget { records: 2, bytes: 30 })) else {
            return;
        };
        pairs.extend(found);
    }
    panic!("it does not end: {request:?}");
}
