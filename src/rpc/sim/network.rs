//! What is wrong with lines and machines at present, and what that does to what crosses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use madsim::{
    net::Endpoint,
    runtime::{Handle, NodeHandle},
    time::TimeHandle,
};

use super::{
    faults::{Crossing, Draw, Fate, LineFaults, Retransmission},
    line::Line,
};

/// A connection over which nothing has passed for so long is broken: real ones ask for a sign of life after 2 s, and wait 2 s for
/// it (`real/mod.rs`).
pub(super) const KEEPALIVE: Duration = Duration::from_secs(4);

/// What draws are for.
const CROSSINGS: u64 = 1;
const FATES: u64 = 2;

/// The network between machines. At first nothing is wrong with it.
pub struct Network {
    time: TimeHandle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    faults: BTreeMap<Line, LineFaults>,
    /// Machines without power: they answer nothing, nor did they say goodbye.
    without_power: BTreeSet<IpAddr>,
    /// Messages so far, by what is drawn for them.
    counts: BTreeMap<(u64, Line), u64>,
    seed: u64,
    /// Where what is under way is carried: it belongs to no machine.
    carriers: Option<NodeHandle>,
}

/// What is made wrong.
impl Network {
    pub(super) fn new(time: TimeHandle) -> Self {
        Self { time, state: Mutex::default() }
    }

    /// Without this nothing can be wrong. What becomes of messages is drawn from the seed.
    pub fn begin(&self, seed: u64) {
        let carriers = Handle::current().create_node().name("network").build();
        *self.state() = State { seed, carriers: Some(carriers), ..State::default() };
    }

    /// Nothing is wrong any more, and nothing is under way.
    pub fn end(&self) {
        if let Some(carriers) = std::mem::take(&mut *self.state()).carriers {
            Handle::current().kill(carriers.id());
        }
    }

    /// This is wrong with a line from now on, and nothing else.
    pub fn set_faults(&self, from: IpAddr, to: IpAddr, faults: LineFaults) {
        let all = &mut self.state().faults;
        match faults.is_none() {
            true => drop(all.remove(&Line { from, to })),
            false => drop(all.insert(Line { from, to }, faults)),
        }
    }

    /// A machine has power from now on, or has none. One that loses it is told so before its processes are killed: they do not say
    /// goodbye.
    pub fn set_power(&self, machine: IpAddr, has_power: bool) {
        let without_power = &mut self.state().without_power;
        match has_power {
            true => drop(without_power.remove(&machine)),
            false => drop(without_power.insert(machine)),
        }
    }
}

/// What that does.
impl Network {
    /// Time since the world began.
    pub(super) fn now(&self) -> Duration {
        self.time.elapsed()
    }

    pub(super) async fn sleep(&self, span: Duration) {
        self.time.sleep(span).await;
    }

    /// Nothing is wrong with a line.
    pub(super) fn is_sound(&self, line: Line) -> bool {
        !self.state().faults.contains_key(&line)
    }

    /// Nothing passes now.
    pub(super) fn is_cut(&self, line: Line) -> bool {
        let now = self.now();
        self.state().is_cut(line, now)
    }

    pub(super) fn refuses(&self, line: Line) -> bool {
        self.state().faults.get(&line).is_some_and(|faults| faults.refuses)
    }

    /// How the next message crosses.
    pub(super) fn crossing(&self, line: Line) -> Crossing {
        let now = self.now();
        let state = &mut *self.state();
        match state.faults.get(&line) {
            Some(faults) if !faults.poor.is_empty() => {
                let number = next(&mut state.counts, CROSSINGS, line);
                faults.crossing(now, Draw::new(state.seed, CROSSINGS, line, number))
            }
            _ => Crossing::Delayed(Duration::ZERO),
        }
    }

    /// Whether messages of a line may go astray now.
    pub(super) fn leads_astray(&self, line: Line) -> bool {
        self.state().faults.get(&line).is_some_and(|faults| !faults.astray.is_empty())
    }

    /// The number of the next message that may go astray, and what becomes of it.
    pub(super) fn fate(&self, line: Line) -> (u64, Fate) {
        let state = &mut *self.state();
        let number = next(&mut state.counts, FATES, line);
        let draw = Draw::new(state.seed, FATES, line, number);
        (number, state.faults.get(&line).map_or(Fate::Arrives, |faults| faults.fate(draw)))
    }

    /// Whether a packet from this side of the line would be answered: there and back.
    pub(super) fn is_answered(&self, line: Line) -> bool {
        let now = self.now();
        let state = self.state();
        !state.is_cut(line, now) && !state.is_cut(line.back(), now) && !state.without_power.contains(&line.to)
    }

    /// The news that an end of a connection is gone does not cross now: there is a cut, or nobody to tell it.
    pub(super) fn conceals_end(&self, line: Line) -> bool {
        let now = self.now();
        let state = self.state();
        state.is_cut(line, now) || state.without_power.contains(&line.from)
    }

    /// Completes when that news has crossed; false: the other side gave the connection up without it. A machine that has power
    /// again knows nothing of its former connections and says so.
    pub(super) async fn end_has_crossed(&self, line: Line) -> bool {
        let given_up_at = self.now() + KEEPALIVE;
        let mut retransmission = Retransmission::default();
        while self.conceals_end(line) {
            let now = self.now();
            if now >= given_up_at {
                return false;
            }
            self.sleep(retransmission.next().min(given_up_at - now)).await;
        }
        true
    }

    /// Does something that ends with no machine.
    pub(super) fn outside_of_machines(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(carriers) = &self.state().carriers {
            drop(carriers.spawn(work));
        }
    }

    /// Keeps an end of a connection until the news that it is gone has crossed.
    pub(super) fn linger(self: &Arc<Self>, line: Line, end: impl Send + 'static) {
        let network = self.clone();
        self.outside_of_machines(async move {
            network.end_has_crossed(line).await;
            drop(end);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl State {
    fn is_cut(&self, line: Line, now: Duration) -> bool {
        self.faults.get(&line).is_some_and(|faults| faults.is_cut(now))
    }
}

/// The number of the next message of a line for which this is drawn.
fn next(counts: &mut BTreeMap<(u64, Line), u64>, purpose: u64, line: Line) -> u64 {
    let count = counts.entry((purpose, line)).or_default();
    *count += 1;
    *count
}

/// Takes the place of what serves an address while its machine has no power: every connection is taken, as none can be
/// refused, and nothing is answered.
pub async fn swallow(address: SocketAddr) {
    let Ok(endpoint) = Endpoint::bind(address).await else { return };
    let mut held = Vec::new();
    while let Ok((tx, rx, _)) = endpoint.accept1().await {
        held.push((tx, rx));
    }
}
