//! What nodes have on their disks is sound, as `conclave check` would find it: each record of the state is read, and all together
//! they are what their digest says. Replicas compare digests while they run; a record that was lost between two writes, or changed
//! behind a digest's back, shows here.

use conclave::storage;
use conclave_checks::FaultBudget;

use crate::{
    trace::MachineId,
    verdict::{Failure, Rule},
    world::{SimDisk, World},
};

/// Ends the processes of all nodes whose disks are trusted, and reads these.
pub(in crate::phases) fn is_sound(world: &mut World) -> Result<(), Failure> {
    let mut nodes = world.known_nodes();
    nodes.retain(|&id| !FaultBudget::of(&world.oracle).has_lost_disk(id));
    nodes.into_iter().try_for_each(|id| {
        let node = MachineId::Node(id);
        world.machines.crash(node);
        judge(node, &world.machines.machine(node).disk)
    })
}

fn judge(node: MachineId, disk: &SimDisk) -> Result<(), Failure> {
    let findings = storage::check(disk).findings;
    match findings.is_empty() {
        true => Ok(()),
        false => {
            let detail = format!("the disk of {node} is not sound: {}", findings.join("; "));
            Err(Failure::new(Rule::StoredStateIsSound, [node], detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use conclave::{
        kv::{Table, Write},
        raft::{Configuration, Persist, Vote},
        storage::{Founding, Identity, Opened},
    };

    use super::*;
    use crate::world::DiskTiming;

    /// The directory of a node that has voted, and no more.
    fn directory(disk: &SimDisk) -> Opened {
        let identity = Identity { cluster: "c".into(), node: 1 };
        let founding = Founding { identity, bootstrap: Configuration::of([1, 2, 3]), incarnation: 1 };
        let mut opened = storage::open(disk, &founding).expect("the disk works");
        let vote = Some(Vote { term: 1, candidate: Some(1) });
        let write = Persist { ticket: 1, compacted: None, vote, entries: Vec::new(), promises: Vec::new() };
        opened.log.write(&write).expect("the disk works");
        opened
    }

    #[test]
    fn a_record_behind_the_back_of_the_digest_is_caught() {
        let instant = Duration::ZERO..Duration::ZERO;
        let disk = SimDisk::new(1, 1, DiskTiming { before: instant.clone(), after: instant });
        let rule = |disk: &SimDisk| judge(MachineId::Node(1), disk).err().map(|failure| failure.rule);
        let mut opened = directory(&disk);
        opened.state.sync().expect("the disk works");
        disk.crash();
        assert_eq!(rule(&disk), None);
        let mut opened = directory(&disk);
        let mut tables = opened.state.tables();
        tables.insert(Table::Current, b"key", b"value").expect("the disk works");
        tables.finish().expect("the disk works");
        opened.state.sync().expect("the disk works");
        disk.crash();
        assert_eq!(rule(&disk), Some(Rule::StoredStateIsSound));
    }
}
