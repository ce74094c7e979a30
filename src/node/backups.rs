//! Backups of the state, streamed to whoever asks for them: read from a view that stands still, piece by piece, as fast as they are
//! taken. The view holds the room of what changed since, so nobody may take for ever.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::Stream;
use tonic::Status;

use super::{config::Config, reads::ReadServer};
use crate::{
    env::Clock,
    raft::Index,
    storage::{BackupWriter, StorageError},
    wire::pb::etcdserverpb::{ResponseHeader, SnapshotResponse},
};

/// Backups under way at a node: each may hold a view of its own.
const BACKUPS_MAX: usize = 2;
/// Records of one piece. (The last one of a piece may be larger.)
const PIECE_BYTES: usize = 256 << 10;
/// Who does not take a piece for so long has left, whatever its connection says.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);
/// On the whole, a backup may take so long, and [`PACE_MIN`] longer for all that was taken of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// In bytes a second.
const PACE_MIN: u64 = 256 << 10;

/// The backups of a node. All clones are one.
#[derive(Clone)]
pub(super) struct Backups {
    cluster: String,
    node: u64,
    clock: Clock,
    server: Arc<ReadServer>,
    places: Arc<Semaphore>,
}

/// A place among the backups under way, until it is dropped.
pub(super) type BackupPlace = OwnedSemaphorePermit;

impl Backups {
    pub(super) fn new(config: &Config, clock: &Clock, server: Arc<ReadServer>) -> Self {
        Self {
            cluster: config.cluster.clone(),
            node: config.id,
            clock: clock.clone(),
            server,
            places: Arc::new(Semaphore::new(BACKUPS_MAX)),
        }
    }

