//! Faults that overlap do not end each other.

use std::{sync::Arc, time::Duration};

use conclave::{
    client::{GetOptions, PutOptions},
    rpc::Lines,
};
use conclave_checks::{FaultBudget, Oracle, Trace};
use madsim::{Config, runtime::Runtime, time::sleep};

use super::*;
use crate::{
    scenario::generate,
    trace::{Condition, MachineId, Range, Recorder},
    workload::{Spans, Workload},
    world::{Instruments, Leases, now_ns},
};

/// A node that dials before the others listen may wait for an answer for two seconds; then there are elections.
const UNTIL_A_LEADER: Duration = Duration::from_secs(4);

pub(crate) const NODE: MachineId = MachineId::Node(1);

fn fault(stored: &str) -> Fault {
    serde_json::from_str(stored).expect("a fault")
}

/// Runs a test in a world of three nodes that are up, without proxies and clients.
fn in_world<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    in_world_of(0, |world, _| test(world));
}

/// The same, with machines for so many clients. The test is handed what these do, too; it introduces them, and the two proxies, itself.
pub(crate) fn in_world_of<T, F: Future<Output = T>>(
    clients: u64,
    test: impl FnOnce(World, Workload) -> F,
) -> T {
    let mut scenario = generate(1);
    scenario.shape.priorities = vec![0; 3];
    scenario.shape.lease_reads = Leases::default();
    (scenario.shape.proxies, scenario.shape.clients) = (2, clients);
    let workload = simple(scenario.workload);
    let recorder = Recorder::new(now_ns, Trace::default());
    let runtime = Runtime::with_seed_and_config(1, Config::default());
    runtime.add_simulator::<Lines>();
    runtime.block_on(async {
        let oracle = Oracle::default();
        let mut world = World::new(Arc::new(scenario.shape), &workload, &[4], &recorder, &oracle);
        for id in 1..=3 {
            world.machines.introduce(MachineId::Node(id));
        }
        sleep(UNTIL_A_LEADER).await;
        test(world, workload).await
    })
}

/// Puts and gets of a few keys, one after the other.
fn simple(drawn: Workload) -> Workload {
    Workload {
        keys: 3,
        reads_percent: 50,
        deletes_percent: 0,
        past_percent: 0,
        compactions_percent: 0,
        spans: Spans::default(),
        pause_ms: Range { low: 5, high: 60 },
        open_loops: 0,
        asks_anew: false,
        writes_end_ms: None,
        is_pinned: false,
        patience_ms: 1_000,
        large: None,
        ..drawn
    }
}

/// A node that does not lead.
pub(crate) fn follower(world: &World) -> u64 {
    let leader = world.oracle.leader().expect("it is long enough");
    if leader == 1 { 2 } else { 1 }
}

