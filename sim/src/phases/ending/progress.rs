//! What a core must come to, each within its bound: a leader, a write of every client, agreement. Whoever does not come to it is told
//! why.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use conclave::env::{Hooks as _, Knob};
use conclave_checks::Standings;

use super::{
    super::{
        recovery::bound,
        supervise::{look, pass, what_is_missing},
    },
    bounds,
    core::Core,
};
use crate::{
    trace::{Answer, CLIENT_LIVES, Call, Condition, MachineId},
    verdict::{Failure, Rule, Times},
    workload::Workload,
    world::{World, now_ns, redirect_proxy},
};

/// A proxy that was told of former members only, for it was started when they were, is told of those of today after this.
const OPERATOR_PATIENCE: Duration = Duration::from_secs(1);

/// A client that pauses for so long asks a few times within the bound.
const SELDOM: Duration = Duration::from_secs(1);

pub(super) async fn judge(
    world: &mut World,
    core: &Core,
    stays: &[Condition],
    workload: &Workload,
    times: &mut Times,
) -> Result<(), Failure> {
    let began_ns = now_ns();
    let since = || Duration::from_nanos(now_ns() - began_ns);
    let comes_to_one = |client: &u64| comes_to_the_core(world, core, workload, *client, stays);
    let served: Vec<u64> = core.clients().into_iter().filter(comes_to_one).collect();
    let (leader_bound, write_bound) =
        (bounds::until_leader(world), bounds::until_written(world, workload, stays));
    let is_measured = !is_led_from_a_stalled_disk(world, stays) && !workload.only_reads(began_ns);
    loop {
        look(world)?;
        if times.to_leader.is_none() && leader(world, core).is_some() {
            times.to_leader = Some(since());
        }
        let written = clients_that_wrote(world, workload, began_ns);
        if let Some(first_ns) = written.values().min().filter(|_| is_measured) {
            times.to_first_write.get_or_insert(Duration::from_nanos(first_ns - began_ns));
        }
        let is_late = since() > write_bound;
        let excused =
            if is_late { clients_that_only_read(world, workload, began_ns) } else { BTreeSet::new() };
        let is_waiting = |client: &u64| !written.contains_key(client) && !excused.contains(client);
        let waiting: Vec<u64> = served.iter().copied().filter(is_waiting).collect();
        match times.to_leader {
            None if since() > leader_bound && is_led_from_outside(world, core, stays) => return Ok(()),
            None if since() > leader_bound => return Err(no_leader(world, core, leader_bound)),
            Some(_) if waiting.is_empty() => break,
            Some(_) if is_late && may_serve_nobody(world, core, stays) => return Ok(()),
            Some(_) if is_late => {
                let what = if workload.only_reads(now_ns()) { "read" } else { "write" };
                return Err(not_served(world, core, what, write_bound, began_ns, &waiting));
            }
            _ => {}
        }
        if since() > OPERATOR_PATIENCE && !waiting.is_empty() {
            let is_inside = |id| core.contains(MachineId::Node(id));
            for proxy in core.proxies() {
                redirect_proxy(&mut world.machines, proxy, is_inside);
            }
        }
        pass(world).await?;
    }
    converge(world, core, stays).await
}

/// Who knows proxies outside alone is promised nothing. Nor is who connects anew for each call, and each time comes to one outside that takes
/// it: one that is silent, or is down, leaves it to the next.
fn comes_to_the_core(
    world: &World,
    core: &Core,
    workload: &Workload,
    client: u64,
    stays: &[Condition],
) -> bool {
    let (from, is_inside) = (MachineId::Client(client), |proxy: &MachineId| core.contains(*proxy));
    let mut known = workload.proxies_of(client, world.shape.proxies).map(MachineId::Proxy);
    let is_silent = |proxy: MachineId| {
        let lines = [(from, proxy), (proxy, from)].map(|(from, to)| Condition::Cut { from, to });
        // (One that is about to stop may take calls for as long as it is paused.)
        let is_down = stays.contains(&Condition::Down(proxy)) && !world.machines.is_running(proxy);
        is_down || lines.iter().any(|line| stays.contains(line))
    };
    match workload.asks_anew {
        true => {
            known.find(|proxy| is_inside(proxy) || !is_silent(*proxy)).is_some_and(|proxy| is_inside(&proxy))
        }
        false => known.any(|proxy| is_inside(&proxy)),
    }
}

