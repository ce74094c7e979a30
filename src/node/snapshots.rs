//! The state on its way to peers whose log is too far behind: piece by piece, each answered before the next leaves, at
//! a bounded pace; what breaks off goes on where it was.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tonic::{Code, Request, Status};

use super::{
    config::Config,
    links::Links,
    report::Report,
    snapshot_pace::{Paces, Speed},
};
use crate::{
    env::{Buggify, Environment, Knob, Moment, buggify, buggify_pause, knob_ms, sometimes},
    raft::{Body, Index, Message, NodeId, Origin, SendSnapshot, Snapshot, StreamId},
    rpc::{self, Channel, Expected, Target},
    storage::{self, Disk, Place, StateView},
    wire::{
        self, WithLimits,
        pb::v1::{self, peer_client::PeerClient, snapshot_piece::Piece},
    },
};

/// A piece that is not answered in time is sent again: the peer's disk may be busy.
const PIECE_PATIENCE: Duration = Duration::from_secs(5);
/// Pause before a broken stream is taken up again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// What was shown of the state is kept so long after a stream of it ended: the next stream goes on where that one broke off,
/// also when this node lost its leadership meanwhile. (A kept view holds the space of what was changed since.)
const VIEW_KEPT: Duration = Duration::from_secs(30);
/// Attempts in a row without progress, after which the core decides anew what the peer needs.
const FRUITLESS_ATTEMPTS_MAX: u32 = 5;

/// The streams under way. Each reports when it ends, however it ends.
pub(super) struct Streams {
    config: Config,
    environment: Environment,
    disk: Arc<dyn Disk>,
    links: Links,
    reports: mpsc::UnboundedSender<Report>,
    under_way: BTreeMap<StreamId, JoinHandle<()>>,
    kept: KeptView,
    paces: Paces,
}

/// The latest view of the state, and when it was last needed.
type KeptView = Arc<Mutex<Option<(Arc<StateView>, Moment)>>>;

impl Streams {
    pub(super) fn new(
        config: &Config,
        environment: &Environment,
        disk: Arc<dyn Disk>,
        links: Links,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        let (config, environment) = (config.clone(), environment.clone());
        Self {
            config,
            environment,
            disk,
            links,
            reports,
            under_way: BTreeMap::new(),
            kept: KeptView::default(),
            paces: Paces::default(),
        }
    }

    /// Begins a stream. If the view that is kept does not reach far enough, it begins as soon as whoever has the state shows
    /// it through the sender that this returns.
    pub(super) fn begin(&mut self, wanted: SendSnapshot) -> Option<oneshot::Sender<StateView>> {
        let SendSnapshot { to, stream: id, needed, origin } = wanted;
        let ending = Ending { reports: self.reports.clone(), to, stream: id, index: None };
        let address = self.links.address_of(to)?;
        let retention = self.config.retention;
        let base = Speed {
            bytes_per_s: retention.snapshot_bytes_per_second,
            piece_bytes: retention.snapshot_piece_bytes,
        };
        let speed = self.paces.begin(to, id, self.environment.clock.now(), base);
        let (show, shown) = oneshot::channel::<StateView>();
        let (config, environment, disk) = (self.config.clone(), self.environment.clone(), self.disk.clone());
        let reaches = |(view, _): &&(Arc<StateView>, Moment)| view.snapshot.last.index >= needed;
        let is_lost = buggify(Buggify::LostView);
        let kept_view = locked(&self.kept).as_ref().filter(reaches).map(|(view, _)| view.clone());
        let kept_view = kept_view.filter(|_| !is_lost);
        sometimes!(kept_view.is_some(), SnapshotViewKept);
        let (is_kept, kept) = (kept_view.is_some(), self.kept.clone());
        let streaming = tokio::spawn(async move {
            let view = match kept_view {
                Some(view) => view,
                None => match shown.await {
                    Ok(view) => Arc::new(view),
                    Err(_) => return,
                },
            };
            *locked(&kept) = Some((view.clone(), environment.clock.now()));
            let snapshot = view.snapshot.clone();
            let stream = Stream { config, environment, disk, view, snapshot, to, id, origin, address, speed };
            ending.well(stream.send().await);
        });
        self.under_way.retain(|_, streaming| !streaming.is_finished());
        self.under_way.insert(id, streaming);
        (!is_kept).then_some(show)
    }

    /// A stream has brought its peer the state.
    pub(super) fn arrived(&mut self, to: NodeId, stream: StreamId) {
        self.paces.arrived(to, stream);
    }

    /// The stream is not wanted any more.
    pub(super) fn cancel(&mut self, stream: StreamId) {
        if let Some(streaming) = self.under_way.remove(&stream) {
            tracing::info!(%stream, "stops to send its state: it is not wanted any more");
            streaming.abort();
        }
    }

