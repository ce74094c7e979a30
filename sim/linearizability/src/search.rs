//! The search: linearise one operation after another, remember every configuration that led nowhere, go back.
//!
//! A configuration is the set of operations linearised so far and the state they led to (Lowe, "Testing for
//! linearizability", 2017): reaching one again by another order cannot help. Nor does it help to wait with a read that
//! could come next: whatever follows follows it as well. So reads are never chosen among, and configurations are
//! remembered without those that are due. Nor does it help to come to the same answers, and the same state, with more writes of
//! unknown outcome, or at a higher revision: what can follow then could follow without them. Of other operations the one that is
//! bound by the earliest revision is tried first, among equals the one that returned first. What follows is looked at: an order
//! that begins so that some answer cannot follow any more is not completed.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    Model, Operation,
    configurations::{Configurations, Linearised, Way},
    states::States,
    timeline::Timeline,
};

/// So many calls and returns that are next are looked at for an answer that nothing can explain any more, and one more each
/// so many steps: the harder it is to find an order, the more is that worth.
const LOOK_AHEAD_MIN: usize = 16;
const LOOK_AHEAD_MAX: usize = 256;
const STEPS_PER_LOOK: usize = 32;

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    NotLinearizable(Evidence),
    /// The search was cut short.
    Exhausted(Evidence),
}

/// How far a search came. All numbers are positions in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The part of the history in question: see [`Model::partition`].
    pub part: Vec<usize>,
    /// The longest order found.
    pub explained: Vec<usize>,
    /// The operations that were under way where it ends, none of which could come next; and those that an early
    /// revision binds to come next. Or the operation whose answer nothing that is left can explain.
    pub stuck: Vec<usize>,
}

/// Looks for an order of each part of a history. `steps_max` bounds time and memory of a part alike: each step remembers
/// one configuration at most.
pub fn check<M: Model>(operations: &[Operation<M::Call, M::Return>], steps_max: usize) -> Verdict {
    check_while::<M>(operations, &mut |effort| effort.steps <= steps_max)
}

/// What a search of a part has taken so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Steps, this one included.
    pub steps: usize,
    /// About what it remembers, in bytes, without what the states of the model hold elsewhere.
    pub bytes: usize,
}

/// The same, as long as `goes_on` says so before each step.
pub fn check_while<M: Model>(
    operations: &[Operation<M::Call, M::Return>],
    goes_on: &mut dyn FnMut(Effort) -> bool,
) -> Verdict {
    for part in M::partition(operations) {
        let chosen = part.iter().map(|&position| &operations[position]).collect();
        let (found, longest) = Search::<M>::new(chosen).run(goes_on);
        let positions = |numbers: Vec<usize>| numbers.into_iter().map(|number| part[number]).collect();
        let evidence = |longest: Longest| Evidence {
            explained: positions(longest.order),
            stuck: positions(longest.stuck),
            part: part.clone(),
        };
        match found {
            Found::Order => {}
            Found::None => return Verdict::NotLinearizable(evidence(longest)),
            Found::NoneYet => return Verdict::Exhausted(evidence(longest)),
        }
    }
    Verdict::Linearizable
}

enum Found {
    Order,
    None,
    NoneYet,
}

/// The longest order so far.
#[derive(Default)]
struct Longest {
    order: Vec<usize>,
    stuck: Vec<usize>,
}

struct Search<'a, M: Model> {
    operations: Vec<&'a Operation<M::Call, M::Return>>,
    timeline: Timeline,
    /// Operations of unknown outcome with equal calls, in order of time. They are interchangeable, and one that may
    /// happen now may happen later too: nothing is missed by taking them in order, and when nothing else fits.
    classes: Vec<Vec<usize>>,
    /// How many of each class are linearised.
    used: Vec<usize>,
    /// The class of each operation of unknown outcome.
    class_of: BTreeMap<usize, usize>,
    /// Which operations change no state.
    is_read: Vec<bool>,
    /// The place of each operation in the set of its kind: the known ones are in the order of their calls.
    rank: Vec<usize>,
    /// Those of known outcome that are linearised, and those of unknown outcome.
    linearised: Linearised,
    happened: Linearised,
    /// How many operations of known outcome are not, by the last revision that each can follow.
    owed: BTreeMap<i64, usize>,
    states: States<M>,
    state: u32,
    /// The highest rank of those of known outcome that are linearised.
    highest: usize,
    /// What was linearised.
    stack: Vec<Taken>,
    levels: Vec<Level>,
    /// What is left to try, of all levels; that of the last level is at the end.
    untried: Vec<usize>,
    seen: Configurations,
    longest: Longest,
    steps: usize,
}

/// An operation that was linearised.
struct Taken {
    operation: usize,
    /// The state before.
    state: u32,
    /// [`Search::highest`] before.
    highest: usize,
}

