//! What all reads of a node share: the state beside whoever applies, threads of the disk, and what bounds them.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, SemaphorePermit, mpsc},
    task::JoinHandle,
};

use super::{
    super::{
        config::{Config, ReadLimits},
        report::Report,
    },
    stall::Jobs,
};
use crate::{
    env::{Buggify, Clock, Knob, Moment, buggify, knob, sometimes},
    kv::StepBudget,
    raft::{ClusterId, Index, NodeId, Term},
    storage::{self, Disk, Reader, StateView, StorageError},
    wire::pb::etcdserverpb::ResponseHeader,
};

/// Long reads that go on at the same time; the others wait for their turn. Each may hold a view of the state, and pieces
/// that wait for room on its stream.
const LONG_READS_MAX: usize = 16;
/// Slices of long reads that run at the same time: they take turns, and leave processors to everything else.
const SLICES_MAX: usize = 2;

pub(in crate::node) struct ReadServer {
    node: NodeId,
    /// The cluster, once the node knows it; else 0.
    cluster: AtomicU64,
    pub(super) limits: ReadLimits,
    pub(super) reader: Reader,
    pub(super) clock: Clock,
    disk: Arc<dyn Disk>,
    reports: mpsc::UnboundedSender<Report>,
    long_reads: Semaphore,
    slices: Arc<Semaphore>,
    /// The latest view that a long read took, as long as any needs it.
    view: Mutex<Weak<StateView>>,
    jobs: Arc<Jobs>,
}

impl ReadServer {
    pub(in crate::node) fn new(
        config: &Config,
        reader: Reader,
        clock: &Clock,
        disk: Arc<dyn Disk>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Arc<Self> {
        Arc::new(Self {
            node: config.id,
            cluster: AtomicU64::new(0),
            limits: config.reads,
            reader,
            clock: clock.clone(),
            disk,
            reports,
            long_reads: Semaphore::new(knob(Knob::LongReads, LONG_READS_MAX)),
            slices: Arc::new(Semaphore::new(knob(Knob::ReadSlices, SLICES_MAX))),
            view: Mutex::new(Weak::new()),
            jobs: Arc::default(),
        })
    }

    /// Answers name this cluster from now on.
    pub(super) fn belong_to(&self, cluster: ClusterId) {
        self.cluster.store(cluster, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(super) fn short_budget(&self) -> StepBudget {
        let records = if buggify(Buggify::ShortRead) { 1 } else { self.limits.short_records };
        StepBudget { records, bytes: self.limits.piece_bytes }
    }

    pub(super) fn slice_budget(&self) -> StepBudget {
        let records = if buggify(Buggify::ShortRead) { 1 } else { self.limits.slice_records };
        StepBudget { records, bytes: self.limits.piece_bytes }
    }

    /// Who answers; the revision is the answer's own.
    pub(in crate::node) fn header(&self, term: Term) -> ResponseHeader {
        let (cluster_id, member_id) = (self.cluster.load(Ordering::Relaxed), self.node);
        ResponseHeader { cluster_id, member_id, raft_term: term, ..Default::default() }
    }

    /// Works away from the tasks that must stay responsive. The work goes on, and is known to, when nobody waits for it any more; and it is
    /// known to until whoever waits has heard of its end.
    pub(in crate::node) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let job = Arc::new(self.jobs.begin());
        let (_heard, ended) = (job.clone(), job);
        let work = move || {
            let _ended = ended;
            work()
        };
        storage::run_on(&*self.disk, work).await
    }

    /// The number of the disk's job that has lasted longest.
    pub(super) fn oldest_job(&self) -> Option<u64> {
        self.jobs.oldest()
    }

    /// The state could not be read: the node must stop.
    pub(in crate::node) fn failed(&self, error: StorageError) {
        let _ = self.reports.send(Report::Failed(error.into()));
    }

    /// A place among the long reads that go on, in the order in which they came.
    pub(super) async fn place(&self) -> SemaphorePermit<'_> {
        self.long_reads.acquire().await.expect("it is never closed")
    }

    /// The turn of a long read, or of whoever else reads much, in the order in which they asked.
    pub(in crate::node) async fn turn(&self) -> OwnedSemaphorePermit {
        self.slices.clone().acquire_owned().await.expect("it is never closed")
    }

    /// The state as it stands for good, at this index or a later one. Reads share a view if they can.
    pub(in crate::node) async fn view(&self, index: Index) -> Result<Arc<StateView>, StorageError> {
        let mut latest = self.view.lock().await;
        let reaches = |view: &Arc<StateView>| view.snapshot.last.index >= index;
        if let Some(view) = latest.upgrade().filter(|view| reaches(view) && !buggify(Buggify::LostView)) {
            sometimes!(ViewShared);
            return Ok(view);
        }
        let reader = self.reader.clone();
        let view = Arc::new(self.run(move || reader.view()).await?);
        debug_assert!(reaches(&view), "a read waits until the state stands there");
        *latest = Arc::downgrade(&view);
        Ok(view)
    }
}

/// Tasks that end with this, if they have not ended before.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: Vec<JoinHandle<()>>,
    /// When there are so many, those that have ended are forgotten.
    prune_at: usize,
}

impl Tasks {
    pub(super) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        if self.tasks.len() >= self.prune_at {
            self.tasks.retain(|task| !task.is_finished());
            self.prune_at = 2 * self.tasks.len() + 16;
        }
        self.tasks.push(tokio::spawn(work));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::{future::pending, io, pin::Pin};

    use redb::StorageBackend;

    use super::{super::lane::tests::server_on, *};
    use crate::storage::Job;

    /// It does what it is to do when it is let.
    #[derive(Default)]
    struct Slow(std::sync::Mutex<Option<Job>>);

    impl Disk for Slow {
        fn open(&self, _: &str) -> io::Result<Box<dyn StorageBackend>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn run(&self, job: Job) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            *self.0.lock().expect("nobody panics with it") = Some(job);
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_is_known_until_it_ends() {
        let disk = Arc::new(Slow::default());
        let server = server_on(disk.clone());
        let left = server.clock.timeout(std::time::Duration::from_millis(1), server.run(|| ())).await;
        assert!(left.is_err());
        assert_eq!(server.oldest_job(), Some(1), "the disk is at it");
        let job = disk.0.lock().expect("nobody panics with it").take();
        job.expect("it was begun")();
        assert_eq!(server.oldest_job(), None);
    }

    #[tokio::test]
    async fn work_that_has_ended_is_known_until_its_waiter_hears_of_it() {
        let disk = Arc::new(Slow::default());
        let server = server_on(disk.clone());
        let mut waiting = Box::pin(server.run(|| ()));
        let short = std::time::Duration::from_millis(1);
        assert!(server.clock.timeout(short, &mut waiting).await.is_err());
        let job = disk.0.lock().expect("nobody panics with it").take();
        job.expect("it was begun")();
        assert_eq!(server.oldest_job(), Some(1), "the disk keeps the answer back");
        drop(waiting);
        assert_eq!(server.oldest_job(), None);
    }
}
