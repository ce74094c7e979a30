//! How a node stands, and what keeps it from getting on: for whoever is told that a cluster made no progress.

use std::fmt;

use conclave::raft::{Configuration, Index, NodeId, Position, RoleName, Term};

use crate::{Oracle, facts::Facts, without_quorum};

/// How a node stood when it last did anything in this life.
struct Standing {
    node: NodeId,
    role: RoleName,
    term: Term,
    /// Whom it takes for the leader.
    leader: Option<NodeId>,
    /// The end of its log.
    last: Position,
    commit: Index,
    applied: Index,
}

/// How all nodes stand.
pub struct Standings<'a>(&'a Oracle);

impl<'a> Standings<'a> {
    /// By what this oracle knows.
    pub fn of(oracle: &'a Oracle) -> Self {
        Self(oracle)
    }

    /// Whether a node has reads that are neither answered nor refused.
    pub fn has_open_reads(&self, id: NodeId) -> bool {
        self.0.inner().facts.node(id).is_some_and(|node| !node.reads.is_empty())
    }

    /// The leader that a quorum of the voters in force follows, of those among these nodes, itself included.
    pub fn leader_of(&self, nodes: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let facts = &self.0.inner().facts;
        let configuration = facts.committed.latest_configuration()?;
        let leads = |standing: &Standing| standing.role == RoleName::Leader;
        let leaders = configuration.members().filter_map(|id| standing(facts, id)).filter(leads);
        let has_quorum = |leader: &Standing| {
            let follows = |other: &Standing| other.term == leader.term && other.leader == Some(leader.node);
            let agrees =
                |id| id == leader.node || nodes(id) && standing(facts, id).as_ref().is_some_and(follows);
            without_quorum(configuration, agrees).is_none()
        };
        leaders.max_by_key(|leader| leader.term).filter(has_quorum).map(|leader| leader.node)
    }

    /// What keeps these nodes from electing a leader, or from following it, a clause for each of them.
    pub fn what_is_missing(&self, nodes: &[NodeId], is_running: impl Fn(NodeId) -> bool) -> String {
        let facts = &self.0.inner().facts;
        let Some(configuration) = facts.committed.latest_configuration() else {
            return "nothing was ever committed".to_owned();
        };
        let clauses = nodes.iter().map(|&id| match standing(facts, id).filter(|_| is_running(id)) {
            Some(standing) => Clause { facts, configuration, nodes, standing }.to_string(),
            None if is_running(id) => format!("node {id} has done nothing since it was started"),
            None => format!("node {id} does not run"),
        });
        clauses.collect::<Vec<_>>().join("; ")
    }
}

fn standing(facts: &Facts, id: NodeId) -> Option<Standing> {
    let node = facts.node(id)?;
    let view = node.present_view()?;
    Some(Standing {
        node: id,
        role: view.role,
        term: view.term(),
        leader: node.leader,
        last: view.last,
        commit: view.commit,
        applied: node.applied,
    })
}

/// What is said of one node.
struct Clause<'a> {
    facts: &'a Facts,
    configuration: &'a Configuration,
    nodes: &'a [NodeId],
    standing: Standing,
}

impl Clause<'_> {
    fn others(&self) -> impl Iterator<Item = NodeId> {
        self.nodes.iter().copied().filter(|&id| id != self.standing.node && self.configuration.is_voter(id))
    }

    /// Why a voter does not vote for this node in its term, or would not in the next one.
    fn objection(&self, voter: NodeId) -> Option<String> {
        let candidate = &self.standing;
        let Some(other) = standing(self.facts, voter) else { return Some("does not answer".to_owned()) };
        if !self.configuration.incarnations.contains_key(&voter) {
            return Some("is not on record: its vote does not count".to_owned());
        }
        if other.last > candidate.last {
            return Some(format!("has a longer log (to {})", place(other.last)));
        }
        if other.term > candidate.term {
            return Some(format!("is in term {}", other.term));
        }
        match (self.facts.ballots.vote_of(voter, candidate.term), other.leader) {
            (Some(voted), _) if voted != candidate.node && candidate.role == RoleName::Candidate => {
                Some(format!("has voted for node {voted}"))
            }
            (_, Some(leader)) if leader != candidate.node => Some(format!("follows node {leader}")),
            _ => None,
        }
    }

    fn fmt_ballot(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Standing { node, term, role, .. } = self.standing;
        if role == RoleName::Candidate {
            let votes_for_it = |&id: &NodeId| self.facts.ballots.vote_of(id, term) == Some(node);
            let votes: Vec<NodeId> = self.configuration.voters.iter().copied().filter(votes_for_it).collect();
            write!(f, ", has the votes of {votes:?}")?;
        }
        for voter in self.others() {
            if let Some(objection) = self.objection(voter) {
                write!(f, ", node {voter} {objection}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Clause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Standing { node, role, term, leader, last, commit, applied, .. } = self.standing;
        write!(f, "node {node} is {role} in term {term}, log to {}", place(last))?;
        write!(f, ", commit {commit}, applied {applied}")?;
        match (role, leader) {
            (RoleName::PreCandidate | RoleName::Candidate, _) => self.fmt_ballot(f),
            (RoleName::Follower, Some(leader)) if !self.nodes.contains(&leader) => {
                write!(f, ", follows node {leader}, which is not among those that are healed")
            }
            (RoleName::Follower, Some(leader)) => write!(f, ", follows node {leader}"),
            (RoleName::Follower, None) => {
                f.write_str(", follows nobody")?;
                self.fmt_ballot(f)
            }
            (RoleName::Leader, _) => Ok(()),
        }
    }
}

fn place(Position { index, term }: Position) -> String {
    format!("{index}@{term}")
}
