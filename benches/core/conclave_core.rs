//! Our nodes.

use std::{collections::VecDeque, sync::Arc};

use conclave::raft::{Configuration, Entry, InitialState, Message, Options, Payload, Raft};

use crate::{Cluster, NODES};

pub(crate) struct Conclave {
    nodes: Vec<Node>,
    network: VecDeque<Message>,
}

struct Node {
    raft: Raft,
    disk: Vec<Entry>,
    applied: usize,
}

impl Cluster for Conclave {
    type Batch = Vec<Arc<[u8]>>;

    fn elected() -> Self {
        let configuration = Configuration::of(1..=NODES);
        let start = |id| {
            let options = Options {
                id,
                heartbeat_ticks: 3,
                election_ticks_min: 10,
                election_ticks_max: 19,
                priority: 0,
                append_bytes_max: 1 << 20,
                log_entries_max: usize::MAX,
                log_bytes_max: usize::MAX,
                catching_up_entries: 0,
                lease: None,
                seed: id,
            };
            let recovered =
                InitialState { configuration: configuration.clone().into(), ..InitialState::default() };
            Node { raft: Raft::new(options, recovered), disk: Vec::new(), applied: 0 }
        };
        let mut cluster = Self { nodes: (1..=NODES).map(start).collect(), network: VecDeque::new() };
        while !cluster.nodes[0].raft.is_leader() {
            cluster.nodes[0].raft.tick();
            cluster.settle();
        }
        cluster
    }

    fn batch(commands: usize, payload: &[u8]) -> Self::Batch {
        (0..commands).map(|_| payload.into()).collect()
    }

    fn replicate(&mut self, batch: Self::Batch) {
        self.nodes[0].raft.propose(batch).expect("node 1 leads");
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
            self.nodes[to].raft.step(message);
            self.carry_out(to);
        }
    }

    fn carry_out(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        loop {
            let effects = node.raft.effects();
            if effects.is_empty() {
                return;
            }
            self.network.extend(effects.messages);
            if let Some(write) = effects.persist {
                node.disk.extend(write.entries);
                self.network.extend(write.promises);
                node.raft.persisted(write.ticket);
            }
            let is_command = |entry: &&Entry| matches!(entry.payload, Payload::Command(_));
            node.applied += effects.committed.iter().filter(is_command).count();
        }
    }
}
