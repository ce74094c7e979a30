//! The search: linearise one operation after another, remember every configuration that led nowhere, go back.
//!
//! A configuration is the set of operations linearised so far and the state they led to (Lowe, "Testing for
//! linearizability", 2017): reaching one again by another order cannot help.

use std::collections::{BTreeMap, BTreeSet};

use super::Model;

/// One operation. Operations that certainly did not happen are left out by the caller.
#[derive(Clone, Debug)]
pub struct Operation<C, R> {
    /// When it was called; any clock that orders all events.
    pub called: u64,
    /// When it returned, and what. `None`: unknown, it may take effect at any time after its call, or never.
    pub returned: Option<(u64, R)>,
    /// What was asked.
    pub call: C,
}

/// What the search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    NotLinearizable {
        /// The longest order found, as positions in the input.
        explained: Vec<usize>,
        /// The operations that were under way where it ends, none of which could come next; and those that
        /// an early revision binds to come next.
        stuck: Vec<usize>,
    },
    /// The search was cut short after this many steps.
    Exhausted {
        /// The longest order found, as positions in the input.
        explained: Vec<usize>,
        /// The operations that were under way where it ends.
        stuck: Vec<usize>,
    },
}

/// Looks for an order. `steps_max` bounds time and memory alike: each step remembers one configuration at most.
pub fn check<M: Model>(operations: &[Operation<M::Call, M::Return>], steps_max: usize) -> Verdict {
    Search::<M>::new(operations).run(steps_max)
}

/// An event of an operation whose outcome is known.
#[derive(Clone, Copy)]
struct Event {
    at: u64,
    operation: usize,
    is_call: bool,
}

/// The operation to try next.
#[derive(Clone, Copy)]
enum Cursor {
    /// One of known outcome, by the place of its call (or of a return, where these end) in the events.
    Known(usize),
    /// The first that is left of a class of operations of unknown outcome.
    Unknown(usize),
}

