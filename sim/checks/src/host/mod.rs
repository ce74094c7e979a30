//! A host of the core for tests: it carries out [`Effects`] in memory, one thing at a time, whenever its user says so.
//!
//! ```text
//!   inputs ─▶ Raft ─▶ effects ─▶ carry_out ─▶ Output: messages, snapshots to stream, reads
//!              ▲                    │
//!              └── write, install ──┴─▶ LogDisk, StateMachine
//! ```
//!
//! Golden stories, storms, the model checker and the benchmark all drive this one. It checks nothing: oracles have a model
//! of the disk of their own.
//!
//! | file | idea |
//! | --- | --- |
//! | `mod.rs` | the core and what serves it |
//! | `log_disk.rs` | a disk that tells written from durable |
//! | `state_machine.rs` | a state machine that has nothing but a place in the log |

mod log_disk;
mod state_machine;

use std::sync::Arc;

use conclave::raft::{
    Body, Configuration, Effects, Entry, Index, InitialState, InstallFailure, Message, NodeId, Options,
    Origin, Raft, ReadReady, Refused, SendSnapshot, Snapshot, StreamId,
};

pub use self::{
    log_disk::{LogDisk, Written},
    state_machine::StateMachine,
};

/// A node: its core, while it is up, and what serves it.
#[derive(Clone, Debug, Hash)]
pub struct Host {
    /// What it takes for the cluster before its log says otherwise.
    founders: Arc<Configuration>,
    core: Option<Raft>,
    disk: LogDisk,
    state: StateMachine,
    /// The staged snapshot that waits to be put in the state machine's place.
    installing: Option<Snapshot>,
    /// The longest promise of a lease that it may have given, by its disk.
    promised_ticks: u32,
}

/// What leaves a host.
#[derive(Clone, Debug, Default)]
pub struct Output {
    pub messages: Vec<Message>,
    /// Snapshots to send.
    pub streams: Vec<Stream>,
    /// Those that are not wanted any more.
    pub cancelled: Vec<StreamId>,
    /// Entries that the state machine has applied.
    pub applied: Vec<Entry>,
    pub reads: Vec<ReadReady>,
    pub reads_failed: Vec<u64>,
    /// Messages that the core took for impossible.
    pub refused: Vec<Refused>,
}

/// A snapshot on its way to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub from: NodeId,
    pub to: NodeId,
    pub id: StreamId,
    pub origin: Origin,
    pub snapshot: Snapshot,
    /// The peer needs the state up to here at least.
    pub needed: Index,
}

impl Stream {
    /// The message that follows when all of it has arrived.
    pub fn end(&self) -> Message {
        let body = Body::InstallSnapshot { snapshot: self.snapshot.clone(), stream: self.id.number };
        Message { from: self.from, to: self.to, origin: self.origin, term: self.id.term, body }
    }
}

/// Up and down.
impl Host {
    /// A node that is down, with this on its disk. It was a founder of the cluster, or knows of none.
    pub fn new(founders: Arc<Configuration>, disk: LogDisk) -> Self {
        let state = StateMachine::new(founders.clone());
        Self { founders, core: None, disk, state, installing: None, promised_ticks: 0 }
    }

    /// Another log is found on its disk when it next comes up; the state stays.
    pub fn replace_disk(&mut self, disk: LogDisk) {
        self.disk = disk;
        self.promised_ticks = 0;
    }

    /// It comes up with what is durable.
    pub fn start(&mut self, options: Options) -> &Raft {
        let promise = if options.lease.is_some() { options.election_ticks_min } else { 0 };
        self.promised_ticks = self.promised_ticks.max(promise);
        let (compacted, configuration) = self.disk.beginning(&self.founders);
        let recovered = InitialState {
            vote: self.disk.vote(),
            compacted,
            configuration,
            entries: self.disk.log().to_vec(),
            applied: self.state.durable().clone(),
            promised_ticks: self.promised_ticks,
        };
        self.core.insert(Raft::new(options, recovered))
    }

    /// It dies. So many of its writes under way, the oldest ones, reached the disk, and perhaps the snapshot took the state
    /// machine's place; nobody has heard of it. What else was not durable is gone.
    pub fn crash(&mut self, writes_done: usize, is_installed: bool) {
        self.core = None;
        for _ in 0..writes_done {
            self.disk.finish_write();
        }
        self.disk.lose_writes();
        if let (true, Some(snapshot)) = (is_installed, self.installing.take()) {
            self.state.install(snapshot);
        }
        self.installing = None;
        self.state.lose_unsynced();
    }
}

/// Inputs, and what follows from them.
impl Host {
    /// Gives the core an input, unless it is down. Nothing is carried out yet.
    pub fn input<T>(&mut self, input: impl FnOnce(&mut Raft) -> T) -> Option<T> {
        self.core.as_mut().map(input)
    }

    /// What follows from the inputs so far, to be handed to [`Host::carry_out`].
    pub fn effects(&mut self) -> Option<Effects> {
        self.input(Raft::effects)
    }

    /// The write is queued, entries are applied, a snapshot waits to be installed; the rest is handed back.
    pub fn carry_out(&mut self, effects: Effects) -> Output {
        let Effects {
            persist,
            messages,
            committed,
            snapshots,
            cancelled,
            install,
            reads,
            reads_failed,
            refused,
            rejected: _,
        } = effects;
        if let Some(write) = persist {
            self.disk.enqueue(write);
        }
        committed.iter().for_each(|entry| self.state.apply(entry));
        if install.is_some() {
            self.installing = install;
        }
        let streams = snapshots.into_iter().map(|send| self.stream(send)).collect();
        Output { messages, streams, cancelled, applied: committed, reads, reads_failed, refused }
    }

    fn stream(&self, SendSnapshot { to, stream, needed, origin }: SendSnapshot) -> Stream {
        let from = self.core.as_ref().map_or(0, Raft::id);
        Stream { from, to, id: stream, origin, snapshot: self.state.applied().clone(), needed }
    }

    /// The oldest write becomes durable. Its promises are to leave, and the core is to be told the ticket.
    pub fn finish_write(&mut self) -> Option<Written> {
        self.disk.finish_write()
    }

    /// What is applied becomes durable, and the core hears of it.
    pub fn sync(&mut self) {
        self.state.sync();
        let durable = self.state.durable().last.index;
        self.input(|core| core.state_durable(durable));
    }

    /// The snapshot that waits takes the state machine's place, and the core hears of it.
    pub fn install(&mut self) -> Option<Snapshot> {
        let snapshot = self.installing.take()?;
        self.state.install(snapshot.clone());
        self.input(Raft::installed);
        Some(snapshot)
    }

    /// The snapshot that waits is not put in place, and the core hears of it.
    pub fn fail_install(&mut self, why: InstallFailure) {
        self.installing = None;
        self.input(|core| core.install_failed(why));
    }
}

/// What others may see.
impl Host {
    /// `None` while the node is down.
    pub fn core(&self) -> Option<&Raft> {
        self.core.as_ref()
    }

    pub fn disk(&self) -> &LogDisk {
        &self.disk
    }

    pub fn state(&self) -> &StateMachine {
        &self.state
    }

    /// The snapshot that waits to be put in the state machine's place.
    pub fn installing(&self) -> Option<&Snapshot> {
        self.installing.as_ref()
    }
}
