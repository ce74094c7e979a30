//! Availability while faults last: what must go on, goes on.
//!
//! Faults may stop a cluster: no quorum is there, or the network lets nobody be heard. But whenever enough voters run undisturbed and
//! reach each other for long enough, they must serve, whatever becomes of the others meanwhile; and who has lost its quorum must say so.
//! What is looked at here is how nodes stand, now and then; how long is long enough is computed from the timeouts by whoever looks.
//!
//! A set of voters that are undisturbed together is followed for as long as it stays a quorum. Nothing is judged while members change,
//! or one has lost its disk: which set is a quorum then is for the changes to say.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conclave::raft::{Configuration, Index, NodeId, Position, RoleName, Term};

use crate::{
    Failure, FaultBudget, Oracle, Rule, Standings,
    facts::{Facts, Node},
    invariants::Checked,
    service::{Led, Service, Unserved},
    surroundings::{Bounds, Surroundings},
    without_quorum,
};

/// When nobody looked for longer, nothing is known of what was between.
const BLINK_MAX: Duration = Duration::from_millis(250);

/// What was seen so far.
#[derive(Debug)]
pub struct Availability {
    bounds: Bounds,
    /// Voters that have been undisturbed together, and since when.
    quorum: Option<(BTreeMap<NodeId, u64>, Duration)>,
    /// When it was last looked.
    looked: Duration,
    /// When a leader with a quorum was last seen.
    led: Duration,
    /// The quorum that is followed has none.
    is_without_leader: bool,
    reign: Option<Reign>,
    /// The leaders that hear no quorum, and since when.
    unheard: BTreeMap<(NodeId, Term), Duration>,
    /// A leader that has committed more than its disk holds, and since when that holds no more.
    stalled: Option<(Stalled, Duration)>,
    service: Service,
    stretches: Stretches,
}

/// How long things took that have a bound, each time that they came to an end, and for how long it was looked at them.
#[derive(Clone, Debug, Default)]
pub struct Stretches {
    /// It was looked at the nodes for so long.
    pub looked: Duration,
    /// Of that, undisturbed voters that are a quorum were followed.
    pub followed: Duration,
    /// Of that, it was looked at how a leader serves.
    pub served: Duration,
    /// Undisturbed voters that are a quorum were without a leader which commits.
    pub without_leader: Vec<Duration>,
    /// A leader that heard no quorum led on.
    pub without_quorum: Vec<Duration>,
}

impl Stretches {
    fn count(&mut self, passed: Duration, is_followed: bool) {
        self.looked += passed;
        self.followed += if is_followed { passed } else { Duration::ZERO };
    }
}

/// A leader whose disk holds entries up to an index, and no more of what it has committed: it answers nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stalled {
    leader: NodeId,
    term: Term,
    durable: Index,
}

/// A leader among undisturbed voters that are a quorum and follow it.
#[derive(Clone, Copy, Debug)]
struct Reign {
    leader: NodeId,
    term: Term,
    since: Duration,
    /// No node had entered a later term when it began: only a new candidate could unseat it.
    is_latest: bool,
}

impl Availability {
    /// Nothing was seen yet.
    pub fn new(bounds: Bounds) -> Self {
        let (quorum, reign, stalled) = (None, None, None);
        let (unheard, service, stretches) = (BTreeMap::new(), Service::default(), Stretches::default());
        let (looked, led, is_without_leader) = (Duration::ZERO, Duration::ZERO, false);
        Self { bounds, quorum, looked, led, is_without_leader, reign, unheard, stalled, service, stretches }
    }

    /// How long things took so far.
    pub fn stretches(&self) -> &Stretches {
        &self.stretches
    }

    /// Looks at how the nodes stand. What should have gone on and has not is a failure of the oracle's.
    pub fn look(&mut self, oracle: &Oracle, around: &Surroundings<'_>) {
        for failure in self.judge(oracle, around).into_iter().filter_map(Result::err) {
            oracle.inner().note(failure);
        }
    }

