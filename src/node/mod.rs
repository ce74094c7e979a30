//! A node: one task owns the consensus core; disk writes, applies and peers run beside it and report back as events.
//!
//! ```text
//!  peers, proxies ──▶ services ──▶ ┌────────────┐ ── persist ──▶ log writer ──▶ promises ──▶ peer links
//!                                  │ event loop │ ── messages ───────────────────────────▶ peer links
//!          ticks ────────────────▶ │   (Raft)   │ ── committed ──▶ applier ── answers ──▶ replies ──▶ proxies
//!                                  └────────────┘ ◀── persisted ── log writer
//! ```
//!
//! | file | idea |
//! | --- | --- |
//! | `config.rs`, `error.rs` | what a node is told, and why it stops |
//! | `event_loop.rs` | take inputs, step the core, carry out what follows |
//! | `event.rs`, `report.rs` | the inputs: events from outside, reports of the parts |
//! | `backlog.rs` | how much of the log may wait for the state's disk |
//! | `proposals.rs`, `admission.rs`, `proposal_clock.rs` | writes on their way into the log, how many may wait, and their time |
//! | `reads/` | reads, served beside whoever applies |
//! | `upkeep.rs` | what a leader proposes by itself to keep the state small |
//! | `proxy_streams.rs`, `reply.rs` | the streams of the proxies: who leads, and what they are answered |
//! | `admin.rs` | changes of members and leader, as operators ask for them |
//! | `log_writer.rs` | everything that waits shares one durable write |
//! | `applier/` | committed entries into the state machine, answers out |
//! | `scrub.rs` | the whole state is read now and then: damage is found early |
//! | `links.rs` | one stream to every peer |
//! | `unreached.rs` | what is said to removed nodes that are not reached |
//! | `snapshots.rs` | the state, to peers that are too far behind |
//! | `backups.rs`, `read_barriers.rs` | the state, to whoever takes a backup, and that it misses nothing |
//! | `services.rs`, `receiving.rs`, `view.rs` | the gRPC services, how they receive, and what status shows |
//! | `diagnostics.rs`, `refusals.rs` | what operators read of the core, and of what was refused |
//! | `metrics.rs`, `write_times.rs`, `readiness.rs` | what is measured, how long writes take, and whether the node is ready |
//!
//! Imports run down these lines: each knows what is named below it, and nothing above. This file starts all.
//!
//! ```text
//!  event_loop · services
//!  proposals (waiters of the applier)
//!  applier (pieces of snapshots) · read_barriers
//!  event (reads, and where they are answered)
//!  backups
//!  reads · log_writer · snapshots · scrub · view · proxy_streams
//!  report · reply · links · admin · upkeep · refusals · diagnostics · write_times
//!  config · error · metrics · readiness
//! ```

mod admin;
mod admission;
mod applier;
mod backlog;
mod backups;
mod config;
mod diagnostics;
mod error;
mod event;
mod event_loop;
mod links;
mod log_writer;
mod metrics;
mod proposal_clock;
mod proposals;
mod proxy_streams;
mod read_barriers;
mod readiness;
mod reads;
mod receiving;
mod refusals;
mod reply;
mod report;
mod scrub;
mod services;
mod snapshot_pace;
mod snapshots;
mod unreached;
mod upkeep;
mod view;
mod write_times;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

pub use applier::replay;
pub use config::{AutoCompaction, Config, ReadLimits, Retention, Timing, Upkeep};
pub use error::NodeError;

use self::{
    backups::Backups,
    event::Event,
    event_loop::{EventLoop, Parts},
    links::Links,
    log_writer::OldPromise,
    reads::ReadServer,
    refusals::Refusals,
    report::Scrubbed,
    services::Services,
    snapshots::Streams,
    view::NodeView,
};
use crate::{
    env::{Clock, Condition, Environment, Knob, knob},
    kv::Header,
    raft::{Configuration, Incarnation, InitialState, Raft, Snapshot},
    rpc::SHUTDOWN_GRACE,
    storage::{self, Disk, Founding, Identity, LogStore, Opened, Recovered, StateStore},
};

/// Batches of requests or messages that may wait for the event loop; beyond them the streams are not read.
const EVENT_QUEUE_LENGTH: usize = 256;

