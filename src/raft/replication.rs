//! Replication: append, match, commit (section 5.3 and 5.4).

use std::collections::BTreeMap;

use super::{
    AppendOutcome, Body, Entry, Index, NodeId, Options, Position, SendSnapshot, StreamId,
    lease::LeaderLease,
    progress::{Progress, ProgressState},
    quorum::quorum_value,
    raft::{Raft, Shared},
    read_index::ReadRounds,
    role::{Follower, Leader, Role},
};

impl Leader {
    pub(super) fn new(peers: Vec<NodeId>, last: Index, hand_over_ticks: u32) -> Self {
        Self {
            peers: peers.into_iter().map(|id| (id, Progress::new(last))).collect::<BTreeMap<_, _>>(),
            term_start: last + 1,
            rounds: ReadRounds::default(),
            lease: LeaderLease::default(),
            transfer: None,
            quorum_check_ticks: 0,
            stalled: None,
            hand_over_ticks,
        }
    }
}

/// The leader's side.
impl Raft {
    pub(super) fn tick_leader(&mut self) {
        if self.shared.elapsed_ticks >= self.shared.options.heartbeat_ticks {
            self.shared.elapsed_ticks = 0;
            self.broadcast_heartbeat();
            self.expect_answers();
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.peers.values_mut().for_each(|progress| progress.attempts.tick());
        }
        self.tick_transfer();
        self.check_quorum();
    }

    /// The answers to the heartbeat that was just sent show who is there.
    fn expect_answers(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let round = leader.rounds.latest();
        leader.peers.values_mut().for_each(|progress| progress.heartbeat_round = Some(round));
    }

    pub(super) fn broadcast_heartbeat(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let round = leader.rounds.begin();
        if let Some(lease) = self.shared.options.lease {
            leader.lease.begin(round, self.shared.now_us, lease.length_us);
        }
        for (&id, progress) in &leader.peers {
            // Never beyond what the peer is known to hold: a heartbeat carries no proof that the logs match.
            let commit = self.shared.commit.min(progress.matched);
            self.shared.send(id, Body::HeartbeatRequest { commit, round });
        }
    }

    /// Sends every peer what it lacks, as far as its window allows.
    pub(super) fn replicate(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let window = self.shared.options.window;
        for (&id, progress) in &mut leader.peers {
            while progress.may_send(window) && self.shared.has_news_for(progress) {
                self.shared.send_append(id, progress);
            }
        }
    }

    pub(super) fn on_append_accepted(&mut self, from: NodeId, matched: Index, priority: u32) {
        let catches_up = self.catches_up(from) && !self.shared.has_caught_up(matched);
        let Some(progress) = self.heard_from(from, priority) else { return };
        let stream = progress.stream();
        progress.accepted(matched);
        progress.catches_up = catches_up;
        let needs_no_snapshot = progress.stream().is_none();
        if needs_no_snapshot {
            self.shared.out.cancelled.extend(stream);
        }
        self.continue_transfer();
    }

    pub(super) fn on_append_rejected(
        &mut self,
        from: NodeId,
        previous: Index,
        hint: Position,
        priority: u32,
    ) {
        let agreement = self.shared.log.agreement(hint.index, hint.term);
        if let Some(progress) = self.heard_from(from, priority) {
            progress.rejected(previous, agreement.index);
        }
    }

    pub(super) fn on_heartbeat_response(&mut self, from: NodeId, round: u64, priority: u32, promise_us: u64) {
        let relied_on = self.shared.promise_us();
        let Some(progress) = self.heard_from(from, priority) else { return };
        progress.round = progress.round.max(round);
        if promise_us >= relied_on {
            progress.promised_round = progress.promised_round.max(round);
        }
        if progress.heartbeat_round.take_if(|sent| *sent <= round).is_some() {
            progress.resume();
            self.probe_for_lost_appends(from);
        }
    }

