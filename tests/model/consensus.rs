//! The model: how the cluster begins, what may happen in each state, and what comes of it.

use conclave::raft::{Body, Message, NodeId, Raft, RoleName};
use stateright::{Model, Property};

use crate::{
    always,
    bounds::Consensus,
    caught::caught,
    hashed::Hashed,
    letters::is_dead,
    node::{ELECTION_TICKS, Node},
    sometimes,
    state::{Budget, State},
    steps::Broken,
    twins::is_twin_of_an_earlier,
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// An election timeout passes at a node. A leader sends heartbeats and checks that a quorum answers.
    Timeout(NodeId),
    /// A node campaigns with no pre-vote, and what a follower is told to do, as by a leader that hands over, no voter
    /// protects its leader from. Timeouts could never bring about more elections than that.
    Campaign(NodeId),
    Deliver(Hashed<Message>),
    /// Delivered, and to be delivered again.
    DeliverCopy(Hashed<Message>),
    /// Only to make room: else a message that never arrives might as well be under way for ever.
    Lose(Hashed<Message>),
    /// The oldest write of a node becomes durable.
    Write(NodeId),
    /// A node dies after so many of its writes under way are done, and comes up again at once: to be down for a while
    /// is no different from doing nothing for a while and dying then.
    Crash(NodeId, usize),
    Propose(NodeId),
    ChangeMembers(NodeId),
}

impl Model for Consensus {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::new(&self.founders, self.budget)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        let acts = [1, 2, 3].map(|id| !is_twin_of_an_earlier(self, state, id));
        let may_act = |id: NodeId| acts[id as usize - 1];
        let messages = || state.network.iter().filter(|message| may_act(message.to)).cloned();
        if state.network.len() > self.messages {
            return actions.extend(messages().map(Action::Lose));
        }
        actions.extend(messages().map(Action::Deliver));
        if state.left.duplicates > 0 {
            actions.extend(messages().map(Action::DeliverCopy));
        }
        for node in state.nodes.iter().filter(|node| may_act(node.core().id())) {
            self.node_actions(node, state.left, actions);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        let outcome = caught(|| {
            self.happen(&mut state, action);
            if state.left.crashes == 0 {
                state.write_all();
            }
        });
        if let Err(message) = outcome {
            state.broken = Some(Broken::Assertion(message));
        }
        self.clear(&mut state);
        (state != *before).then_some(state)
    }

    fn within_boundary(&self, state: &State) -> bool {
        state.nodes.iter().all(|node| node.core().term() <= self.terms)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        always::properties().into_iter().chain(sometimes::properties(self)).collect()
    }
}

impl Consensus {
    fn node_actions(&self, node: &Node, left: Budget, actions: &mut Vec<Action>) {
        let id = node.core().id();
        let writes = node.disk().writes_under_way();
        let leads = node.core().is_leader();
        let may_campaign = !leads && node.core().term() < self.terms;
        let may = |action, is_possible: bool| is_possible.then_some(action);
        actions.extend(may(Action::Write(id), writes > 0));
        actions.extend(may(Action::Timeout(id), (leads || may_campaign) && left.timeouts > 0));
        actions.extend(may(Action::Campaign(id), may_campaign && left.campaigns > 0));
        actions.extend(may(Action::Propose(id), leads && left.proposals > 0));
        actions.extend(may(Action::ChangeMembers(id), leads && left.changes > 0));
        if left.crashes > 0 {
            actions.extend((0..=writes).map(|done| Action::Crash(id, done)));
        }
    }

    fn happen(&self, state: &mut State, action: Action) {
        match action {
            Action::Timeout(id) => {
                state.left.timeouts -= 1;
                (0..ELECTION_TICKS).for_each(|_| state.step(id, Raft::tick));
            }
            Action::Campaign(id) => {
                state.left.campaigns -= 1;
                state.step(id, campaign);
            }
            Action::Deliver(message) => {
                state.network.remove(&message);
                state.step(message.to, |core| core.step(Message::clone(&message)));
            }
            Action::DeliverCopy(message) => {
                state.left.duplicates -= 1;
                state.step(message.to, |core| core.step(Message::clone(&message)));
            }
            Action::Lose(message) => drop(state.network.remove(&message)),
            Action::Write(id) => state.write(id),
            Action::Crash(id, done) => {
                state.left.crashes -= 1;
                state.node_mut(id).change(|node| node.crash(done));
            }
            Action::Propose(id) => {
                let command = [state.left.proposals];
                state.left.proposals -= 1;
                state.step(id, |core| {
                    core.propose([command.as_slice().into()]).expect("it leads, and hands over to nobody");
                });
            }
            Action::ChangeMembers(id) => state.change_members(id, &self.wanted),
        }
    }

    /// Takes the messages away that these bounds have no room for.
    fn clear(&self, state: &mut State) {
        let State { network, nodes, .. } = state;
        let node = |id: NodeId| -> &Node { &nodes[id as usize - 1] };
        network.retain(|message| {
            let is_heartbeat = matches!(message.body, Body::HeartbeatRequest { .. });
            let is_dead = || is_dead(message, node(message.from), node(message.to), self.terms);
            (self.heartbeats || !is_heartbeat) && !(self.sweeps && is_dead())
        });
    }
}

/// A follower is told to, by its leader or another member. One that has no others does so by itself; a candidate is no follower, so
/// it is told that everybody would vote for it.
fn campaign(core: &mut Raft) {
    let (id, origin, term) = (core.id(), core.origin(), core.term());
    let others: Vec<NodeId> = core.configuration().members().filter(|&member| member != id).collect();
    let teller = core.leader().or(others.first().copied());
    if let (RoleName::Follower, Some(from)) = (core.role(), teller) {
        return core.step(Message { from, to: id, origin, term, body: Body::TimeoutNow });
    }
    (0..ELECTION_TICKS).for_each(|_| core.tick());
    for peer in others {
        let body = Body::PreVoteResponse { granted: true };
        core.step(Message { from: peer, to: id, origin, term: term + 1, body });
    }
}