#[test]
fn a_node_that_two_faults_keep_down_comes_up_when_both_have_healed() {
    in_world(async |mut world| {
        let crash = fault(r#"{"crash":{"node":1}}"#).strike(&mut world);
        let blackout = fault(r#""blackout""#).strike(&mut world);
        assert!(!world.machines.is_running(NODE));
        world.heal(crash);
        assert!(!world.machines.is_running(NODE), "the blackout lasts");
        world.heal(blackout);
        assert!(world.machines.is_running(NODE));
    });
}

#[test]
fn a_node_that_stopped_or_does_not_stop_is_started_when_the_fault_heals() {
    in_world(async |mut world| {
        let stop = fault(r#"{"stop":{"node":1}}"#).strike(&mut world);
        world.heal(stop);
        assert!(world.machines.is_running(NODE), "killed, and started again");
        sleep(Duration::from_secs(2)).await;
        let stop = fault(r#"{"stop":{"node":1}}"#).strike(&mut world);
        sleep(Duration::from_secs(20)).await;
        assert_eq!(world.machines.reap(), None, "it was asked");
        assert!(!world.machines.is_running(NODE));
        world.heal(stop);
        assert!(world.machines.is_running(NODE));
    });
}

#[test]
fn a_node_whose_power_fails_in_a_sync_is_down_until_the_fault_heals() {
    in_world(async |mut world| {
        let healing = fault(r#"{"power-loss-in-sync":{"node":1,"nth":0}}"#).strike(&mut world);
        assert!(world.machines.is_running(NODE), "there was no sync yet");
        sync_somehow(&mut world).await;
        assert!(!world.machines.is_running(NODE));
        world.heal(healing);
        assert!(world.machines.is_running(NODE));
    });
}

#[test]
fn a_node_that_is_killed_in_a_job_is_down_until_the_fault_heals_and_goes_on_with_what_it_wrote() {
    in_world(async |mut world| {
        for nth in 0..12 {
            let stored = format!(r#"{{"crash-in-job":{{"node":1,"nth":{nth}}}}}"#);
            let healing = fault(&stored).strike(&mut world);
            // A small commit of the log is three changes, and an election makes one commit at least.
            for _ in 0..=nth / 3 {
                if world.machines.is_running(NODE) {
                    sync_somehow(&mut world).await;
                }
            }
            assert!(!world.machines.is_running(NODE), "change {nth} was made");
            world.heal(healing);
            sleep(Duration::from_millis(500)).await;
            assert!(world.machines.is_running(NODE));
            assert_eq!(world.machines.reap(), None, "it opened what it had written");
        }
    });
}

#[test]
fn a_node_whose_power_fails_in_a_sync_after_the_fault_has_healed_comes_up_at_once() {
    in_world(async |mut world| {
        let healing = fault(r#"{"power-loss-in-sync":{"node":1,"nth":0}}"#).strike(&mut world);
        world.heal(healing);
        let starts = world.machines.machine(NODE).starts();
        sync_somehow(&mut world).await;
        assert!(world.machines.is_running(NODE));
        assert_eq!(world.machines.machine(NODE).starts(), starts + 1);
    });
}

#[test]
fn a_node_that_was_cut_off_while_the_others_forgot_their_logs_is_sent_a_snapshot() {
    in_world(async |mut world| {
        let _attached = world.attach(&Instruments::default());
        let follower = follower(&world);
        let forced = fault(&format!(r#"{{"forced-snapshot":{{"node":{follower}}}}}"#)).strike(&mut world);
        world.machines.introduce(MachineId::Proxy(0));
        for number in 0..20 {
            assert!(put(&world, 0, &format!("key-{number}")).await);
        }
        assert_eq!(world.oracle.counts().snapshots, 0, "it hears of none");
        world.heal(forced);
        sleep(UNTIL_A_LEADER).await;
        assert_eq!(world.oracle.counts().snapshots, 1);
        assert_eq!(world.oracle.applied_by(follower), world.oracle.committed());
    });
}

/// An election makes every disk sync: each node stores the term, or its vote.
async fn sync_somehow(world: &mut World) {
    let leader = world.oracle.leader().expect("it is long enough");
    world.machines.crash(MachineId::Node(if leader == 1 { 2 } else { leader }));
    let isolation = fault(r#"{"partition":{"side":[1]}}"#).strike(world);
    sleep(Duration::from_secs(2)).await;
    world.heal(isolation);
    for id in 2..=3 {
        world.machines.bring_up(MachineId::Node(id));
    }
    for _ in 0..400 {
        sleep(Duration::from_millis(5)).await;
        world.machines.tend();
    }
}

#[test]
fn a_node_whose_disk_fails_stops_for_that_and_serves_again_when_it_is_mended() {
    for stored in [
        r#"{"failing-sync":{"node":1,"permille":1000}}"#,
        r#"{"failing-disk":{"node":1,"reads_permille":0,"writes_permille":1000}}"#,
        r#"{"failing-disk":{"node":1,"reads_permille":1000,"writes_permille":1000}}"#,
    ] {
        in_world(async |mut world| {
            let healing = fault(stored).strike(&mut world);
            sync_somehow(&mut world).await;
            assert_eq!(world.machines.reap(), None, "its disk is the reason");
            assert!(!world.machines.is_running(NODE));
            world.heal(healing);
            sleep(Duration::from_secs(1)).await;
            world.machines.tend();
            sleep(Duration::from_secs(2)).await;
            assert_eq!(world.machines.reap(), None);
            assert!(world.machines.is_running(NODE), "a supervisor started it again");
        });
    }
}

#[test]
fn a_cluster_whose_disks_stand_still_serves_nobody_until_one_of_two_goes_on() {
    in_world(async |mut world| {
        world.machines.introduce(MachineId::Proxy(0));
        sleep(Duration::from_secs(1)).await;
        let stalled: Vec<Healing> = (1..=3)
            .map(|id| fault(&format!(r#"{{"stalled-disk":{{"node":{id}}}}}"#)).strike(&mut world))
            .collect();
        assert!(!put(&world, 0, "a").await, "nothing is durable");
        for healing in stalled.into_iter().take(2) {
            world.heal(healing);
        }
        sleep(Duration::from_secs(1)).await;
        assert!(put(&world, 0, "b").await, "two of three are enough");
        assert_eq!(world.machines.reap(), None, "slow is not broken");
    });
}

#[test]
fn a_node_that_has_no_room_stops_for_that() {
    in_world(async |mut world| {
        world.machines.introduce(MachineId::Proxy(0));
        sleep(Duration::from_secs(1)).await;
        let healing = fault(r#"{"full-disk":{"node":1}}"#).strike(&mut world);
        for number in 0..300 {
            put(&world, 0, &format!("{number}-{}", "x".repeat(5_000))).await;
        }
        assert_eq!(world.machines.reap(), None, "its disk is the reason");
        assert!(!world.machines.is_running(NODE));
        world.heal(healing);
    });
}

fn shown_ms(world: &mut World) -> u64 {
    world.machines.machine(NODE).clock.elapsed_us() / 1_000
}

#[track_caller]
fn assert_passed(world: &mut World, since_ms: u64, expected_ms: u64) {
    let passed_ms = shown_ms(world) - since_ms;
    assert!(passed_ms.abs_diff(expected_ms) <= 5, "{passed_ms} ms passed, not {expected_ms}");
}

#[test]
fn a_suspended_machine_knows_nothing_of_the_time_and_a_paused_one_does() {
    in_world(async |mut world| {
        for (stored, passed_ms) in
            [(r#"{"suspend":{"node":1}}"#, 0), (r#"{"pause":{"node":1}}"#, 2_000), (r#""blackout""#, 2_000)]
        {
            let before = shown_ms(&mut world);
            let healing = fault(stored).strike(&mut world);
            sleep(Duration::from_secs(2)).await;
            world.heal(healing);
            assert_passed(&mut world, before, passed_ms);
        }
        sleep(UNTIL_A_LEADER).await;
        assert!(world.oracle.leader().is_some());
    });
}

#[test]
fn a_clock_jumps_ahead_and_goes_on_from_there() {
    in_world(async |mut world| {
        let before = shown_ms(&mut world);
        let healing = fault(r#"{"clock-jump":{"node":1,"ms":60000}}"#).strike(&mut world);
        assert_eq!(healing.conditions(), []);
        sleep(Duration::from_secs(1)).await;
        assert_passed(&mut world, before, 61_000);
    });
}

#[test]
fn a_change_of_rate_moves_no_clock() {
    in_world(async |mut world| {
        let before = shown_ms(&mut world);
        let fast = fault(r#"{"clock-drift":{"node":1,"ppm":90000}}"#).strike(&mut world);
        sleep(Duration::from_secs(10)).await;
        assert_passed(&mut world, before, 10_900);
        world.heal(fast);
        assert_passed(&mut world, before, 10_900);
        sleep(Duration::from_secs(1)).await;
        assert_passed(&mut world, before, 11_900);
    });
}

#[test]
fn a_target_is_resolved_when_the_fault_strikes() {
    in_world(async |mut world| {
        let leader = MachineId::Node(world.oracle.leader().expect("it is long enough"));
        let healing = fault(r#"{"crash":{"node":"leader"}}"#).strike(&mut world);
        assert_eq!(healing.conditions(), [Condition::Down(leader)]);
        assert!(!world.machines.is_running(leader));
        world.heal(healing);
    });
}

#[test]
fn roles_are_resolved_when_the_fault_strikes() {
    in_world(async |mut world| {
        let leader = world.oracle.leader().expect("it is long enough");
        let followers: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
        let aimed = |world: &World, stored: &str| {
            serde_json::from_str::<Target>(stored).expect("a target").resolve(world)
        };
        assert_eq!(aimed(&world, r#"{"follower":0}"#), Some(followers[0]));
        assert_eq!(aimed(&world, r#"{"follower":3}"#), Some(followers[1]), "they are counted around");
        assert_eq!(aimed(&world, r#"{"newcomer":0}"#), None, "nobody has come yet");
        world.machines.introduce(MachineId::Node(4));
        assert_eq!(aimed(&world, r#"{"newcomer":2}"#), Some(4));
        assert_eq!(aimed(&world, r#""subject""#), None);
        world.subject = Some(2);
        assert_eq!(aimed(&world, r#""subject""#), Some(2));
    });
}

#[test]
fn a_newcomer_that_was_never_started_is_not_started_by_healing() {
    in_world(async |mut world| {
        let healing = fault(r#"{"power-loss":{"node":4}}"#).strike(&mut world);
        world.heal(healing);
        assert!(!world.machines.is_running(MachineId::Node(4)));
    });
}

#[test]
fn one_way_isolation_cuts_one_direction_of_every_link() {
    in_world(async |mut world| {
        let healing = fault(r#"{"one-way-isolation":{"node":1,"inbound":true}}"#).strike(&mut world);
        let nodes = [2, 3, 4].map(MachineId::Node);
        let others: Vec<MachineId> = nodes.into_iter().chain([0, 1].map(MachineId::Proxy)).collect();
        let expected: Vec<Condition> =
            others.into_iter().map(|from| Condition::Cut { from, to: NODE }).collect();
        assert_eq!(healing.conditions(), expected);
        world.heal(healing);
    });
}

/// Campaigns found it: a proxy was started when its cluster had one member, whose address another cluster used by then.
#[test]
fn an_address_is_not_used_again_while_a_proxy_knows_no_other() {
    in_world(async |mut world| {
        let reuse = || fault(r#"{"address-reused":{"node":1}}"#);
        let healing = reuse().strike(&mut world);
        assert!(!healing.conditions().is_empty(), "there are two others");
        world.heal(healing);
        world.machines.introduce(MachineId::Proxy(0));
        world.change_members(None, vec![2, 3], Duration::ZERO);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(world.oracle.configuration().members().collect::<Vec<_>>(), [1]);
        assert_eq!(reuse().strike(&mut world).conditions(), []);
    });
}

/// Sessions of the old cluster and of the new one must not be taken for each other: each proxy would be answered with what the other
/// one did.
#[test]
fn a_cluster_that_is_founded_anew_under_its_proxies_is_another_one() {
    in_world(async |mut world| {
        world.machines.introduce(MachineId::Proxy(0));
        sleep(Duration::from_secs(1)).await;
        for number in 0..3 {
            assert!(put(&world, 0, &format!("old-{number}")).await, "the cluster serves");
        }
        found_anew(&mut world);
        world.machines.introduce(MachineId::Proxy(1));
        sleep(Duration::from_secs(3)).await;
        for number in 0..3 {
            assert!(put(&world, 1, &format!("new-{number}")).await, "the new cluster serves the new proxy");
        }
        // The proxy of the old cluster changes over; what it says was done was done.
        let acknowledged = [put(&world, 0, "a").await, put(&world, 0, "b").await, put(&world, 1, "c").await];
        assert_eq!(acknowledged, [true; 3]);
        for (key, is_there) in [("old-0", false), ("new-0", true), ("a", true), ("b", true), ("c", true)] {
            for proxy in 0..2 {
                assert_eq!(has(&world, proxy, key).await, is_there, "{key}, through proxy {proxy}");
            }
        }
    });
}

/// All nodes lose their disks at once, and come up as they came up first. The oracle of the old cluster takes no notice.
fn found_anew(world: &mut World) {
    for id in 1..=3 {
        world.machines.crash(MachineId::Node(id));
        world.machines.machine(MachineId::Node(id)).disk.wipe();
        FaultBudget::of(&world.oracle).disk_lost(id);
    }
    (1..=3).for_each(|id| world.machines.bring_up(MachineId::Node(id)));
}

pub(crate) async fn put(world: &World, proxy: u64, key: &str) -> bool {
    let client = world.console.client_of_proxy(proxy, Duration::from_secs(5));
    let key = key.to_owned();
    world
        .console
        .spawn(async move { client.put(key, "value", PutOptions::default()).await.is_ok() })
        .await
        .expect("no fault strikes it")
}

async fn has(world: &World, proxy: u64, key: &str) -> bool {
    let client = world.console.client_of_proxy(proxy, Duration::from_secs(5));
    let key = key.to_owned();
    let asking =
        async move { client.get(key, GetOptions::default()).await.expect("the cluster serves").kvs.len() };
    world.console.spawn(asking).await.expect("no fault strikes it") == 1
}

#[test]
fn a_world_that_is_shut_down_holds_no_disk() {
    in_world(async |mut world| {
        let disk = world.machines.machine(NODE).disk.clone();
        world.shut_down().await;
        assert_eq!(disk.holders(), 1, "the test's own");
    });
}
