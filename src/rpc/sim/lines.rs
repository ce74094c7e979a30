//! Lines between machines, over which bytes take their time.
//!
//! There is a line from every machine to every other, in each direction. All streams and calls from one machine to
//! another share it as connections share a wire: each sends a piece at a time, and whoever has a piece to send waits until
//! those before it are through. So a large message delays what follows it on its own stream for as long as it takes, and
//! what others send for a piece each. A line of a pair, not of a machine: that keeps the messages to one peer out of the
//! way of those to another, so that what is slow has one cause.
//!
//! A message of a stream leaves when its last piece is through; only then the stream is asked for its next one, as flow
//! control does. Without a bandwidth nothing waits, is drawn or is scheduled: such a world is as if there were no lines.

use std::{
    any::Any,
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use madsim::{
    Config,
    plugin::{self, Simulator},
    rand::GlobalRng,
    task::NodeId,
    time::TimeHandle,
};
use prost::Message;

use super::{line::Line, network::Network, stray::Straying};

/// What a message weighs besides its encoding: headers of HTTP/2 and TCP.
const HEADER_BYTES: usize = 64;
/// A piece takes this long: of a few streams that share a line each has its turn within a heartbeat.
const PIECE: Duration = Duration::from_millis(5);
/// No piece is smaller: a packet.
const PIECE_BYTES_MIN: u64 = 1_500;
/// The simulator knows no shorter sleep. What waits less is on its way at once.
const SLEEP_MIN: Duration = Duration::from_millis(1);

/// Measures messages of any type. `None`: it is no message.
type Measure = fn(&dyn Any) -> Option<usize>;

/// Is shown every message of a caller when it arrives at a service. It must change nothing.
pub type Watcher = Arc<dyn Fn(&dyn Any) + Send + Sync>;

/// All lines: a plugin of the simulator. Every simulated world that has servers registers it before it begins.
pub struct Lines {
    time: TimeHandle,
    network: Arc<Network>,
    straying: Arc<Straying>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    measure: Option<Measure>,
    watcher: Option<Watcher>,
    machines: BTreeMap<NodeId, IpAddr>,
    /// Of every line.
    bytes_per_s: Option<u64>,
    /// Of the lines from and to a machine, if they are narrower.
    narrowed: BTreeMap<IpAddr, u64>,
    /// When what was sent so far is through, as time since the world began.
    free_at: BTreeMap<Line, Duration>,
}

impl Simulator for Lines {
    fn new(_: &GlobalRng, time: &TimeHandle, _: &Config) -> Self {
        let network = Arc::new(Network::new(time.clone()));
        Self { time: time.clone(), network, straying: Arc::default(), state: Mutex::default() }
    }
}

impl Lines {
    /// Those of the present world.
    pub fn current() -> Arc<Self> {
        plugin::simulator()
    }

    /// Says which machines there are, and how messages are measured.
    pub fn lay(&self, machines: BTreeMap<NodeId, IpAddr>, measure: Measure) {
        let mut state = self.state();
        (state.machines, state.measure) = (machines, Some(measure));
    }

    /// Shows what arrives from now on.
    pub fn show_to(&self, watcher: Watcher) {
        self.state().watcher = Some(watcher);
    }

    /// A message of a caller arrived.
    pub(super) fn show(&self, message: &dyn Any) {
        let watcher = self.state().watcher.clone();
        if let Some(watcher) = watcher {
            watcher(message);
        }
    }

    /// What may be wrong with them.
    pub fn network(&self) -> Arc<Network> {
        self.network.clone()
    }

    /// How messages on them go astray.
    pub fn straying(&self) -> Arc<Straying> {
        self.straying.clone()
    }

    /// From this machine to an address. `None`: nothing is known of one of them.
    pub(super) fn line_to(&self, address: &str) -> Option<Line> {
        let from = self.state().machines.get(&plugin::node()).copied();
        let to = address.parse().ok().map(|address: SocketAddr| address.ip());
        from.zip(to).map(|(from, to)| Line { from, to })
    }

    /// The bandwidth of every line from now on. `None`: bytes take no time.
    pub fn set_bandwidth(&self, bytes_per_s: Option<u64>) {
        self.state().bytes_per_s = bytes_per_s;
    }

    /// No line from or to a machine has more than this from now on. `None`: they are as all others. What waits on them goes on at the
    /// new pace.
    pub fn narrow(&self, machine: IpAddr, bytes_per_s: Option<u64>) {
        let now = self.time.elapsed();
        let state = &mut *self.state();
        let is_its = |line: &Line| line.from == machine || line.to == machine;
        let lines: Vec<Line> = state.free_at.keys().copied().filter(is_its).collect();
        let before: Vec<Option<u64>> = lines.iter().map(|line| state.pace(*line)).collect();
        match bytes_per_s {
            Some(bytes_per_s) => drop(state.narrowed.insert(machine, bytes_per_s)),
            None => drop(state.narrowed.remove(&machine)),
        }
        for (line, before) in lines.into_iter().zip(before) {
            state.change_pace(line, before, now);
        }
    }

    /// The bytes that such a message puts on a line. What is no message of a service is only a header.
    pub(super) fn weigh(&self, message: &dyn Any) -> usize {
        let measure = self.state().measure;
        HEADER_BYTES + measure.and_then(|measure| measure(message)).unwrap_or(0)
    }

    /// Waits until so many bytes are through.
    pub(super) async fn cross(&self, line: Line, bytes: usize) {
        let mut left = bytes as u64;
        while left > 0 {
            let Some((sent, wait)) = self.state().reserve(line, left, self.time.elapsed()) else { return };
            left -= sent;
            if wait >= SLEEP_MIN {
                self.time.sleep(wait).await;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }
}

impl State {
    /// Sends a piece, after those that others have sent. Returns its size, and how long it takes until it is through.
    /// `None`: bytes take no time there.
    fn reserve(&mut self, line: Line, left: u64, now: Duration) -> Option<(u64, Duration)> {
        let bytes_per_s = self.pace(line)?;
        let piece = (bytes_per_s * PIECE.as_millis() as u64 / 1_000).max(PIECE_BYTES_MIN).min(left);
        let free_at = self.free_at.entry(line).or_default();
        *free_at = now.max(*free_at) + Duration::from_nanos(piece * 1_000_000_000 / bytes_per_s);
        Some((piece, *free_at - now))
    }

    /// The bandwidth of a line in bytes a second. `None`: bytes take no time there.
    fn pace(&self, line: Line) -> Option<u64> {
        let narrowed = [line.from, line.to].map(|machine| self.narrowed.get(&machine).copied());
        Some(narrowed.into_iter().chain([self.bytes_per_s]).flatten().min()?.max(1))
    }

    /// A line has another pace than before: what waits on it takes as much longer, or shorter, as that is less, or more.
    fn change_pace(&mut self, line: Line, before: Option<u64>, now: Duration) {
        let after = self.pace(line);
        let Some(free_at) = self.free_at.get_mut(&line) else { return };
        let left = free_at.saturating_sub(now);
        *free_at = now
            + match (before, after) {
                (Some(before), Some(after)) => left.mul_f64(before as f64 / after as f64),
                (_, None) => Duration::ZERO,
                (None, Some(_)) => left,
            };
    }
}

/// What this machine sends on a stream to an address: each message leaves when it is through.
pub(in crate::rpc) fn outgoing<M: Message + 'static>(
    messages: impl Stream<Item = M> + Send + 'static,
    address: &str,
) -> impl Stream<Item = M> + Send + 'static {
    let lines = Lines::current();
    let line = lines.line_to(address);
    messages.then(move |message| {
        let lines = lines.clone();
        async move {
            if let Some(line) = line {
                lines.cross(line, HEADER_BYTES + message.encoded_len()).await;
            }
            message
        }
    })
}