    /// What each rule says, in the order in which they are noted.
    fn judge(&mut self, oracle: &Oracle, around: &Surroundings<'_>) -> [Checked; 5] {
        let passed = around.now.saturating_sub(self.looked);
        if passed > BLINK_MAX {
            self.forget();
        }
        let unheard = self.look_for_the_unheard(oracle, around, passed);
        let is_whole = !around.is_changing && FaultBudget::of(oracle).is_whole();
        let configuration = oracle.configuration();
        self.service.look_at_lines(&configuration.members().collect::<Vec<_>>(), around);
        let leader = Standings::of(oracle).leader_of(around.runs);
        let quorum = if is_whole { self.followed(&configuration, leader, around) } else { None };
        self.stretches.count(passed, quorum.is_some());
        self.looked = around.now;
        let judged = match &quorum {
            Some((set, since)) => [
                unheard,
                self.look_at_reign(oracle, around, set),
                self.look_for_leader(oracle, around, set, *since),
                self.look_for_the_stalled(oracle, around, set, *since),
                self.look_at_service(oracle, around, set, passed),
            ],
            None => {
                (self.reign, self.stalled) = (None, None);
                self.service.forget();
                [unheard, Ok(()), Ok(()), Ok(()), Ok(())]
            }
        };
        self.quorum = quorum;
        judged
    }

    /// What was so when it was last looked says nothing of today.
    fn forget(&mut self) {
        (self.quorum, self.reign, self.stalled, self.is_without_leader) = (None, None, None, false);
        self.unheard.clear();
        self.service.forget();
    }

    /// Voters that are undisturbed together and a quorum, and since when: those of before, as long as enough of them still are.
    fn followed(
        &mut self,
        configuration: &Configuration,
        present_leader: Option<NodeId>,
        around: &Surroundings<'_>,
    ) -> Option<(BTreeMap<NodeId, u64>, Duration)> {
        let is_quorum =
            |set: &BTreeMap<NodeId, u64>| without_quorum(configuration, |id| set.contains_key(&id)).is_none();
        let still = |(id, number): &(NodeId, u64)| {
            configuration.is_voter(*id) && around.undisturbed.get(id) == Some(number)
        };
        if let Some((set, since)) = self.quorum.take() {
            let leader = self.reign.map(|reign| reign.leader);
            let set = together(set.into_iter().filter(still), leader, around);
            if is_quorum(&set) && !self.may_begin_anew(&set, present_leader, around) {
                return Some((set, since));
            }
        }
        let voters = around.undisturbed.iter().filter(|(id, _)| configuration.is_voter(**id));
        let set = together(voters.map(|(id, number)| (*id, *number)), present_leader, around);
        (self.reign, self.is_without_leader) = (None, false);
        is_quorum(&set).then_some((set, around.now))
    }

    /// The leader was disturbed, and so is none of those that are followed, and is undisturbed again: with it, it can be judged how it
    /// serves. Nothing is forgotten by that while they are led, and it does not stall.
    fn may_begin_anew(
        &self,
        set: &BTreeMap<NodeId, u64>,
        leader: Option<NodeId>,
        around: &Surroundings<'_>,
    ) -> bool {
        let is_back = |id| !set.contains_key(&id) && around.undisturbed.contains_key(&id);
        !self.is_without_leader && self.stalled.is_none() && leader.is_some_and(is_back)
    }

    /// A quorum must have a leader.
    fn look_for_leader(
        &mut self,
        oracle: &Oracle,
        around: &Surroundings<'_>,
        set: &BTreeMap<NodeId, u64>,
        since: Duration,
    ) -> Checked {
        let without = around.now.saturating_sub(self.led.max(since));
        if is_led(oracle, around, set) {
            if self.is_without_leader {
                self.stretches.without_leader.push(without);
            }
            (self.led, self.is_without_leader) = (around.now, false);
            return Ok(());
        }
        self.is_without_leader = true;
        let catching_up = match hold_all_committed(&oracle.inner().facts, set) {
            true => Duration::ZERO,
            false => self.bounds.until_caught_up,
        };
        let allowed = self.bounds.until_led + catching_up;
        if without <= allowed {
            return Ok(());
        }
        let nodes: Vec<NodeId> = set.keys().copied().collect();
        let detail = format!(
            "nodes {nodes:?} run undisturbed and reach each other, and for {} ms no leader has had a quorum and committed anything \
             ({} ms are allowed): {}",
            without.as_millis(),
            allowed.as_millis(),
            Standings::of(oracle).what_is_missing(&nodes, around.runs),
        );
        Err(failure(Rule::QuorumIsLed, nodes, oracle, detail))
    }

