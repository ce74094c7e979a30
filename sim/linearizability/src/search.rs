//! The search: linearise one operation after another, remember every configuration that led nowhere, go back.
//!
//! A configuration is the set of operations linearised so far and the state they led to (Lowe, "Testing for
//! linearizability", 2017): reaching one again by another order cannot help.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Model, Operation, timeline::Timeline};

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
    /// revision binds to come next.
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

/// The operation to try next.
#[derive(Clone, Copy)]
enum Cursor {
    /// One of known outcome, by the place of its call (or of a return, where these end) in the timeline.
    Known(usize),
    /// The first that is left of a class of operations of unknown outcome.
    Unknown(usize),
}

struct Search<'a, M: Model> {
    operations: Vec<&'a Operation<M::Call, M::Return>>,
    timeline: Timeline,
    /// Operations of unknown outcome with equal calls, in order of time. They are interchangeable, and one that may
    /// happen now may happen later too: nothing is missed by taking them in order, and when nothing else fits.
    classes: Vec<Vec<usize>>,
    /// How many of each class are linearised.
    used: Vec<usize>,
    /// Which operations of known outcome are linearised.
    linearised: Bits,
    /// How many of these are not, by the last revision that each can follow.
    owed: BTreeMap<i64, usize>,
    state: M::State,
    /// What was linearised, with the state before.
    stack: Vec<(Cursor, M::State)>,
    seen: BTreeSet<(Bits, Vec<usize>, M::State)>,
    longest: Longest,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: Vec<&'a Operation<M::Call, M::Return>>) -> Self {
        let classes = classes(&operations);
        Self {
            timeline: Timeline::new(&operations),
            used: vec![0; classes.len()],
            classes,
            linearised: Bits::new(operations.len()),
            owed: owed::<M>(&operations),
            operations,
            state: M::initial(),
            stack: Vec::new(),
            seen: BTreeSet::new(),
            longest: Longest::default(),
        }
    }

    fn run(mut self, goes_on: &mut dyn FnMut(Effort) -> bool) -> (Found, Longest) {
        let mut cursor = self.first();
        let mut steps = 0;
        while !self.owed.is_empty() {
            steps += 1;
            if !goes_on(Effort { steps, bytes: self.seen.len() * self.configuration_bytes() }) {
                return (Found::NoneYet, self.longest);
            }
            cursor = if self.linearise(cursor) {
                self.first()
            } else if let Some(next) = self.after(cursor) {
                next
            } else {
                self.note_longest();
                match self.go_back() {
                    Some(next) => next,
                    None => return (Found::None, self.longest),
                }
            };
        }
        (Found::Order, self.longest)
    }

    /// About what a configuration takes in memory.
    fn configuration_bytes(&self) -> usize {
        let sets = 8 * (self.linearised.0.len() + self.used.len());
        size_of::<(Bits, Vec<usize>, M::State)>() + sets
    }

    fn first(&self) -> Cursor {
        Cursor::Known(self.timeline.first())
    }

    /// What else may come next: the calls before the first return, then the classes.
    fn after(&self, cursor: Cursor) -> Option<Cursor> {
        let class = match cursor {
            Cursor::Known(place) if self.timeline.called_at(place).is_some() => {
                return Some(Cursor::Known(self.timeline.after(place)));
            }
            Cursor::Known(_) => 0,
            Cursor::Unknown(class) => class + 1,
        };
        (class < self.classes.len()).then_some(Cursor::Unknown(class))
    }

    /// Linearises an operation, if one copy of the data could answer so and the configuration is new.
    fn linearise(&mut self, cursor: Cursor) -> bool {
        let Some(number) = self.operation_at(cursor) else { return false };
        let operation = self.operations[number];
        let returned = operation.returned.as_ref().map(|(_, returned)| returned);
        let Some(state) = M::step(&self.state, &operation.call, returned) else { return false };
        // An operation of unknown outcome that changes nothing explains nothing.
        if returned.is_none() && state == self.state {
            return false;
        }
        self.mark(cursor, number, true);
        let too_late = self.owed.first_key_value().is_some_and(|(&latest, _)| M::revision(&state) > latest);
        if too_late || !self.seen.insert((self.linearised.clone(), self.used.clone(), state.clone())) {
            self.mark(cursor, number, false);
            return false;
        }
        self.stack.push((cursor, std::mem::replace(&mut self.state, state)));
        true
    }

    fn operation_at(&self, cursor: Cursor) -> Option<usize> {
        match cursor {
            Cursor::Known(place) => self.timeline.called_at(place),
            Cursor::Unknown(class) => {
                let number = *self.classes[class].get(self.used[class])?;
                (self.operations[number].called <= self.timeline.first_return_at()).then_some(number)
            }
        }
    }

    fn mark(&mut self, cursor: Cursor, number: usize, is_linearised: bool) {
        match (cursor, is_linearised) {
            (Cursor::Unknown(class), true) => self.used[class] += 1,
            (Cursor::Unknown(class), false) => self.used[class] -= 1,
            (Cursor::Known(call), true) => {
                self.linearised.flip(number);
                self.owe(number, -1);
                self.timeline.take_out(call);
            }
            (Cursor::Known(call), false) => {
                self.linearised.flip(number);
                self.owe(number, 1);
                self.timeline.put_back(call);
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

    /// Takes the last linearised operation back. Returns what to try instead, or `None` when all was tried.
    fn go_back(&mut self) -> Option<Cursor> {
        loop {
            let (cursor, state) = self.stack.pop()?;
            self.state = state;
            let number = self.last_of(cursor);
            self.mark(cursor, number, false);
            if let Some(next) = self.after(cursor) {
                return Some(next);
            }
        }
    }

    /// The operation that was linearised at a cursor.
    fn last_of(&self, cursor: Cursor) -> usize {
        match cursor {
            Cursor::Known(place) => self.timeline.operation(place),
            Cursor::Unknown(class) => self.classes[class][self.used[class] - 1],
        }
    }

    fn note_longest(&mut self) {
        let Longest { order, stuck } = &self.longest;
        if self.stack.len() < order.len() || (self.stack.is_empty() && !stuck.is_empty()) {
            return;
        }
        let mut taken = vec![0; self.classes.len()];
        let order = self.stack.iter().map(|(cursor, _)| match *cursor {
            Cursor::Known(place) => self.timeline.operation(place),
            Cursor::Unknown(class) => {
                taken[class] += 1;
                self.classes[class][taken[class] - 1]
            }
        });
        let order = order.collect();
        let mut stuck: Vec<usize> = self.timeline.under_way().collect();
        let overdue = self.overdue().into_iter().filter(|number| !stuck.contains(number));
        let overdue: Vec<usize> = overdue.collect();
        stuck.extend(overdue);
        self.longest = Longest { order, stuck };
    }

    /// The operations that an early revision binds to come next.
    fn overdue(&self) -> Vec<usize> {
        let earliest = self.owed.first_key_value().map(|(&latest, _)| latest).filter(|&it| it < i64::MAX);
        let numbers = 0..self.operations.len();
        let is_overdue = |number: &usize| {
            self.operations[*number].returned.is_some()
                && !self.linearised.contains(*number)
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

/// A set of operations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bits(Box<[u64]>);

impl Bits {
    fn new(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)].into())
    }

    fn contains(&self, position: usize) -> bool {
        self.0[position / 64] & (1 << (position % 64)) != 0
    }

    fn flip(&mut self, position: usize) {
        self.0[position / 64] ^= 1 << (position % 64);
    }
}
