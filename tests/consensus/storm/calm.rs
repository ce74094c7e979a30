//! The calm after a storm: everything must come right again, and then be quiet.

use conclave::raft::{Body, Configuration, Raft};

use super::Storm;
use crate::cluster::{ELECTION_TICKS_MAX, TICK_US};

/// Rounds of the healed cluster, each of one tick, within which it must elect, commit and agree.
const CALM_ROUNDS_MAX: u32 = 40 * ELECTION_TICKS_MAX;
/// Rounds after that within which the lead is handed to whom it belongs, and who left hears of it.
const SETTLING_ROUNDS: u32 = 12 * ELECTION_TICKS_MAX;
/// And rounds in which nothing happens any more.
const ROUNDS_OF_PEACE: u32 = 2 * ELECTION_TICKS_MAX;

impl Storm {
    /// Everything is healed: a leader must be elected, all must come to hold and apply the same, and no read may be
    /// forgotten. Then there is peace: nobody has anything to say but that he is there.
    pub(super) fn calm(&mut self) -> Result<(), String> {
        self.cut_off.clear();
        self.weather.batches = 0;
        if !(0..CALM_ROUNDS_MAX).any(|_| {
            self.round_of_calm();
            self.agrees()
        }) {
            return Err("the healed cluster does not come to agree".to_owned());
        }
        for _ in 0..SETTLING_ROUNDS {
            self.round_of_calm();
        }
        match (0..ROUNDS_OF_PEACE).all(|_| self.round_of_calm()) && self.agrees() {
            true => Ok(()),
            false => Err(format!("the cluster that agreed does not come to rest: {:?}", self.under_way)),
        }
    }

    /// Time passes by one tick, and everything under way arrives. Whether that was nothing but heartbeats among members.
    /// (Whom a change named that came to nothing keeps asking.)
    fn round_of_calm(&mut self) -> bool {
        self.now_us += TICK_US;
        for id in self.members() {
            self.start(id);
            self.with(id, Raft::tick);
            while self.write(id) {}
            self.install(id);
        }
        let mut at_rest = self.streams.is_empty();
        let members = self.oracle.configuration();
        while !self.streams.is_empty() {
            self.end_stream();
        }
        for message in std::mem::take(&mut self.under_way) {
            at_rest &= [message.from, message.to].iter().any(|&id| !members.contains(id))
                || matches!(message.body, Body::HeartbeatRequest { .. } | Body::HeartbeatResponse { .. });
            self.with(message.to, |raft| raft.step(message));
        }
        at_rest
    }

    /// Who left hears of it, if anybody that it knows is still there to be asked.
    fn knows_where_it_stands(&self, raft: &Raft, last: &Configuration) -> bool {
        let has_left = last.gone.contains(&raft.id());
        has_left == raft.farewell().is_some() || !raft.configuration().members().any(|id| last.contains(id))
    }

    fn agrees(&self) -> bool {
        let committed = self.oracle.committed();
        let mut cores = self.nodes.values().filter_map(|node| node.raft.as_ref());
        let leader = cores.clone().filter(|raft| raft.is_leader()).max_by_key(|raft| raft.term());
        let Some(configuration) = leader.map(Raft::configuration) else { return false };
        let done = |raft: &Raft| {
            let agrees = raft.last().index == committed && raft.leader().is_some();
            match configuration.contains(raft.id()) {
                true => agrees && self.nodes[&raft.id()].state.applied.last.index == committed,
                false => self.knows_where_it_stands(raft, configuration),
            }
        };
        let answered = !self.nodes.keys().any(|&id| self.oracle.has_open_reads(id));
        committed > 0 && !configuration.is_changing() && answered && cores.all(done)
    }
}