    fn catches_up(&self, peer: NodeId) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.peers.get(&peer).is_some_and(|progress| progress.catches_up)
    }

    /// A peer in this leader's term answered.
    fn heard_from(&mut self, from: NodeId, priority: u32) -> Option<&mut Progress> {
        let Role::Leader(leader) = &mut self.role else { return None };
        let progress = leader.peers.get_mut(&from)?;
        progress.recently_active = true;
        progress.priority = Some(priority);
        Some(progress)
    }

    /// Appends may have been lost on the way: an empty one behind them finds out, also when the window is full.
    fn probe_for_lost_appends(&mut self, to: NodeId) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(progress) = leader.peers.get_mut(&to) else { return };
        let sends_anyway =
            progress.may_send(self.shared.options.window) && self.shared.has_news_for(progress);
        if let ProgressState::Snapshot { .. } = progress.state {
            return;
        }
        if progress.matched < self.shared.log.last().index && !sends_anyway {
            self.shared.send_probe(to, progress);
        }
    }

    /// Commits what a quorum holds durably, but by counting only entries of the leader's own term: earlier ones
    /// commit with them (section 5.4.2, figure 8).
    pub(super) fn advance_commit(&mut self) {
        let Role::Leader(leader) = &self.role else { return };
        let own = self.shared.options.id;
        let durable = self.shared.writes.durable();
        let held = quorum_value(self.shared.configuration(), |id| match id == own {
            true => durable,
            false => {
                let matched = leader.peers.get(&id).map_or(0, |progress| progress.matched);
                if self.shared.counts(id, matched) { matched } else { 0 }
            }
        });
        if held > self.shared.commit && self.shared.log.term_at(held) == Some(self.term()) {
            self.shared.commit_to(held);
        }
    }
}

/// The follower's side.
impl Raft {
    pub(super) fn on_append_request(
        &mut self,
        from: NodeId,
        previous: Position,
        entries: Vec<Entry>,
        commit: Index,
    ) {
        self.follow(from);
        if self.shared.installing.is_some() {
            return;
        }
        let outcome = self.shared.append_from_leader(previous, entries, commit);
        let priority = self.shared.priority();
        self.shared.promise(from, Body::AppendResponse { outcome, priority });
    }

    pub(super) fn on_heartbeat_request(&mut self, from: NodeId, commit: Index, round: u64) {
        self.follow(from);
        if !self.shared.log_is_replaced() {
            self.shared.commit_to(commit);
        }
        let priority = self.shared.priority();
        self.shared.give_lease_promise();
        let promise_us = self.shared.promise_us();
        self.shared.send(from, Body::HeartbeatResponse { round, priority, promise_us });
    }

    /// Whether this node knows that the present term has another leader than `other`.
    pub(super) fn contradicts_leader(&self, other: NodeId) -> bool {
        self.leader().is_some_and(|leader| leader != other)
    }

    /// Accepts `from` as the leader of the present term.
    pub(super) fn follow(&mut self, from: NodeId) {
        assert!(
            !self.is_leader(),
            "two leaders, {} and {from}, in term {}",
            self.shared.options.id,
            self.term()
        );
        match &mut self.role {
            Role::Follower(Follower { leader: leader @ None, .. }) => *leader = Some(from),
            Role::Follower(Follower { leader: Some(leader), .. }) => {
                assert_eq!(*leader, from, "a term has one leader");
            }
            _ => self.become_follower(self.term(), Some(from)),
        }
        self.shared.last_leader = Some(from);
        self.shared.elapsed_ticks = 0;
    }
}

impl Shared {
    /// A peer that holds everything up to an index lacks nothing that is committed; or little, and nothing that the log forgets by its
    /// usual limits: it would need another snapshot.
    fn has_caught_up(&self, matched: Index) -> bool {
        let Options { log_entries_max, log_bytes_max, .. } = self.options;
        matched >= self.commit
            || self.lacks_little(matched) && self.log.keeps(matched, log_entries_max, log_bytes_max)
    }

    /// Commits hardly stall if they wait for a peer that holds everything up to an index.
    pub(super) fn lacks_little(&self, matched: Index) -> bool {
        matched.saturating_add(self.options.caught_up_entries) >= self.commit
    }

    fn has_news_for(&self, progress: &Progress) -> bool {
        let entries = progress.next <= self.log.last().index;
        let commit = self.commit.min(progress.next - 1) > progress.commit_sent;
        entries || commit
    }

    fn send_append(&mut self, to: NodeId, progress: &mut Progress) {
        if progress.next <= self.log.compacted().index {
            return self.send_snapshot(to, progress);
        }
        let entries = self.log.slice(progress.next, self.options.append_bytes_max);
        self.send_entries(to, progress, entries);
    }