/// Who leads hands over when somebody writes what its disk does not take: how soon that is, is for the clients to choose. Until then
/// their reads wait.
fn is_led_from_a_stalled_disk(world: &World, stays: &[Condition]) -> bool {
    present_leader(world).is_some_and(|leader| stays.contains(&Condition::StalledDisk(leader)))
}

/// A node outside leads, a quorum hears it, and something is wrong with it or with a line of its: Raft lets it stay, and promises nothing to
/// those whom it does not reach. (Nor do proxies go by way of a follower.) Nodes outside belong to that quorum as well: with one node of
/// the core they may be one, and that node elects nobody else.
fn is_led_from_outside(world: &World, core: &Core, stays: &[Condition]) -> bool {
    is_led_from_outside_where(world, core, stays, |_| true)
}

/// The same, of something that keeps calls from that leader, or answers from who called. One whose disk stands still hears what it is asked,
/// and hands over when that does not come to be.
fn may_serve_nobody(world: &World, core: &Core, stays: &[Condition]) -> bool {
    is_led_from_outside_where(world, core, stays, |condition| !matches!(condition, Condition::StalledDisk(_)))
}

/// A node outside leads, and one of the conditions that count is about that node.
fn is_led_from_outside_where(
    world: &World,
    core: &Core,
    stays: &[Condition],
    counts: impl Fn(&Condition) -> bool,
) -> bool {
    let outside = present_leader(world).filter(|&leader| !core.contains(leader));
    let mut counting = stays.iter().filter(|condition| counts(condition));
    outside.is_some_and(|leader| counting.any(|condition| condition.is_about(leader)))
}

/// The leader that a quorum follows, wherever it is.
fn present_leader(world: &World) -> Option<MachineId> {
    let runs = |id| world.machines.is_running(MachineId::Node(id));
    Standings::of(&world.oracle).leader_of(runs).map(MachineId::Node)
}

/// The leader that a quorum follows: nodes of the core, and the leader itself, wherever it is.
fn leader(world: &World, core: &Core) -> Option<u64> {
    let counts = |id| core.contains(MachineId::Node(id)) && world.machines.is_running(MachineId::Node(id));
    Standings::of(&world.oracle)
        .leader_of(counts)
        .filter(|&id| world.machines.is_running(MachineId::Node(id)))
}

/// Everything that was committed by now is applied in all of the core.
async fn converge(world: &mut World, core: &Core, stays: &[Condition]) -> Result<(), Failure> {
    let (began_ns, bound, committed) = (now_ns(), bound(world), world.oracle.committed());
    loop {
        let nodes = core.nodes();
        let late: Vec<u64> =
            nodes.into_iter().filter(|&id| world.oracle.applied_by(id) < committed).collect();
        let is_late = Duration::from_nanos(now_ns() - began_ns) > bound;
        if late.is_empty() || is_late && is_led_from_outside(world, core, stays) {
            return Ok(());
        }
        if is_late {
            let why = why(world, core);
            let detail =
                format!("{committed} was committed {bound:?} ago, and nodes {late:?} lack it: {why}");
            return Err(Failure::new(Rule::CoreConverges, late.into_iter().map(MachineId::Node), detail));
        }
        pass(world).await?;
    }
}

/// Since when each client has written something that was asked for after this. Of who only reads what the leader answered counts. Any answer
/// counts
/// - of who asks so seldom that it may not come to a write;
/// - of who competes with large values: that a write gets through within a short patience is not promised then. Whose patience is not
///   worth two large values on a narrow line, for one may be before it to the leader and one from there, may not be answered at all.
///
/// And where others are served, so does that a proxy is full of large values, if it takes few calls at a time: nobody is promised a turn. Nor
/// is anybody where more is asked for than is taken.
fn clients_that_wrote(world: &World, workload: &Workload, began_ns: u64) -> BTreeMap<u64, u64> {
    let are_crowded = bounds::are_calls_crowded(world, workload);
    let asks_seldom = Duration::from_millis(workload.pause_ms.high) >= SELDOM;
    let only_reads = workload.only_reads(now_ns());
    let any_counts = are_crowded || asks_seldom;
    let is_hasty = are_crowded && workload.patience_ms <= 2 * large_value_ms(world, workload);
    let takes_few_calls = are_crowded && world.instruments.knob(Knob::Calls).is_some();
    let is_overloaded = workload.open_loops > 0 && takes_little_at_a_time(world);
    let mut shut_out = BTreeMap::new();
    let mut written = BTreeMap::new();
    world.recorder.look_since(began_ns, |operation| {
        let Some((at_ns, answer)) = &operation.answer else { return };
        let client = operation.client % CLIENT_LIVES;
        let counts = any_counts || is_for_the_leader(&operation.call, only_reads);
        if counts && !answer.is_error() || is_hasty {
            written.insert(client, *at_ns);
        } else if takes_few_calls && is_refused_as_full(answer) || is_overloaded && is_refused(answer) {
            shut_out.insert(client, *at_ns);
        }
    });
    // Where nobody writes all may wait for the same: each read is refused when its turn comes, for it has waited too long by then.
    if !written.is_empty() || only_reads && is_overloaded {
        shut_out.append(&mut written);
        return shut_out;
    }
    written
}