    /// A leader that its quorum hears must not be unseated, by whatever the others do.
    fn look_at_reign(
        &mut self,
        oracle: &Oracle,
        around: &Surroundings<'_>,
        set: &BTreeMap<NodeId, u64>,
    ) -> Checked {
        if let Some(reign) = self.reign
            && set.contains_key(&reign.leader)
        {
            let inner = oracle.inner();
            let Some(node) = inner.facts.node(reign.leader) else { return Ok(()) };
            if term_led(node) == Some(reign.term) {
                if !set.keys().all(|id| follows(&inner.facts, *id, &reign)) {
                    self.reign = None;
                }
                return Ok(());
            }
            let lasted = around.now.saturating_sub(reign.since);
            // (Who was told to take over may do so late.)
            let has_handed_over = node.transfers.contains(&reign.term);
            let until_safe = match node.stepped_down == Some(reign.term) {
                true => self.bounds.until_heard,
                false => self.bounds.until_settled,
            };
            if reign.is_latest && !has_handed_over && lasted > until_safe {
                let term = node.view.map_or(0, |view| view.term());
                let nodes: Vec<NodeId> = set.keys().copied().collect();
                drop(inner);
                let detail = format!(
                    "node {} led term {} for {} ms, undisturbed and followed by nodes {nodes:?}, and leads no more: it is in term {term} \
                     now, which nobody had entered when they began to follow it",
                    reign.leader,
                    reign.term,
                    lasted.as_millis()
                );
                return Err(failure(Rule::UndisturbedLeaderStays, nodes, oracle, detail));
            }
        }
        self.reign = begun(oracle, set, around.now);
        Ok(())
    }

    /// Who has committed what its own disk does not take must let another one lead, if there are some that can.
    fn look_for_the_stalled(
        &mut self,
        oracle: &Oracle,
        around: &Surroundings<'_>,
        set: &BTreeMap<NodeId, u64>,
        set_since: Duration,
    ) -> Checked {
        let stalled = stalled_leader(oracle, around, set);
        let before = self.stalled.filter(|(before, _)| Some(*before) == stalled);
        self.stalled = before.or_else(|| Some((stalled?, around.now)));
        let Some((Stalled { leader, term, durable }, since)) = self.stalled else { return Ok(()) };
        let lasted = around.now.saturating_sub(since.max(set_since));
        if lasted <= self.bounds.until_handed_over {
            return Ok(());
        }
        let nodes: Vec<NodeId> = set.keys().copied().collect();
        let detail = format!(
            "node {leader} leads term {term}, and for {} ms its own disk has held entries up to {durable} and no more, though it has committed others, \
             and nodes {nodes:?}, undisturbed, could serve: it answers nobody (within {} ms it must have handed over)",
            lasted.as_millis(),
            self.bounds.until_handed_over.as_millis(),
        );
        Err(Failure { term, ..failure(Rule::StalledLeaderHandsOver, vec![leader], oracle, detail) })
    }

    /// Proxies that reach a leader which is sure to serve must serve, too.
    fn look_at_service(
        &mut self,
        oracle: &Oracle,
        around: &Surroundings<'_>,
        set: &BTreeMap<NodeId, u64>,
        passed: Duration,
    ) -> Checked {
        let lasts = |reign: &Reign| around.now.saturating_sub(reign.since) > self.bounds.until_settled;
        let serving = self.reign.filter(|reign| lasts(reign) && serves(oracle, reign, set));
        let Some(Reign { leader, term, since, .. }) = serving else {
            self.service.forget();
            return Ok(());
        };
        self.stretches.served += passed;
        let followers: BTreeSet<NodeId> = set.keys().copied().collect();
        let judged =
            self.service.look(Led { term, leader, since, followers: &followers }, around, &self.bounds);
        judged.map_err(|Unserved { rule, detail }| failure(rule, vec![leader], oracle, detail))
    }

