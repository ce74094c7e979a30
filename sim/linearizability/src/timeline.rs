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
    /// Where in the events an operation is called, and where it returns.
    call_of: Vec<usize>,
    return_of: Vec<usize>,
}

impl Timeline {
    pub(crate) fn new<C, R>(operations: &[&Operation<C, R>]) -> Self {
        let events = in_order(operations);
        let head = events.len();
        let (mut call_of, mut return_of) = (vec![head; operations.len()], vec![head; operations.len()]);
        for (place, event) in events.iter().enumerate() {
            let places = if event.is_call { &mut call_of } else { &mut return_of };
            places[event.operation] = place;
        }
        Self {
            next: (0..=head).map(|place| if place == head { 0 } else { place + 1 }).collect(),
            previous: (0..=head).map(|place| if place == 0 { head } else { place - 1 }).collect(),
            events,
            call_of,
            return_of,
        }
    }

    /// The operations in the order of their calls.
    pub(crate) fn by_call(&self) -> impl Iterator<Item = usize> {
        self.events.iter().filter(|event| event.is_call).map(|event| event.operation)
    }

    /// The operation that was called first of those that remain.
    pub(crate) fn first(&self) -> Option<usize> {
        self.called_at(self.next[self.events.len()])
    }

    /// The operation that is called at a place; `None` for a return, and for the end.
    fn called_at(&self, place: usize) -> Option<usize> {
        self.events.get(place).filter(|event| event.is_call).map(|event| event.operation)
    }

    /// Operations by this are in the order of their returns.
    pub(crate) fn return_of(&self, operation: usize) -> usize {
        self.return_of[operation]
    }

    /// The operations that are under way before the first return.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = usize> {
        let mut place = self.next[self.events.len()];
        std::iter::from_fn(move || {
            let operation = self.called_at(place)?;
            place = self.next[place];
            Some(operation)
        })
    }

    /// What was called later than this cannot come next.
    pub(crate) fn first_return_at(&self) -> u64 {
        let mut place = self.next[self.events.len()];
        while self.called_at(place).is_some() {
            place = self.next[place];
        }
        self.events.get(place).map_or(u64::MAX, |event| event.at)
    }

    /// What remains in the order of time: operations, and whether it is their call.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = (usize, bool)> {
        let mut place = self.events.len();
        std::iter::from_fn(move || {
            place = self.next[place];
            self.events.get(place).map(|event| (event.operation, event.is_call))
        })
    }

    /// Takes an operation out of the list.
    pub(crate) fn take_out(&mut self, operation: usize) {
        self.unlink(self.call_of[operation]);
        self.unlink(self.return_of[operation]);
    }

    /// Puts it back. The latest taken out comes first.
    pub(crate) fn put_back(&mut self, operation: usize) {
        self.link(self.return_of[operation]);
        self.link(self.call_of[operation]);
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