    /// A place for one more, or why there is none.
    pub(super) fn place(&self) -> Result<BackupPlace, Status> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{BACKUPS_MAX} backups are under way at this node, which is the most: try again when one has ended"
            ))
        })
    }

    /// Begins a backup of the state at an index, or a later one. It ends when its stream is dropped.
    pub(super) async fn begin(
        &self,
        index: Index,
        place: BackupPlace,
    ) -> Result<impl Stream<Item = Result<SnapshotResponse, Status>> + Send + use<>, Status> {
        let view = self.server.view(index).await.map_err(|error| self.failed(error))?;
        let writer = BackupWriter::new(view, &self.cluster, self.node, self.clock.unix_ms());
        let (pieces_tx, pieces) = mpsc::channel(1);
        let (ended_tx, ended) = oneshot::channel();
        let backups = self.clone();
        tokio::spawn(async move {
            let outcome = backups.send(writer, pieces_tx).await;
            drop(place);
            let _ = ended_tx.send(outcome);
        });
        Ok(stream(pieces, ended))
    }

    async fn send(
        &self,
        mut writer: BackupWriter,
        pieces: mpsc::Sender<SnapshotResponse>,
    ) -> Result<(), Status> {
        let applied = writer.about().applied;
        tracing::info!(%applied, "a backup begins");
        let began = self.clock.now();
        let header = ResponseHeader { revision: writer.about().revision, ..self.server.header(applied.term) };
        let mut bytes = 0;
        loop {
            let blob;
            (writer, blob) = self.read(writer).await?;
            let Some(blob) = blob else { break };
            bytes += blob.len() as u64;
            let piece = SnapshotResponse {
                header: Some(header),
                remaining_bytes: writer.remaining_bytes(),
                blob: blob.into(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let due = began + PATIENCE + Duration::from_secs(bytes / PACE_MIN);
            let patience = PIECE_PATIENCE.min(due.since(self.clock.now()));
            match self.clock.timeout(patience, pieces.send(piece)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => {
                    tracing::info!(%applied, bytes, "a backup ends early: nobody takes it any more");
                    return Err(Status::cancelled("nobody takes the backup any more"));
                }
                Err(_) => {
                    tracing::warn!(%applied, bytes, "a backup is called off: it is taken too slowly");
                    return Err(Status::deadline_exceeded(format!(
                        "the backup was called off after {bytes} bytes: nothing was taken for {} s, or less than {} KiB/s all in all",
                        PIECE_PATIENCE.as_secs(),
                        PACE_MIN >> 10
                    )));
                }
            }
        }
        let took_ms = self.clock.now().since(began).as_millis() as u64;
        tracing::info!(%applied, bytes, took_ms, "a backup was taken");
        Ok(())
    }

    /// The next bytes, read away from the tasks that must stay responsive, in turn with long reads.
    async fn read(&self, mut writer: BackupWriter) -> Result<(BackupWriter, Option<Vec<u8>>), Status> {
        let turn = self.server.turn().await;
        let work = move || {
            let _turn = turn;
            let blob = writer.next(PIECE_BYTES);
            (writer, blob)
        };
        let (writer, blob) = self.server.run(work).await;
        Ok((writer, blob.map_err(|error| self.failed(error))?))
    }

    /// The state cannot be read: the node stops.
    fn failed(&self, error: StorageError) -> Status {
        let status = Status::unavailable(format!("node {} cannot read its state: {error}", self.node));
        self.server.failed(error);
        status
    }
}

/// Pieces as they come. A backup that broke off does not end as one that is complete.
fn stream(
    mut pieces: mpsc::Receiver<SnapshotResponse>,
    ended: oneshot::Receiver<Result<(), Status>>,
) -> impl Stream<Item = Result<SnapshotResponse, Status>> + Send {
    async_stream::try_stream! {
        while let Some(piece) = pieces.recv().await {
            yield piece;
        }
        ended.await.map_err(|_| Status::unavailable("the backup broke off"))??;
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;
    use crate::{
        kv::{Applier, Command, Operation, Put},
        raft::Configuration,
        storage::{BackupReader, Founding, Identity, MemoryDisk, Opened, encode_members, open},
    };

    const PUTS: u64 = 20;

    fn config() -> Config {
        let peers = [(1, "127.0.0.1:1".to_owned())].into();
        Config { cluster: "a".to_owned(), peers, ..Config::plain(1) }
    }

    /// Of a state of several pieces.
    fn backups(clock: &Clock) -> Backups {
        let disk = MemoryDisk::default();
        let identity = Identity { cluster: "a".to_owned(), node: 1 };
        let founding = Founding { identity, bootstrap: Configuration::of([1]), incarnation: 5 };
        let Opened { state, .. } = open(&disk, &founding).unwrap_or_else(|error| panic!("{error}"));
        let mut tables = state.tables();
        let mut applier = Applier::begin(&mut tables).expect("the disk works");
        let members = encode_members(&Configuration { cluster: 7, ..Configuration::of([1]) });
        applier.set_members((1, 1), &members).expect("the disk works");
        for number in 0..PUTS {
            let put = Put { key: vec![number as u8], value: vec![7; PIECE_BYTES / 2], ..Put::default() };
            let command = Command { timestamp_ms: 1, stamp: None, operation: Operation::Put(put) };
            applier.apply((1, number + 2), &command).expect("the disk works");
        }
        applier.finish().expect("the disk works");
        tables.finish().expect("the disk works");
        let (reports, _) = mpsc::unbounded_channel();
        let server = ReadServer::new(&config(), state.reader(), clock, Arc::new(disk), reports);
        Backups::new(&config(), clock, server)
    }

    #[tokio::test]
    async fn a_backup_comes_in_pieces_and_is_whole() {
        let backups = backups(&Clock::new(Duration::from_secs(9)));
        let place = backups.place().expect("none is under way");
        let mut pieces = Box::pin(backups.begin(0, place).await.expect("it begins"));
        let (mut bytes, mut remaining) = (Vec::new(), u64::MAX);
        while let Some(piece) = pieces.next().await {
            let piece = piece.expect("nothing breaks off");
            assert!(piece.remaining_bytes < remaining || remaining == 0 || bytes.is_empty());
            assert!(piece.blob.len() < 2 * PIECE_BYTES);
            remaining = piece.remaining_bytes;
            bytes.extend_from_slice(&piece.blob);
        }
        assert_eq!(remaining, 0);
        let summary = BackupReader::open(&bytes[..]).and_then(BackupReader::finish);
        let summary = summary.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((summary.keys, summary.about.taken_unix_ms / 1000), (PUTS, 9));
    }

    #[tokio::test]
    async fn so_many_go_on_at_a_time_and_no_more() {
        let backups = backups(&Clock::new(Duration::ZERO));
        let mut under_way = Vec::new();
        for _ in 0..BACKUPS_MAX {
            let place = backups.place().expect("there is room");
            under_way.push(backups.begin(0, place).await.expect("it begins"));
        }
        let refused = backups.place().expect_err("there is none");
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        under_way.pop();
        let true_clock = Clock::new(Duration::ZERO);
        true_clock
            .timeout(Duration::from_secs(10), backups.places.acquire())
            .await
            .expect("who leaves makes room")
            .expect("it is open")
            .forget();
    }

    /// A view that is held holds the room of what changes: nobody may hold it for ever.
    #[tokio::test]
    async fn who_takes_nothing_is_cut_off() {
        let (clock, control) = Clock::adjustable(Duration::ZERO);
        control.set_drift_ppm(999_000_000);
        let backups = backups(&clock);
        let place = backups.place().expect("none is under way");
        let mut pieces = Box::pin(backups.begin(0, place).await.expect("it begins"));
        pieces.next().await.expect("it begins").expect("it begins");
        let true_clock = Clock::new(Duration::ZERO);
        let all_places = backups.places.acquire_many(BACKUPS_MAX as u32);
        let let_go = true_clock.timeout(Duration::from_secs(10), all_places).await;
        let_go.expect("the place is free, though the stream is still there").expect("it is open").forget();
        let mut last = None;
        while let Some(piece) = pieces.next().await {
            last = Some(piece);
        }
        let status = last.expect("it is told why").expect_err("it is not whole");
        assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{status}");
    }
}