/// Whoever leads takes so little at a time that clients who do not wait for answers ask for more than it can do.
fn takes_little_at_a_time(world: &World) -> bool {
    let knobs = [Knob::Inputs, Knob::ReadsPerRound, Knob::ReadRoundBytes];
    knobs.into_iter().any(|knob| world.instruments.knob(knob).is_some())
}

/// It was not done, and the client knows.
fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Answer::DidNotHappen(_))
}

/// A proxy takes no more calls for now.
fn is_refused_as_full(answer: &Answer) -> bool {
    matches!(answer, Answer::DidNotHappen(why) if why.contains("calls wait at this proxy"))
}

/// How long the largest value takes on a line.
fn large_value_ms(world: &World, workload: &Workload) -> u64 {
    world.shape.bandwidth_bytes_per_s.map_or(0, |bandwidth| workload.largest_value() * 1_000 / bandwidth)
}

/// Those who were answered, and have asked for nothing that counts in all that time: for no write, or (of who only reads) for no read of the
/// leader. One that is younger than a client's patience may still wait.
fn clients_that_only_read(world: &World, workload: &Workload, began_ns: u64) -> BTreeSet<u64> {
    let recent_ns = now_ns().saturating_sub(workload.patience_ms * 1_000_000);
    let (mut answered, mut asked) = (BTreeSet::new(), BTreeSet::new());
    let only_reads = workload.only_reads(now_ns());
    world.recorder.look_since(began_ns, |operation| {
        let client = operation.client % CLIENT_LIVES;
        if operation.answer.as_ref().is_some_and(|(_, answer)| !answer.is_error()) {
            answered.insert(client);
        }
        if is_for_the_leader(&operation.call, only_reads) && operation.called_ns < recent_ns {
            asked.insert(client);
        }
    });
    &answered - &asked
}

/// What shows that a client is served: a write, or of who only reads whatever a follower does not answer.
fn is_for_the_leader(call: &Call, only_reads: bool) -> bool {
    match only_reads {
        true => !call.is_of_any_node(),
        false => call.puts().is_some() || call.is_delete(),
    }
}

fn no_leader(world: &World, core: &Core, bound: Duration) -> Failure {
    let nodes = core.nodes();
    let detail =
        format!("no leader of nodes {nodes:?} {bound:?} after they were healed: {}", why(world, core));
    Failure::new(Rule::CoreElects, nodes.into_iter().map(MachineId::Node), detail)
}

fn not_served(
    world: &World,
    core: &Core,
    what: &str,
    bound: Duration,
    began_ns: u64,
    waiting: &[u64],
) -> Failure {
    let told: Vec<String> = waiting.iter().map(|&client| last_answer(world, began_ns, client)).collect();
    let led = leader(world, core).map_or("nobody leads".to_owned(), |id| format!("node {id} leads"));
    let detail = format!(
        "no {what} of clients {waiting:?} {bound:?} after they were healed: {}; {led}; {}",
        told.join("; "),
        why(world, core)
    );
    Failure::new(Rule::CoreServes, waiting.iter().copied().map(MachineId::Client), detail)
}

fn last_answer(world: &World, began_ns: u64, client: u64) -> String {
    let (mut asked, mut last) = (0, None);
    world.recorder.look_since(began_ns, |operation| {
        if operation.client % CLIENT_LIVES == client {
            asked += 1;
            last = last.take().or_else(|| operation.answer.clone());
        }
    });
    match last {
        Some((_, answer)) => format!("client {client} asked {asked} times, and was told: {answer}"),
        None if asked > 0 => format!("client {client} waits for its first answer"),
        None => format!("client {client} still waits for what it asked before"),
    }
}

fn why(world: &World, core: &Core) -> String {
    what_is_missing(world, &core.nodes())
}
