//! Inputs change what is known, and effects follow from it: which links there are, and which of them calls go through.

use super::{
    call::{Call, CallId, Lane, Queue},
    delivery::Delivery,
    effects::Effects,
    exactly_once::SessionIds,
    links::{Changes, DownReason, KnownNode, Leader, LinkId, Links},
};
use crate::{
    env::{Routing, sometimes},
    wire::{ClusterId, Leadership, NodeId, pb::v1},
};

/// The proxy's core. Its inputs are methods; [`Router::effects`] returns what follows from them.
pub(in crate::proxy) struct Router {
    links: Links,
    /// Whom calls were last recalled for: term and node.
    followed: (u64, NodeId),
    delivery: Delivery,
    dial: Vec<(LinkId, String)>,
    hang_up: Vec<LinkId>,
    view_changed: bool,
}

/// Inputs.
impl Router {
    /// A proxy of this cluster, or of the one that these nodes (`host:port`) belong to. Large answers may hold so many bytes,
    /// all together.
    pub(in crate::proxy) fn new<'a>(
        cluster: Option<ClusterId>,
        nodes: impl IntoIterator<Item = &'a str>,
        answers_bytes_max: usize,
        session_ids: SessionIds,
    ) -> Self {
        let mut links = Links::of_cluster(cluster);
        let wanted = nodes.into_iter().map(|address| links.add(address, false)).collect();
        let mut router = Self {
            links,
            followed: (0, 0),
            delivery: Delivery::new(answers_bytes_max, session_ids),
            dial: Vec::new(),
            hang_up: Vec::new(),
            view_changed: true,
        };
        router.follow_changes(Changes { wanted, unwanted: Vec::new() });
        router
    }

    /// The time, which never goes backwards, before anything that happens then.
    pub(in crate::proxy) fn set_time(&mut self, now_us: u64) {
        self.delivery.set_time(now_us);
    }

    /// A client asks.
    pub(in crate::proxy) fn call(&mut self, call: Call) {
        self.delivery.accept(call);
    }

    /// A caller left: nobody waits for the answer.
    pub(in crate::proxy) fn cancel(&mut self, id: CallId) {
        self.delivery.cancel(id);
    }

    /// A link has an open stream.
    pub(in crate::proxy) fn link_up(&mut self, link: LinkId) {
        self.links.up(link);
        self.view_changed = true;
    }

    /// A node says who leads.
    pub(in crate::proxy) fn leadership(&mut self, link: LinkId, news: Leadership) {
        let changes = self.links.heard(link, news);
        self.follow_changes(changes);
        self.follow_leader();
        self.view_changed = true;
    }

    /// A node answers.
    pub(in crate::proxy) fn replies(&mut self, link: LinkId, replies: impl IntoIterator<Item = v1::Reply>) {
        if self.links.contains(link) {
            replies.into_iter().for_each(|reply| self.delivery.reply(link, reply));
        }
    }

    /// The stream of a link ended: what was sent through it may or may not have happened.
    pub(in crate::proxy) fn link_down(&mut self, link: LinkId, reason: DownReason) {
        let changes = self.links.down(link, reason);
        self.delivery.lost(link);
        self.follow_changes(changes);
        self.follow_leader();
        self.view_changed = true;
    }
}

/// Outputs.
impl Router {
    /// What follows from the inputs since the last time, and from the time.
    pub(in crate::proxy) fn effects(&mut self) -> Effects {
        self.delivery.expire(&self.links);
        self.send_waiting();
        let mut effects = self.delivery.take_effects();
        effects.send.retain(|(link, _)| self.links.is_open(*link));
        effects.dial = std::mem::take(&mut self.dial);
        effects.hang_up = std::mem::take(&mut self.hang_up);
        effects.view_changed |= std::mem::take(&mut self.view_changed);
        effects
    }

    /// The open session; 0 if there is none.
    pub(in crate::proxy) fn session(&self) -> u64 {
        self.delivery.session()
    }

    /// Calls that wait for an answer, the core's own request included.
    pub(in crate::proxy) fn outstanding(&self) -> usize {
        self.delivery.calls().len()
    }

    /// How calls stand, for whoever watches.
    pub(in crate::proxy) fn routing(&self) -> Routing {
        let leader = self.links.leader().filter(|leader| leader.link.is_some());
        Routing {
            leader: leader.map(|leader| (leader.term, leader.node)),
            linked: self.links.open().map(|(_, node)| node).collect(),
            first_wait: self.delivery.calls().first_wait(),
        }
    }

    /// The nodes as far as they are known, with their numbers if those are known.
    pub(in crate::proxy) fn nodes(&self) -> Vec<KnownNode> {
        self.links.nodes()
    }

    /// How the cluster looks from here, for an operator who wonders why nothing works.
    pub(in crate::proxy) fn diagnosis(&self) -> String {
        self.links.diagnosis()
    }

    /// The cluster that this proxy works for; `None` while that is not decided.
    pub(in crate::proxy) fn cluster(&self) -> Option<ClusterId> {
        self.links.cluster()
    }

    /// Who leads, and where it is reached if there is a link to it.
    pub(in crate::proxy) fn leader(&self) -> Option<(Leader, Option<&str>)> {
        let leader = self.links.leader()?;
        Some((leader, leader.link.and_then(|link| self.links.address(link))))
    }
}

/// Where calls go.
impl Router {
    fn follow_changes(&mut self, Changes { wanted, unwanted }: Changes) {
        for link in wanted {
            let address = self.links.address(link).unwrap_or_default().to_owned();
            self.dial.push((link, address));
        }
        for link in unwanted {
            self.delivery.lost(link);
            self.hang_up.push(link);
        }
    }

    /// Calls at a deposed leader might wait there for long, and those that pause wait for another leader: all go to the
    /// new one. Whichever answers first has the answer to all attempts.
    fn follow_leader(&mut self) {
        let Some(Leader { term, node, link }) = self.links.leader() else { return };
        if self.followed != (term, node) {
            self.followed = (term, node);
            self.delivery.send_again(self.delivery.calls().sent_elsewhere(link));
            self.delivery.send_again(self.delivery.calls().timers().all_pausing());
        }
    }

    fn send_waiting(&mut self) {
        let leader = self.links.leader().and_then(|leader| leader.link);
        if let Some(link) = leader {
            for lane in Lane::ALL {
                while let Some(id) = self.delivery.calls().first(Queue::Leader(lane))
                    && self.delivery.calls().fits(id, link)
                {
                    self.delivery.send(id, link);
                }
                sometimes!(self.delivery.calls().first(Queue::Leader(lane)).is_some(), ProxyWindowFull);
            }
        }
        for lane in Lane::ALL {
            while let Some(id) = self.delivery.calls().first(Queue::AnyNode(lane))
                && let Some(link) = self.any_link(id)
            {
                sometimes!(leader.is_some_and(|leader| leader != link), AnsweredByAnyNode);
                self.delivery.send(id, link);
            }
        }
    }

    /// The link for a call that any node can answer: they take turns, by the call's name.
    fn any_link(&self, id: CallId) -> Option<LinkId> {
        let open: Vec<LinkId> = self.links.open().map(|(link, _)| link).collect();
        let turn = id.0.checked_rem(open.len() as u64)? as usize;
        let links = open[turn..].iter().chain(&open[..turn]);
        links.copied().find(|link| self.delivery.calls().fits(id, *link))
    }
}

#[cfg(test)]
impl Router {
    pub(super) fn check_indexes(&self) {
        self.delivery.check_indexes();
    }
}
