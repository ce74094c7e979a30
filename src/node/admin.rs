//! Changes of membership and of leadership, as an operator asks for them: by what is wanted in the end. Asked again
//! until it is done, each request takes the step that can be taken.

use std::collections::BTreeSet;

use tonic::{Code, Status};

use crate::{
    raft::{ChangeError, Configuration, Members, NodeId, ProposeError, Raft},
    wire::{CallError, pb::v1},
};

/// Takes a step towards the members asked for.
pub(super) fn change_members(
    core: &mut Raft,
    request: &v1::ChangeMembersRequest,
) -> Result<v1::ChangeMembersResponse, Status> {
    if !core.is_leader() {
        return Err(not_leader(core.leader()));
    }
    let current = core.configuration();
    let members = target(current, request).map_err(Status::invalid_argument)?;
    let is_asked_for = members.voters == voters_to_be(current) && members.learners == learners_to_be(current);
    let addresses_known =
        members.addresses.iter().all(|(id, address)| current.addresses.get(id) == Some(address));
    if is_asked_for && addresses_known {
        let done = !current.is_changing() && core.is_configuration_committed();
        let waits_for = if done { String::new() } else { what_is_waited_for(core) };
        return Ok(v1::ChangeMembersResponse { done, waits_for });
    }
    match core.change_members(members) {
        Ok(_) => Ok(waiting(what_is_waited_for(core))),
        Err(ChangeError::NotLeader { leader }) => Err(not_leader(leader)),
        Err(ChangeError::Transferring) => Ok(waiting("leadership is being handed over")),
        Err(ChangeError::TooEarly) => {
            Ok(waiting("the leader is new and finds out what is committed and who answers"))
        }
        Err(ChangeError::UnderWay) => Ok(waiting("an earlier change ends first")),
        Err(ChangeError::Invalid) => Err(Status::invalid_argument("no voter would be left")),
        Err(ChangeError::Gone(id)) => Err(Status::invalid_argument(came_back(id))),
        Err(ChangeError::Unhealthy(silent)) => Err(Status::failed_precondition(unhealthy(&silent))),
    }
}

/// What a request for a transfer names where it names no node.
const NOBODY: NodeId = 0;

/// Begins to hand leadership over, unless that was done.
pub(super) fn transfer(
    core: &mut Raft,
    request: &v1::TransferRequest,
) -> Result<v1::TransferResponse, Status> {
    if !core.is_leader() {
        return Err(not_leader(core.leader()));
    }
    let led_before = request.from != NOBODY && request.from != core.id();
    if request.to == core.id() || (request.to == NOBODY && led_before) {
        return Ok(v1::TransferResponse { done: true, to: core.id(), note: String::new() });
    }
    let to = match request.to {
        NOBODY => core.successor().ok_or_else(|| Status::invalid_argument("there is no other voter"))?,
        to => to,
    };
    match core.transfer(to) {
        Ok(()) => Ok(v1::TransferResponse { done: false, to, note: hands_back(core, to) }),
        Err(ProposeError::NotLeader { .. } | ProposeError::Transferring) => Err(Status::invalid_argument(
            format!("node {to} is no voter: 'conclave member list' shows who is"),
        )),
    }
}

/// Whoever has a higher priority takes the lead back.
fn hands_back(core: &Raft, to: NodeId) -> String {
    core.preferred_to(to).map_or(String::new(), |preferred| {
        format!(
            "node {preferred} has a higher priority than node {to}, which hands leadership over to it as soon as it is up to date"
        )
    })
}

fn not_leader(leader: Option<NodeId>) -> Status {
    let words = match leader {
        Some(leader) => format!("node {leader} leads: ask that one"),
        None => "no leader is known".to_owned(),
    };
    CallError::other(Code::Unavailable, words).into()
}

fn came_back(id: NodeId) -> String {
    format!(
        "node {id} was a member and left for good: give the new node a number that was never used, and an empty --data-dir"
    )
}

/// Those who are silent can go: the others are a majority now.
fn unhealthy(silent: &BTreeSet<NodeId>) -> String {
    let (who, it) = match silent.len() {
        1 => (format!("node {} does not answer", listed(silent, ", ")), "it"),
        _ => (format!("nodes {} do not answer", listed(silent, " and ")), "them"),
    };
    let first = silent.first().copied().unwrap_or_default();
    format!(
        "unhealthy cluster: the change is not made, for {who}, and without {it} there would be no majority any more: start {it}, or first put another node in its place \
         ('conclave member replace {first} N=HOST:PORT') or take {it} out ('conclave member remove {}')",
        listed(silent, " ")
    )
}

