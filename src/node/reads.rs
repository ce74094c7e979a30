//! Reads of proxies on their way to the state machine: gathered, confirmed together by the core, served at an index.

use std::collections::BTreeMap;

use super::{
    applier::{Job, Read},
    reply::ReplySender,
};
use crate::{
    raft::{Raft, ReadReady, Term},
    wire::pb::{etcdserverpb::RangeRequest, v1::refusal::Reason},
};

/// Linearizable reads that may wait to be confirmed.
const READS_MAX: usize = 20_000;

#[derive(Default)]
pub(super) struct Reads {
    serializable: Vec<Read>,
    gathered: Vec<Read>,
    /// Reads that wait for the core's word, by the name it gave them.
    asked: BTreeMap<u64, Vec<Read>>,
}

impl Reads {
    pub(super) fn admit(&mut self, replies: ReplySender, request: u64, range: RangeRequest) {
        let kind = if range.serializable { &mut self.serializable } else { &mut self.gathered };
        kind.push(Read { request, range, replies });
    }

    /// Asks the core once for all linearizable reads that were gathered.
    pub(super) fn ask(&mut self, core: &mut Raft) {
        if self.gathered.is_empty() {
            return;
        }
        let reads = std::mem::take(&mut self.gathered);
        let waiting: usize = self.asked.values().map(Vec::len).sum();
        if waiting + reads.len() > READS_MAX {
            return refuse(reads, Reason::Overloaded, "too many reads wait: try again later");
        }
        match core.read() {
            Some(name) => drop(self.asked.insert(name, reads)),
            None => refuse(reads, Reason::NotLeader, "no leader is known"),
        }
    }

    /// Reads that may be served from the state as it is, if there are any.
    pub(super) fn take_serializable(&mut self, term: Term) -> Option<Job> {
        let reads = std::mem::take(&mut self.serializable);
        (!reads.is_empty()).then_some(Job::Read { index: 0, term, reads })
    }

    /// The core confirmed a read.
    pub(super) fn confirmed(&mut self, ready: ReadReady, term: Term) -> Option<Job> {
        let reads = self.asked.remove(&ready.id)?;
        Some(Job::Read { index: ready.index, term, reads })
    }

    /// The core could not confirm a read.
    pub(super) fn failed(&mut self, name: u64) {
        let reads = self.asked.remove(&name).unwrap_or_default();
        refuse(reads, Reason::NotLeader, "leadership changed before the read was confirmed");
    }
}

fn refuse(reads: Vec<Read>, reason: Reason, message: &str) {
    for read in reads {
        read.replies.refuse(read.request, reason, message);
    }
}
