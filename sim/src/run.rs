//! One run: a scenario in, a verdict out, and nothing else. Chaos first; then everything heals, and the cluster must
//! elect a leader, make progress and converge; then the clients' history is judged.

use std::{
    collections::BTreeMap,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use conclave::client as api;
use madsim::{Config, runtime::Runtime, time::sleep};

use crate::{
    chaos::Chaos,
    client::ask,
    history::{Answer, Call},
    judge,
    oracle::Oracle,
    scenario::Scenario,
    trace::{Trace, What},
    verdict::{Class, Failure, Figures, Verdict},
    world::{self, World, now_ns},
};

/// How often the run looks at its world: fine enough for faults, coarse enough to cost nothing.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// A client's last operation is answered or given up within its patience; this much more ends all waiting.
const FINISH_SLACK: Duration = Duration::from_secs(2);

/// Carries a scenario out. `keep_story`: every event, not only the last ones.
///
/// Runs on a thread of its own: what the standard library keeps per thread (the keys of hash maps) is then new, and
/// the same, in every run.
pub fn run(scenario: &Scenario, keep_story: bool) -> Verdict {
    let scenario = scenario.clone();
    std::thread::Builder::new()
        .name(format!("seed-{}", scenario.seed))
        .spawn(move || run_here(scenario, keep_story))
        .expect("a thread can be started")
        .join()
        .expect("a run catches its own panics")
}

fn run_here(scenario: Scenario, keep_story: bool) -> Verdict {
    let seed = scenario.seed;
    let mut config = Config::default();
    config.net.send_latency = world::latency(scenario.latency_us);
    let runtime = Runtime::with_seed_and_config(seed, config);
    let trace = if keep_story { Trace::keeping_all() } else { Trace::default() };
    let oracle = Oracle::new(now_ns, trace);
    let faults = count_faults(&scenario);
    let watched = oracle.clone();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(live(scenario, watched))));
    // A panic unwinds while locks are held; the runtime's own destructors must not turn it into an abort.
    let (failure, mut figures) = match outcome {
        Ok(ended) => ended,
        Err(panicked) => {
            std::mem::forget(runtime);
            (Some(Failure { class: Class::Panic, what: panic_message(&*panicked) }), Figures::default())
        }
    };
    let trace = oracle.trace();
    figures.faults = faults;
    figures.events = trace.length();
    figures.elections = oracle.elections();
    figures.snapshots = oracle.snapshots();
    figures.committed = oracle.committed();
    Verdict {
        seed,
        trace_hash: trace.hash(),
        failure,
        figures,
        story: trace.events().map(ToString::to_string).collect(),
    }
}

fn count_faults(scenario: &Scenario) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for fault in &scenario.faults {
        *counts.entry(fault.kind.name()).or_default() += 1;
    }
    counts
}

