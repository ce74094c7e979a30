//! What proxies must do while faults last.

use std::time::Duration;

use conclave::raft::{NodeId, Term};

use super::{
    Story,
    availability::{ALL, Watched},
    cluster::Cluster,
};
use crate::{Proxy, trial::Version};

/// Node 1 leads term 2, and has done so for long enough to be sure that it is followed when it is looked at the proxy first, after 21 ms.
fn led<'a>(cluster: &'a Cluster, linked: &[NodeId], leader: Option<(Term, NodeId)>) -> Watched<'a> {
    led_from(0, cluster, linked, leader)
}

/// The same, later by so many milliseconds.
fn led_from<'a>(
    ms: u64,
    cluster: &'a Cluster,
    linked: &[NodeId],
    leader: Option<(Term, NodeId)>,
) -> Watched<'a> {
    let mut watched = Watched::new(cluster);
    let term = watched.elects(1);
    assert_eq!(term, 2, "what the proxy may know");
    watched.commits(1, 2);
    let linked = linked.iter().copied().collect();
    watched.proxy = Some(Proxy { number: 0, leader, linked, asked: None });
    watched.look(ms, &ALL);
    watched.look(ms + 21, &ALL);
    watched
}

/// A proxy sends its calls to the leader, and the first that waits came at that time.
fn asked(cluster: &Cluster, ms: u64) -> Watched<'_> {
    let mut watched = led(cluster, &ALL, Some((2, 1)));
    proxy(&mut watched).asked = Some(Duration::from_millis(ms));
    watched
}

/// What breaks is said of the leader.
const fn of_leader(history: fn(&Cluster, Version)) -> Story {
    Story { nodes: &[1], term: 2, history }
}

fn proxy<'a>(watched: &'a mut Watched<'_>) -> &'a mut Proxy {
    watched.proxy.as_mut().expect("there is one")
}

pub(super) const PROXY_FINDS_LEADER: &[Story] = &[
    of_leader(|cluster, version| {
        // It has a link to the leader, and takes nobody for it.
        let mut watched = led(cluster, &ALL, None);
        watched.look(version.of(37, 36), &ALL);
    }),
    of_leader(|cluster, version| {
        // It takes another one for the leader, or the leader for that of an earlier term.
        let mut watched = led(cluster, &ALL, Some((1, 1)));
        watched.look(30, &ALL);
        proxy(&mut watched).leader = Some(version.of((3, 2), (2, 1)));
        watched.look(37, &ALL);
    }),
    of_leader(|cluster, version| {
        // It never gets a link to the leader.
        let mut watched = led(cluster, &[2, 3], None);
        watched.look(version.of(102, 101), &ALL);
    }),
    of_leader(|cluster, version| {
        // The leader was not reached meanwhile; others need not be.
        let mut watched = led(cluster, &ALL, None);
        watched.unreached = Some(version.of(3, 1));
        watched.look(30, &ALL);
        watched.unreached = None;
        watched.look(37, &ALL);
    }),
    of_leader(|cluster, version| {
        // It was not, and the link of before may be one over which nothing arrives any more.
        let mut watched = led(cluster, &ALL, None);
        watched.unreached = Some(1);
        watched.look(22, &ALL);
        watched.unreached = None;
        watched.look(23, &ALL);
        watched.look(version.of(49, 48), &ALL);
    }),
    of_leader(|cluster, version| {
        // Who has no link to it may hear from any of the others where it is.
        let mut watched = led(cluster, &[2, 3], None);
        watched.unreached = (!version.is_broken()).then_some(3);
        watched.look(60, &ALL);
        watched.unreached = None;
        watched.look(102, &ALL);
    }),
    of_leader(|cluster, version| {
        // It was disturbed meanwhile, however short that was.
        let mut watched = led(cluster, &ALL, None);
        proxy(&mut watched).number = version.of(0, 1);
        watched.look(37, &ALL);
    }),
];

pub(super) const CALLS_ARE_ANSWERED: &[Story] = &[
    of_leader(|cluster, version| {
        // A call that came before the leader was found.
        let mut watched = asked(cluster, 1);
        watched.look(version.of(62, 61), &ALL);
    }),
    of_leader(|cluster, version| {
        // A call that came later; or it was answered, and the next one waits.
        let mut watched = asked(cluster, 30);
        watched.look(70, &ALL);
        proxy(&mut watched).asked = Some(Duration::from_millis(version.of(30, 31)));
        watched.look(71, &ALL);
    }),
    of_leader(|cluster, version| {
        // It came when they followed the leader already, or may have been lost when that was disturbed.
        let mut watched = led_from(10, cluster, &ALL, Some((2, 1)));
        proxy(&mut watched).asked = Some(Duration::from_millis(version.of(10, 9)));
        watched.look(72, &ALL);
    }),
    of_leader(|cluster, version| {
        // The leader hands over, and takes nothing meanwhile.
        let mut watched = asked(cluster, 1);
        if !version.is_broken() {
            watched.hands_over(1, 2);
        }
        watched.look(62, &ALL);
    }),
    of_leader(|cluster, version| {
        // One of two that follow it holds what is committed, or has to catch up first.
        let mut watched = asked(cluster, 1);
        let followers = version.of([1, 2], [1, 3]);
        for ms in [30, 51, 92] {
            watched.look(ms, &followers);
        }
    }),
    of_leader(|cluster, version| {
        // The link was lost meanwhile: it is sent again.
        let mut watched = asked(cluster, 1);
        if !version.is_broken() {
            proxy(&mut watched).leader = None;
            watched.look(30, &ALL);
            proxy(&mut watched).leader = Some((2, 1));
        }
        watched.look(62, &ALL);
    }),
];
