//! The rules of a healed core on trial. What is wrong with it nothing has healed.

use super::{
    super::tests::{introduce_proxies, write_without_a_follower},
    *,
};
use crate::{
    faults::tests::{follower, in_world_of},
    trace::Condition,
    verdict::trial::{Trial, Version},
    workload::Workload,
};

pub(crate) const CORE_ELECTS: &[Trial] = &[
    Trial { judge: two_of_three_are_down, says: "no leader of nodes [1, 2, 3] " },
    Trial { judge: one_of_two_is_down, says: "no leader of nodes [" },
];
pub(crate) const CORE_SERVES: &[Trial] = &[
    Trial { judge: a_client_has_no_proxy, says: "no write of clients [0] " },
    Trial { judge: a_client_knows_one_proxy, says: "no write of clients [0] " },
    Trial { judge: a_client_comes_to_a_silent_proxy_first, says: "no write of clients [0] " },
    Trial { judge: a_leader_outside_answers_no_reads, says: "no read of clients [0] " },
];
pub(crate) const CORE_CONVERGES: &[Trial] = &[
    Trial { judge: a_follower_is_down, says: " ago, and nodes [" },
    Trial { judge: a_leader_outside_is_in_order, says: " ago, and nodes [" },
];

async fn judge(world: World, workload: &Workload) -> Result<(), Failure> {
    judge_without(world, None, &[], workload).await
}

/// The core is everybody but one machine; this stays.
async fn judge_without(
    mut world: World,
    outside: Option<MachineId>,
    stays: &[Condition],
    workload: &Workload,
) -> Result<(), Failure> {
    let outsiders: Vec<_> = outside.map(|machine| (machine, Outside::AsItIs)).into_iter().collect();
    let core = Core::choose(&world, &outsiders).expect("nothing changes");
    assert!(outside.is_none_or(|machine| !core.contains(machine)), "the others are a quorum");
    progress::judge(&mut world, &core, stays, workload, &mut Times::default()).await
}

fn leader(world: &World) -> MachineId {
    MachineId::Node(world.oracle.leader().expect("it is long enough"))
}

fn two_of_three_are_down(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, workload| {
        let two = [2, 3].map(MachineId::Node);
        two.into_iter().for_each(|id| world.machines.crash(id));
        if !version.is_broken() {
            two.into_iter().for_each(|id| world.machines.bring_up(id));
        }
        judge(world, &workload).await
    })
}

/// The leader is outside, and down: that is no excuse.
fn one_of_two_is_down(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, workload| {
        let (leader, follower) = (leader(&world), MachineId::Node(follower(&world)));
        [leader, follower].into_iter().for_each(|id| world.machines.crash(id));
        if !version.is_broken() {
            world.machines.bring_up(follower);
        }
        judge_without(world, Some(leader), &[Condition::Down(leader)], &workload).await
    })
}

fn a_client_has_no_proxy(version: Version) -> Result<(), Failure> {
    in_world_of(1, async |mut world, workload| {
        introduce_proxies(&mut world, version);
        world.machines.introduce(MachineId::Client(0));
        judge(world, &workload).await
    })
}

/// Who knows a proxy outside, and no other, is promised nothing.
fn a_client_knows_one_proxy(version: Version) -> Result<(), Failure> {
    in_world_of(1, async |mut world, workload| {
        let workload = Workload { is_pinned: true, ..workload };
        world.machines.introduce(MachineId::Client(0));
        let outside = MachineId::Proxy(version.of(1, 0));
        judge_without(world, Some(outside), &[], &workload).await
    })
}

/// Nobody serves. Who connects anew for each call is promised nothing if it comes to a proxy outside first; unless that one is silent.
fn a_client_comes_to_a_silent_proxy_first(version: Version) -> Result<(), Failure> {
    in_world_of(1, async |mut world, workload| {
        let workload = Workload { asks_anew: true, is_pinned: false, ..workload };
        let (client, proxy) = (MachineId::Client(0), MachineId::Proxy(0));
        world.machines.introduce(client);
        let stays = version.of(vec![Condition::Cut { from: client, to: proxy }], vec![]);
        judge_without(world, Some(proxy), &stays, &workload).await
    })
}

fn a_follower_is_down(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, workload| {
        write_without_a_follower(&mut world, version).await;
        judge(world, &workload).await
    })
}

/// One of the core is down, and the leader is outside. That is an excuse if something is wrong with that leader, too.
fn a_leader_outside_is_in_order(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, workload| {
        write_without_a_follower(&mut world, Version::Broken).await;
        let leader = leader(&world);
        let stays = version.of(vec![], vec![Condition::StalledDisk(leader)]);
        judge_without(world, Some(leader), &stays, &workload).await
    })
}

/// A client only reads, and no proxy runs. That is excused if nobody reaches a leader outside, and not if its disk stands still.
fn a_leader_outside_answers_no_reads(version: Version) -> Result<(), Failure> {
    in_world_of(1, async |mut world, workload| {
        introduce_proxies(&mut world, Version::Broken);
        world.machines.introduce(MachineId::Client(0));
        let leader = leader(&world);
        let stays = version.of(Condition::StalledDisk(leader), Condition::Paused(leader));
        let workload = Workload { writes_end_ms: Some(0), ..workload };
        judge_without(world, Some(leader), &[stays], &workload).await
    })
}
