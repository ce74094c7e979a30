//! A backup of what one stopped node holds: all that is left when a majority of the disks is lost.

use std::path::Path;

use super::super::{daemon::clock, directory::verify::sound};
use crate::{
    node::replay,
    storage::{self, BackupWriter, Founding, Opened, ReadOnlyDisk},
};

/// A stopped node's directory, about to be backed up.
pub(super) struct Offline {
    /// Kept, so that no node starts meanwhile.
    _disk: ReadOnlyDisk,
    /// Kept, for the writer reads from its files.
    _opened: Opened,
    writer: BackupWriter,
    note: String,
}

impl Offline {
    /// Verifies a directory, and applies all that its log holds to a copy of the state in memory. The directory stays as it is.
    ///
    /// # Errors
    /// It is damaged, a node uses it, or there is none.
    pub(super) fn open(directory: &Path) -> anyhow::Result<Self> {
        let disk = ReadOnlyDisk::open(directory)?;
        let checkup = sound(&disk, directory)?;
        let identity = checkup.identity.clone().expect("what is sound is somebody's");
        let founding = Founding { identity: identity.clone(), bootstrap: Default::default(), incarnation: 0 };
        let opened = storage::open(&disk, &founding)?;
        replay(&opened.state, &opened.header, &opened.recovered)?;
        let view = opened.state.reader().view()?;
        let writer = BackupWriter::new(view.into(), &identity.cluster, identity.node, clock().unix_ms());
        let note = format!(
            "it holds all entries of node {} up to {} (its state went to {}): what was acknowledged and is not among them is lost, and the \
             last of them may never have been acknowledged\n",
            identity.node,
            checkup.last(),
            opened.header.applied_index
        );
        Ok(Self { _disk: disk, _opened: opened, writer, note })
    }

    /// The bytes of the backup, piece by piece. None at the end.
    pub(super) fn next(&mut self, bytes_max: usize) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.writer.next(bytes_max)?)
    }

    /// What the backup holds of the log, and what that means.
    pub(super) fn note(self) -> String {
        self.note
    }
}