/// A node that is told to stop tries for so many election timeouts to hand leadership over.
const LEAVE_ELECTION_TIMEOUTS: u32 = 4;

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
    let (events_tx, events) = mpsc::channel(knob(Knob::Events, EVENT_QUEUE_LENGTH));
    let (reports_tx, reports) = mpsc::unbounded_channel();
    let Stores { log, state, header, initial, incarnation } =
        Stores::open(&config, environment.seed, &disk).await?;
    let place = (initial.applied.configuration.cluster, header.applied_index);
    let core = Raft::new(config.raft_options(&environment, incarnation), initial);
    let (view_tx, view_rx) =
        watch::channel(NodeView::of(&core, &header, Scrubbed::default(), core.configuration()));
    let refusals = Refusals::new(&environment.clock);
    let links = Links::new(&config, &environment, &events_tx, &refusals);
    links.belong_to(core.origin());
    // Its log may end with a configuration without it, which it does not know to be committed: it asks, and is to be answered.
    core.own_address().into_iter().for_each(|address| links.are_answered_at(address));
    let writer =
        log_writer::start(config.id, log, &environment, disk.clone(), links.clone(), reports_tx.clone());
    let read_server =
        ReadServer::new(&config, state.reader(), &environment.clock, disk.clone(), reports_tx.clone());
    let backups = Backups::new(&config, &environment.clock, read_server.clone());
    let services = Services::new(&config, &environment, &events_tx, &links, view_rx, &refusals, backups);
    let server = services.server().bind(config.listen).await?;
    environment.observer.started(&core, header.applied_index, header.state_hash());
    environment.health.set(Condition::NotReady("no leader is known".to_owned()));
    tracing::info!(node = config.id, address = %server.local_addr(), term = core.term(), last = %core.last(), "node is up");
    let scrubbing = scrub::start(state.reader(), &environment, disk.clone(), reports_tx.clone());
    let (applier, applying) =
        applier::start(&config, state, place, &environment, disk.clone(), reports_tx.clone());
    let streams = Streams::new(&config, &environment, disk, links.clone(), reports_tx);
    let parts = Parts {
        events,
        reports,
        links: links.clone(),
        writer,
        applier,
        read_server,
        streams,
        refusals,
        view: view_tx,
    };
    let (patience, clock) =
        (config.timing.election_timeout * LEAVE_ELECTION_TIMEOUTS, environment.clock.clone());
    let health = environment.health.clone();
    let mut deciding = tokio::spawn(EventLoop::new(core, config, environment, header, parts).run());
    let (stop_tx, stop_rx) = oneshot::channel::<()>();
    let stopped = async {
        let _ = stop_rx.await;
    };
    let mut serving = tokio::spawn(server.serve(stopped, SHUTDOWN_GRACE));
    let result = tokio::select! { biased;
        ended = &mut deciding => ended.unwrap_or(Err(NodeError::Part("event loop"))),
        ended = &mut serving => ended.map_or(Err(NodeError::Part("server")), |served| served.map_err(NodeError::from)),
        () = shutdown => {
            health.set(Condition::Stopping);
            leave(&events_tx, &clock, patience, &mut deciding).await
        }
    };
    scrubbing.abort();
    deciding.abort();
    drop(stop_tx);
    links.follow(&Configuration::default(), 0);
    // Without the event loop the applier runs out of work, and makes the state durable.
    let _ = applying.await;
    result
}

/// Lets a node that leads hand over, so that nobody has to notice that it is gone. A disk that fails meanwhile is no less a reason to
/// say so.
async fn leave(
    events: &mpsc::Sender<Event>,
    clock: &Clock,
    patience: Duration,
    deciding: &mut JoinHandle<Result<(), NodeError>>,
) -> Result<(), NodeError> {
    let (left_tx, left_rx) = oneshot::channel();
    let has_ended = match events.send(Event::Leave(left_tx)).await {
        Ok(()) => matches!(clock.timeout(patience, left_rx).await, Ok(Err(_))),
        Err(_) => true,
    };
    match has_ended {
        true => deciding.await.unwrap_or(Err(NodeError::Part("event loop"))),
        false => Ok(()),
    }
}

struct Stores {
    log: (LogStore, Option<OldPromise>),
    state: StateStore,
    header: Header,
    initial: InitialState,
    incarnation: Incarnation,
}

impl Stores {
    /// Opens both files, away from the tasks that must stay responsive: recovery may read a lot.
    async fn open(config: &Config, seed: u64, disk: &Arc<dyn Disk>) -> Result<Self, NodeError> {
        let founding = Founding {
            identity: Identity { cluster: config.cluster.clone(), node: config.id },
            bootstrap: config.bootstrap(),
            incarnation: seed,
        };
        let (config, handle) = (config.clone(), disk.clone());
        storage::run_on(&**disk, move || Self::open_blocking(&config, &founding, &*handle)).await
    }

