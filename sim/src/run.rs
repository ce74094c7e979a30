//! One run: a scenario in, a verdict out, and nothing else.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use conclave::rpc::Lines;
use conclave_checks::{Counts, Oracle, Probe as OfConsensus, Trace};
use madsim::{Config, runtime::Runtime};

use crate::{
    phases,
    probes::{Combinations, Probe, Watch},
    scenario::Scenario,
    trace::{Event, Recorder},
    verdict::{Failure, Figures, Rule, Times, Verdict, count},
    world::{Instruments, World, latency, now_ns},
};

/// Carries a scenario out. `keep_story`: every event, not only the last ones.
///
/// Runs on a thread of its own: what the standard library keeps per thread (the keys of hash maps) is then new, and
/// the same, in every run.
pub fn run(scenario: &Scenario, keep_story: bool) -> Verdict {
    run_for(scenario, keep_story, None)
}

/// The same, of so much simulated time at most: what would go wrong later is not seen. Until then it is the very same run.
pub(crate) fn run_for(scenario: &Scenario, keep_story: bool, limit: Option<Duration>) -> Verdict {
    let scenario = scenario.clone();
    std::thread::Builder::new()
        .name(format!("seed-{}", scenario.shape.seed))
        .spawn(move || run_here(&scenario, keep_story, limit))
        .expect("a thread can be started")
        .join()
        .expect("a run catches its own panics")
}

fn run_here(scenario: &Scenario, keep_story: bool, limit: Option<Duration>) -> Verdict {
    let seed = scenario.shape.seed;
    let mut config = Config::default();
    config.net.send_latency = latency(scenario.shape.latency_us);
    let runtime = Runtime::with_seed_and_config(scenario.schedule.unwrap_or(seed), config);
    runtime.add_simulator::<Lines>();
    let trace = if keep_story { Trace::keeping_all() } else { Trace::default() };
    let recorder = Recorder::new(now_ns, trace);
    if keep_story {
        recorder.take_notes();
    }
    let of_cores = recorder.clone();
    let drift_percent = scenario.shape.stated_drift_percent;
    let oracle = Oracle::new(drift_percent, move |event| of_cores.record(Event::Core(event)));
    let families = || scenario.faults.iter().map(|timed| timed.fault.name()).collect();
    let (watch, combinations) = (Watch::new(families()), Combinations::new(families()));
    let meeting = combinations.clone();
    recorder.show_to(move |event| meeting.see(event));
    let watching = watch.clone();
    recorder.show_to(move |event| watching.see(event));
    let instruments = Instruments::with_knobs(scenario.knobs.clone());
    let living = live(scenario, &recorder, &oracle, &instruments, limit);
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(living)));
    // A panic unwinds while locks are held; the runtime's own destructors must not turn it into an abort.
    let (failure, simulated_ns, times) = outcome.unwrap_or_else(|panicked| {
        std::mem::forget(runtime);
        (Some(Failure::new(Rule::NoPanic, [], panic_message(&*panicked))), 0, Times::default())
    });
    let trace = recorder.take_trace();
    let Counts { elections, snapshots, reached: of_consensus } = oracle.counts();
    let figures = Figures {
        simulated_ns,
        elections,
        snapshots,
        committed: oracle.committed(),
        events: trace.length(),
        faults: named(watch.struck()),
        missed: named(watch.missed()),
        operations: named(count(&recorder.history())),
        to_leader_ns: times.to_leader.map(nanoseconds).into_iter().collect(),
        to_first_write_ns: times.to_first_write.map(nanoseconds).into_iter().collect(),
        watched_ns: nanoseconds(times.stretches.looked),
        followed_ns: nanoseconds(times.stretches.followed),
        served_ns: nanoseconds(times.stretches.served),
        without_leader_ns: times.stretches.without_leader.iter().copied().map(nanoseconds).collect(),
        without_quorum_ns: times.stretches.without_quorum.iter().copied().map(nanoseconds).collect(),
        outsiders: named(count_outsiders(scenario)),
        probes: reached(of_consensus, &instruments, &watch),
        knobs: scenario.knobs.names().map(|name| (name.to_owned(), 1)).collect(),
        buggify: named(instruments.fired().into_iter().map(|(point, fired)| (point.name(), fired))),
    };
    let story = trace.events().cloned().collect();
    let (notes, combinations) = (recorder.notes(), combinations.met());
    Verdict { seed, trace_hash: trace.hash(), failure, figures, story, notes, combinations }
}

/// The whole life of a world. Returns what went wrong, how long it lasted, and how long its core took.
async fn live(
    scenario: &Scenario,
    recorder: &Recorder,
    oracle: &Oracle,
    instruments: &Instruments,
    limit: Option<Duration>,
) -> (Option<Failure>, u64, Times) {
    let shape = Arc::new(scenario.shape.clone());
    let mut world = World::new(shape, &scenario.workload, &scenario.newcomers(), recorder, oracle);
    let _attached = world.attach(instruments);
    let mut times = Times::default();
    let living = phases::live(&mut world, scenario, instruments, &mut times);
    let failure = match limit {
        None => living.await.err(),
        Some(limit) => within(limit, living).await.and_then(Result::err),
    };
    if let Some(watch) = &world.watch {
        times.stretches = watch.stretches().clone();
    }
    if failure.is_some() {
        recorder.broke();
    }
    let simulated_ns = now_ns();
    world.shut_down().await;
    (failure, simulated_ns, times)
}

/// What comes out of it by then; `None`: nothing yet. No timer stands by, which would move draws of the simulator: the clock is looked at
/// whenever something has happened.
async fn within<T>(limit: Duration, living: impl Future<Output = T>) -> Option<T> {
    let mut living = pin!(living);
    let ends_ns = nanoseconds(limit);
    poll_fn(|context| match living.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if now_ns() >= ends_ns => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// The rare states that a run reached, each once.
fn reached(
    of_consensus: BTreeSet<OfConsensus>,
    instruments: &Instruments,
    watch: &Watch,
) -> BTreeMap<Probe, u64> {
    let consensus = of_consensus.into_iter().map(Probe::Consensus);
    let around = instruments.reached().into_iter().map(Probe::Around);
    let world = watch.reached().into_iter().map(Probe::World);
    consensus.chain(around).chain(world).map(|probe| (probe, 1)).collect()
}

fn named<T>(figures: impl IntoIterator<Item = (&'static str, T)>) -> BTreeMap<String, T> {
    figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect()
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos() as u64
}

fn count_outsiders(scenario: &Scenario) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for outsider in &scenario.ending.outsiders {
        *counts.entry(outsider.fate.name()).or_default() += 1;
    }
    if scenario.ending.blackout {
        counts.insert("final-blackout", 1);
    }
    counts
}

fn panic_message(panicked: &(dyn Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests;
