//! The search: linearise one operation after another, remember every configuration that led nowhere, go back.
//!
//! A configuration is the set of operations linearised so far and the state they led to (Lowe, "Testing for
//! linearizability", 2017): reaching one again by another order cannot help.

use std::collections::BTreeSet;

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
        /// The operations that were under way where it ends, none of which could come next.
        stuck: Vec<usize>,
    },
    /// The search was cut short after this many steps.
    Exhausted {
        /// The longest order found, as positions in the input.
        explained: Vec<usize>,
    },
}

/// Looks for an order. `steps_max` bounds time and memory alike: each step remembers one configuration at most.
pub fn check<M: Model>(operations: &[Operation<M::Call, M::Return>], steps_max: usize) -> Verdict {
    Search::<M>::new(operations).run(steps_max)
}

/// An event of the history. Calls know where their return is.
#[derive(Clone, Copy)]
struct Event {
    operation: usize,
    is_call: bool,
}

struct Search<'a, M: Model> {
    operations: &'a [Operation<M::Call, M::Return>],
    events: Vec<Event>,
    /// The remaining events as a doubly linked list over `events`, with a head before the first.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Position of an operation's return in `events`; none for an unknown outcome.
    return_of: Vec<Option<usize>>,
    linearised: Bits,
    /// Operations with a known return that are not linearised yet.
    owed: usize,
    state: M::State,
    /// What was linearised, as positions of calls in `events`, with the state before.
    stack: Vec<(usize, M::State)>,
    seen: BTreeSet<(Bits, M::State)>,
    longest: Vec<usize>,
    stuck: Vec<usize>,
}

/// The head of the list lies behind all events.
type Position = usize;

impl<'a, M: Model> Search<'a, M> {
    fn new(operations: &'a [Operation<M::Call, M::Return>]) -> Self {
        let events = in_order(operations);
        let head = events.len();
        let mut return_of = vec![None; operations.len()];
        for (position, event) in events.iter().enumerate().filter(|(_, event)| !event.is_call) {
            return_of[event.operation] = Some(position);
        }
        Self {
            operations,
            next: (0..=head).map(|position| if position == head { 0 } else { position + 1 }).collect(),
            previous: (0..=head).map(|position| if position == 0 { head } else { position - 1 }).collect(),
            events,
            linearised: Bits::new(operations.len()),
            owed: operations.iter().filter(|operation| operation.returned.is_some()).count(),
            return_of,
            state: M::initial(),
            stack: Vec::new(),
            seen: BTreeSet::new(),
            longest: Vec::new(),
            stuck: Vec::new(),
        }
    }

    fn run(mut self, steps_max: usize) -> Verdict {
        let head = self.events.len();
        let mut position = self.next[head];
        let mut steps = 0;
        while self.owed > 0 {
            steps += 1;
            if steps > steps_max {
                return Verdict::Exhausted { explained: self.longest };
            }
            // At a return (or the end) every call that may come next was tried in vain.
            let at_call = position != head && self.events[position].is_call;
            position = match at_call {
                true => self.advance(position),
                false => {
                    self.note_longest();
                    match self.go_back() {
                        Some(position) => position,
                        None => {
                            return Verdict::NotLinearizable { explained: self.longest, stuck: self.stuck };
                        }
                    }
                }
            };
        }
        Verdict::Linearizable
    }

    /// Linearises the operation called here, if one copy of the data could answer so and the configuration is new.
    /// Returns where to look next.
    fn advance(&mut self, position: Position) -> Position {
        let number = self.events[position].operation;
        let operation = &self.operations[number];
        let answer = operation.returned.as_ref().map(|(_, answer)| answer);
        let Some(state) = M::step(&self.state, &operation.call, answer) else { return self.next[position] };
        // An unknown operation without an effect explains nothing.
        if answer.is_none() && state == self.state {
            return self.next[position];
        }
        self.linearised.flip(number);
        if !self.seen.insert((self.linearised.clone(), state.clone())) {
            self.linearised.flip(number);
            return self.next[position];
        }
        self.stack.push((position, std::mem::replace(&mut self.state, state)));
        self.take_out(position);
        self.owed -= usize::from(answer.is_some());
        self.next[self.events.len()]
    }

    /// Takes the last linearised operation back. Returns where to look next, or `None` when all was tried.
    fn go_back(&mut self) -> Option<Position> {
        let (position, state) = self.stack.pop()?;
        self.state = state;
        let number = self.events[position].operation;
        self.linearised.flip(number);
        self.owed += usize::from(self.operations[number].returned.is_some());
        self.put_back(position);
        Some(self.next[position])
    }

    fn take_out(&mut self, call: Position) {
        self.unlink(call);
        if let Some(returned) = self.return_of[self.events[call].operation] {
            self.unlink(returned);
        }
    }

    fn put_back(&mut self, call: Position) {
        if let Some(returned) = self.return_of[self.events[call].operation] {
            self.link(returned);
        }
        self.link(call);
    }

    fn unlink(&mut self, position: Position) {
        let (before, after) = (self.previous[position], self.next[position]);
        self.next[before] = after;
        self.previous[after] = before;
    }

    fn link(&mut self, position: Position) {
        let (before, after) = (self.previous[position], self.next[position]);
        self.next[before] = position;
        self.previous[after] = position;
    }

    fn note_longest(&mut self) {
        if self.stack.len() < self.longest.len() || (self.stack.is_empty() && !self.stuck.is_empty()) {
            return;
        }
        self.longest = self.stack.iter().map(|(position, _)| self.events[*position].operation).collect();
        self.stuck.clear();
        let mut position = self.next[self.events.len()];
        while position != self.events.len() && self.events[position].is_call {
            self.stuck.push(self.events[position].operation);
            position = self.next[position];
        }
    }
}

/// Calls and returns in the order of time. At one instant calls come before returns: the operations overlap.
fn in_order<C, R>(operations: &[Operation<C, R>]) -> Vec<Event> {
    let mut timed = Vec::with_capacity(2 * operations.len());
    for (number, operation) in operations.iter().enumerate() {
        timed.push((operation.called, 0, number));
        if let Some((returned, _)) = operation.returned {
            timed.push((returned, 1, number));
        }
    }
    timed.sort_unstable();
    timed.into_iter().map(|(_, kind, operation)| Event { operation, is_call: kind == 0 }).collect()
}

/// A set of operations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bits(Box<[u64]>);

impl Bits {
    fn new(length: usize) -> Self {
        Self(vec![0; length.div_ceil(64)].into())
    }

    fn flip(&mut self, position: usize) {
        self.0[position / 64] ^= 1 << (position % 64);
    }
}