    /// No entries: asks only where the logs agree.
    fn send_probe(&mut self, to: NodeId, progress: &mut Progress) {
        match progress.next <= self.log.compacted().index {
            true => self.send_snapshot(to, progress),
            false => self.send_entries(to, progress, Vec::new()),
        }
    }

    fn send_snapshot(&mut self, to: NodeId, progress: &mut Progress) {
        if !progress.may_begin_snapshot(self.options.election_ticks_min) {
            progress.state = ProgressState::Probe { waiting: true };
            return;
        }
        self.last_stream += 1;
        let stream = StreamId { term: self.vote.term, number: self.last_stream };
        let needed = self.log.compacted().index;
        progress.state = ProgressState::Snapshot { needed, stream };
        progress.catches_up = true;
        let origin = self.origin();
        self.out.snapshots.push(SendSnapshot { to, stream, needed, origin });
    }

    fn send_entries(&mut self, to: NodeId, progress: &mut Progress, entries: Vec<Entry>) {
        let previous_index = progress.next - 1;
        let term = self.log.term_at(previous_index).expect("the log is kept as far back as any peer needs");
        let previous = Position { term, index: previous_index };
        let bytes = entries.iter().map(Entry::size_bytes).sum();
        let last = entries.last().map_or(previous_index, |entry| entry.index);
        progress.sent(last, bytes, self.commit.min(last));
        self.send(to, Body::AppendRequest { previous, entries, commit: self.commit });
    }

    /// Takes over the leader's entries. What the log holds beyond them stays unless it conflicts: it may be there
    /// because of a later append that overtook this one.
    fn append_from_leader(
        &mut self,
        previous: Position,
        entries: Vec<Entry>,
        commit: Index,
    ) -> AppendOutcome {
        // The leader holds every committed entry (section 5.4), so the logs agree up to here whatever it asks.
        if previous.index < self.commit {
            return AppendOutcome::Accepted { matched: self.commit };
        }
        if !self.log.matches(previous) {
            let hint = self.log.agreement(previous.index, previous.term);
            return AppendOutcome::Rejected { previous_index: previous.index, hint };
        }
        let matched = previous.index + entries.len() as Index;
        let fresh = entries.iter().position(|entry| !self.log.matches(entry.position()));
        if let Some(fresh) = fresh {
            if entries[fresh].index <= self.log.last().index {
                self.truncate(entries[fresh].index);
            }
            for entry in entries.into_iter().skip(fresh) {
                self.append(entry);
            }
        }
        self.commit_to(commit.min(matched));
        AppendOutcome::Accepted { matched }
    }
}

