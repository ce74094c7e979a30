//! The links to the nodes, and what the nodes say: who leads, and who is a member.
//!
//! A link is named for as long as it is wanted and its name is never used again: what a link that was hung up had still
//! to say names nothing any more. What a node said is kept within the state of its open stream and goes with it: a node
//! that is gone, or that turned out to be of another cluster, is not believed for longer than it is heard.

use std::{collections::BTreeMap, fmt};

use crate::wire::{Leadership, NodeId};

/// Names a link, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::proxy) struct LinkId(pub(in crate::proxy) u64);

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
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
    /// The node takes requests, and says this.
    Open(Claim),
}

/// What a node says of itself and of the cluster. It counts, and gets requests, from its first word on.
#[derive(Clone, Copy, Debug)]
struct Claim {
    node: NodeId,
    term: u64,
    leader: Option<NodeId>,
}

impl Link {
    fn claim(&self) -> Option<&Claim> {
        match &self.state {
            LinkState::Open(claim) => Some(claim),
            LinkState::Down | LinkState::Opening => None,
        }
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

#[derive(Debug, Default)]
pub(super) struct Links {
    links: BTreeMap<LinkId, Link>,
    next: u64,
    /// Where the members are reached, as a leader said.
    members: BTreeMap<NodeId, String>,
}

impl Links {
    pub(super) fn contains(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    /// Wants a link to an address.
    pub(super) fn add(&mut self, address: &str, is_learned: bool) -> LinkId {
        let id = LinkId(self.next);
        self.next += 1;
        let address = address.to_owned();
        self.links.insert(id, Link { address, is_learned, state: LinkState::Down, refusal: None });
        id
    }

    pub(super) fn up(&mut self, link: LinkId) {
        if let Some(link) = self.links.get_mut(&link) {
            link.state = LinkState::Opening;
        }
    }

    pub(super) fn down(&mut self, link: LinkId, reason: DownReason) {
        if let Some(link) = self.links.get_mut(&link) {
            link.state = LinkState::Down;
            link.refusal = match reason {
                DownReason::Refused(words) => Some(words),
                DownReason::Lost => None,
            };
        }
    }

    /// A node on an open link says who leads. Returns the links that are wanted from now on, and those that are not.
    pub(super) fn heard(&mut self, link: LinkId, news: &Leadership) -> (Vec<LinkId>, Vec<LinkId>) {
        let known_term = self.leader().map_or(0, |leader| leader.term);
        let Some(speaker) = self.links.get_mut(&link) else { return Default::default() };
        if matches!(speaker.state, LinkState::Down) {
            return Default::default();
        }
        speaker.state = LinkState::Open(Claim { node: news.node, term: news.term, leader: news.leader });
        speaker.refusal = None;
        let wanted = self.link_to_members(&news.members);
        // Only the leader itself surely knows who is no member any more.
        if news.leader == Some(news.node) && news.term >= known_term {
            self.members.clone_from(&news.members);
            return (wanted, self.leave_strangers());
        }
        (wanted, Vec::new())
    }

    fn link_to_members(&mut self, members: &BTreeMap<NodeId, String>) -> Vec<LinkId> {
        let mut wanted = Vec::new();
        for (id, address) in members {
            let leads_there =
                |link: &Link| link.claim().is_some_and(|claim| claim.node == *id) || link.address == *address;
            if !self.links.values().any(leads_there) {
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

    pub(super) fn leader(&self) -> Option<Leader> {
        let claims = self.links.values().filter_map(Link::claim);
        let (term, node) = claims.filter_map(|claim| Some((claim.term, claim.leader?))).max()?;
        let leads = |link: &Link| link.claim().is_some_and(|claim| claim.node == node);
        let link = self.links.iter().find(|(_, link)| leads(link)).map(|(id, _)| *id);
        Some(Leader { term, node, link })
    }

    /// Whether a node takes requests there.
    pub(super) fn is_open(&self, link: LinkId) -> bool {
        self.links.get(&link).is_some_and(|link| link.claim().is_some())
    }

    /// Open links, in their order.
    pub(super) fn open(&self) -> impl Iterator<Item = LinkId> {
        self.links.iter().filter(|(_, link)| link.claim().is_some()).map(|(id, _)| *id)
    }

    pub(super) fn address(&self, link: LinkId) -> Option<&str> {
        self.links.get(&link).map(|link| link.address.as_str())
    }

    /// The nodes as far as they are known, with their numbers if those are known. A link without a stream to an address
    /// that no member has is not shown once the members are known.
    pub(super) fn nodes(&self) -> Vec<(Option<NodeId>, String)> {
        let member_at = |link: &Link| {
            self.members.iter().find(|(_, address)| **address == link.address).map(|(id, _)| *id)
        };
        let nodes = self.links.values().filter_map(|link| {
            let node = link.claim().map(|claim| claim.node).or_else(|| member_at(link));
            let is_shown = node.is_some() || self.members.is_empty();
            is_shown.then(|| (node, link.address.clone()))
        });
        nodes.collect()
    }

    /// How the cluster looks from here, for an operator who wonders why nothing works.
    pub(super) fn diagnosis(&self) -> String {
        let (answering, total) = (self.open().count(), self.links.len());
        let mut text = match answering {
            1 => format!("1 of {total} nodes answers"),
            _ => format!("{answering} of {total} nodes answer"),
        };
        let mut refusals: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for link in self.links.values() {
            if let Some(words) = &link.refusal {
                refusals.entry(words).or_default().push(&link.address);
            }
        }
        for (words, addresses) in refusals {
            text.push_str(&format!("; this proxy is refused by {}: {words}", addresses.join(", ")));
        }
        text
    }
}
