//! Linearizable reads.

use conclave::raft::{AppendOutcome, Body, Effects, Lease, Message, Origin, ReadReady};

use super::{
    Cluster, Story, Version,
    node::{ELECTION_TICKS, entry, node},
};

pub(super) const READ_IS_LINEARIZABLE: &[Story] =
    &[Story { nodes: &[3], term: 1, history: a_node_reads_what_was_committed_when_it_was_asked }];

pub(super) const LEASE_IS_EXCLUSIVE: &[Story] =
    &[Story { nodes: &[1, 2], term: 2, history: a_leader_holds_its_lease_when_another_one_is_elected }];

fn a_node_reads_what_was_committed_when_it_was_asked(cluster: &Cluster, version: Version) {
    let core = cluster.boots(&node(3).term(1));
    cluster.commits(&[1]);
    cluster.oracle.read_asked(3, 7);
    let reads = vec![ReadReady { id: 7, index: version.of(0, 1) }];
    cluster.oracle.stepped(&core, &Effects { reads, ..Effects::default() });
}

/// Node 2 has promised to let nobody depose node 1 for a while, and is elected before that is over, or when it is.
fn a_leader_holds_its_lease_when_another_one_is_elected(cluster: &Cluster, version: Version) {
    let lease = Lease::new(ELECTION_TICKS, 1_000, 0);
    cluster.stores(2, &node(2).term(1).log(&[1]).write());
    let mut leader = cluster.elects(&node(1).term(1).log(&[1]).commit(1).leasing(lease), &[2]);
    leader.tick();
    let write = cluster.steps(&mut leader);
    assert!(write.persist.is_none(), "it only asks who is there");
    cluster.stores_entries(2, vec![entry(2, 2)]);
    let answer = |body| Message { from: 2, to: 1, origin: Origin::default(), term: 2, body };
    let outcome = AppendOutcome::Accepted { matched: 2 };
    leader.step(answer(Body::AppendResponse { outcome, priority: 0 }));
    leader.step(answer(Body::HeartbeatResponse { round: 1, priority: 0, promise_us: lease.promise_us() }));
    cluster.steps(&mut leader);
    assert!(leader.holds_lease(), "a quorum has promised");
    cluster.elects(&node(2).vote(2, 1).log(&[1, 2]), &[3]);
    leader.set_time(version.of(lease.promise_us() - 1, lease.promise_us()));
    cluster.sees(&leader);
}