    /// Who cannot hear a quorum must not go on to lead.
    fn look_for_the_unheard(
        &mut self,
        oracle: &Oracle,
        around: &Surroundings<'_>,
        passed: Duration,
    ) -> Checked {
        let at_work = |id| (around.runs)(id) && !(around.is_stopping)(id);
        let leaders: BTreeMap<NodeId, Term> = {
            let inner = oracle.inner();
            let leaders = inner.facts.nodes().filter(|node| at_work(node.id));
            leaders.filter_map(|node| Some((node.id, term_led(node)?))).collect()
        };
        let unheard: BTreeMap<NodeId, Term> = {
            let inner = oracle.inner();
            let is_unheard = |id| inner.facts.node(id).is_some_and(|node| !hears_quorum(node, around));
            leaders.iter().map(|(id, term)| (*id, *term)).filter(|(id, _)| is_unheard(*id)).collect()
        };
        for ((node, _), since) in
            self.unheard.extract_if(.., |(node, term), _| unheard.get(node) != Some(term))
        {
            if at_work(node) && !leaders.contains_key(&node) {
                self.stretches.without_quorum.push(around.now.saturating_sub(since));
            }
        }
        for (node, term) in unheard {
            let since = self.unheard.entry((node, term)).or_insert(around.now);
            // While it is held up it does not come to look either.
            *since += if (around.is_held_up)(node) { passed } else { Duration::ZERO };
            let since = *since;
            let lasted = around.now.saturating_sub(since);
            if lasted > self.bounds.until_stepped_down {
                let detail = format!(
                    "node {node} leads term {term}, and for {} ms nothing from a quorum of the voters has reached it, and it leads on (within {} ms it must have stepped down){}",
                    lasted.as_millis(),
                    self.bounds.until_stepped_down.as_millis(),
                    leader_since(oracle, term)
                );
                return Err(Failure {
                    term,
                    ..failure(Rule::LeaderHasFollowers, vec![node], oracle, detail)
                });
            }
        }
        Ok(())
    }
}

/// Those of some nodes that are sound with each other: of two that are not, the one stays that is so with more of the others, or that
/// leads.
fn together(
    nodes: impl Iterator<Item = (NodeId, u64)>,
    leader: Option<NodeId>,
    around: &Surroundings<'_>,
) -> BTreeMap<NodeId, u64> {
    let mut set: BTreeMap<NodeId, u64> = nodes.collect();
    let is_apart = |one: NodeId, other: NodeId| one != other && !around.are_sound(one, other);
    loop {
        let apart = |one: NodeId| set.keys().filter(|other| is_apart(one, **other)).count();
        match set.keys().map(|id| (apart(*id), Some(*id) != leader, *id)).max() {
            Some((1.., _, worst)) => drop(set.remove(&worst)),
            _ => return set,
        }
    }
}

/// Whether a quorum follows a leader that has committed an entry of its term. One that is disturbed, or whose lines to these nodes are,
/// need not have: what it sends to a follower that lags behind may take any time. So it may over narrow lines, if too few hold all that
/// is committed. (That all of it arrives is asked for at the end of a run.)
fn is_led(oracle: &Oracle, around: &Surroundings<'_>, set: &BTreeMap<NodeId, u64>) -> bool {
    let Some(leader) = Standings::of(oracle).leader_of(around.runs) else { return false };
    let facts = &oracle.inner().facts;
    let term = facts.node(leader).and_then(|node| node.view).map(|view| view.term());
    let committed = facts.committed.at(facts.committed.last()).map(|entry| entry.term);
    let is_sound = |id: &NodeId| around.are_sound(leader, *id);
    let is_disturbed = !around.undisturbed.contains_key(&leader) || !set.keys().all(is_sound);
    let is_catching_up = || around.are_lines_narrow && !hold_all_committed(facts, set);
    is_disturbed || (committed.is_some() && committed == term) || is_catching_up()
}

