//! The links to the nodes, and what the nodes say: who leads, and who is a member.
//!
//! A link is named for as long as it is wanted and its name is never used again: what a link that was hung up had still
//! to say names nothing any more. What a node said is kept within the state of its open stream and goes with it: a node
//! that is gone, or that turned out to be of another cluster, is not believed for longer than it is heard.

use std::{collections::BTreeMap, fmt};

use crate::{
    env::sometimes,
    wire::{ClusterId, Leadership, NodeId, lacking},
};

/// Names a link, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) struct LinkId(pub(in crate::proxy) u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// A node that this proxy has, or wants, a link to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) struct KnownNode {
    /// Absent until it, or a leader, said so.
    pub(in crate::proxy) id: Option<NodeId>,
    pub(in crate::proxy) address: String,
    /// The link to it is open.
    pub(in crate::proxy) is_linked: bool,
}

/// Why a link has no stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum DownReason {
    /// The node refused this proxy: a mistake that lasts until somebody mends it, such as the name of another cluster.
    Refused(String),
    /// The stream broke, or the node cannot be reached.
    Lost,
}

#[derive(Debug)]
struct Link {
    address: String,
    /// A node named this address, rather than whoever started this proxy.
    is_learned: bool,
    state: LinkState,
    /// In whose words the node refused this proxy, until it says something else.
    refusal: Option<String>,
}

#[derive(Debug)]
enum LinkState {
    /// There is no stream.
    Down,
    /// There is one, and the node has not said anything yet: it may still refuse this proxy.
    Opening,
    /// The node takes requests, and says this of itself and of its cluster.
    Open(Leadership),
}

impl Link {
    fn claim(&self) -> Option<&Leadership> {
        match &self.state {
            LinkState::Open(claim) => Some(claim),
            LinkState::Down | LinkState::Opening => None,
        }
    }

    fn cluster(&self) -> Option<ClusterId> {
        self.claim()?.cluster
    }

    /// This proxy's cluster and that of the node, if it is another one.
    fn foreign_cluster(&self, own: Option<ClusterId>) -> Option<(ClusterId, ClusterId)> {
        let (own, other) = (own?, self.cluster()?);
        (own != other).then_some((own, other))
    }

    /// The node that it leads to: by what that says itself, or else by the address.
    fn node(&self, own: Option<ClusterId>, members: &BTreeMap<NodeId, String>) -> Option<NodeId> {
        let claim = self.claim().filter(|_| self.foreign_cluster(own).is_none());
        let member_at = || members.iter().find(|(_, address)| **address == self.address).map(|(id, _)| *id);
        claim.map(|claim| claim.node).or_else(member_at)
    }
}

/// Who leads, by the latest term that a node on an open link speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) struct Leader {
    pub(in crate::proxy) term: u64,
    pub(in crate::proxy) node: NodeId,
    /// The open link to it, if there is one.
    pub(in crate::proxy) link: Option<LinkId>,
}

/// The links that are wanted from now on, and those that are not any more.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) wanted: Vec<LinkId>,
    pub(super) unwanted: Vec<LinkId>,
}

/// Invariant: only the word of nodes of `cluster` counts, and only they get requests.
#[derive(Debug, Default)]
pub(super) struct Links {
    links: BTreeMap<LinkId, Link>,
    next: u64,
    /// The cluster that this proxy works for. `None` until it is known which one was meant.
    cluster: Option<ClusterId>,
    /// That cluster was named, and no other is ever meant.
    is_cluster_given: bool,
    /// Where the members are reached, as a leader said.
    members: BTreeMap<NodeId, String>,
}

impl Links {
    /// Links of a proxy that was told which cluster it works for, or was not.
    pub(super) fn of_cluster(cluster: Option<ClusterId>) -> Self {
        Self { cluster, is_cluster_given: cluster.is_some(), ..Self::default() }
    }

    pub(super) fn contains(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    /// Wants a link to an address.
    pub(super) fn add(&mut self, address: &str, is_learned: bool) -> LinkId {
        let id = LinkId(self.next);
        self.next += 1;
        let address = address.to_owned();
        let link = Link { address, is_learned, state: LinkState::Down, refusal: None };
        self.links.insert(id, link);
        id
    }

    pub(super) fn up(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.state = LinkState::Opening;
        }
    }

    pub(super) fn down(&mut self, link: LinkId, reason: DownReason) -> Changes {
        if let Some(link) = self.links.get_mut(&link) {
            link.state = LinkState::Down;
            link.refusal = match reason {
                DownReason::Refused(words) => Some(words),
                DownReason::Lost => None,
            };
        }
        let mut changes = self.choose_cluster();
        // A member that was reached by another address than it is said to have may have moved there.
        let members = self.members.clone();
        changes.wanted.extend(self.link_to_members(&members));
        changes
    }

