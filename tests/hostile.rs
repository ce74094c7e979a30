//! A hostile peer against real programs: whoever reaches the ports of a cluster without TLS and knows its name and its id, but
//! no member's data directory. While it does its worst the cluster serves every call, under the same leader, in the same term.
#![cfg(all(unix, not(madsim)))]

mod programs;

#[path = "hostile/attacks.rs"]
mod attacks;
#[path = "hostile/bytes.rs"]
mod bytes;
#[path = "hostile/cluster.rs"]
mod cluster;

use cluster::{Cluster, Service};

/// What the attacks must have been refused as.
const KINDS: &[&str] = &[
    "malformed",
    "not_for_this_node",
    "other_cluster",
    "other_incarnation",
    "other_sender",
    "second_leader",
    "stranger",
    "term_too_far",
];

#[test]
fn a_hostile_peer_harms_nobody() {
    let cluster = Cluster::start();
    let service = Service::start(&cluster.endpoint());
    service.await_progress(20);
    let before = cluster.standing();
    let seen = cluster::runtime().block_on(attacks::Seen::of(&cluster.node_address(1)));
    for id in cluster::NODES {
        let address = cluster.node_address(id);
        cluster::runtime().block_on(attacks::all(&address, id, &seen));
    }
    cluster::runtime().block_on(attacks::of_a_proxy(&cluster.endpoint()));
    for address in cluster.addresses() {
        bytes::all(&address);
        bytes::many_connections(&address);
    }
    service.await_progress(20);
    let calls = service.stop();
    println!("{calls} puts and gets beside the attacks, none failed");
    assert_eq!(cluster.standing(), before, "the leader and the term stay");
    for id in cluster::NODES {
        let refused = cluster.refused(id);
        for kind in KINDS {
            assert!(refused.get(*kind).is_some_and(|count| *count > 0), "node {id}, {kind}: {refused:?}");
            cluster.expect_few_lines(id, kind);
        }
    }
    cluster.expect_sound();
}