    fn open_blocking(config: &Config, founding: &Founding, disk: &dyn Disk) -> Result<Self, NodeError> {
        let Opened { mut log, recovered, state, header, incarnation } = storage::open(disk, founding)?;
        let own_us = config.lease().map_or(0, |lease| lease.promise_us());
        let inherited_us = log.promise_us()?;
        if own_us > inherited_us {
            log.note_promise(own_us)?;
        }
        let old_promise = (own_us < inherited_us).then(|| OldPromise::new(inherited_us, own_us));
        let recovered = with_addresses_of_today(recovered, &founding.bootstrap);
        let configuration = state.configuration()?.unwrap_or_else(|| recovered.configuration.clone());
        let last = storage::applied_position(&header);
        let initial = InitialState {
            vote: recovered.vote,
            compacted: recovered.compacted,
            configuration: recovered.configuration.into(),
            entries: recovered.entries,
            applied: Snapshot { last, configuration: configuration.into() },
            promised_ticks: config.promised_ticks(inherited_us),
        };
        Ok(Self { log: (log, old_promise), state, header, initial, incarnation })
    }
}

/// The founders are reached where an operator says today, who may have put it right since the first start: nobody else says so before
/// they have founded a cluster.
fn with_addresses_of_today(mut recovered: Recovered, told: &Configuration) -> Recovered {
    if recovered.compacted.index == 0 && recovered.configuration.voters == told.voters {
        recovered.configuration.addresses.clone_from(&told.addresses);
    }
    recovered
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;
    use crate::storage::MemoryDisk;

    #[test]
    fn as_long_as_no_cluster_is_founded_the_addresses_of_today_count() {
        let disk = MemoryDisk::default();
        let open = |peers: &[(u64, &str)]| {
            let peers = peers.iter().map(|(id, address)| (*id, (*address).to_owned())).collect();
            let config = Config { cluster: "a".to_owned(), peers, ..Config::plain(1) };
            let identity = Identity { cluster: "a".to_owned(), node: 1 };
            let founding = Founding { identity, bootstrap: config.bootstrap(), incarnation: 5 };
            let stores = Stores::open_blocking(&config, &founding, &disk);
            let stores = stores.unwrap_or_else(|error| panic!("{error}"));
            let Configuration { voters, addresses, .. } = &*stores.initial.configuration;
            (voters.len(), addresses[&1].clone())
        };
        assert_eq!(open(&[(1, "here:1"), (2, "there:1")]), (2, "here:1".to_owned()));
        assert_eq!(open(&[(1, "here:2"), (2, "there:1")]), (2, "here:2".to_owned()));
        assert_eq!(open(&[(1, "here:3")]), (2, "here:1".to_owned()), "these would be other founders");
    }

    #[test]
    fn a_promise_outlives_the_life_that_gave_it() {
        let disk = MemoryDisk::default();
        let open = |heartbeat_ms, lease_drift_percent| {
            let timing = Timing {
                heartbeat: Duration::from_millis(heartbeat_ms),
                election_timeout: Duration::from_millis(5 * heartbeat_ms),
            };
            let peers = [(1, "127.0.0.1:1".to_owned())].into();
            let config =
                Config { cluster: "a".to_owned(), peers, timing, lease_drift_percent, ..Config::plain(1) };
            let identity = Identity { cluster: "a".to_owned(), node: 1 };
            let founding = Founding { identity, bootstrap: config.bootstrap(), incarnation: 5 };
            let stores = Stores::open_blocking(&config, &founding, &disk);
            let stores = stores.unwrap_or_else(|error| panic!("{error}"));
            (stores.initial.promised_ticks, stores.log.1.is_some())
        };
        assert_eq!(open(30, None), (0, false), "nobody ever read by lease");
        assert_eq!(open(30, Some(10)), (0, false), "the first promise of its life is yet to be given");
        // 14 of 15 ticks of 10 ms, which are 28 of 5 ms and not quite 5 of 30 ms; and one more, for the first may come at once.
        assert_eq!(open(15, None), (29, true));
        assert_eq!(open(90, None), (6, true));
        assert_eq!(open(60, Some(10)), (8, false), "it promises more than before");
        assert_eq!(open(60, Some(10)), (15, false));
    }
}