    /// A node on an open link says who leads.
    pub(super) fn heard(&mut self, link: LinkId, news: Leadership) -> Changes {
        let known_term = self.leader().map_or(0, |leader| leader.term);
        let Some(speaker) = self.links.get_mut(&link) else { return Changes::default() };
        if matches!(speaker.state, LinkState::Down) {
            return Changes::default();
        }
        let cluster = news.cluster;
        speaker.state = LinkState::Open(news.clone());
        speaker.refusal = None;
        let is_settled = self.cluster.is_some();
        sometimes!(is_settled && cluster.is_some() && cluster != self.cluster, OtherCluster);
        let mut changes = self.choose_cluster();
        if is_settled && cluster.is_some() && cluster == self.cluster {
            changes.unwanted.extend(self.leave_doubles(link, &news, known_term));
            self.believe(&news, known_term, &mut changes);
        }
        changes
    }

    fn believe(&mut self, news: &Leadership, known_term: u64, changes: &mut Changes) {
        // Only the leader itself surely knows who is no member any more.
        if news.leader == Some(news.node) && news.term >= known_term {
            self.members.clone_from(&news.members);
            changes.unwanted.extend(self.leave_strangers());
        }
        // Then: whoever has moved is not reached any more by what led to its earlier address.
        changes.wanted.extend(self.link_to_members(&news.members));
    }

    /// Decides which cluster this proxy works for, if it is time to: an address may have been given by mistake, or be used
    /// again by another cluster, and then some nodes that answer are not of the cluster that was meant. It is the one that
    /// more than half of the addresses given lead to: half of them may be a mistake. It stays until no node speaks for it any
    /// more, and more than half of those addresses lead to another one, which was founded in its place.
    fn choose_cluster(&mut self) -> Changes {
        let given = || self.links.values().filter(|link| !link.is_learned);
        let mut claims: BTreeMap<ClusterId, usize> = BTreeMap::new();
        given().filter_map(Link::cluster).for_each(|cluster| *claims.entry(cluster).or_default() += 1);
        let Some((&chosen, &count)) = claims.iter().max_by_key(|(_, count)| **count) else {
            return Changes::default();
        };
        let total = given().count();
        let is_time = match self.cluster {
            Some(present) => {
                2 * count > total && !self.links.values().any(|link| link.cluster() == Some(present))
            }
            None => 2 * count > total,
        };
        if !is_time || self.is_cluster_given || self.cluster == Some(chosen) {
            return Changes::default();
        }
        self.cluster = Some(chosen);
        self.members.clear();
        let mut changes = Changes { unwanted: self.leave_strangers(), ..Changes::default() };
        let news: Vec<Leadership> = self.trusted().map(|(_, claim)| claim.clone()).collect();
        let mut known_term = 0;
        for claim in &news {
            self.believe(claim, known_term, &mut changes);
            known_term = known_term.max(claim.term);
        }
        changes
    }

    /// The open links to nodes of this cluster, and what they say.
    fn trusted(&self) -> impl Iterator<Item = (LinkId, &Leadership)> {
        let open = self.links.iter().filter_map(|(id, link)| Some((*id, link.claim()?)));
        open.filter(|(_, claim)| self.cluster.is_some() && claim.cluster == self.cluster)
    }

    /// The cluster that this proxy works for; `None` while that is not decided.
    pub(super) fn cluster(&self) -> Option<ClusterId> {
        self.cluster
    }

    fn link_to_members(&mut self, members: &BTreeMap<NodeId, String>) -> Vec<LinkId> {
        let mut wanted = Vec::new();
        for (id, address) in members {
            let is_linked = self.trusted().any(|(_, claim)| claim.node == *id)
                || self.links.values().any(|link| link.address == *address);
            if !is_linked {
                wanted.push(self.add(address, true));
            }
        }
        wanted
    }

