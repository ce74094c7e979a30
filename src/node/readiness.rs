//! Whether a node is ready: it knows a leader, and has applied what that had committed when it was found. An operator who
//! restarts nodes one by one waits for this before the next one: else a majority might be left that lags.

use std::time::Duration;

use crate::{
    env::{Clock, Condition, Health, Moment},
    raft::{Body, Index, Message, Raft},
};

/// A node that was ready stays so until it lags by more.
const LAG_MAX: Index = 10_000;

pub(super) struct Readiness {
    health: Health,
    /// A leader that finds a node again says within so long what it has committed: its heartbeats alone tell of no more
    /// than what this node is known to have.
    settling: Duration,
    leader_found_at: Option<Moment>,
    /// What the leader has committed, as far as it said so.
    leader_commit: Index,
    /// What is to be applied before the node is ready. `None`: it is not known yet.
    target: Option<Index>,
    told: Option<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Leaderless,
    Settling,
    Behind,
    Ready,
}

/// What a message says that its sender has committed.
pub(super) fn commit_in(message: &Message) -> Option<Index> {
    match message.body {
        Body::AppendRequest { commit, .. } | Body::HeartbeatRequest { commit, .. } => Some(commit),
        _ => None,
    }
}

impl Readiness {
    /// A node of which a leader hears within `settling`.
    pub(super) fn new(health: Health, settling: Duration) -> Self {
        Self { health, settling, leader_found_at: None, leader_commit: 0, target: None, told: None }
    }

    /// The leader says what it has committed.
    pub(super) fn heard(&mut self, commit: Index) {
        self.leader_commit = self.leader_commit.max(commit);
    }

    /// After every step: `applied` is applied.
    pub(super) fn stepped(&mut self, core: &Raft, applied: Index, clock: &Clock) {
        let state = self.state(core, applied, clock);
        if self.told.replace(state) == Some(state) {
            return;
        }
        let behind = |target| format!("it has applied entry {applied}, and is to apply entry {target} first");
        self.health.set(match state {
            State::Ready => Condition::Ready,
            State::Leaderless => Condition::NotReady("no leader is known".to_owned()),
            State::Settling => Condition::NotReady("a leader was found just now".to_owned()),
            State::Behind => Condition::NotReady(behind(self.target.unwrap_or_default())),
        });
    }

    fn state(&mut self, core: &Raft, applied: Index, clock: &Clock) -> State {
        if core.leader().is_none() {
            // Much may have been committed before the next one is found.
            (self.leader_found_at, self.target) = (None, None);
            return State::Leaderless;
        }
        let committed = self.leader_commit.max(core.commit());
        let was_ready = self.told == Some(State::Ready);
        if was_ready && committed.saturating_sub(applied) > LAG_MAX {
            self.target = Some(committed);
        }
        match self.target {
            None => {
                let now = clock.now();
                if now.since(*self.leader_found_at.get_or_insert(now)) >= self.settling {
                    self.target = Some(committed);
                }
                State::Settling
            }
            Some(target) if applied < target => State::Behind,
            Some(_) => State::Ready,
        }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::raft::{Configuration, InitialState, Options, Origin, Snapshot};

    const SETTLING: Duration = Duration::from_millis(20);

    fn follower() -> Raft {
        let configuration = Arc::new(Configuration::of([1, 2, 3]));
        let applied = Snapshot { configuration: configuration.clone(), ..Snapshot::default() };
        Raft::new(Options::plain(1), InitialState { configuration, applied, ..InitialState::default() })
    }

    fn heartbeat(core: &mut Raft) {
        let body = Body::HeartbeatRequest { commit: 0, round: 1 };
        core.step(Message { from: 2, to: 1, origin: Origin::default(), term: 1, body });
    }

    #[tokio::test]
    async fn a_node_is_ready_when_it_has_applied_what_its_leader_had_committed() {
        let clock = Clock::new(Duration::ZERO);
        let health = Health::default();
        let mut readiness = Readiness::new(health.clone(), SETTLING);
        let mut core = follower();
        let says = |readiness: &mut Readiness, core: &Raft, applied| {
            readiness.stepped(core, applied, &clock);
            health.condition().to_string()
        };
        assert_eq!(says(&mut readiness, &core, 7), "not ready: no leader is known");
        heartbeat(&mut core);
        assert_eq!(says(&mut readiness, &core, 7), "not ready: a leader was found just now");
        readiness.heard(9);
        clock.sleep(SETTLING).await;
        says(&mut readiness, &core, 7);
        assert!(says(&mut readiness, &core, 7).ends_with("is to apply entry 9 first"));
        assert_eq!(says(&mut readiness, &core, 9), "ready");
        readiness.heard(9 + LAG_MAX);
        assert_eq!(says(&mut readiness, &core, 9), "ready");
        readiness.heard(10 + LAG_MAX);
        assert!(says(&mut readiness, &core, 9).starts_with("not ready: it has applied entry 9"));
        assert!(says(&mut readiness, &core, 9 + LAG_MAX).starts_with("not ready"));
        assert_eq!(says(&mut readiness, &core, 10 + LAG_MAX), "ready");
        // It is cut off for long. The first heartbeat says no more than what this node is known to hold.
        while core.leader().is_some() {
            core.tick();
        }
        assert_eq!(says(&mut readiness, &core, 10 + LAG_MAX), "not ready: no leader is known");
        let term = core.term();
        let body = Body::HeartbeatRequest { commit: 0, round: 2 };
        core.step(Message { from: 2, to: 1, origin: Origin::default(), term, body });
        assert_eq!(says(&mut readiness, &core, 10 + LAG_MAX), "not ready: a leader was found just now");
    }
}
