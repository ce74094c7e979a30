//! What a storm is made of. Every storm draws its own weather: some have much of one thing and nothing of another, for what
//! happens rarely hides what it would take many times over to show (swarm testing).

use conclave_checks::draw::Draw;

/// One thing that happens in a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Tick,
    Deliver,
    /// A message arrives that was thought lost.
    Straggle,
    Write,
    Start,
    Crash,
    Propose,
    Read,
    Transfer,
    Change,
    /// A node is told to campaign, and nobody knows why.
    Urge,
    /// What a node has applied becomes durable.
    Sync,
    /// A snapshot on its way arrives, or breaks off.
    Stream,
    Install,
    /// A node is cut off.
    Cut,
    Heal,
}

/// How likely each is, and what a storm may multiply that with.
const EVENTS: [(Event, u64, &[u64]); 16] = [
    (Event::Tick, 100, &[1, 2, 4]),
    (Event::Deliver, 400, &[1, 2]),
    (Event::Straggle, 3, &[0, 1, 4]),
    (Event::Write, 200, &[1, 2]),
    (Event::Start, 5, &[1, 3, 9]),
    (Event::Crash, 1, &[0, 1, 2, 4]),
    (Event::Propose, 20, &[1, 2, 6]),
    (Event::Read, 2, &[0, 1, 10]),
    (Event::Transfer, 1, &[0, 1, 4]),
    (Event::Change, 1, &[0, 1, 4, 16]),
    (Event::Urge, 1, &[0, 0, 1, 4]),
    (Event::Sync, 10, &[1, 10]),
    (Event::Stream, 10, &[1, 2, 4]),
    (Event::Install, 10, &[1, 2, 4]),
    (Event::Cut, 1, &[0, 1, 3]),
    (Event::Heal, 1, &[1, 3, 8]),
];

/// The weather of one storm.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// Each event with the sum of the odds up to it.
    events: Vec<(Event, u64)>,
    /// Messages that do not come in order, in percent.
    pub(crate) disorder: u64,
    /// Messages lost, and doubled, in percent.
    pub(crate) loss: u64,
    /// Inputs, in percent, that a core is given together with the next one.
    pub(crate) batches: u64,
    /// Beyond so many under way the oldest are lost: a network that holds everything would only deliver what is old.
    pub(crate) under_way_max: usize,
    /// Nodes are cut off many at once, and still reach each other.
    pub(crate) islands: bool,
}

impl Weather {
    pub(crate) fn new(draw: &mut Draw) -> Self {
        let mut sum = 0;
        let mut events = Vec::new();
        for (event, odds, factors) in EVENTS {
            sum += odds * draw.pick(factors);
            events.push((event, sum));
        }
        Self {
            events,
            disorder: *draw.pick(&[0, 10, 30, 60]),
            loss: *draw.pick(&[0, 5, 5, 15]),
            batches: *draw.pick(&[0, 0, 30]),
            under_way_max: *draw.pick(&[30, 60, 200]),
            islands: draw.chance(50),
        }
    }

    /// What happens next.
    pub(crate) fn next(&self, draw: &mut Draw) -> Event {
        let sum = self.events.last().expect("there are events").1;
        let drawn = draw.below(sum);
        let index = self.events.partition_point(|&(_, up_to)| up_to <= drawn);
        self.events[index].0
    }
}