/// The leader, if it has committed more than its own disk holds, and undisturbed nodes that are a quorum reach it.
fn stalled_leader(
    oracle: &Oracle,
    around: &Surroundings<'_>,
    set: &BTreeMap<NodeId, u64>,
) -> Option<Stalled> {
    let leader = Standings::of(oracle).leader_of(around.runs)?;
    let reaches_all = set.keys().all(|id| around.are_sound(leader, *id));
    let may_hand_over = (around.runs)(leader) && !(around.is_stopping)(leader) && reaches_all;
    let facts = &oracle.inner().facts;
    let node = facts.node(leader)?;
    let durable = node.disk.last().index;
    let has_committed_more = node.view?.commit > durable;
    (has_committed_more && may_hand_over).then_some(Stalled { leader, term: term_led(node)?, durable })
}

/// The leader of these nodes, if all of them follow it.
fn begun(oracle: &Oracle, set: &BTreeMap<NodeId, u64>, since: Duration) -> Option<Reign> {
    let facts: &Facts = &oracle.inner().facts;
    let (leader, term) = set.keys().find_map(|id| Some((*id, term_led(facts.node(*id)?)?)))?;
    let terms =
        facts.nodes().map(|node| node.view.map_or(0, |view| view.term()).max(node.written.vote().term));
    let is_latest = terms.max().is_none_or(|latest| latest <= term);
    let reign = Reign { leader, term, since, is_latest };
    set.keys().all(|id| follows(facts, *id, &reign)).then_some(reign)
}

fn follows(facts: &Facts, id: NodeId, reign: &Reign) -> bool {
    facts.node(id).is_some_and(|node| {
        let is_of_term = node.present_view().is_some_and(|view| view.term() == reign.term);
        is_of_term && node.leader == Some(reign.leader)
    })
}

/// Whether a leader commits what it is asked for: those that follow it and hold all that is committed are a quorum, and it does not hand
/// over. (Others must catch up first, which takes its time.)
fn serves(oracle: &Oracle, reign: &Reign, followers: &BTreeMap<NodeId, u64>) -> bool {
    let facts: &Facts = &oracle.inner().facts;
    let hands_over = facts.node(reign.leader).is_none_or(|leader| leader.transferring.is_some());
    !hands_over && hold_all_committed(facts, followers)
}

/// Whether those of a set that hold all that is committed are a quorum.
fn hold_all_committed(facts: &Facts, set: &BTreeMap<NodeId, u64>) -> bool {
    let (index, configuration) = (facts.committed.last(), facts.committed.latest_configuration());
    let last = facts.committed.at(index).map(|entry| Position { term: entry.term, index });
    let holds = |id| facts.node(id).is_some_and(|it| last.is_none_or(|last| it.disk.holds(last)));
    let holds_all = |id| set.contains_key(&id) && holds(id);
    configuration.is_some_and(|members| without_quorum(members, holds_all).is_none())
}

/// The term that a node leads.
fn term_led(node: &Node) -> Option<Term> {
    node.present_view().filter(|view| view.role == RoleName::Leader).map(|view| view.term())
}

/// Whether a leader may be heard by a quorum, or was, and hear what it answers.
fn hears_quorum(leader: &Node, around: &Surroundings<'_>) -> bool {
    let id = leader.id;
    let answers = |other: NodeId| {
        other == id
            || (around.runs)(other)
                && (around.may_arrive)(other, id)
                && ((around.may_arrive)(id, other) || (around.answers_late)(other))
    };
    without_quorum(&leader.configuration, answers).is_none()
}

/// Who has come to lead a later term.
fn leader_since(oracle: &Oracle, led: u64) -> String {
    let inner = oracle.inner();
    let latest = inner.facts.leaders.last_key_value().filter(|(term, _)| **term > led);
    latest.map_or_else(String::new, |(term, node)| format!("; node {node} leads term {term} since"))
}

fn failure(rule: Rule, nodes: Vec<NodeId>, oracle: &Oracle, detail: String) -> Failure {
    let term = oracle.inner().facts.leaders.last_key_value().map_or(0, |(term, _)| *term);
    Failure { rule, nodes, term, detail }
}
