//! Service while faults last: an undisturbed proxy that reaches voters which serve answers its clients.
//!
//! What is looked at is a leader that undisturbed voters follow which are a quorum (`availability.rs`), and the proxies whose line to it
//! is sound. Such a proxy finds the leader within a bound; and once it sends its calls there, each is answered within another one,
//! whatever becomes of the other nodes and of the other proxies.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conclave::raft::{NodeId, Term};

use crate::{
    Rule,
    surroundings::{Bounds, Proxy, Surroundings},
};

/// A leader that is followed and serves, and the nodes that follow it.
#[derive(Clone, Copy)]
pub(crate) struct Led<'a> {
    pub(crate) term: Term,
    pub(crate) leader: NodeId,
    /// They have done so, undisturbed, since then.
    pub(crate) since: Duration,
    pub(crate) followers: &'a BTreeSet<NodeId>,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct Service {
    /// The lines between undisturbed proxies and nodes on which all arrives, and since when.
    lines: BTreeMap<(u64, NodeId), Duration>,
    /// The proxies that reach the leader.
    reaching: BTreeMap<u64, Reaching>,
}

/// Since when it is so.
#[derive(Clone, Copy, Debug)]
struct Reaching {
    number: u64,
    leader: (Term, NodeId),
    /// It sends its calls to the leader.
    routed: Option<Duration>,
    /// It does not, though it reaches those that follow it, too.
    lost: Option<Duration>,
    /// It does not, though it has a link to it.
    mistaken: Option<Duration>,
}

/// A proxy does not serve as it should.
pub(crate) struct Unserved {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

impl Service {
    /// Nobody leads, or not for long enough, or who leads hands over.
    pub(crate) fn forget(&mut self) {
        self.reaching.clear();
    }

    /// Looks at the lines, whoever leads.
    pub(crate) fn look_at_lines(&mut self, nodes: &[NodeId], around: &Surroundings<'_>) {
        let all = around.proxies.keys().flat_map(|proxy| nodes.iter().map(move |node| (*proxy, *node)));
        let sound = all.filter(|(proxy, node)| (around.is_reached)(*proxy, *node));
        let before = std::mem::take(&mut self.lines);
        self.lines = sound.map(|line| (line, before.get(&line).copied().unwrap_or(around.now))).collect();
    }

    /// Looks at the proxies that reach the leader.
    pub(crate) fn look(
        &mut self,
        led: Led<'_>,
        around: &Surroundings<'_>,
        bounds: &Bounds,
    ) -> Result<(), Unserved> {
        let Led { term, leader, since, followers } = led;
        let reaches_leader = |id: u64| (around.is_reached)(id, leader);
        self.reaching.retain(|id, _| around.proxies.contains_key(id) && reaches_leader(*id));
        for (id, proxy) in around.proxies.iter().filter(|(id, _)| reaches_leader(**id)) {
            let begun = Reaching::new(proxy.number, (term, leader));
            let reaching = self.reaching.entry(*id).or_insert(begun);
            if (reaching.number, reaching.leader) != (begun.number, begun.leader) {
                *reaching = begun;
            }
            let reaches_all = followers.iter().all(|node| (around.is_reached)(*id, *node));
            reaching.look(proxy, reaches_all, around.now);
            let sound_since = self.lines.get(&(*id, leader)).copied().unwrap_or(around.now);
            let dead_by = sound_since + bounds.until_dead;
            reaching.judge(proxy, since, dead_by, around.now, bounds).map_err(|(rule, what)| {
                let detail = format!(
                    "proxy {id} runs undisturbed and reaches node {leader}, which leads term {term} and is followed by nodes {followers:?}; and {what}"
                );
                Unserved { rule, detail }
            })?;
        }
        Ok(())
    }
}

impl Reaching {
    fn new(number: u64, leader: (Term, NodeId)) -> Self {
        Self { number, leader, routed: None, lost: None, mistaken: None }
    }

    fn look(&mut self, proxy: &Proxy, reaches_all: bool, now: Duration) {
        let (_, leader) = self.leader;
        let is_routed = proxy.leader == Some(self.leader);
        let since = |before: Option<Duration>, is_so: bool| is_so.then(|| before.unwrap_or(now));
        self.routed = since(self.routed, is_routed);
        self.lost = since(self.lost, !is_routed && reaches_all);
        self.mistaken = since(self.mistaken, !is_routed && proxy.linked.contains(&leader));
    }

    /// A call that came before they followed may be one that the leader had when it was disturbed: a clock that leaps ends what waits there.
    /// A link that was there before its line was sound works by `dead_by`, or is gone.
    fn judge(
        &self,
        proxy: &Proxy,
        followed: Duration,
        dead_by: Duration,
        now: Duration,
        bounds: &Bounds,
    ) -> Result<(), (Rule, String)> {
        let ago = |at: Duration| now.saturating_sub(at);
        if let (Some(routed), Some(asked)) = (self.routed, proxy.asked.filter(|asked| *asked >= followed))
            && ago(routed.max(asked).max(dead_by)) > bounds.until_answered
        {
            let what = format!(
                "it has sent its calls there for {} ms, and the first that waits came {} ms ago and has no answer (within {} ms it must)",
                ago(routed).as_millis(),
                ago(asked).as_millis(),
                bounds.until_answered.as_millis(),
            );
            return Err((Rule::CallsAreAnswered, what));
        }
        if let Some(since) = self.mistaken.filter(|since| ago(dead_by.max(*since)) > bounds.until_told) {
            let what = format!(
                "it has had an open link to that leader for {} ms, and {} (within {} ms it must know)",
                ago(since).as_millis(),
                whom(proxy.leader),
                bounds.until_told.as_millis(),
            );
            return Err((Rule::ProxyFindsLeader, what));
        }
        if let Some(since) = self.lost.filter(|since| ago(*since) > bounds.until_found) {
            let what = format!(
                "it has reached all of them for {} ms, has links to nodes {:?}, and none to the leader (within {} ms it must have one)",
                ago(since).as_millis(),
                proxy.linked,
                bounds.until_found.as_millis(),
            );
            return Err((Rule::ProxyFindsLeader, what));
        }
        Ok(())
    }
}

fn whom(leader: Option<(Term, NodeId)>) -> String {
    match leader {
        None => "takes nobody for the leader".to_owned(),
        Some((term, node)) => format!("takes node {node} for the leader, of term {term}"),
    }
}
