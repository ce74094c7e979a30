//! Service while faults last: an undisturbed proxy that reaches voters which serve answers its clients.
//!
//! What is looked at is a leader that undisturbed voters follow which are a quorum (`availability.rs`), and the proxies whose lines to
//! all of these are sound. Such a proxy finds the leader within a bound; and once it sends its calls there, each is answered within
//! another one, whatever becomes of the other nodes and of the other proxies.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conclave::raft::{NodeId, Term};

use crate::{Bounds, Rule, Surroundings};

/// A proxy that runs undisturbed, at a moment.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Another one after each disturbance, however short.
    pub number: u64,
    /// Whom it sends its calls to, as the leader of which term.
    pub leader: Option<(Term, NodeId)>,
    /// The nodes that it has open links to.
    pub linked: BTreeSet<NodeId>,
    /// When the first of the small calls came that wait for the leader's answer. `None`: there is none, or more stands in their way
    /// than a leader.
    pub asked: Option<Duration>,
}

/// A leader that is followed, and the nodes that follow it.
#[derive(Clone, Copy)]
pub(crate) struct Led<'a> {
    pub(crate) term: Term,
    pub(crate) leader: NodeId,
    pub(crate) followers: &'a BTreeSet<NodeId>,
}

/// What was seen so far of every proxy that reaches the leader and those that follow it.
#[derive(Debug, Default)]
pub(crate) struct Service(BTreeMap<u64, Reaching>);

/// Since when it is so.
#[derive(Clone, Copy, Debug)]
struct Reaching {
    number: u64,
    leader: (Term, NodeId),
    /// It reaches all of them.
    since: Duration,
    /// Its link to the leader is open.
    linked: Option<Duration>,
    /// It sends its calls there.
    routed: Option<Duration>,
}

/// A proxy does not serve as it should.
pub(crate) struct Unserved {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

impl Service {
    /// Nobody leads, or not for long enough.
    pub(crate) fn forget(&mut self) {
        self.0.clear();
    }

    /// Looks at the proxies that reach a leader and those that follow it.
    pub(crate) fn look(
        &mut self,
        led: Led<'_>,
        around: &Surroundings<'_>,
        bounds: &Bounds,
    ) -> Result<(), Unserved> {
        let reaches_all = |id: u64| led.followers.iter().all(|node| (around.is_reached)(id, *node));
        self.0.retain(|id, _| around.proxies.contains_key(id) && reaches_all(*id));
        for (id, proxy) in around.proxies.iter().filter(|(id, _)| reaches_all(**id)) {
            let begun = Reaching::new(proxy, led, around.now);
            let reaching = self.0.entry(*id).or_insert(begun);
            if (reaching.number, reaching.leader) != (begun.number, begun.leader) {
                *reaching = begun;
            }
            reaching.look(proxy, around.now);
            reaching.judge(proxy, around.now, bounds).map_err(|(rule, what)| {
                let Led { term, leader, followers } = led;
                let detail = format!(
                    "proxy {id} runs undisturbed and reaches node {leader}, which leads term {term}, and nodes {followers:?}, which follow it; and {what}"
                );
                Unserved { rule, detail }
            })?;
        }
        Ok(())
    }
}

impl Reaching {
    fn new(proxy: &Proxy, led: Led<'_>, now: Duration) -> Self {
        let leader = (led.term, led.leader);
        Self { number: proxy.number, leader, since: now, linked: None, routed: None }
    }

    fn look(&mut self, proxy: &Proxy, now: Duration) {
        let (_, leader) = self.leader;
        let since = |before: Option<Duration>, is_so: bool| if is_so { before.or(Some(now)) } else { None };
        self.linked = since(self.linked, proxy.linked.contains(&leader));
        self.routed = since(self.routed, proxy.leader == Some(self.leader));
    }

    fn judge(&self, proxy: &Proxy, now: Duration, bounds: &Bounds) -> Result<(), (Rule, String)> {
        let is_late = |since: Duration, bound: Duration| now.saturating_sub(since) > bound;
        let (ms, ago) =
            (|bound: Duration| bound.as_millis(), |at: Duration| now.saturating_sub(at).as_millis());
        match (self.linked, self.routed, proxy.asked) {
            (_, Some(routed), Some(asked)) if is_late(routed.max(asked), bounds.until_answered) => {
                let what = format!(
                    "it has sent its calls there for {} ms, and the first that waits came {} ms ago and has no answer (within {} ms it must)",
                    ago(routed),
                    ago(asked),
                    ms(bounds.until_answered),
                );
                Err((Rule::CallsAreAnswered, what))
            }
            (Some(linked), None, _) if is_late(linked, bounds.until_told) => {
                let what = format!(
                    "it has had an open link to that leader for {} ms, and {} (within {} ms it must know)",
                    ago(linked),
                    whom(proxy.leader),
                    ms(bounds.until_told),
                );
                Err((Rule::ProxyFindsLeader, what))
            }
            (None, _, _) if is_late(self.since, bounds.until_found) => {
                let what = format!(
                    "it has reached them for {} ms, has links to nodes {:?}, and none to the leader (within {} ms it must have one)",
                    ago(self.since),
                    proxy.linked,
                    ms(bounds.until_found),
                );
                Err((Rule::ProxyFindsLeader, what))
            }
            _ => Ok(()),
        }
    }
}

fn whom(leader: Option<(Term, NodeId)>) -> String {
    match leader {
        None => "takes nobody for the leader".to_owned(),
        Some((term, node)) => format!("takes node {node} for the leader, of term {term}"),
    }
}
