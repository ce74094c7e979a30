//! The calls and returns of operations of known outcome in the order of time, as a doubly linked list: an operation
//! is taken out when it is linearised, and put back when the search goes back (Lowe's "lift" and "unlift").

use crate::Operation;

/// An event of an operation.
#[derive(Clone, Copy)]
struct Event {
    at: u64,
    operation: usize,
    is_call: bool,
}

pub(crate) struct Timeline {
    events: Vec<Event>,
    /// The neighbours of each event that remains. The head of the list lies behind the last event.
    next: Vec<usize>,
    previous: Vec<usize>,
    /// Where in the events an operation returns.
    return_of: Vec<usize>,
}

impl Timeline {
    pub(crate) fn new<C, R>(operations: &[&Operation<C, R>]) -> Self {
        let events = in_order(operations);
        let head = events.len();
        let mut return_of = vec![head; operations.len()];
        for (place, event) in events.iter().enumerate().filter(|(_, event)| !event.is_call) {
            return_of[event.operation] = place;
        }
        Self {
            next: (0..=head).map(|place| if place == head { 0 } else { place + 1 }).collect(),
            previous: (0..=head).map(|place| if place == 0 { head } else { place - 1 }).collect(),
            events,
            return_of,
        }
    }

    /// The place of the first event that remains.
    pub(crate) fn first(&self) -> usize {
        self.next[self.events.len()]
    }

    /// The place of the event after this one.
    pub(crate) fn after(&self, place: usize) -> usize {
        self.next[place]
    }

    /// The operation that is called at a place; `None` for a return, and for the end.
    pub(crate) fn called_at(&self, place: usize) -> Option<usize> {
        self.events.get(place).filter(|event| event.is_call).map(|event| event.operation)
    }

    /// The operation whose call is at this place.
    pub(crate) fn operation(&self, call: usize) -> usize {
        self.events[call].operation
    }

    /// The operations that are under way before the first return.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = usize> {
        let mut place = self.first();
        std::iter::from_fn(move || {
            let operation = self.called_at(place)?;
            place = self.next[place];
            Some(operation)
        })
    }

    /// What was called later than this cannot come next.
    pub(crate) fn first_return_at(&self) -> u64 {
        let mut place = self.first();
        while self.called_at(place).is_some() {
            place = self.next[place];
        }
        self.events.get(place).map_or(u64::MAX, |event| event.at)
    }

    /// Takes the operation that is called at a place out of the list.
    pub(crate) fn take_out(&mut self, call: usize) {
        self.unlink(call);
        self.unlink(self.return_of[self.events[call].operation]);
    }

    /// Puts it back. The latest taken out comes first.
    pub(crate) fn put_back(&mut self, call: usize) {
        self.link(self.return_of[self.events[call].operation]);
        self.link(call);
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
}

/// At one instant calls come before returns: the operations overlap.
fn in_order<C, R>(operations: &[&Operation<C, R>]) -> Vec<Event> {
    let mut events = Vec::with_capacity(2 * operations.len());
    for (number, Operation { called, returned, .. }) in operations.iter().enumerate() {
        if let Some((returned, _)) = returned {
            events.push(Event { at: *called, operation: number, is_call: true });
            events.push(Event { at: *returned, operation: number, is_call: false });
        }
    }
    events.sort_unstable_by_key(|event| (event.at, !event.is_call, event.operation));
    events
}
