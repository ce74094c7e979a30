//! The rules of a healed cluster on trial. One thing is wrong that nobody heals.

use std::time::Duration;

use conclave_checks::{FaultBudget, draw::Draw};
use madsim::time::sleep;

use super::{
    super::tests::{FLIPS, introduce_a_proxy, introduce_proxies, write_without_a_follower},
    *,
};
use crate::{
    faults::tests::{NODE, follower, in_world_of},
    trace::{Condition, Mistake},
    verdict::trial::{Trial, Version},
    workload::NewNode,
};

pub(crate) const STORED_STATE_IS_SOUND: &[Trial] =
    &[Trial { judge: a_disk_rots, says: "the disk of node 1 is not sound: " }];
pub(crate) const WRITES_SUCCEED: &[Trial] = &[
    Trial { judge: nobody_takes_writes, says: "no write through proxy 0 within " },
    Trial { judge: nobody_takes_writes_of_one_proxy, says: "no write through proxy 1 within " },
    Trial { judge: nobody_commits_writes, says: "no write through proxy 0 within " },
];
pub(crate) const READS_SUCCEED: &[Trial] = &[
    Trial { judge: nobody_takes_reads, says: "key-0 cannot be read from a healed cluster" },
    Trial { judge: nobody_confirms_reads, says: "key-0 cannot be read from a healed cluster" },
];
pub(crate) const CHANGES_END: &[Trial] = &[
    Trial { judge: a_member_is_added_elsewhere, says: " was refused: " },
    Trial { judge: a_member_is_added_without_a_quorum, says: "a change of members has not ended " },
    Trial { judge: an_alarm_is_raised_without_a_quorum, says: "an alarm has not ended " },
];
pub(crate) const MISTAKES_ARE_REFUSED: &[Trial] =
    &[Trial { judge: not_all_nodes_are_removed, says: "all nodes are removed, and the cluster did it" }];
pub(crate) const CLIENTS_ARE_ANSWERED: &[Trial] =
    &[Trial { judge: a_client_stands_still, says: "a client waits beyond its patience" }];
pub(crate) const MEMBERS_CONVERGE: &[Trial] = &[Trial {
    judge: a_follower_is_down,
    says: " entries are committed, and the members have applied [(1, ",
}];
pub(crate) const TRANSFER_SUCCEEDS: &[Trial] =
    &[Trial { judge: everybody_is_down, says: " was to lead, and within " }];
pub(crate) const REMOVED_NODES_STOP: &[Trial] =
    &[Trial { judge: a_removed_node_stands_still, says: " were removed and still run " }];

/// Nobody told of it; or an operator knows.
fn a_disk_rots(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        world.machines.crash(NODE);
        world.machines.machine(NODE).disk.rot(FLIPS, &mut Draw::new(1, "rot", 0));
        if !version.is_broken() {
            FaultBudget::of(&world.oracle).disk_damaged(1);
        }
        is_sound(&mut world)
    })
}

/// Two of three go, unless all is well.
fn take_the_quorum_away(world: &mut World, version: Version) {
    if version.is_broken() {
        [2, 3].into_iter().for_each(|id| world.machines.crash(MachineId::Node(id)));
    }
}

fn nobody_takes_writes(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_proxies(&mut world, version);
        writes::succeed_through_every_proxy(&mut world).await
    })
}

fn nobody_takes_writes_of_one_proxy(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        introduce_proxies(&mut world, version);
        writes::succeed_through_every_proxy(&mut world).await
    })
}

fn nobody_commits_writes(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_proxies(&mut world, Version::Lawful);
        take_the_quorum_away(&mut world, version);
        writes::succeed_through_every_proxy(&mut world).await
    })
}

fn nobody_takes_reads(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, workload| {
        introduce_proxies(&mut world, version);
        reads::succeed(&mut world, &workload).await
    })
}

fn nobody_confirms_reads(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, workload| {
        introduce_proxies(&mut world, Version::Lawful);
        take_the_quorum_away(&mut world, version);
        reads::succeed(&mut world, &workload).await
    })
}

/// A member, as if it were new; or a node that is.
fn a_member_is_added_elsewhere(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        match version {
            Version::Broken => {
                let member = NewNode { id: 1, address: "10.9.9.9:7000".to_owned(), learner: false };
                world.operators.change_members(vec![member], Vec::new(), Duration::ZERO);
            }
            Version::Lawful => world.change_members(Some((4, false)), Vec::new(), Duration::ZERO),
        }
        changes::come_to_their_end(&mut world).await
    })
}

fn a_member_is_added_without_a_quorum(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        take_the_quorum_away(&mut world, version);
        world.change_members(Some((4, false)), Vec::new(), Duration::ZERO);
        changes::come_to_their_end(&mut world).await
    })
}

fn an_alarm_is_raised_without_a_quorum(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        take_the_quorum_away(&mut world, version);
        world.operators.run_out_of_space(1, Duration::ZERO);
        changes::alarms_end(&mut world).await
    })
}

/// To remove one node is no mistake: it is done.
fn not_all_nodes_are_removed(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        let nodes = version.of(vec![follower(&world)], vec![1, 2, 3]);
        world.operators.mistake(Mistake::RemoveEverybody, nodes);
        changes::come_to_their_end(&mut world).await
    })
}

fn a_client_stands_still(version: Version) -> Result<(), Failure> {
    in_world_of(1, async |mut world, workload| {
        introduce_a_proxy(&mut world).await;
        let client = MachineId::Client(0);
        world.machines.introduce(client);
        sleep(Duration::from_secs(1)).await;
        let _lasts = world.hold(version.is_broken().then_some(Condition::Paused(client)));
        clients::are_answered(&mut world, &workload).await
    })
}

fn a_follower_is_down(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        write_without_a_follower(&mut world, version).await;
        convergence::of_all_members(&mut world).await
    })
}

fn everybody_is_down(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        if version.is_broken() {
            (1..=3).for_each(|id| world.machines.crash(MachineId::Node(id)));
        }
        transfer::succeeds(&mut world).await
    })
}

fn a_removed_node_stands_still(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        introduce_a_proxy(&mut world).await;
        let follower = follower(&world);
        let pause = world.hold([Condition::Paused(MachineId::Node(follower))]);
        world.change_members(None, vec![follower], Duration::ZERO);
        changes::come_to_their_end(&mut world).await?;
        if !version.is_broken() {
            world.heal(pause);
        }
        removed::nodes_stop(&mut world).await
    })
}
