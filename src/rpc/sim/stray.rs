//! Single messages that go astray: lost, doubled, or so late that others overtake them. A late one may arrive when its stream
//! has ended, beside the messages of the next one.

use std::{
    collections::BTreeMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use super::{Payload, faults::Fate, line::Line, network::Network};

/// Messages by when they arrive; the number keeps apart those that arrive together.
type Late = BTreeMap<(Duration, u64), Payload>;

/// A message, taken to pieces that may go astray. `Err`: nothing of it may.
pub type Split = fn(Payload) -> Result<Vec<Payload>, Payload>;

/// Another one like it.
pub type Duplicate = fn(&Payload) -> Payload;

/// How messages go astray, and those that were late when their streams ended.
#[derive(Default)]
pub struct Straying(Mutex<State>);

#[derive(Default)]
struct State {
    manner: Option<(Split, Duplicate)>,
    left: BTreeMap<Line, Late>,
}

impl Straying {
    /// Without this none does.
    pub fn begin(&self, split: Split, duplicate: Duplicate) {
        *self.state() = State { manner: Some((split, duplicate)), left: BTreeMap::new() };
    }

    /// Nothing is late any more.
    pub fn end(&self) {
        drop(std::mem::take(&mut *self.state()));
    }

    fn manner(&self) -> Option<(Split, Duplicate)> {
        self.state().manner
    }

    /// Something is late on this line, and no stream takes care of it.
    fn has_left(&self, line: Line) -> bool {
        self.state().left.contains_key(&line)
    }

    fn leave(&self, line: Line, late: &mut Late) {
        if !late.is_empty() {
            self.state().left.entry(line).or_default().append(late);
        }
    }

    fn take_over(&self, line: Line) -> Late {
        self.state().left.remove(&line).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// The messages of a stream that went astray.
pub(super) struct Strays {
    network: Arc<Network>,
    straying: Arc<Straying>,
    line: Line,
    late: Late,
}

impl Strays {
    pub(super) fn new(network: Arc<Network>, straying: Arc<Straying>, line: Line) -> Self {
        Self { network, straying, line, late: Late::new() }
    }

    /// What arrives now of a message that has crossed.
    pub(super) fn sort(&mut self, payload: Payload) -> Vec<Payload> {
        if !self.network.leads_astray(self.line) && !self.straying.has_left(self.line) {
            return vec![payload];
        }
        let Some((split, duplicate)) = self.straying.manner() else { return vec![payload] };
        let pieces = match split(payload) {
            Ok(pieces) => pieces,
            Err(whole) => return vec![whole],
        };
        // Of streams before this one, or beside it.
        self.late.append(&mut self.straying.take_over(self.line));
        let mut arriving = Vec::new();
        for piece in pieces {
            let (number, fate) = self.network.fate(self.line);
            let now = self.network.now();
            match fate {
                Fate::Arrives => arriving.push(piece),
                Fate::Lost => {}
                Fate::Doubled(later) => {
                    self.late.insert((now + later, number), duplicate(&piece));
                    arriving.push(piece);
                }
                Fate::Late(later) => drop(self.late.insert((now + later, number), piece)),
            }
        }
        arriving
    }

    /// The next late message, when it is time. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Payload {
        let Some((&(due, _), _)) = self.late.first_key_value() else { return pending().await };
        let now = self.network.now();
        if now < due {
            self.network.sleep(due - now).await;
        }
        self.late.pop_first().expect("it is there").1
    }
}

impl Drop for Strays {
    fn drop(&mut self) {
        self.straying.leave(self.line, &mut self.late);
    }
}
