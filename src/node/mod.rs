//! A node: one task owns the consensus core; disk writes, applies and peers run beside it and report back as events.
//!
//! ```text
//!  peers, proxies ──▶ services ──▶ ┌────────────┐ ── persist ──▶ log writer ──▶ promises ──▶ peer links
//!                                  │ event loop │ ── messages ───────────────────────────▶ peer links
//!          ticks ────────────────▶ │   (Raft)   │ ── committed, reads ──▶ applier ──▶ replies ──▶ proxies
//!                                  └────────────┘ ◀── persisted ── log writer
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `config.rs` | what a node is told, and what it is handed |
//! | `event_loop.rs` | events in, one set of effects out |
//! | `backlog.rs` | how much may be proposed |
//! | `admin.rs` | changes of members and leader, as operators ask for them |
//! | `log_writer.rs` | everything that waits shares one durable write |
//! | `applier.rs` | committed entries into the state machine, answers out |
//! | `links.rs` | one stream to every peer |
//! | `snapshots.rs` | the state, to peers that are too far behind |
//! | `services.rs` | the gRPC face |

mod admin;
mod applier;
mod backlog;
mod config;
mod event_loop;
mod links;
mod log_writer;
mod reply;
mod services;
mod snapshots;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

pub use config::{Config, Retention, Timing};

use crate::{
    env::{Clock, Environment},
    kv::Header,
    raft::{Configuration, Position, Raft, Recovered, Snapshot},
    rpc::RpcError,
    storage::{self, Disk, Founding, Identity, LogStore, Opened, StateStore, StorageError},
};

/// Batches of requests or messages that may wait for the event loop; beyond them the streams are not read.
const EVENT_QUEUE_LENGTH: usize = 1024;

/// A node that is told to stop tries for so many election timeouts to hand leadership over.
const LEAVE_ELECTION_TIMEOUTS: u32 = 4;

/// Why a node stopped.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The disk failed, or holds what this node must not touch. Nothing is served from a disk that lied.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The address could not be served.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A part of the node ended without a reason.
    #[error("the {0} stopped unexpectedly: this is a bug, please report it")]
    Part(&'static str),
}

/// Runs a node until `shutdown` completes, it is removed from the cluster, or it cannot go on.
///
/// # Errors
/// The data directory is another node's or held by another process, the address is in use, or the disk failed.
pub async fn run(
    config: Config,
    environment: Environment,
    disk: Arc<dyn Disk>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), NodeError> {
    let (events_tx, events_rx) = mpsc::channel(EVENT_QUEUE_LENGTH);
    let (reports_tx, reports_rx) = mpsc::unbounded_channel();
    let (status_tx, status_rx) = watch::channel(services::Snapshot::default());
    let links = links::Links::new(&config, &environment);
    let server = services::server(&config, &environment.clock, events_tx.clone(), links.clone(), status_rx);
    let server = server.bind(config.listen).await?;
    let address = server.local_addr();
    let stores = Stores::open(&config, environment.seed, &disk).await?;

    let core = Raft::new(config.raft_options(environment.seed), stores.recovered);
    environment.observer.started(&core);
    tracing::info!(node = config.id, %address, term = core.term(), last = %core.last(), "node is up");
    let writer = log_writer::start(
        config.id,
        stores.log,
        &environment,
        disk.clone(),
        links.clone(),
        reports_tx.clone(),
    );
    let durable = stores.header.applied_index;
    let (applier, applying) =
        applier::start(&config, stores.state, durable, &environment, disk.clone(), reports_tx.clone());
    let streams = snapshots::Streams {
        config: config.clone(),
        environment: environment.clone(),
        disk,
        links: links.clone(),
        reports: reports_tx,
    };
    let parts = event_loop::Parts {
        events: events_rx,
        reports: reports_rx,
        links: links.clone(),
        writer,
        applier,
        streams,
        status: status_tx,
    };
    let leave_patience = config.timing.election_timeout * LEAVE_ELECTION_TIMEOUTS;
    let clock = environment.clock.clone();
    let mut deciding = tokio::spawn(event_loop::run(core, config, environment, stores.header, parts));
    let (stop_tx, stop_rx) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(server.serve(async {
        let _ = stop_rx.await;
    }));
    let result = tokio::select! { biased;
        ended = &mut deciding => ended.unwrap_or(Err(NodeError::Part("event loop"))),
        ended = &mut serving => ended.map_or(Err(NodeError::Part("server")), |served| served.map_err(NodeError::from)),
        () = shutdown => {
            leave(&events_tx, &clock, leave_patience).await;
            Ok(())
        }
    };
    deciding.abort();
    drop(stop_tx);
    links.follow(&Configuration::default());
    // Without the event loop the applier runs out of work, and makes the state durable.
    let _ = applying.await;
    result
}

/// Lets a node that leads hand over, so that nobody has to notice that it is gone.
async fn leave(events: &mpsc::Sender<event_loop::Event>, clock: &Clock, patience: Duration) {
    let (left_tx, left_rx) = oneshot::channel();
    if events.send(event_loop::Event::Leave(left_tx)).await.is_ok() {
        let _ = clock.timeout(patience, left_rx).await;
    }
}

struct Stores {
    log: LogStore,
    state: StateStore,
    header: Header,
    recovered: Recovered,
}

impl Stores {
    /// Opens both files, away from the tasks that must stay responsive: recovery may read a lot.
    async fn open(config: &Config, seed: u64, disk: &Arc<dyn Disk>) -> Result<Self, NodeError> {
        let (done_tx, done_rx) = oneshot::channel();
        let founding = Founding {
            identity: Identity { cluster: config.cluster.clone(), node: config.id },
            bootstrap: config.bootstrap(),
            incarnation: seed,
        };
        let handle = disk.clone();
        let job = move || {
            let _ = done_tx.send(Self::open_blocking(&founding, &*handle));
        };
        disk.run(Box::new(job)).await;
        done_rx.await.map_err(|_| NodeError::Part("disk"))?
    }

    fn open_blocking(founding: &Founding, disk: &dyn Disk) -> Result<Self, NodeError> {
        let Opened { log, recovered, state, header, incarnation } = storage::open(disk, founding)?;
        tracing::debug!(incarnation, "opened its data directory");
        let configuration = state.configuration()?.unwrap_or_else(|| recovered.configuration.clone());
        let last = Position { term: header.applied_term, index: header.applied_index };
        let recovered = Recovered {
            vote: recovered.vote,
            base: recovered.compacted,
            configuration: recovered.configuration.into(),
            entries: recovered.entries,
            applied: Snapshot { last, configuration: configuration.into() },
        };
        Ok(Self { log, state, header, recovered })
    }
}