/// What this leader never sends, but another implementation may: golden scripts cannot play it.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{
        Configuration, InitialState, Message, Options, Origin, Payload, RoleName, Snapshot, Vote,
    };

    /// Node 2 of three, in term 2, with five entries of term 1 on its disk.
    fn follower() -> Raft {
        let options = Options::plain(2);
        let configuration = std::sync::Arc::new(Configuration::of([1, 2, 3]));
        let recovered = InitialState {
            vote: Vote { term: 2, candidate: Some(1) },
            entries: (1..=5).map(noop).collect(),
            applied: Snapshot { configuration: configuration.clone(), ..Snapshot::default() },
            configuration,
            ..InitialState::default()
        };
        Raft::new(options, recovered)
    }

    fn noop(index: Index) -> Entry {
        Entry { term: 1, index, payload: Payload::Noop }
    }

    /// Node 1 of three, which node 2 has elected.
    fn leader(options: Options) -> Raft {
        let configuration = std::sync::Arc::new(Configuration::of([1, 2, 3]));
        let mut leader = Raft::new(options, InitialState { configuration, ..InitialState::default() });
        while leader.role() == RoleName::Follower {
            leader.tick();
        }
        hear(&mut leader, 2, Body::PreVoteResponse { granted: true });
        hear(&mut leader, 2, Body::VoteResponse { granted: true });
        leader
    }

    /// It hears this, and what it is to store is durable at once. Returns what it sends before that.
    fn hear(leader: &mut Raft, from: NodeId, body: Body) -> Vec<Message> {
        leader.step(Message { from, to: 1, origin: Origin::default(), term: 1, body });
        let effects = leader.effects();
        effects.persist.iter().for_each(|persist| leader.persisted(persist.ticket));
        effects.messages
    }

    #[test]
    fn what_lies_beyond_a_request_is_neither_acknowledged_nor_committed() {
        let mut follower = follower();
        let previous = Position { term: 1, index: 1 };
        let body = Body::AppendRequest { previous, entries: vec![noop(2)], commit: 9 };
        follower.step(Message { from: 1, to: 2, origin: Origin::default(), term: 2, body });
        assert_eq!(follower.commit(), 2);
        let promises = follower.effects().messages;
        let outcome = AppendOutcome::Accepted { matched: 2 };
        assert_eq!(promises[0].body, Body::AppendResponse { outcome, priority: 0 });
    }

    /// Node 1, which leads three nodes, has sent node 3 a snapshot, and commits with node 2.
    #[test]
    fn a_peer_that_is_a_little_behind_has_caught_up() {
        let mut leader = leader(Options { caught_up_entries: 2, ..Options::plain(1) });
        let command = std::sync::Arc::from([7]);
        leader.propose(std::iter::repeat_n(command, 9)).expect("it leads");
        let accepted = |matched| AppendOutcome::Accepted { matched };
        let answer = |matched| Body::AppendResponse { outcome: accepted(matched), priority: 0 };
        let catches_up = |leader: &mut Raft, matched| {
            let Role::Leader(role) = &mut leader.role else { panic!("it leads") };
            role.peers.get_mut(&3).expect("a peer").catches_up = true;
            hear(leader, 3, answer(matched));
            let Role::Leader(role) = &leader.role else { panic!("it leads") };
            role.peers[&3].catches_up
        };
        // (What it proposed is durable after the first one.)
        (0..2).for_each(|_| drop(hear(&mut leader, 2, answer(10))));
        assert_eq!(leader.commit(), 10);
        assert!(catches_up(&mut leader, 7));
        assert!(!catches_up(&mut leader, 8), "its answers always come a little after those of node 2");
        let weight = leader.entry(9).expect("it is there").size_bytes();
        leader.shared.options.log_bytes_max = 2 * weight - 1;
        assert!(catches_up(&mut leader, 8), "the log would forget entry 9");
        assert!(!catches_up(&mut leader, 9));
        leader.shared.options.log_entries_max = 0;
        assert!(catches_up(&mut leader, 9), "and entry 10");
    }

    /// Node 1 leads three nodes with an entry that node 3 does not acknowledge, which answers all else.
    #[test]
    fn rounds_of_reads_do_not_send_appends_again() {
        let mut leader = leader(Options::plain(1));
        let outcome = AppendOutcome::Accepted { matched: 1 };
        for _ in 0..2 {
            hear(&mut leader, 2, Body::AppendResponse { outcome, priority: 0 });
        }
        assert_eq!(leader.commit(), 1);
        let answer = |round| Body::HeartbeatResponse { round, priority: 0, promise_us: 0 };
        let round_of_a_read = |leader: &mut Raft| {
            leader.read().expect("it leads");
            leader.effects();
            let Role::Leader(role) = &leader.role else { panic!("it leads") };
            let round = role.rounds.latest();
            let is_append = |it: &&Message| it.to == 3 && matches!(it.body, Body::AppendRequest { .. });
            hear(leader, 3, answer(round)).iter().filter(is_append).count()
        };
        (0..Options::plain(1).heartbeat_ticks).for_each(|_| leader.tick());
        assert_eq!(round_of_a_read(&mut leader), 1, "it answers a heartbeat, and may have lost something");
        assert_eq!(round_of_a_read(&mut leader) + round_of_a_read(&mut leader), 0, "it was just asked");
    }

    #[test]
    fn nothing_is_committed_before_the_logs_are_known_to_agree() {
        let mut follower = follower();
        let previous = Position { term: 2, index: 4 };
        let body = Body::AppendRequest { previous, entries: Vec::new(), commit: 4 };
        follower.step(Message { from: 1, to: 2, origin: Origin::default(), term: 2, body });
        assert_eq!(follower.commit(), 0);
    }
}