    /// Forgets the view that is kept, when nothing has needed it for long.
    pub(super) fn expire(&mut self) {
        let now = self.environment.clock.now();
        let kept_for = knob_ms(Knob::ViewKeptMs, VIEW_KEPT);
        let is_under_way = |id| self.under_way.get(&id).is_some_and(|streaming| !streaming.is_finished());
        self.paces.expire(now, is_under_way);
        let mut kept = locked(&self.kept);
        if let Some((_, needed_at)) = &mut *kept {
            match self.under_way.values().all(JoinHandle::is_finished) {
                true if now.since(*needed_at) >= kept_for => *kept = None,
                true => {}
                false => *needed_at = now,
            }
        }
    }

    /// A peer found that what it was sent is not right: nothing goes on from there.
    pub(super) fn forget_view(&mut self) {
        *locked(&self.kept) = None;
    }
}

fn locked(kept: &KeptView) -> MutexGuard<'_, Option<(Arc<StateView>, Moment)>> {
    kept.lock().expect("nobody panics with it")
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.under_way.values().for_each(JoinHandle::abort);
    }
}

/// Reports the end of a stream when it is dropped: also when the stream was never begun, or its task panics. Else the
/// core would wait for it until it leads no more.
struct Ending {
    reports: mpsc::UnboundedSender<Report>,
    to: NodeId,
    stream: StreamId,
    index: Option<Index>,
}

impl Ending {
    /// The stream ended by itself: where the peer stands now, if it got there.
    fn well(mut self, index: Option<Index>) {
        self.index = index;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Self { to, stream, index, .. } = *self;
        let _ = self.reports.send(Report::SnapshotSent { to, stream, index });
    }
}

struct Stream {
    config: Config,
    environment: Environment,
    disk: Arc<dyn Disk>,
    view: Arc<StateView>,
    snapshot: Snapshot,
    to: NodeId,
    id: StreamId,
    origin: Origin,
    address: String,
    speed: Speed,
}

impl Stream {
    /// Sends all of it. Returns the index that the peer then stands at, if it got there.
    async fn send(&self) -> Option<Index> {
        let (peer, last, stream) = (self.to, self.snapshot.last, self.id);
        let Speed { bytes_per_s, mut piece_bytes } = self.speed;
        tracing::info!(peer, %last, %stream, bytes_per_s, piece_bytes, "sends its state");
        let mut place = None;
        let mut fruitless = 0;
        let mut reason = Status::ok("");
        while fruitless < FRUITLESS_ATTEMPTS_MAX {
            let before = place.clone();
            match self.stream(&mut place, &mut piece_bytes).await {
                Ok(()) => {
                    tracing::info!(peer, %last, stream = %self.id, "has sent its state");
                    return Some(last.index);
                }
                Err(status) => reason = status,
            }
            if reason.code() == Code::Aborted {
                break;
            }
            fruitless = if place == before { fruitless + 1 } else { 0 };
            sometimes!(SnapshotStreamRetried);
            self.environment.clock.sleep(knob_ms(Knob::SnapshotRetryMs, RETRY_PAUSE)).await;
        }
        sometimes!(SnapshotStreamGivenUp);
        tracing::warn!(peer, %last, stream = %self.id, reason = reason.message(), "could not send its state");
        None
    }

    /// One attempt: it goes on from where the peer says that it is. After a piece that did not get through the next ones are smaller: a
    /// poor line may carry no large one in time.
    async fn stream(&self, place: &mut Place, piece_bytes: &mut usize) -> Result<(), Status> {
        let target = Target {
            address: self.address.clone(),
            expected: Expected::Node(self.to),
            security: self.config.security.clone(),
        };
        let channel = rpc::connect(&target, &self.environment.clock)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = PeerClient::new(channel).with_limits();
        *place = self.stage(&mut client, Piece::Begin(v1::SnapshotBegin {})).await?;
        loop {
            buggify_pause(Buggify::LateSnapshotPiece, &self.environment.clock).await;
            if buggify(Buggify::BrokenSnapshotStream) {
                return Err(Status::unavailable("the stream is broken off"));
            }
            let began = self.environment.clock.now();
            let records = self.read(place.clone(), *piece_bytes).await?;
            if records.is_empty() {
                break;
            }
            let bytes: usize = records.iter().map(|record| record.key.len() + record.value.len()).sum();
            let after = wire::place_to_pb(place.as_ref());
            let piece = Piece::Records(v1::SnapshotRecords { after, records });
            let staged = self.stage(&mut client, piece).await;
            let base = self.config.retention.snapshot_piece_bytes;
            *place = staged.inspect_err(|_| *piece_bytes = smaller(*piece_bytes, base))?;
            let due = Duration::from_secs_f64(bytes as f64 / self.speed.bytes_per_s as f64);
            self.environment.clock.sleep(due.saturating_sub(self.environment.clock.now().since(began))).await;
        }
        let body = Body::InstallSnapshot { snapshot: self.snapshot.clone(), stream: self.id.number };
        let end =
            Message { from: self.config.id, to: self.to, origin: self.origin, term: self.id.term, body };
        self.stage(&mut client, Piece::End(end.into())).await.map(drop)
    }

