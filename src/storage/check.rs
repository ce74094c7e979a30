//! Verifies a stopped node's files: all that a node verifies when it opens them, all that it would read later, and whether they fit
//! together.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Disk, Identity, LOG_FILE, LogStore, Recovered, STATE_FILE, Scrub, StateStore, StorageError,
    codec::applied_position, database, volume::Volume,
};
use crate::{
    kv::Header,
    raft::{Configuration, Index, Payload, Position},
};

/// The state is read in steps of so many bytes.
const STEP_BYTES: usize = 1 << 20;

/// What was found in a data directory.
#[derive(Debug, Default)]
pub struct Checkup {
    /// Whose it is; `None` if that cannot be read.
    pub identity: Option<Identity>,
    /// What is wrong; empty if it is sound.
    pub findings: Vec<String>,
    /// What the log holds, if it can be read. Nothing, where the state was received from another node in its place.
    pub log: Option<Recovered>,
    /// Where the state stands, if it can be read.
    pub state: Option<Header>,
    /// How many records of the state were read.
    pub records: u64,
}

/// Reads all of a node's files, as a node opens them: whoever wants them to stay as they are gives a
/// [`ReadOnlyDisk`](super::ReadOnlyDisk).
pub fn check(disk: &dyn Disk) -> Checkup {
    let mut checkup = Checkup::default();
    let log = checkup.open(disk, LOG_FILE);
    let state = checkup.open(disk, STATE_FILE);
    if let (Some(log), Some(state)) = (&log, &state)
        && log.owner().map(|owner| owner.incarnation) != state.owner().map(|owner| owner.incarnation)
    {
        checkup
            .add(format!("{LOG_FILE} and {STATE_FILE} are not of one directory: one of them was exchanged"));
    }
    let commits = log.and_then(|log| checkup.check_log(log));
    if let Some(state) = state {
        checkup.check_state(state, commits);
    }
    checkup.check_both();
    checkup
}

impl Checkup {
    /// The commands of the log, by their index.
    pub fn commands(&self) -> impl Iterator<Item = (Index, &[u8])> {
        let entries = self.log.iter().flat_map(|log| &log.entries);
        entries.filter_map(|entry| match &entry.payload {
            Payload::Command(command) => Some((entry.index, &**command)),
            _ => None,
        })
    }

    /// The last entry that the directory holds, as far as it can be read.
    pub fn last(&self) -> Position {
        let of_log = self.log.as_ref().map(Recovered::last);
        of_log.or_else(|| self.state.as_ref().map(applied_position)).unwrap_or_default()
    }

    fn add(&mut self, finding: impl Into<String>) {
        self.findings.push(finding.into());
    }

    /// What went right; what went wrong is a finding.
    fn take<T>(&mut self, outcome: Result<T, StorageError>) -> Option<T> {
        match outcome {
            Ok(value) => Some(value),
            Err(StorageError::Corrupt { file, what }) => {
                self.add(format!("{file}: {what}"));
                None
            }
            Err(StorageError::Lost { what }) => {
                self.add(what);
                None
            }
            Err(other) => {
                self.add(other.to_string());
                None
            }
        }
    }

    fn open(&mut self, disk: &dyn Disk, file: &'static str) -> Option<Volume> {
        let volume = self.take(Volume::open(disk, file))?;
        let Some(owner) = volume.owner() else {
            self.add(format!("{file} is missing or empty"));
            return None;
        };
        let identity = owner.identity.clone();
        match &self.identity {
            Some(known) if *known != identity => self.add(format!(
                "{file} is of node {} of cluster {:?}, and {LOG_FILE} of node {} of cluster {:?}",
                identity.node, identity.cluster, known.node, known.cluster
            )),
            _ => self.identity = Some(identity),
        }
        Some(volume)
    }

    /// Returns the number of commits that the log was found with.
    fn check_log(&mut self, volume: Volume) -> Option<u64> {
        let is_new = volume.commits == 0;
        let log = self.take(LogStore::open(volume))?;
        let commits = log.commits().load(Ordering::Relaxed);
        let Some((_, recovered)) = self.take(log.recover(&Configuration::default())) else {
            return Some(commits);
        };
        if is_new {
            self.add(format!("{LOG_FILE} notes no commit: the node never finished its first start"));
        }
        self.check_recovered(&recovered);
        self.log = Some(recovered);
        Some(commits)
    }

    /// The entries follow each other, which opening the log verifies; so must their terms.
    fn check_recovered(&mut self, Recovered { vote, compacted, configuration, entries }: &Recovered) {
        let mut term = compacted.term;
        for entry in entries {
            if entry.term < term {
                self.add(format!(
                    "{LOG_FILE}: entry {} is of term {}, after one of term {term}",
                    entry.index, entry.term
                ));
            }
            term = entry.term;
            if let Payload::Configuration(configuration) = &entry.payload
                && let Some(flaw) = configuration.flaw()
            {
                self.add(format!("{LOG_FILE}: entry {} is {flaw}", entry.index));
            }
        }
        if term > vote.term {
            self.add(format!("{LOG_FILE}: its last entry is of term {term}, its vote of term {}", vote.term));
        }
        if compacted.index > 0
            && let Some(flaw) = configuration.flaw()
        {
            self.add(format!("{LOG_FILE} begins with {flaw}"));
        }
    }

    fn check_state(&mut self, volume: Volume, log_commits: Option<u64>) {
        let is_new = volume.commits == 0;
        // With a log that cannot be read nobody knows how many commits it has had.
        let log_commits = Arc::new(log_commits.unwrap_or(u64::MAX).into());
        let Some(state) = self.take(StateStore::open(volume, log_commits)) else { return };
        if is_new && self.log.as_ref().is_some_and(|log| log.compacted.index > 0) {
            self.add(format!("{STATE_FILE} notes no commit, though the log was compacted"));
        }
        let read = database::opening(STATE_FILE, || {
            let header = Header::load(&state.reader().slice())?;
            state.configuration()?;
            let mut scrub = Scrub::new(&state.reader());
            while !scrub.step(STEP_BYTES)? {}
            Ok((header, scrub.records))
        });
        if let Some((header, records)) = self.take(read) {
            (self.state, self.records) = (Some(header), records);
        }
    }

    /// The state stands for the beginning of the log. Where it does not, a snapshot of the leader was put in place, and the process
    /// ended before the log began after it: the node will drop what the log holds.
    fn check_both(&mut self) {
        let (Some(log), Some(state)) = (&mut self.log, &self.state) else { return };
        let applied = applied_position(state);
        if let Some(gap) = log.gap_after(applied) {
            self.add(gap);
        } else if log.position_at(applied.index) != Some(applied) {
            (log.compacted, log.entries) = (applied, Vec::new());
        }
    }
}