struct Search<'a, M: Model> {
    operations: &'a [Operation<M::Call, M::Return>],
    /// Calls and returns of the operations of known outcome, in order of time.
    events: Vec<Event>,
    /// The events that remain, as a doubly linked list; its head lies behind the last event.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Where in the events an operation returns.
    return_of: Vec<usize>,
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
    longest: Vec<usize>,
    stuck: Vec<usize>,
}

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: &'a [Operation<M::Call, M::Return>]) -> Self {
        let events = in_order(operations);
        let head = events.len();
        let mut return_of = vec![head; operations.len()];
        for (place, event) in events.iter().enumerate().filter(|(_, event)| !event.is_call) {
            return_of[event.operation] = place;
        }
        let classes = classes(operations);
        Self {
            operations,
            next: (0..=head).map(|place| if place == head { 0 } else { place + 1 }).collect(),
            previous: (0..=head).map(|place| if place == 0 { head } else { place - 1 }).collect(),
            events,
            return_of,
            used: vec![0; classes.len()],
            classes,
            linearised: Bits::new(operations.len()),
            owed: owed::<M>(operations),
            state: M::initial(),
            stack: Vec::new(),
            seen: BTreeSet::new(),
            longest: Vec::new(),
            stuck: Vec::new(),
        }
    }

    fn run(mut self, steps_max: usize) -> Verdict {
        let mut cursor = self.first();
        let mut steps = 0;
        while !self.owed.is_empty() {
            steps += 1;
            if steps > steps_max {
                return Verdict::Exhausted { explained: self.longest, stuck: self.stuck };
            }
            cursor = if self.linearise(cursor) {
                self.first()
            } else if let Some(next) = self.after(cursor) {
                next
            } else {
                self.note_longest();
                match self.go_back() {
                    Some(next) => next,
                    None => return Verdict::NotLinearizable { explained: self.longest, stuck: self.stuck },
                }
            };
        }
        Verdict::Linearizable
    }

    fn first(&self) -> Cursor {
        Cursor::Known(self.next[self.events.len()])
    }

    /// What else may come next: the calls before the first return, then the classes.
    fn after(&self, cursor: Cursor) -> Option<Cursor> {
        let class = match cursor {
            Cursor::Known(place) if self.is_call(place) => return Some(Cursor::Known(self.next[place])),
            Cursor::Known(_) => 0,
            Cursor::Unknown(class) => class + 1,
        };
        (class < self.classes.len()).then_some(Cursor::Unknown(class))
    }

    fn is_call(&self, place: usize) -> bool {
        place < self.events.len() && self.events[place].is_call
    }

    /// Linearises an operation, if one copy of the data could answer so and the configuration is new.
    fn linearise(&mut self, cursor: Cursor) -> bool {
        let Some(number) = self.operation_at(cursor) else { return false };
        let operation = &self.operations[number];
        let answer = operation.returned.as_ref().map(|(_, answer)| answer);
        let Some(state) = M::step(&self.state, &operation.call, answer) else { return false };
        // An operation of unknown outcome that changes nothing explains nothing.
        if answer.is_none() && state == self.state {
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
            Cursor::Known(place) => self.is_call(place).then(|| self.events[place].operation),
            Cursor::Unknown(class) => {
                let number = *self.classes[class].get(self.used[class])?;
                (self.operations[number].called <= self.first_return_at()).then_some(number)
            }
        }
    }

    /// What was called later than this cannot come next.
    fn first_return_at(&self) -> u64 {
        let mut place = self.next[self.events.len()];
        while self.is_call(place) {
            place = self.next[place];
        }
        self.events.get(place).map_or(u64::MAX, |event| event.at)
    }

    fn mark(&mut self, cursor: Cursor, number: usize, is_linearised: bool) {
        match (cursor, is_linearised) {
            (Cursor::Unknown(class), true) => self.used[class] += 1,
            (Cursor::Unknown(class), false) => self.used[class] -= 1,
            (Cursor::Known(call), true) => {
                self.linearised.flip(number);
                self.owe(number, -1);
                self.unlink(call);
                self.unlink(self.return_of[number]);
            }
            (Cursor::Known(call), false) => {
                self.linearised.flip(number);
                self.owe(number, 1);
                self.link(self.return_of[number]);
                self.link(call);
            }
        }
    }

    fn owe(&mut self, number: usize, change: isize) {
        let latest = latest_revision::<M>(&self.operations[number]);
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
            Cursor::Known(place) => self.events[place].operation,
            Cursor::Unknown(class) => self.classes[class][self.used[class] - 1],
        }
    }

    fn unlink(&mut self, place: usize) {
        let (before, after) = (self.previous[place], self.next[place]);
        self.next[before] = after;
        self.previous[after] = before;
    }

    fn link(&mut self, place: usize) {
        let (before, after) = (self.previous[place], self.next[place]);
        self.next[before] = place;
        self.previous[after] = place;
    }

    fn note_longest(&mut self) {
        if self.stack.len() < self.longest.len() || (self.stack.is_empty() && !self.stuck.is_empty()) {
            return;
        }
        let mut taken = vec![0; self.classes.len()];
        let order = self.stack.iter().map(|(cursor, _)| match *cursor {
            Cursor::Known(place) => self.events[place].operation,
            Cursor::Unknown(class) => {
                taken[class] += 1;
                self.classes[class][taken[class] - 1]
            }
        });
        self.longest = order.collect();
        self.stuck.clear();
        let mut place = self.next[self.events.len()];
        while self.is_call(place) {
            self.stuck.push(self.events[place].operation);
            place = self.next[place];
        }
        let overdue = self.overdue().into_iter().filter(|number| !self.stuck.contains(number));
        let overdue: Vec<usize> = overdue.collect();
        self.stuck.extend(overdue);
    }

    /// The operations that an early revision binds to come next.
    fn overdue(&self) -> Vec<usize> {
        let earliest = self.owed.first_key_value().map(|(&latest, _)| latest).filter(|&it| it < i64::MAX);
        let numbers = 0..self.operations.len();
        let is_overdue = |number: &usize| {
            self.operations[*number].returned.is_some()
                && !self.linearised.contains(*number)
                && Some(latest_revision::<M>(&self.operations[*number])) == earliest
        };
        numbers.filter(is_overdue).collect()
    }
}

/// Calls and returns in the order of time. At one instant calls come before returns: the operations overlap.
fn in_order<C, R>(operations: &[Operation<C, R>]) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * operations.len());
    for (operation, Operation { called, returned, .. }) in operations.iter().enumerate() {
        if let Some((returned, _)) = returned {
            events.push(Event { at: *called, operation, is_call: true });
            events.push(Event { at: *returned, operation, is_call: false });
        }
    }
    events.sort_unstable_by_key(|event| (event.at, !event.is_call, event.operation));
    events
}

fn owed<M: Model>(operations: &[Operation<M::Call, M::Return>]) -> BTreeMap<i64, usize> {
    let mut owed = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.returned.is_some()) {
        *owed.entry(latest_revision::<M>(operation)).or_default() += 1;
    }
    owed
}

/// The last revision that an operation can follow.
fn latest_revision<M: Model>(operation: &Operation<M::Call, M::Return>) -> i64 {
    operation.returned.as_ref().map_or(i64::MAX, |(_, answer)| M::latest_revision(answer))
}

fn classes<C: PartialEq, R>(operations: &[Operation<C, R>]) -> Vec<Vec<usize>> {
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
