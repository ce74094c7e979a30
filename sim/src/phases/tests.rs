//! The rules of the phases on trial: each is broken in a world where one thing is wrong, and by nothing less.
//!
//! | file | idea |
//! | --- | --- |
//! | `ending/tests.rs` | what a healed core must come to |
//! | `recovery/tests.rs` | what a healed cluster must come to |
//!
//! `run/tests/rules.rs` tries them.

use std::time::Duration;

use conclave_checks::draw::Draw;
use madsim::time::sleep;

use super::supervise::look;
pub(crate) use super::{ending::tests as ending, recovery::tests as recovery};
use crate::{
    faults::tests::{NODE, follower, in_world_of, put},
    trace::MachineId,
    verdict::{
        Failure,
        trial::{Trial, Version},
    },
    world::World,
};

/// So many bits of a disk that nobody overlooks it.
pub(super) const FLIPS: u64 = 10_000;

pub(crate) const PROCESSES_RUN_ON: &[Trial] =
    &[Trial { judge: a_node_finds_its_disk_damaged, says: "node 1 ended by itself although it is a member" }];

/// No fault has damaged it; or one has, and the node stops for that.
fn a_node_finds_its_disk_damaged(version: Version) -> Result<(), Failure> {
    in_world_of(0, async |mut world, _| {
        world.machines.crash(NODE);
        match version {
            Version::Broken => world.machines.machine(NODE).disk.rot(FLIPS, &mut Draw::new(1, "rot", 0)),
            Version::Lawful => world.machines.machine(NODE).damage_disk(FLIPS),
        }
        world.machines.bring_up(NODE);
        sleep(Duration::from_secs(2)).await;
        look(&mut world)
    })
}

/// With time for it to find the leader.
pub(super) async fn introduce_a_proxy(world: &mut World) {
    world.machines.introduce(MachineId::Proxy(0));
    sleep(Duration::from_secs(1)).await;
}

/// There is nobody who takes calls; or there are both proxies.
pub(super) fn introduce_proxies(world: &mut World, version: Version) {
    if !version.is_broken() {
        (0..2).for_each(|proxy| world.machines.introduce(MachineId::Proxy(proxy)));
    }
}

/// A follower was down while something was written, and is so yet; or is up again.
pub(super) async fn write_without_a_follower(world: &mut World, version: Version) {
    introduce_a_proxy(world).await;
    let follower = MachineId::Node(follower(world));
    world.machines.crash(follower);
    assert!(put(world, 0, "a").await, "two of three are enough");
    if !version.is_broken() {
        world.machines.bring_up(follower);
    }
}
