//! The end of a storm: everything is healed, and must come right again, and then be quiet.

use conclave::raft::{Body, Configuration, Members, Raft};

use conclave_checks::{FaultBudget, Standings};

use super::Storm;
use crate::cluster::{ELECTION_TICKS_MAX, TICK_US};

/// Rounds of the healed cluster, each of one tick, within which it must elect, commit and agree.
const RECOVERY_ROUNDS_MAX: u32 = 40 * ELECTION_TICKS_MAX;
/// Rounds after that within which leadership is handed to whom it belongs, and who was removed hears of it.
const SETTLING_ROUNDS: u32 = 12 * ELECTION_TICKS_MAX;
/// And rounds in which nothing happens any more.
const QUIESCENT_ROUNDS: u32 = 2 * ELECTION_TICKS_MAX;

impl Storm {
    /// A leader must be elected, all must come to hold and apply the same, and no read may be forgotten. Then there is
    /// quiescence: nothing is sent but heartbeats.
    pub(super) fn recover(&mut self) -> Result<(), String> {
        self.network.isolated.clear();
        for id in self.members().into_iter().filter(|id| self.nodes[id].is_leaving).collect::<Vec<_>>() {
            self.crash(id);
        }
        // Whoever lost its disk stays down, and is removed.
        self.lost.clone().into_iter().for_each(|id| self.crash(id));
        self.profile.batched_percent = 0;
        (self.profile.stream_failures_percent, self.profile.install_failures_percent) = (0, 0);
        if !(0..RECOVERY_ROUNDS_MAX).any(|_| {
            self.healed_round();
            self.agrees()
        }) {
            return Err("the healed cluster does not come to agree".to_owned());
        }
        for _ in 0..SETTLING_ROUNDS {
            self.healed_round();
        }
        match (0..QUIESCENT_ROUNDS).all(|_| self.healed_round()) && self.agrees() {
            true => Ok(()),
            false => Err(format!("the cluster that agreed does not come to rest: {:?}", self.network)),
        }
    }

    /// Time passes by one tick, and everything under way arrives. Whether that was nothing but heartbeats among members.
    /// (A node that was named by a change that came to nothing keeps asking for votes.)
    fn healed_round(&mut self) -> bool {
        self.now_us += TICK_US;
        self.remove_lost();
        for id in self.members().into_iter().filter(|id| !self.lost.contains(id)).collect::<Vec<_>>() {
            self.start(id);
            self.with(id, Raft::tick);
            while self.write(id) {}
            self.install(id);
        }
        let mut is_quiet = !self.network.has_streams();
        let members = self.oracle.configuration();
        while self.network.has_streams() {
            self.end_stream();
        }
        for message in self.network.take() {
            is_quiet &= [message.from, message.to].iter().any(|&id| !members.contains(id))
                || matches!(message.body, Body::HeartbeatRequest { .. } | Body::HeartbeatResponse { .. });
            self.with(message.to, |raft| raft.step(message));
        }
        is_quiet
    }

    /// An operator removes whoever lost its disk.
    fn remove_lost(&mut self) {
        if !FaultBudget::of(&self.oracle).lacks_a_member() {
            return;
        }
        let lost = self.lost.clone();
        for id in self.members() {
            self.with(id, |raft| {
                let Configuration { voters, learners, .. } = &**raft.configuration();
                let members =
                    Members { voters: voters - &lost, learners: learners - &lost, ..Members::default() };
                let _ = raft.change_members(members);
            });
        }
    }

    /// Who was removed hears of it, if anybody that it knows is still there to be asked.
    fn knows_whether_it_was_removed(&self, raft: &Raft, last: &Configuration) -> bool {
        let was_removed = last.gone.contains(&raft.id());
        was_removed == raft.removed_by().is_some()
            || !raft.configuration().members().any(|id| last.contains(id))
    }

    fn agrees(&self) -> bool {
        let committed = self.oracle.committed();
        let mut cores = self.nodes.values().filter_map(|node| node.host.core());
        let leader = cores.clone().filter(|raft| raft.is_leader()).max_by_key(|raft| raft.term());
        let Some(configuration) = leader.map(Raft::configuration) else { return false };
        let done = |raft: &Raft| {
            let agrees = raft.last().index == committed && raft.leader().is_some();
            match configuration.contains(raft.id()) {
                true => agrees && self.oracle.applied_by(raft.id()) == committed,
                false => self.knows_whether_it_was_removed(raft, configuration),
            }
        };
        let standings = Standings::of(&self.oracle);
        let answered = !self.nodes.keys().any(|&id| standings.has_open_reads(id));
        let is_complete = !configuration.is_changing() && !FaultBudget::of(&self.oracle).lacks_a_member();
        committed > 0 && is_complete && answered && cores.all(done)
    }
}
