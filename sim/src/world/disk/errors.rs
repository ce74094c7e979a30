//! Errors that a disk reports. What it keeps then is as Linux has it.

use std::io;

use conclave_checks::draw::Draw;

use crate::trace::DiskErrors;

/// Input or output failed.
const EIO: i32 = 5;
/// There is no space left.
const ENOSPC: i32 = 28;

/// How often a disk fails, and whether it has.
#[derive(Debug)]
pub(super) struct Errors {
    pub(super) rates: DiskErrors,
    /// The process that uses the disk was told of an error.
    pub(super) were_told: bool,
    pub(super) draw: Draw,
}

impl Errors {
    pub(super) fn new(seed: u64, disk: u64) -> Self {
        Self { rates: DiskErrors::default(), were_told: false, draw: Draw::new(seed, "disk errors", disk) }
    }

    pub(super) fn in_read(&mut self) -> io::Result<()> {
        self.fail(self.rates.reads_permille, EIO)
    }

    /// A change of a file, which takes more room on the disk or not.
    pub(super) fn in_change(&mut self, takes_room: bool) -> io::Result<()> {
        if self.rates.is_full && takes_room {
            return self.tell(ENOSPC);
        }
        self.fail(self.rates.writes_permille, EIO)
    }

    pub(super) fn in_sync(&mut self) -> io::Result<()> {
        self.fail(self.rates.syncs_permille, EIO)
    }

    fn fail(&mut self, permille: u64, code: i32) -> io::Result<()> {
        match permille > 0 && self.draw.below(1_000) < permille {
            true => self.tell(code),
            false => Ok(()),
        }
    }

    fn tell(&mut self, code: i32) -> io::Result<()> {
        self.were_told = true;
        Err(io::Error::from_raw_os_error(code))
    }
}