/// A configuration under way.
struct Level {
    /// How much is linearised there.
    taken: usize,
    /// Where what is left to try there begins.
    untried: usize,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: Vec<&'a Operation<M::Call, M::Return>>) -> Self {
        let classes = classes(&operations);
        let timeline = Timeline::new(&operations);
        let unknown = || classes.iter().flatten().copied();
        let mut rank = vec![0; operations.len()];
        for (place, operation) in timeline.by_call().enumerate().chain(unknown().enumerate()) {
            rank[operation] = place;
        }
        let is_read = |operation: &&Operation<M::Call, M::Return>| {
            operation.returned.as_ref().is_some_and(|(_, returned)| M::is_read(&operation.call, returned))
        };
        let members =
            |(class, members): (usize, &Vec<usize>)| members.iter().map(move |&it| (it, class)).collect();
        Self {
            timeline,
            happened: Linearised::new(unknown().count()),
            used: vec![0; classes.len()],
            class_of: classes.iter().enumerate().flat_map::<Vec<_>, _>(members).collect(),
            classes,
            is_read: operations.iter().map(is_read).collect(),
            rank,
            linearised: Linearised::new(operations.len()),
            owed: owed::<M>(&operations),
            operations,
            states: States::new(),
            state: 0,
            highest: 0,
            stack: Vec::new(),
            levels: Vec::new(),
            untried: Vec::new(),
            seen: Configurations::default(),
            longest: Longest::default(),
            steps: 0,
        }
    }

    fn run(mut self, goes_on: &mut dyn FnMut(Effort) -> bool) -> (Found, Longest) {
        self.take_reads();
        self.open();
        while !self.owed.is_empty() {
            self.steps += 1;
            let steps = self.steps;
            if !goes_on(Effort { steps, bytes: self.seen.bytes() + self.states.bytes() }) {
                return (Found::NoneYet, self.longest);
            }
            let Some(level) = self.levels.last() else { return (Found::None, self.longest) };
            let taken = level.taken;
            if self.untried.len() == level.untried {
                self.note(Self::under_way);
                self.levels.pop();
                let taken = self.levels.last().map_or(0, |level| level.taken);
                self.go_back(taken);
                continue;
            }
            let operation = self.untried.pop().expect("something is left to try");
            if self.linearise(operation) {
                self.open();
            } else {
                self.go_back(taken);
            }
        }
        (Found::Order, self.longest)
    }

    /// Begins to try what may come next: the calls before the first return, then the first of each class.
    fn open(&mut self) {
        let (taken, untried) = (self.stack.len(), self.untried.len());
        let until = self.timeline.first_return_at();
        for (class, members) in self.classes.iter().enumerate().rev() {
            let next = members.get(self.used[class]).filter(|&&next| self.operations[next].called <= until);
            self.untried.extend(next);
        }
        let known = self.untried.len();
        self.untried.extend(self.timeline.under_way());
        let due = |it| (latest_revision::<M>(self.operations[it]), self.timeline.return_of(it));
        self.untried[known..].sort_unstable_by_key(|&it| Reverse(due(it)));
        self.levels.push(Level { taken, untried });
    }

    /// Linearises an operation and the reads that are due then, if one copy of the data could answer so and the
    /// configuration is new. If not, what was linearised is to be taken back.
    fn linearise(&mut self, operation: usize) -> bool {
        let Some(state) = self.states.step(self.state, operation, self.operations[operation]) else {
            return false;
        };
        // An operation of unknown outcome that changes nothing explains nothing.
        if self.operations[operation].returned.is_none() && state == self.state {
            return false;
        }
        self.take(operation, state);
        let revision = M::revision(self.states.get(state));
        if self.owed.first_key_value().is_some_and(|(&latest, _)| revision > latest) {
            return false;
        }
        self.take_reads();
        let all_before = self.timeline.first().map_or(self.operations.len(), |first| self.rank[first]);
        let plain = self.states.without_revision(state);
        let configuration = self.linearised.with(plain, all_before, self.highest);
        if !self.seen.add(configuration, Way::new(revision, &self.happened)) {
            return false;
        }
        let hopeless = self.hopeless();
        if let Some(hopeless) = hopeless {
            self.note(|_| vec![hopeless]);
        }
        hopeless.is_none()
    }

    /// An operation that nothing which may come before its return can lead to.
    fn hopeless(&self) -> Option<usize> {
        let state = self.states.get(self.state);
        let look_ahead = (LOOK_AHEAD_MIN + self.steps / STEPS_PER_LOOK).min(LOOK_AHEAD_MAX);
        for (operation, is_call) in self.timeline.ahead().take(look_ahead) {
            let Operation { call, returned: Some((at, returned)), .. } = self.operations[operation] else {
                continue;
            };
            if is_call {
                continue;
            }
            let before = self.timeline.ahead().take_while(|&it| it != (operation, false));
            let known = before.filter(|&(it, is_call)| is_call && it != operation).map(|(it, _)| it);
            let unknown = self.classes.iter().zip(&self.used).flat_map(|(class, &used)| &class[used..]);
            let unknown = unknown.copied().filter(|&it| self.operations[it].called <= *at);
            let mut between = known.chain(unknown).map(|it| &self.operations[it].call);
            if !M::can_answer(state, call, returned, &mut between) {
                return Some(operation);
            }
        }
        None
    }

    /// Linearises reads that can come next.
    fn take_reads(&mut self) {
        loop {
            let (state, before) = (self.state, self.untried.len());
            self.untried.extend(self.timeline.under_way().filter(|&it| self.is_read[it]));
            let taken = self.stack.len();
            while self.untried.len() > before {
                let Some(read) = self.untried.pop() else { break };
                if self.states.step(state, read, self.operations[read]) == Some(state) {
                    self.take(read, state);
                }
            }
            if self.stack.len() == taken {
                return;
            }
        }
    }

    fn take(&mut self, operation: usize, state: u32) {
        let rank = self.rank[operation];
        self.stack.push(Taken { operation, state: self.state, highest: self.highest });
        self.state = state;
        match self.class_of.get(&operation) {
            Some(&class) => {
                self.used[class] += 1;
                self.happened.flip(rank);
            }
            None => {
                self.owe(operation, -1);
                self.timeline.take_out(operation);
                self.linearised.flip(rank);
                self.highest = self.highest.max(rank);
            }
        }
    }

    /// Takes all back that was linearised after the first so many.
    fn go_back(&mut self, taken: usize) {
        while self.stack.len() > taken {
            let Taken { operation, state, highest } = self.stack.pop().expect("there is more");
            (self.state, self.highest) = (state, highest);
            match self.class_of.get(&operation) {
                Some(&class) => {
                    self.used[class] -= 1;
                    self.happened.flip(self.rank[operation]);
                }
                None => {
                    self.linearised.flip(self.rank[operation]);
                    self.owe(operation, 1);
                    self.timeline.put_back(operation);
                }
            }
        }
    }

    fn owe(&mut self, number: usize, change: isize) {
        let latest = latest_revision::<M>(self.operations[number]);
        let count = self.owed.entry(latest).or_default();
        *count = count.strict_add_signed(change);
        if *count == 0 {
            self.owed.remove(&latest);
        }
    }

    /// Notes the present order, if it is the longest, and what is stuck there.
    fn note(&mut self, stuck: impl FnOnce(&Self) -> Vec<usize>) {
        let Longest { order, stuck: already } = &self.longest;
        if self.stack.len() < order.len() || (self.stack.is_empty() && !already.is_empty()) {
            return;
        }
        let order = self.stack.iter().map(|taken| taken.operation).collect();
        self.longest = Longest { order, stuck: stuck(self) };
    }

    /// The operations that could come next if their answers were others.
    fn under_way(&self) -> Vec<usize> {
        let mut stuck: Vec<usize> = self.timeline.under_way().collect();
        let overdue = self.overdue().into_iter().filter(|number| !stuck.contains(number));
        let overdue: Vec<usize> = overdue.collect();
        stuck.extend(overdue);
        stuck
    }

    /// The operations that an early revision binds to come next.
    fn overdue(&self) -> Vec<usize> {
        let earliest = self.owed.first_key_value().map(|(&latest, _)| latest).filter(|&it| it < i64::MAX);
        let numbers = 0..self.operations.len();
        let is_overdue = |number: &usize| {
            self.operations[*number].returned.is_some()
                && !self.linearised.contains(self.rank[*number])
                && Some(latest_revision::<M>(self.operations[*number])) == earliest
        };
        numbers.filter(is_overdue).collect()
    }
}

fn owed<M: Model>(operations: &[&Operation<M::Call, M::Return>]) -> BTreeMap<i64, usize> {
    let mut owed = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.returned.is_some()) {
        *owed.entry(latest_revision::<M>(operation)).or_default() += 1;
    }
    owed
}

/// The last revision that an operation can follow.
fn latest_revision<M: Model>(operation: &Operation<M::Call, M::Return>) -> i64 {
    operation.returned.as_ref().map_or(i64::MAX, |(_, returned)| M::latest_revision(returned))
}

fn classes<C: PartialEq, R>(operations: &[&Operation<C, R>]) -> Vec<Vec<usize>> {
    let mut unknown: Vec<usize> =
        (0..operations.len()).filter(|&number| operations[number].returned.is_none()).collect();
    unknown.sort_by_key(|&number| operations[number].called);
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for number in unknown {
        let call = &operations[number].call;
        match classes.iter_mut().find(|class| operations[class[0]].call == *call) {
            Some(class) => class.push(number),
            None => classes.push(vec![number]),
        }
    }
    classes
}