fn panic_message(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panicked.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

async fn live(scenario: Scenario, oracle: Oracle) -> (Option<Failure>, Figures) {
    let mut world = World::new(scenario, oracle);
    world.start();
    let mut failure = chaos(&mut world).await.err();
    if failure.is_none() {
        failure = recovery(&mut world).await.err();
    }
    let operations = world.history.operations();
    if failure.is_none() {
        world.oracle.note(What::Phase("the history is judged"));
        failure = judge::judge(&operations).err();
    }
    let figures =
        Figures { simulated_ns: now_ns(), operations: judge::count(&operations), ..Figures::default() };
    (failure, figures)
}

/// Faults strike and heal by the scenario, while clients work.
async fn chaos(world: &mut World) -> Result<(), Failure> {
    world.oracle.note(What::Phase("chaos"));
    let faults = world.scenario.faults.clone();
    let mut chaos = Chaos::default();
    // (time, heals?, number): at one time what heals comes last, and in the order of the scenario.
    let mut agenda: Vec<(u64, bool, usize)> = Vec::new();
    for (number, fault) in faults.iter().enumerate() {
        agenda.push((fault.at_ms, false, number));
        agenda.push((
            (fault.at_ms + fault.for_ms).min(world.scenario.chaos_ms.max(fault.at_ms)),
            true,
            number,
        ));
    }
    agenda.sort_unstable();
    for (at_ms, heals, number) in agenda {
        wait_until(world, at_ms).await?;
        match heals {
            false => chaos.strike(world, number, &faults[number]),
            true => chaos.heal(world, number, &faults[number]),
        }
    }
    wait_until(world, world.scenario.chaos_ms).await
}

async fn wait_until(world: &mut World, at_ms: u64) -> Result<(), Failure> {
    while now_ns() < at_ms * 1_000_000 {
        sleep(LOOK_INTERVAL.min(Duration::from_nanos(at_ms * 1_000_000 - now_ns()))).await;
        look(world)?;
    }
    Ok(())
}

/// Looks for broken promises, and carries out power losses that were armed.
fn look(world: &mut World) -> Result<(), Failure> {
    for id in world.tripped() {
        world.power_loss(id);
    }
    if let Some(what) = world.oracle.violation() {
        return Err(Failure { class: Class::Invariant, what });
    }
    if let Some(id) = world.ended_unasked().first() {
        let what = format!("node {id} ended by itself although it is a member");
        return Err(Failure { class: Class::Stopped, what });
    }
    Ok(())
}

/// Everything is healed. The cluster must answer within a bound, and all nodes arrive at the same state.
async fn recovery(world: &mut World) -> Result<(), Failure> {
    world.oracle.note(What::Phase("everything is healed"));
    for id in world.known_nodes() {
        world.disarm(id);
        world.bring_up(id);
    }
    for number in 0..world.scenario.proxies {
        if !world.proxy_is_running(number) {
            world.start_proxy(number);
        }
    }
    progress(world).await?;
    changes_end(world).await?;
    tokio::time::timeout(
        Duration::from_millis(world.scenario.workload.patience_ms) * 4 + FINISH_SLACK,
        world.finish_clients(),
    )
    .await
    .map_err(|_| Failure { class: Class::Progress, what: "a client waits beyond its patience".to_owned() })?;
    read_everything(world).await?;
    convergence(world).await?;
    removed_nodes_stop(world).await
}

/// How long a healed cluster may take to answer: links are found dead and made anew, several elections may fail, and
/// the simulated network may deliver what waited at a cut as late as 10 s after it was mended.
fn progress_bound(world: &World) -> Duration {
    Duration::from_secs(15) + Duration::from_millis(world.scenario.election_timeout_ms * 20)
}

/// A write and a read through each proxy succeed within the bound.
async fn progress(world: &mut World) -> Result<(), Failure> {
    let began = now_ns();
    let bound = progress_bound(world);
    for number in 0..world.scenario.proxies {
        let key = format!("healed-{number}");
        loop {
            let call = Call::Put { key: key.clone(), value: format!("healed-{number}-{}", now_ns()) };
            if !failed(&ask_one(world, number, call).await) {
                break;
            }
            if Duration::from_nanos(now_ns() - began) > bound {
                let what = format!("no write through proxy {number} within {bound:?} of healing");
                return Err(Failure { class: Class::Progress, what });
            }
            world.redirect_proxy(number);
            sleep(LOOK_INTERVAL).await;
            look(world)?;
        }
    }
    look(world)
}

/// Every change of members that an operator asked for comes to its end.
async fn changes_end(world: &mut World) -> Result<(), Failure> {
    let bound = progress_bound(world);
    let failed = |what| Failure { class: Class::Progress, what };
    match tokio::time::timeout(bound, world.finish_changes()).await {
        Ok(Ok(())) => look(world),
        Ok(Err(what)) => Err(failed(what)),
        Err(_) => Err(failed(format!("a change of members has not ended {bound:?} after healing"))),
    }
}

/// Every key is read once more: what was acknowledged must be there.
async fn read_everything(world: &mut World) -> Result<(), Failure> {
    for key in 0..world.scenario.workload.keys {
        let call = Call::Get { key: format!("key-{key}") };
        if failed(&ask_one(world, key % world.scenario.proxies, call).await) {
            let what = format!("key-{key} cannot be read from a healed cluster");
            return Err(Failure { class: Class::Progress, what });
        }
    }
    look(world)
}

fn failed(answer: &Answer) -> bool {
    matches!(answer, Answer::DidNotHappen(_) | Answer::Unknown(_))
}

/// One operation of the run's own client, noted in the history as any other.
async fn ask_one(world: &World, proxy: u64, call: Call) -> Answer {
    const RUN_ITSELF: u64 = 999;
    let endpoint = world.proxy_endpoint(proxy);
    let options = api::Options { timeout: Duration::from_secs(5) };
    let number = world.history.called(RUN_ITSELF, now_ns(), call.clone());
    let answer = world.on_spare_machine(async move {
        let connection = api::Client::new(&[endpoint], options, world::clock())
            .expect("simulated addresses are well formed");
        ask(&connection, call).await
    });
    let answer = answer.await;
    world.history.answered(number, now_ns(), answer.clone());
    answer
}

/// All nodes apply everything within the bound; the oracle has compared their states at every index.
async fn convergence(world: &mut World) -> Result<(), Failure> {
    let began = now_ns();
    let bound = progress_bound(world);
    loop {
        look(world)?;
        let committed = world.oracle.committed();
        let members = world.oracle.configuration();
        let applied: Vec<_> = members.members().map(|id| (id, world.oracle.applied(id))).collect();
        if !members.is_changing() && applied.iter().all(|&(_, index)| index == committed) {
            return Ok(());
        }
        if Duration::from_nanos(now_ns() - began) > bound {
            let what = format!("{committed} entries are committed, and the members have applied {applied:?}");
            return Err(Failure { class: Class::Convergence, what });
        }
        sleep(LOOK_INTERVAL).await;
    }
}

/// Who was removed hears of it and stops by itself: nobody is left waiting for a leader that never comes.
async fn removed_nodes_stop(world: &mut World) -> Result<(), Failure> {
    let began = now_ns();
    let bound = 2 * progress_bound(world);
    loop {
        look(world)?;
        let removed = world.running_though_removed();
        if removed.is_empty() {
            return Ok(());
        }
        if Duration::from_nanos(now_ns() - began) > bound {
            let what = format!("nodes {removed:?} were removed and still run {bound:?} later");
            return Err(Failure { class: Class::Progress, what });
        }
        sleep(LOOK_INTERVAL).await;
    }
}
