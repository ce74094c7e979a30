//! The nodes of raft-rs, driven as its documentation says.

use std::collections::VecDeque;

use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, Message, MessageType},
    storage::MemStorage,
};

use crate::cluster::{Cluster, NODES};

pub(crate) struct RaftRs {
    nodes: Vec<Node>,
    network: VecDeque<Message>,
}

struct Node {
    raft: RawNode<MemStorage>,
    applied: usize,
}

impl Cluster for RaftRs {
    type Batch = Vec<Entry>;

    fn elected() -> Self {
        let voters: Vec<u64> = (1..=NODES).collect();
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let start = |id| {
            let config = Config {
                id,
                election_tick: 10,
                heartbeat_tick: 3,
                max_size_per_msg: 1 << 20,
                max_inflight_msgs: 256,
                ..Config::default()
            };
            let storage = MemStorage::new_with_conf_state(ConfState::from((voters.clone(), vec![])));
            Node { raft: RawNode::new(&config, storage, &logger).expect("a valid configuration"), applied: 0 }
        };
        let mut cluster =
            Self { nodes: voters.iter().copied().map(start).collect(), network: VecDeque::new() };
        while cluster.nodes[0].raft.raft.state != StateRole::Leader {
            cluster.nodes[0].raft.tick();
            cluster.settle();
        }
        cluster
    }

    fn batch(commands: usize, payload: &[u8]) -> Self::Batch {
        let entry = || Entry { data: payload.to_vec().into(), ..Entry::default() };
        (0..commands).map(|_| entry()).collect()
    }

    fn replicate(&mut self, batch: Self::Batch) {
        let proposal = Message { entries: batch.into(), ..Message::default() };
        self.nodes[0].raft.raft.step(of_proposal(proposal)).expect("node 1 leads");
        self.settle();
    }

    fn applied(&self) -> Vec<usize> {
        self.nodes.iter().map(|node| node.applied).collect()
    }
}

impl RaftRs {
    fn settle(&mut self) {
        self.carry_out(0);
        while let Some(message) = self.network.pop_front() {
            let to = message.to as usize - 1;
            self.nodes[to].raft.step(message).expect("a message of a peer");
            self.carry_out(to);
        }
    }

    fn carry_out(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        while node.raft.has_ready() {
            let mut ready = node.raft.ready();
            self.network.extend(ready.take_messages());
            node.apply(ready.take_committed_entries());
            let mut storage = node.raft.raft.raft_log.store.wl();
            storage.append(ready.entries()).expect("consecutive entries");
            if let Some(state) = ready.hs() {
                storage.set_hardstate(state.clone());
            }
            drop(storage);
            self.network.extend(ready.take_persisted_messages());
            let mut light = node.raft.advance(ready);
            self.network.extend(light.take_messages());
            node.apply(light.take_committed_entries());
            node.raft.advance_apply();
        }
    }
}

fn of_proposal(mut message: Message) -> Message {
    message.set_msg_type(MessageType::MsgPropose);
    message.from = 1;
    message
}

impl Node {
    fn apply(&mut self, committed: Vec<Entry>) {
        self.applied += committed.iter().filter(|entry| !entry.data.is_empty()).count();
    }
}
