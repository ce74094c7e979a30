//! What operators read of the core: who leads, elections won and lost, snapshots received. One line each, not repeated while
//! nothing changes.

use crate::raft::{Index, InstallFailure, NodeId, Position, Raft, RoleName, StreamId, Term};

pub(super) struct Diagnostics {
    node: NodeId,
    role: RoleName,
    term: Term,
    leadership: Leadership,
    /// The snapshot that is being received.
    receiving: Option<StreamId>,
}

/// Who leads, as the log was told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leadership {
    Nobody,
    Own(Term),
    Other(NodeId, Term),
}

impl Diagnostics {
    pub(super) fn new(core: &Raft) -> Self {
        let (node, role, term) = (core.id(), core.role(), core.term());
        Self { node, role, term, leadership: Leadership::Nobody, receiving: None }
    }

    /// After every step of the core.
    pub(super) fn stepped(&mut self, core: &Raft) {
        let (role, term, node) = (core.role(), core.term(), self.node);
        if self.role == RoleName::Candidate
            && (role != RoleName::Leader && (role, term) != (self.role, self.term))
        {
            tracing::info!(node, term = self.term, "lost the election");
        }
        (self.role, self.term) = (role, term);
        let leadership = match core.leader() {
            None => Leadership::Nobody,
            Some(leader) if leader == node => Leadership::Own(term),
            Some(leader) => Leadership::Other(leader, term),
        };
        if leadership == self.leadership {
            return;
        }
        match (self.leadership, leadership) {
            (_, Leadership::Own(term)) => tracing::info!(node, term, "won the election, and leads"),
            (before, Leadership::Other(leader, term)) => {
                if let Leadership::Own(led) = before {
                    tracing::info!(node, term = led, "leads no more: there is a later leader");
                }
                tracing::info!(node, leader, term, "follows the leader");
            }
            (Leadership::Own(led), Leadership::Nobody) if term > led => {
                tracing::info!(node, term = led, "leads no more: there is a later term");
            }
            (Leadership::Own(term), Leadership::Nobody) => {
                tracing::warn!(
                    node,
                    term,
                    "leads no more: no majority answers, or it was removed or handed over"
                );
            }
            (Leadership::Other(leader, _), Leadership::Nobody) => {
                tracing::info!(node, leader, term, "lost the leader");
            }
            (Leadership::Nobody, Leadership::Nobody) => {}
        }
        self.leadership = leadership;
    }

    /// A piece of a snapshot was taken; of each stream the first is worth a line.
    pub(super) fn receives(&mut self, from: NodeId, stream: StreamId, last: Position) {
        if self.receiving.replace(stream) != Some(stream) {
            tracing::info!(node = self.node, from, %last, "receives a snapshot");
        }
    }

    /// A snapshot that arrived was put in place, or not.
    pub(super) fn installed(&self, applied: Index, outcome: Result<(), InstallFailure>) {
        let node = self.node;
        match outcome {
            Ok(()) => tracing::info!(node, applied, "a snapshot is in place"),
            Err(why) => tracing::warn!(node, "a snapshot was not put in place: {}", words(why)),
        }
    }

    /// A peer did not take the snapshot that this node sent.
    pub(super) fn rejected(&self, peer: NodeId, why: InstallFailure) {
        let node = self.node;
        match why {
            InstallFailure::NotStaged => {
                tracing::warn!(node, peer, "the peer did not take the snapshot: {}", words(why));
            }
            InstallFailure::Damaged => tracing::error!(
                node,
                peer,
                "the peer did not take the snapshot: {}: if that happens with several peers, replace this node",
                words(why)
            ),
        }
    }
}

fn words(why: InstallFailure) -> &'static str {
    match why {
        InstallFailure::NotStaged => "it is not there any more",
        InstallFailure::Damaged => "what arrived is not what its checksum says",
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::raft::{Body, Configuration, InitialState, Message, Options, Origin, Snapshot};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("nobody panics with it").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn node() -> Raft {
        let configuration = Arc::new(Configuration::of([1, 2, 3]));
        let options = Options::plain(1);
        let applied = Snapshot { configuration: configuration.clone(), ..Snapshot::default() };
        Raft::new(options, InitialState { configuration, applied, ..InitialState::default() })
    }

    #[test]
    fn each_change_of_leadership_is_one_line() {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(subscriber, || {
            let mut core = node();
            let mut diagnostics = Diagnostics::new(&core);
            let mut step = |core: &mut Raft, term, body| {
                core.step(Message { from: 2, to: 1, origin: Origin::default(), term, body });
                if let Some(persist) = core.effects().persist {
                    core.persisted(persist.ticket);
                }
                diagnostics.stepped(core);
                diagnostics.stepped(core);
            };
            step(&mut core, 1, Body::HeartbeatRequest { commit: 0, round: 1 });
            step(&mut core, 1, Body::HeartbeatRequest { commit: 0, round: 2 });
            (0..20).for_each(|_| core.tick());
            step(&mut core, 2, Body::PreVoteResponse { granted: true });
            step(&mut core, 2, Body::VoteResponse { granted: false });
            step(&mut core, 2, Body::VoteResponse { granted: true });
            step(&mut core, 3, Body::VoteResponse { granted: false });
        });
        let written = String::from_utf8(written.0.lock().expect("nobody panics with it").clone());
        let lines = written.expect("text");
        let said = |text: &str| lines.lines().filter(|line| line.contains(text)).count();
        assert_eq!(said("follows the leader"), 1, "{lines}");
        assert_eq!(said("lost the leader"), 1, "{lines}");
        assert_eq!(lines.lines().count(), said("node="), "{lines}");
        assert!(said("won the election") + said("lost the election") > 0, "{lines}");
    }
}