    /// Sends a piece. Returns the place that the peer is at then.
    async fn stage(&self, client: &mut PeerClient<Channel>, piece: Piece) -> Result<Place, Status> {
        let piece = v1::SnapshotPiece {
            cluster: self.config.cluster.clone(),
            origin: Some(self.origin.into()),
            from: self.config.id,
            to: self.to,
            term: self.id.term,
            stream: self.id.number,
            last: Some(self.snapshot.last.into()),
            piece: Some(piece),
        };
        let staging = Box::pin(client.stage(rpc::with_deadline(Request::new(piece), PIECE_PATIENCE)));
        let answer = self.environment.clock.timeout(PIECE_PATIENCE, staging).await;
        let staged = answer.map_err(|_| Status::deadline_exceeded("no answer to a piece"))??.into_inner();
        wire::place_from_pb(staged.place).map_err(|error| Status::internal(error.to_string()))
    }

    /// Reads the records after a place, away from the tasks that must stay responsive.
    async fn read(&self, place: Place, piece_bytes: usize) -> Result<Vec<v1::SnapshotRecord>, Status> {
        let is_short = buggify(Buggify::ShortSnapshotPiece);
        let bytes_max = if is_short { 1 } else { piece_bytes };
        let view = self.view.clone();
        let records = storage::run_on(&*self.disk, move || view.records_after(&place, bytes_max)).await;
        let records = records.map_err(|error| Status::internal(error.to_string()))?;
        Ok(records.into_iter().map(Into::into).collect())
    }
}

/// The size of pieces after one that did not get through, where the first streams have pieces of `base`.
fn smaller(piece_bytes: usize, base: usize) -> usize {
    (piece_bytes / 2).max(base)
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::{
        kv::{PREV_KVS_BYTES_MAX, Table},
        node::{config::Retention, snapshot_pace::PIECE_BYTES_MAX},
    };

    /// Else it would be sent the state again and again, in pieces that it cannot carry in time.
    #[test]
    fn a_poor_line_has_the_smallest_pieces_before_a_stream_is_given_up() {
        let base = Retention::default().snapshot_piece_bytes;
        let mut piece_bytes = PIECE_BYTES_MAX;
        for _ in 1..FRUITLESS_ATTEMPTS_MAX {
            piece_bytes = smaller(piece_bytes, base);
        }
        assert_eq!(piece_bytes, base);
    }

    /// Many answers of some bytes, and one to a delete behind them: four more bytes for each pair than the limit counts, of 37 at least.
    #[test]
    fn a_node_takes_the_largest_piece() {
        let record = |bytes: usize| {
            let (key, value) = (vec![1; 16].into(), vec![2; bytes].into());
            v1::SnapshotRecord { table: Table::Replies as u32, key, value }
        };
        let mut records = vec![record(9); PIECE_BYTES_MAX / (16 + 9)];
        records.push(record(PREV_KVS_BYTES_MAX / 37 * 41));
        let after = wire::place_to_pb(Some(&(Table::Replies, vec![1; 16])));
        let piece = Piece::Records(v1::SnapshotRecords { after, records });
        let piece = v1::SnapshotPiece { cluster: "a".repeat(1000), piece: Some(piece), ..Default::default() };
        let request_bytes_max = 2 * PREV_KVS_BYTES_MAX;
        assert!(piece.encoded_len() < request_bytes_max, "{}", piece.encoded_len());
    }

    /// Else the core would wait for it as long as this node leads.
    #[tokio::test]
    async fn the_end_of_a_stream_is_reported_also_when_its_task_panics() {
        let (reports, mut reported) = mpsc::unbounded_channel();
        let stream = StreamId { term: 3, number: 7 };
        let ending = Ending { reports: reports.clone(), to: 2, stream, index: None };
        let task = tokio::spawn(async move {
            let _ending = ending;
            panic!("a bug");
        });
        assert!(task.await.is_err());
        let Some(Report::SnapshotSent { to: 2, stream: ended, index: None }) = reported.recv().await else {
            panic!("another report");
        };
        assert_eq!(ended, stream);
        Ending { reports, to: 2, stream, index: None }.well(Some(9));
        assert!(matches!(reported.recv().await, Some(Report::SnapshotSent { index: Some(9), .. })));
    }
}
