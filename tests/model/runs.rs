//! What is checked: within which bounds.

use std::{env, time::Duration};

use conclave::raft::Configuration;

use crate::{
    always::{COMMITTED_STAYS, LEADERS_ARE_COMPLETE, ONE_LEADER_A_TERM},
    bounds::Consensus,
    check::{assert_broken, check, check_for},
};

/// Three leaders, one after the other, each of which knows some of what the others did: enough for figure 8.
#[test]
fn leaders_of_three_terms() {
    check("leaders of three terms", "terms=3 campaigns=3 messages=3", &[]);
}

/// Each write is done late, or never.
#[test]
fn a_crash() {
    check("a crash", "terms=2 campaigns=2 crashes=1", &[]);
}

#[test]
fn a_proposal() {
    check("a proposal", "terms=2 campaigns=2 proposals=1", &[]);
}

/// Messages arrive twice, or so late that they should change nothing any more.
#[test]
fn copies_and_late_messages() {
    check("copies and late messages", "terms=2 campaigns=2 duplicates=1 messages=3 sweeps=0", &[]);
}

/// Elections as they are held in earnest: by timeout, after a pre-vote, against the will of those who have a leader.
#[test]
fn timeouts_and_heartbeats() {
    check("timeouts and heartbeats", "terms=2 timeouts=2 messages=3 heartbeats=1", &[]);
}

/// The new majority is a single node; the old one can do without it.
#[test]
fn a_change_from_three_voters_to_one() {
    check("from three voters to one", "terms=2 campaigns=2 changes=1 wanted=1", &[]);
}

/// New voters learn the log first; the old one leads them there, and goes.
#[test]
fn a_change_from_one_voter_to_two_others() {
    let bounds = "founders=1 wanted=2,3 terms=2 campaigns=2 changes=1 crashes=1 messages=2";
    let only_founder_writes = [
        "an entry is replaced that is still on the disk",
        "a leader commits what its own disk does not hold yet",
    ];
    check("from one voter to two others", bounds, &only_founder_writes);
}

/// Node 1 takes itself for a majority of the three.
#[test]
fn a_broken_quorum_is_found() {
    let mut model = Consensus::within("terms=2 campaigns=2");
    model.founders[0] = Configuration::of([1]).into();
    assert_broken(model, &[ONE_LEADER_A_TERM, LEADERS_ARE_COMPLETE, COMMITTED_STAYS]);
}

/// `CONCLAVE_MODEL_MINUTES=60 cargo test --test model -- --ignored --nocapture`, and `CONCLAVE_MODEL` for other bounds.
#[test]
#[ignore = "takes as long as it is given"]
fn deep() {
    let bounds = env::var("CONCLAVE_MODEL");
    let minutes = env::var("CONCLAVE_MODEL_MINUTES").map_or(60, |minutes| minutes.parse().expect("a number"));
    let bounds = bounds.as_deref().unwrap_or("terms=3 campaigns=3 proposals=1 crashes=1 messages=4");
    check_for(Duration::from_secs(60 * minutes), bounds);
}