fn listed(ids: &BTreeSet<NodeId>, between: &str) -> String {
    ids.iter().map(NodeId::to_string).collect::<Vec<_>>().join(between)
}

fn no_member(id: NodeId) -> String {
    format!("node {id} is no member: 'conclave member list' shows who is")
}

fn waiting(waits_for: impl Into<String>) -> v1::ChangeMembersResponse {
    v1::ChangeMembersResponse { done: false, waits_for: waits_for.into() }
}

/// The voters when a change under way has ended.
fn voters_to_be(current: &Configuration) -> BTreeSet<NodeId> {
    if current.wanted.is_empty() { current.voters.clone() } else { current.wanted.clone() }
}

fn learners_to_be(current: &Configuration) -> BTreeSet<NodeId> {
    &current.learners - &current.wanted
}

/// The members asked for, beginning from what a change under way leads to.
fn target(current: &Configuration, request: &v1::ChangeMembersRequest) -> Result<Members, String> {
    let mut members = Members {
        voters: voters_to_be(current),
        learners: learners_to_be(current),
        addresses: Default::default(),
    };
    for new in &request.add {
        add(&mut members, current, new)?;
    }
    for moved in &request.move_to {
        move_member(&mut members, current, moved)?;
    }
    check_addresses(&members, current, &request.remove)?;
    for &id in &request.promote {
        match members.learners.remove(&id) || members.voters.contains(&id) {
            true => members.voters.insert(id),
            false => return Err(format!("node {id} is no member: add it first")),
        };
    }
    for id in &request.remove {
        let was_member = members.voters.remove(id) | members.learners.remove(id);
        if !was_member && !current.contains(*id) && !current.gone.contains(id) {
            return Err(no_member(*id));
        }
    }
    are_enough_left(&members, current, request)?;
    Ok(members)
}

/// A node that is still catching up counts for nothing yet: whoever removes the others overlooked that, unless it is named in
/// the same breath.
fn are_enough_left(
    members: &Members,
    current: &Configuration,
    request: &v1::ChangeMembersRequest,
) -> Result<(), String> {
    let is_named = |id: &NodeId| request.add.iter().any(|new| new.id == *id) || request.promote.contains(id);
    let is_left = members.voters.iter().any(|id| current.voters.contains(id) || is_named(id));
    if is_left || request.remove.is_empty() || members.voters.is_empty() {
        return Ok(());
    }
    let left: Vec<String> = members.voters.iter().map(NodeId::to_string).collect();
    Err(format!(
        "only what has not caught up yet would be left to vote (node {}): wait until it votes, or name another voter to stay",
        left.join(", ")
    ))
}

fn add(members: &mut Members, current: &Configuration, new: &v1::NewMember) -> Result<(), String> {
    let v1::NewMember { id, address, learner } = new;
    if *id == 0 {
        return Err("0 stands for nobody: number the nodes from 1".to_owned());
    }
    if current.gone.contains(id) {
        return Err(came_back(*id));
    }
    if let Some(known) = current.addresses.get(id).filter(|known| *known != address && current.contains(*id))
    {
        return Err(format!(
            "node {id} is a member already, reached at {known}: 'conclave member move {id}={address}' moves it"
        ));
    }
    if members.addresses.contains_key(id) {
        return Err(format!("node {id} is named twice"));
    }
    if *learner && members.voters.contains(id) {
        return Err(format!("node {id} votes already: remove it, and add a new node as a learner"));
    }
    match learner {
        true => members.learners.insert(*id),
        false => {
            members.learners.remove(id);
            members.voters.insert(*id)
        }
    };
    members.addresses.insert(*id, address.clone());
    Ok(())
}

/// A member is reached elsewhere from now on.
fn move_member(
    members: &mut Members,
    current: &Configuration,
    moved: &v1::MemberAddress,
) -> Result<(), String> {
    let v1::MemberAddress { id, address } = moved;
    if !current.contains(*id) {
        return Err(no_member(*id));
    }
    match members.addresses.insert(*id, address.clone()) {
        Some(_) => Err(format!("node {id} is named twice")),
        None => Ok(()),
    }
}