    /// Links to nodes that are no members end. Those that this proxy was told of at its start stay: it may know nodes
    /// by other addresses than they know each other.
    fn leave_strangers(&mut self) -> Vec<LinkId> {
        let is_member = |link: &Link| self.members.values().any(|address| *address == link.address);
        let is_stranger = |link: &Link| link.is_learned && !is_member(link);
        let strangers: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| is_stranger(link)).map(|(id, _)| *id).collect();
        strangers.iter().for_each(|id| drop(self.links.remove(id)));
        strangers
    }

    /// Links that were learned end when the same node speaks through one that this proxy was told of: it knows the node by another
    /// address than that of the member, and has dialled the latter while the former was down. Only a node that follows the latest
    /// leader is taken for the member: at an address that the member has left there may be a copy of it.
    fn leave_doubles(&mut self, speaker: LinkId, news: &Leadership, known_term: u64) -> Vec<LinkId> {
        let is_told = self.links.get(&speaker).is_some_and(|link| !link.is_learned);
        if !is_told || news.leader.is_none() || news.term < known_term {
            return Vec::new();
        }
        let is_double =
            |link: &Link| link.is_learned && link.node(self.cluster, &self.members) == Some(news.node);
        let doubles: Vec<LinkId> =
            self.links.iter().filter(|(_, link)| is_double(link)).map(|(id, _)| *id).collect();
        doubles.iter().for_each(|id| drop(self.links.remove(id)));
        doubles
    }

    pub(super) fn leader(&self) -> Option<Leader> {
        let claims = self.trusted().filter_map(|(_, claim)| Some((claim.term, claim.leader?)));
        let (term, node) = claims.max()?;
        let link = self.trusted().find(|(_, claim)| claim.node == node).map(|(id, _)| id);
        Some(Leader { term, node, link })
    }

    /// Whether a node takes requests there.
    pub(super) fn is_open(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|link| link.claim().is_some())
    }

    /// Open links, in their order, and the nodes that they lead to.
    pub(super) fn open(&self) -> impl Iterator<Item = (LinkId, NodeId)> {
        self.trusted().map(|(id, claim)| (id, claim.node))
    }

    pub(super) fn address(&self, link: LinkId) -> Option<&str> {
        self.links.get(&link).map(|link| link.address.as_str())
    }

    /// The nodes as far as they are known, with their numbers if those are known. A link without a stream to an address
    /// that no member has is not shown once the members are known.
    pub(super) fn nodes(&self) -> Vec<KnownNode> {
        let nodes = self.links.values().filter_map(|link| {
            let node = link.node(self.cluster, &self.members);
            let is_shown = node.is_some() || self.members.is_empty();
            let is_linked = link.claim().is_some() && link.foreign_cluster(self.cluster).is_none();
            let address = link.address.clone();
            is_shown.then_some(KnownNode { id: node, address, is_linked })
        });
        nodes.collect()
    }

    /// Why so many answer and none leads, by the word of those who have seen the latest term. That most nodes are needed goes without
    /// saying, unless most answer, or the members are being changed.
    fn missing_majority(&self, do_most_answer: bool) -> Option<String> {
        if self.leader().is_some() {
            return None;
        }
        let term = self.trusted().map(|(_, claim)| claim.term).max()?;
        let answers = |id| self.trusted().any(|(_, claim)| claim.node == id);
        let mut latest = self.trusted().map(|(_, claim)| claim).filter(|claim| claim.term == term);
        latest.find_map(|Leadership { voters, outgoing, .. }| {
            let is_news = do_most_answer || !outgoing.is_empty();
            is_news.then(|| lacking(voters, outgoing, answers)).flatten()
        })
    }

    /// How the cluster looks from here, for an operator who wonders why nothing works.
    pub(super) fn diagnosis(&self) -> String {
        let answers = |link: &&Link| link.claim().is_some() && link.foreign_cluster(self.cluster).is_none();
        let (answering, total) = (self.links.values().filter(answers).count(), self.links.len());
        let mut text = match answering {
            1 => format!("1 of {total} nodes answers"),
            _ => format!("{answering} of {total} nodes answer"),
        };
        if self.cluster.is_none() && self.links.values().any(|link| link.cluster().is_some()) {
            text.push_str(
                "; too few of the addresses that this proxy was given lead to one cluster: give it those of all members, or a --cluster-id",
            );
        }
        if let Some(why) = self.missing_majority(2 * answering > total) {
            text.push_str(&format!("; {why}"));
        }
        let mut refusals: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for link in self.links.values() {
            if let Some(words) = &link.refusal {
                refusals.entry(words).or_default().push(&link.address);
            }
        }
        for link in self.links.values() {
            if let Some((own, other)) = link.foreign_cluster(self.cluster) {
                let address = &link.address;
                text.push_str(&format!(
                    "; {address} belongs to another cluster of the same name (id {other:016x}, not {own:016x})"
                ));
            }
        }
        for (words, addresses) in refusals {
            text.push_str(&format!("; this proxy is refused by {}: {words}", addresses.join(", ")));
        }
        text
    }
}
