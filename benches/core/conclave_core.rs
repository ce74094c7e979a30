//! Our nodes.

use std::{collections::VecDeque, sync::Arc};

use conclave::raft::{Configuration, Effects, Entry, Message, Options, Payload, Raft};
use conclave_checks::host::{Host, LogDisk};

use crate::cluster::{Cluster, NODES};

pub(crate) struct Conclave {
    nodes: Vec<Node>,
    network: VecDeque<Message>,
}

struct Node {
    host: Host,
    /// Commands among the entries applied.
    applied: usize,
}

impl Cluster for Conclave {
    type Batch = Vec<Arc<[u8]>>;

    fn elected() -> Self {
        let founders = Arc::new(Configuration::of(1..=NODES));
        let start = |id| {
            let options = Options { append_bytes_max: 1 << 20, ..Options::plain(id) };
            let mut host = Host::new(founders.clone(), LogDisk::default());
            host.start(options);
            Node { host, applied: 0 }
        };
        let mut cluster = Self { nodes: (1..=NODES).map(start).collect(), network: VecDeque::new() };
        while !cluster.nodes[0].host.core().is_some_and(Raft::is_leader) {
            cluster.nodes[0].host.input(Raft::tick);
            cluster.settle();
        }
        cluster
    }

    fn batch(commands: usize, payload: &[u8]) -> Self::Batch {
        (0..commands).map(|_| payload.into()).collect()
    }

    fn replicate(&mut self, batch: Self::Batch) {
        self.nodes[0].host.input(|core| core.propose(batch).expect("node 1 leads"));
        self.settle();
    }

    fn applied(&self) -> Vec<usize> {
        self.nodes.iter().map(|node| node.applied).collect()
    }
}

impl Conclave {
    fn settle(&mut self) {
        self.carry_out(0);
        while let Some(message) = self.network.pop_front() {
            let to = message.to as usize - 1;
            self.nodes[to].host.input(|core| core.step(message));
            self.carry_out(to);
        }
    }

    fn carry_out(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        while let Some(effects) = node.host.effects().filter(|effects| *effects != Effects::default()) {
            let output = node.host.carry_out(effects);
            self.network.extend(output.messages);
            while let Some(written) = node.host.finish_write() {
                self.network.extend(written.promises);
                node.host.input(|core| core.persisted(written.ticket));
            }
            let is_command = |entry: &&Entry| matches!(entry.payload, Payload::Command(_));
            node.applied += output.applied.iter().filter(is_command).count();
        }
    }
}
