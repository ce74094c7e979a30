//! Messages of nodes, or of what calls itself one.

use std::{collections::BTreeMap, sync::Arc};

use prost::Message as _;

use crate::{
    raft::{
        AppendOutcome, Body, Configuration, Entry, Index, InitialState, InstallFailure, Message, NodeId,
        Options, Origin, Payload, Position, Raft, RoleName, Snapshot, Vote,
    },
    wire::pb::v1,
};

/// The node that hears the messages.
pub(super) const NODE: NodeId = 2;
pub(super) const ORIGIN: Origin = Origin { cluster: 7, is_certain: true, incarnation: 0 };
/// No message raises a term by more.
const TERM_JUMP_MAX: u64 = 1 << 40;
/// Nothing that anybody says comes to more: one can always be added to it.
const NUMBER_MAX: u64 = 1 << 62;

/// An envelope of messages, to a node in each role.
///
/// # Panics
/// A rule of the core is broken.
pub fn peer(bytes: &[u8]) {
    let Ok(envelope) = v1::Envelope::decode(bytes) else { return };
    for role in [RoleName::Follower, RoleName::PreCandidate, RoleName::Candidate, RoleName::Leader] {
        let mut host = Host::in_role(role);
        for message in &envelope.messages {
            if let Ok(message) = Message::try_from(message.clone()) {
                host.hear(message);
            }
        }
        (0..40).for_each(|_| host.input(Raft::tick));
        let _ = host.core.propose([[7].as_slice().into()]);
        host.input(|core| _ = core.read());
    }
}

/// A core, and what was promised of it.
struct Host {
    core: Raft,
    vote: Vote,
    applied: Index,
    committed: BTreeMap<Index, Entry>,
}

impl Host {
    /// One of three voters, with five entries; nobody is known to lead.
    fn new() -> Self {
        let configuration = Arc::new(Configuration {
            cluster: ORIGIN.cluster,
            learners: [4].into(),
            ..Configuration::of([1, NODE, 3])
        });
        let recovered = InitialState {
            vote: Vote { term: 2, candidate: None },
            entries: (1..=5).map(|index| Entry { term: 1, index, payload: Payload::Noop }).collect(),
            applied: Snapshot { configuration: configuration.clone(), ..Snapshot::default() },
            configuration,
            ..InitialState::default()
        };
        let core = Raft::new(Options { log_entries_max: 3, ..Options::plain(NODE) }, recovered);
        Self { vote: core.vote(), core, applied: 0, committed: BTreeMap::new() }
    }

    fn in_role(role: RoleName) -> Self {
        let mut host = Self::new();
        let say = |host: &mut Self, term, body| {
            host.hear(Message { from: 1, to: NODE, origin: ORIGIN, term, body });
        };
        let last = Position { term: 1, index: 5 };
        if role == RoleName::Follower {
            say(&mut host, 2, Body::AppendRequest { previous: last, entries: Vec::new(), commit: 4 });
            return host;
        }
        while host.core.role() == RoleName::Follower {
            host.input(Raft::tick);
        }
        if role != RoleName::PreCandidate {
            say(&mut host, 3, Body::PreVoteResponse { granted: true });
        }
        if role == RoleName::Leader {
            say(&mut host, 3, Body::VoteResponse { granted: true });
            let outcome = AppendOutcome::Accepted { matched: 6 };
            say(&mut host, 3, Body::AppendResponse { outcome, priority: 0 });
        }
        assert_eq!(host.core.role(), role);
        host
    }

    fn hear(&mut self, message: Message) {
        let before = self.core.term();
        self.input(|core| core.step(message));
        // What was asked for just now may have been granted: a term of its own, once more.
        let most = before.saturating_add(TERM_JUMP_MAX + 2).min(NUMBER_MAX + 2);
        assert!(self.core.term() <= most, "one message raised the term from {before}");
    }

    /// Gives an input, and carries out what follows, the disk's work at once.
    fn input(&mut self, input: impl FnOnce(&mut Raft)) {
        input(&mut self.core);
        loop {
            let effects = self.core.effects();
            self.check();
            for entry in effects.committed {
                assert_eq!(entry.index, self.applied + 1, "entries are applied in order");
                self.applied = entry.index;
            }
            self.core.state_durable(self.applied);
            // A forged snapshot ends in nothing: none of it was staged.
            if effects.install.is_some() {
                self.core.install_failed(InstallFailure::NotStaged);
            }
            for stream in effects.snapshots {
                self.core.snapshot_sent(stream.to, stream.stream, None);
            }
            let Some(persist) = effects.persist else { return };
            self.core.persisted(persist.ticket);
        }
    }

    fn check(&mut self) {
        let (core, vote) = (&self.core, self.core.vote());
        assert!(vote.term >= self.vote.term, "terms only grow");
        let is_kept = vote.term > self.vote.term
            || self.vote.candidate.is_none()
            || vote.candidate == self.vote.candidate;
        assert!(is_kept, "a vote never changes within a term");
        self.vote = vote;
        assert!(core.commit() <= core.last().index, "only what the log holds is committed");
        for (&index, entry) in self.committed.range(core.compacted().index + 1..) {
            assert_eq!(core.entry(index), Some(entry), "committed entries stay");
        }
        for index in core.compacted().index + 1..=core.commit() {
            let entry = core.entry(index).expect("the log has no gaps");
            self.committed.entry(index).or_insert_with(|| entry.clone());
        }
    }
}
