//! The state on its way to peers whose log is too far behind: piece by piece, each answered before the next leaves, at
//! a bounded pace; what breaks off goes on where it was.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Request, Status};

use super::{Config, event_loop::Report, links::Links};
use crate::{
    env::Environment,
    raft::{Body, Index, Message, NodeId, SendSnapshot, Snapshot},
    rpc::{self, Channel},
    storage::{Disk, Place, StateView},
    wire::{
        self, WithLimits,
        pb::v1::{self, peer_client::PeerClient, snapshot_piece::Piece},
    },
};

/// A piece that is not answered in time is sent again: the peer's disk may be busy.
const PIECE_PATIENCE: Duration = Duration::from_secs(5);
/// Pause before a broken stream is taken up again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Attempts in a row without progress, after which the core decides anew what the peer needs.
const FRUITLESS_ATTEMPTS_MAX: u32 = 5;

/// Starts streams of snapshots. Each reports when it ends.
pub(super) struct Streams {
    pub(super) config: Config,
    pub(super) environment: Environment,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) links: Links,
    pub(super) reports: mpsc::UnboundedSender<Report>,
}

impl Streams {
    /// Begins a stream, as soon as whoever has the state shows it through the sender that this returns.
    pub(super) fn begin(&self, wanted: SendSnapshot) -> Option<oneshot::Sender<StateView>> {
        let SendSnapshot { to, term } = wanted;
        let Some(address) = self.links.address_of(to) else {
            let _ = self.reports.send(Report::SnapshotSent(to, None));
            return None;
        };
        let (show, shown) = oneshot::channel::<StateView>();
        let (config, environment, disk) = (self.config.clone(), self.environment.clone(), self.disk.clone());
        let reports = self.reports.clone();
        tokio::spawn(async move {
            let Ok(view) = shown.await else { return };
            let snapshot = view.snapshot.clone();
            let stream =
                Stream { config, environment, disk, view: Arc::new(view), snapshot, to, term, address };
            let _ = reports.send(Report::SnapshotSent(to, stream.send().await));
        });
        Some(show)
    }
}

struct Stream {
    config: Config,
    environment: Environment,
    disk: Arc<dyn Disk>,
    view: Arc<StateView>,
    snapshot: Snapshot,
    to: NodeId,
    term: u64,
    address: String,
}

impl Stream {
    /// Sends all of it. Returns the index that the peer then stands at, if it got there.
    async fn send(&self) -> Option<Index> {
        tracing::info!(peer = self.to, last = %self.snapshot.last, "sends its state");
        let mut place = None;
        let mut fruitless = 0;
        while fruitless < FRUITLESS_ATTEMPTS_MAX {
            let before = place.clone();
            match self.stream(&mut place).await {
                Ok(()) => return Some(self.snapshot.last.index),
                Err(status) => {
                    tracing::debug!(peer = self.to, %status, "a snapshot breaks off");
                    if status.code() == Code::Aborted {
                        return None;
                    }
                }
            }
            fruitless = if place == before { fruitless + 1 } else { 0 };
            self.environment.clock.sleep(RETRY_PAUSE).await;
        }
        tracing::warn!(peer = self.to, "could not send its state");
        None
    }

    /// One attempt: it goes on from where the peer says that it is.
    async fn stream(&self, place: &mut Place) -> Result<(), Status> {
        let channel = rpc::connect(&self.address, &self.environment.clock)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = PeerClient::new(channel).with_limits();
        *place = self.stage(&mut client, Piece::Begin(v1::SnapshotBegin {})).await?;
        loop {
            let began = self.environment.clock.now();
            let records = self.read(place.clone()).await?;
            if records.is_empty() {
                break;
            }
            let bytes: usize = records.iter().map(|record| record.key.len() + record.value.len()).sum();
            let after = wire::place_to_pb(place.as_ref());
            *place = self.stage(&mut client, Piece::Records(v1::SnapshotRecords { after, records })).await?;
            let pace = self.config.retention.snapshot_bytes_per_second.max(1);
            let due = Duration::from_secs_f64(bytes as f64 / pace as f64);
            self.environment.clock.sleep(due.saturating_sub(self.environment.clock.now().since(began))).await;
        }
        let body = Body::InstallSnapshot { snapshot: self.snapshot.clone() };
        let end = Message { from: self.config.id, to: self.to, term: self.term, body };
        self.stage(&mut client, Piece::End(end.into())).await.map(drop)
    }

    /// Sends a piece. Returns the place that the peer is at then.
    async fn stage(&self, client: &mut PeerClient<Channel>, piece: Piece) -> Result<Place, Status> {
        let piece = v1::SnapshotPiece {
            cluster: self.config.cluster.clone(),
            term: self.term,
            last: Some(self.snapshot.last.into()),
            piece: Some(piece),
        };
        let staging = client.stage(rpc::with_deadline(Request::new(piece), PIECE_PATIENCE));
        let answer = self.environment.clock.timeout(PIECE_PATIENCE, staging).await;
        let staged = answer.map_err(|_| Status::deadline_exceeded("no answer to a piece"))??.into_inner();
        wire::place_from_pb(staged.place).map_err(|error| Status::internal(error.to_string()))
    }

    /// Reads the records after a place, away from the tasks that must stay responsive.
    async fn read(&self, place: Place) -> Result<Vec<v1::SnapshotRecord>, Status> {
        let (done_tx, done_rx) = oneshot::channel();
        let (view, bytes_max) = (self.view.clone(), self.config.retention.snapshot_piece_bytes);
        let job = move || {
            let _ = done_tx.send(view.records_after(&place, bytes_max));
        };
        self.disk.run(Box::new(job)).await;
        let records = done_rx.await.map_err(|_| Status::internal("the disk lost a job"))?;
        let records = records.map_err(|error| Status::internal(error.to_string()))?;
        Ok(records.into_iter().map(Into::into).collect())
    }
}
