//! How likely each step of a storm is. Every storm draws a profile of its own: some have much of one thing and nothing of
//! another, for what happens rarely hides what it would take many times over to show (swarm testing).

use conclave_checks::draw::Draw;

/// One thing that happens in a storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Tick,
    Deliver,
    /// A copy of a message of long ago arrives.
    DeliverLate,
    /// A write becomes durable.
    Write,
    Start,
    Crash,
    /// A node dies, and comes back with an empty disk.
    LoseDisk,
    Propose,
    Read,
    Transfer,
    /// A node is told to stop, and stops when it may.
    Leave,
    ChangeMembers,
    /// A node is told to campaign at once, though nobody hands over to it.
    Campaign,
    /// What a node has applied becomes durable.
    Sync,
    /// A snapshot on its way arrives, or breaks off.
    Stream,
    Install,
    Isolate,
    Heal,
}

/// The odds of each, and what a storm may multiply them with.
const STEPS: [(Step, u64, &[u64]); 18] = [
    (Step::Tick, 100, &[1, 2, 4]),
    (Step::Deliver, 400, &[1, 2]),
    (Step::DeliverLate, 3, &[0, 1, 4]),
    (Step::Write, 200, &[1, 2]),
    (Step::Start, 5, &[1, 3, 9]),
    (Step::Crash, 1, &[0, 1, 2, 4]),
    (Step::LoseDisk, 1, &[0, 0, 1, 4]),
    (Step::Propose, 20, &[1, 2, 6]),
    (Step::Read, 2, &[0, 1, 10]),
    (Step::Transfer, 1, &[0, 1, 4]),
    (Step::Leave, 1, &[0, 0, 1, 4]),
    (Step::ChangeMembers, 1, &[0, 1, 4, 16]),
    (Step::Campaign, 1, &[0, 0, 1, 4]),
    (Step::Sync, 10, &[1, 10]),
    (Step::Stream, 10, &[1, 2, 4]),
    (Step::Install, 10, &[1, 2, 4]),
    (Step::Isolate, 1, &[0, 1, 3]),
    (Step::Heal, 1, &[1, 3, 8]),
];

/// The profile of one storm.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// Each step with the sum of the odds up to it.
    steps: Vec<(Step, u64)>,
    /// Messages that do not come in order, in percent.
    pub(super) reordered_percent: u64,
    /// Messages lost, and as many doubled, in percent.
    pub(super) lost_percent: u64,
    /// Inputs, in percent, that a core is given together with the next one.
    pub(super) batched_percent: u64,
    /// Snapshots that break off on their way, and that are not put in place, in percent.
    pub(super) stream_failures_percent: u64,
    pub(super) install_failures_percent: u64,
    /// Beyond so many under way the oldest are lost: a network that holds everything would only deliver what is old.
    pub(super) under_way_max: usize,
    /// Many nodes are isolated at once, and still reach each other.
    pub(super) partitions: bool,
}

impl Profile {
    pub(super) fn new(draw: &mut Draw) -> Self {
        let mut sum = 0;
        let mut steps = Vec::new();
        for (step, odds, factors) in STEPS {
            sum += odds * draw.pick(factors);
            steps.push((step, sum));
        }
        Self {
            steps,
            reordered_percent: *draw.pick(&[0, 10, 30, 60]),
            lost_percent: *draw.pick(&[0, 5, 5, 15]),
            batched_percent: *draw.pick(&[0, 0, 30]),
            stream_failures_percent: 30,
            install_failures_percent: 20,
            under_way_max: *draw.pick(&[30, 60, 200]),
            partitions: draw.chance(50),
        }
    }

    /// What happens next.
    pub(super) fn next(&self, draw: &mut Draw) -> Step {
        let sum = self.steps.last().expect("there are steps").1;
        let drawn = draw.below(sum);
        let index = self.steps.partition_point(|&(_, up_to)| up_to <= drawn);
        self.steps[index].0
    }
}