/// Every node has an address of its own when the change is made: two may have changed theirs.
fn check_addresses(members: &Members, current: &Configuration, leaving: &[u64]) -> Result<(), String> {
    let mut addresses = current.addresses.clone();
    addresses.extend(members.addresses.clone());
    for (id, address) in &members.addresses {
        if let Some((other, _)) = addresses.iter().find(|(other, taken)| *taken == address && *other != id) {
            let way_out = match leaving.contains(other) {
                true => format!("; remove node {other} first, then add the new one, or give it another port"),
                false => String::new(),
            };
            return Err(format!(
                "the address {address} is node {other}'s: every node needs its own{way_out}"
            ));
        }
    }
    Ok(())
}

/// What keeps a change from its next step.
fn what_is_waited_for(core: &Raft) -> String {
    let missing = core.missing_voters();
    if !missing.is_empty() {
        return unhealthy(&missing);
    }
    let configuration = core.configuration();
    let unheard = core.unrecorded_voters().into_iter().filter(|id| configuration.voters.contains(id)).map(|id| {
        format!(
            "node {id} was not heard yet: start it, or put another node in its place ('conclave member replace {id} N=HOST:PORT')"
        )
    });
    let peers = core.peers();
    let arriving = peers
        .iter()
        .filter(|peer| configuration.wanted.contains(&peer.id) && !configuration.voters.contains(&peer.id))
        .map(|peer| match (peer.is_active, peer.receives_snapshot) {
            (false, _) => {
                let id = peer.id;
                format!(
                    "node {id} does not answer: start it with --join, or take it back by 'conclave member remove {id}'"
                )
            }
            (true, true) => format!("node {} receives a snapshot", peer.id),
            (true, false) => format!("node {} has {} of {} entries", peer.id, peer.matched, core.commit()),
        });
    let waits_for: Vec<String> = unheard.chain(arriving).collect();
    match waits_for.is_empty() {
        true => "a majority has to store the change".to_owned(),
        false => waits_for.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{AppendOutcome, Body, InitialState, Message, Options, Origin, RoleName, Snapshot};

    fn current() -> Configuration {
        let addresses = [1, 2, 3, 4].map(|id| (id, format!("host-{id}:1"))).into();
        Configuration { learners: [4].into(), gone: [9].into(), addresses, ..Configuration::of([1, 2, 3]) }
    }

    fn new(id: NodeId, address: &str) -> v1::NewMember {
        v1::NewMember { id, address: address.into(), learner: false }
    }

    fn ask(request: v1::ChangeMembersRequest) -> Result<(Vec<NodeId>, Vec<NodeId>), String> {
        let members = target(&current(), &request)?;
        Ok((members.voters.into_iter().collect(), members.learners.into_iter().collect()))
    }

    #[test]
    fn several_changes_make_one() {
        let request = v1::ChangeMembersRequest {
            add: vec![new(5, "host-5:1"), v1::NewMember { learner: true, ..new(6, "host-6:1") }],
            remove: vec![3],
            promote: vec![4],
            ..Default::default()
        };
        assert_eq!(ask(request), Ok((vec![1, 2, 4, 5], vec![6])));
    }

    /// Node 5 was added a while ago and does not vote yet.
    #[test]
    fn a_node_that_has_not_caught_up_is_not_left_alone() {
        let mut current = current();
        current.learners.insert(5);
        current.wanted = [1, 2, 3, 5].into();
        let voters = |request| target(&current, &request).map(|members| members.voters);
        let remove = |ids: &[NodeId]| v1::ChangeMembersRequest { remove: ids.to_vec(), ..Default::default() };
        let error = voters(remove(&[1, 2, 3])).expect_err("it would be left alone");
        assert!(error.contains("only what has not caught up yet would be left to vote (node 5)"), "{error}");
        assert_eq!(voters(remove(&[1, 2])), Ok([3, 5].into()));
        assert_eq!(voters(remove(&[5])), Ok([1, 2, 3].into()));
        let add = vec![new(6, "host-6:1")];
        let replace = v1::ChangeMembersRequest { add, ..remove(&[1, 2, 3]) };
        assert_eq!(voters(replace), Ok([5, 6].into()), "whoever names it means it");
        // When it votes it counts.
        current.voters = std::mem::take(&mut current.wanted);
        let voters = target(&current, &remove(&[1, 2, 3])).map(|members| members.voters);
        assert_eq!(voters, Ok([5].into()));
    }

    #[test]
    fn a_member_moves_only_when_that_is_asked_for() {
        let moved = |id, address: &str| v1::ChangeMembersRequest {
            move_to: vec![v1::MemberAddress { id, address: address.into() }],
            ..Default::default()
        };
        let members = target(&current(), &moved(2, "elsewhere:1")).expect("a member");
        assert_eq!(members.addresses, [(2, "elsewhere:1".to_owned())].into());
        assert_eq!(members.voters, [1, 2, 3].into());
        let mut swapped = moved(2, "host-3:1");
        swapped.move_to.extend(moved(3, "host-2:1").move_to);
        let members = target(&current(), &swapped).expect("each has an address of its own");
        assert_eq!(members.addresses, [(2, "host-3:1".to_owned()), (3, "host-2:1".to_owned())].into());
        for (request, expected) in [
            (moved(7, "elsewhere:1"), "node 7 is no member"),
            (moved(9, "elsewhere:1"), "node 9 is no member"),
            (moved(2, "host-3:1"), "the address host-3:1 is node 3's"),
        ] {
            let error = ask(request).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
        let add = v1::ChangeMembersRequest { add: vec![new(2, "elsewhere:1")], ..Default::default() };
        let error = ask(add).expect_err("it votes at another address");
        assert!(error.contains("'conclave member move 2=elsewhere:1' moves it"), "{error}");
    }

    #[test]
    fn what_is_so_already_may_be_asked_for_again() {
        let request = v1::ChangeMembersRequest {
            add: vec![new(1, "host-1:1")],
            remove: vec![9],
            promote: vec![2],
            ..Default::default()
        };
        assert_eq!(ask(request), Ok((vec![1, 2, 3], vec![4])));
    }

    #[test]
    fn nonsense_is_explained() {
        let add = |new| v1::ChangeMembersRequest { add: vec![new], ..Default::default() };
        let refused = |request, expected: &str| {
            let error = ask(request).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        };
        refused(add(new(0, "host:1")), "0 stands for nobody");
        refused(add(new(9, "host-9:1")), "node 9 was a member and left for good");
        let both = vec![new(5, "host-5:1"), new(6, "host-5:1")];
        refused(
            v1::ChangeMembersRequest { add: both, ..Default::default() },
            "the address host-5:1 is node 6's",
        );
        refused(add(new(5, "host-2:1")), "the address host-2:1 is node 2's");
        refused(add(v1::NewMember { learner: true, ..new(2, "host-2:1") }), "node 2 votes already");
        let twice = vec![new(5, "host-5:1"), new(5, "host-6:1")];
        refused(v1::ChangeMembersRequest { add: twice, ..Default::default() }, "node 5 is named twice");
        refused(v1::ChangeMembersRequest { remove: vec![7], ..Default::default() }, "node 7 is no member");
        refused(v1::ChangeMembersRequest { promote: vec![7], ..Default::default() }, "node 7 is no member");
    }

    /// Node 1 leads, 2 answers, and 3 does not.
    #[test]
    fn what_would_leave_no_majority_is_refused_with_what_to_do() {
        let mut core = elected([0, 0, 0], &[2]);
        let remove = |ids: &[NodeId]| v1::ChangeMembersRequest { remove: ids.to_vec(), ..Default::default() };
        let persist = core.effects().persist.expect("its first entry");
        core.persisted(persist.ticket);
        let outcome = AppendOutcome::Accepted { matched: core.last().index };
        hear(&mut core, 2, Body::AppendResponse { outcome, priority: 0 });
        core.effects();
        let early = change_members(&mut core, &remove(&[2])).expect("it is asked again");
        assert!(early.waits_for.contains("the leader is new"), "{}", early.waits_for);
        for _ in 0..100 {
            core.tick();
            hear(&mut core, 2, Body::HeartbeatResponse { round: 0, priority: 0, promise_us: 0 });
            core.effects();
        }
        assert!(core.is_leader());
        let error = change_members(&mut core, &remove(&[2])).expect_err("1 and 3 would be left");
        assert_eq!(error.code(), tonic::Code::FailedPrecondition);
        for part in ["node 3 does not answer", "'conclave member replace 3 ", "'conclave member remove 3'"] {
            assert!(error.message().contains(part), "{error}");
        }
        let error = change_members(&mut core, &remove(&[1])).expect_err("2 and 3 would be left");
        assert_eq!(error.code(), tonic::Code::FailedPrecondition);
        change_members(&mut core, &remove(&[3])).expect("1 and 2 are left");
    }

    /// Node 1 leads, 2 answers, and 3 was never there: there is no record of its directory.
    #[test]
    fn a_change_that_waits_for_a_founder_that_was_never_heard_says_so() {
        let configuration = std::sync::Arc::new(Configuration::of([1, 2, 3]));
        let options = Options { founding_id: 7, incarnation: 201, ..Options::plain(1) };
        let mut core = Raft::new(options, InitialState { configuration, ..InitialState::default() });
        let hear = |core: &mut Raft, body| {
            let origin = Origin { incarnation: 202, ..Origin::default() };
            core.step(Message { from: 2, to: 1, origin, term: 1, body });
            if let Some(persist) = core.effects().persist {
                core.persisted(persist.ticket);
            }
        };
        while core.role() == RoleName::Follower {
            core.tick();
        }
        hear(&mut core, Body::PreVoteResponse { granted: true });
        hear(&mut core, Body::VoteResponse { granted: true });
        assert!(core.is_leader());
        for _ in 0..100 {
            core.tick();
            hear(&mut core, Body::HeartbeatResponse { round: 0, priority: 0, promise_us: 0 });
            let outcome = AppendOutcome::Accepted { matched: core.last().index };
            hear(&mut core, Body::AppendResponse { outcome, priority: 0 });
        }
        let request = v1::ChangeMembersRequest { add: vec![new(4, "host-4:1")], ..Default::default() };
        let told = change_members(&mut core, &request).expect("it waits").waits_for;
        for part in ["node 3 was not heard yet", "'conclave member replace 3 ", "node 4 "] {
            assert!(told.contains(part), "{told}");
        }
    }

    fn hear(core: &mut Raft, from: NodeId, body: Body) {
        core.step(Message { from, to: 1, origin: Origin::default(), term: 1, body });
    }

    /// Node 1, which leads voters of these priorities.
    fn leader(priorities: [u32; 3]) -> Raft {
        elected(priorities, &[2, 3])
    }

    /// The same, and heard from these since it was elected.
    fn elected(priorities: [u32; 3], heard: &[NodeId]) -> Raft {
        let configuration = std::sync::Arc::new(Configuration::of([1, 2, 3]));
        let options = Options { priority: priorities[0], ..Options::plain(1) };
        let applied = Snapshot { configuration: configuration.clone(), ..Snapshot::default() };
        let mut core = Raft::new(options, InitialState { configuration, applied, ..InitialState::default() });
        while core.role() == RoleName::Follower {
            core.tick();
        }
        hear(&mut core, 2, Body::PreVoteResponse { granted: true });
        hear(&mut core, 2, Body::VoteResponse { granted: true });
        let persist = core.effects().persist.expect("its vote");
        core.persisted(persist.ticket);
        for &from in heard {
            let priority = priorities[from as usize - 1];
            hear(&mut core, from, Body::HeartbeatResponse { round: 0, priority, promise_us: 0 });
        }
        core
    }

    #[test]
    fn who_was_to_hand_over_and_leads_no_more_has_done_so() {
        let ask = |from, to| {
            let request = v1::TransferRequest { from, to, ..Default::default() };
            let answer = transfer(&mut leader([0, 0, 0]), &request).expect("there are other voters");
            (answer.done, answer.to)
        };
        assert_eq!(ask(2, NOBODY), (true, 1), "it is asked again");
        assert!(!ask(1, NOBODY).0);
        assert!(!ask(NOBODY, NOBODY).0);
        assert_eq!(ask(2, 3), (false, 3), "whoever is named is to lead");
    }

    #[test]
    fn who_transfers_to_a_node_that_hands_back_is_told() {
        let note = |priorities, to| {
            let request = v1::TransferRequest { to, ..Default::default() };
            transfer(&mut leader(priorities), &request).expect("a voter").note
        };
        assert_eq!(note([0, 0, 0], 2), "");
        assert_eq!(note([0, 0, 5], 3), "");
        assert!(note([0, 0, 5], 2).contains("node 3 has a higher priority than node 2"));
        assert!(note([7, 0, 5], 2).contains("node 1 has a higher priority than node 2"));
    }
}
