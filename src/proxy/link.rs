//! One long-lived stream to a node, carrying batches both ways.

use std::{convert::Infallible, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tonic::{Code, Status};

use super::core::{DownReason, LinkId};
use crate::{
    env::Clock,
    rpc,
    wire::{Leadership, WithLimits, pb::v1},
};

/// Requests in one batch. Its bytes are bounded by what the core lets be under way on a link.
const BATCH_REQUESTS_MAX: usize = 1024;
/// A silent link asks for a sign of life this often.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// A link without a sign of life for this long is dead, whatever the transport still believes.
const SILENCE_MAX: Duration = Duration::from_millis(1000);
/// Pause before a lost link is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// What a link tells the edge.
pub(super) enum LinkEvent {
    /// The node took the stream: requests may be sent through the outbox, until `Down`.
    Up(Outbox),
    /// The node says who leads.
    Leadership(Leadership),
    Replies(Vec<v1::Reply>),
    /// The stream is gone: what was sent through it may or may not have arrived.
    Down(DownReason),
}

/// Where the edge leaves requests for a node. Unbounded: the core bounds what is under way.
pub(super) type Outbox = mpsc::UnboundedSender<v1::Request>;

/// Starts links.
pub(super) struct Dialer {
    pub(super) cluster: String,
    pub(super) clock: Clock,
    pub(super) events: mpsc::UnboundedSender<(LinkId, LinkEvent)>,
}

impl Dialer {
    /// Starts a link, which connects and connects again until its task is aborted.
    pub(super) fn start(&self, id: LinkId, address: String) -> JoinHandle<()> {
        let Self { cluster, clock, events } = self;
        let link =
            Link { id, address, cluster: cluster.clone(), clock: clock.clone(), events: events.clone() };
        tokio::spawn(link.run())
    }
}

struct Link {
    id: LinkId,
    address: String,
    cluster: String,
    clock: Clock,
    events: mpsc::UnboundedSender<(LinkId, LinkEvent)>,
}

impl Link {
    async fn run(self) {
        let mut last = None;
        while !self.events.is_closed() {
            let mut was_up = false;
            let Err(status) = self.stream(&mut was_up).await;
            let reason = match status.code() {
                Code::FailedPrecondition => DownReason::Refused(status.message().to_owned()),
                _ => DownReason::Lost,
            };
            // A node that stays away is not worth a line at every attempt to reach it.
            if was_up || last.as_ref() != Some(&reason) {
                tracing::warn!(node = self.address, reason = status.message(), "the link to a node is down");
            }
            last = Some(reason.clone());
            let _ = self.tell(LinkEvent::Down(reason));
            self.clock.sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn stream(&self, is_up: &mut bool) -> Result<Infallible, Status> {
        let channel =
            rpc::connect(&self.address).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = v1::node_client::NodeClient::new(channel).with_limits();
        let (outbox, requests) = mpsc::unbounded_channel();
        let batches = batches(self.cluster.clone(), requests, self.clock.clone());
        let opening = client.session(batches);
        let mut incoming = self.within_silence(opening).await??.into_inner();
        // A node speaks first once it has found that this is a proxy of its cluster.
        let first = self.within_silence(incoming.message()).await??;
        tracing::info!(node = self.address, "the link to a node is up");
        *is_up = true;
        self.tell(LinkEvent::Up(outbox))?;
        let mut next = first;
        loop {
            let batch = next.ok_or_else(|| Status::unavailable("the node closed the stream"))?;
            if let Some(leadership) = batch.leadership {
                self.tell(LinkEvent::Leadership(leadership.into()))?;
            }
            if !batch.replies.is_empty() {
                self.tell(LinkEvent::Replies(batch.replies))?;
            }
            next = self.within_silence(incoming.message()).await??;
        }
    }

    fn tell(&self, event: LinkEvent) -> Result<(), Status> {
        self.events.send((self.id, event)).map_err(|_| Status::cancelled("the proxy is stopping"))
    }

    async fn within_silence<T>(&self, sign: impl Future<Output = T>) -> Result<T, Status> {
        let span = self.clock.true_span(SILENCE_MAX);
        timeout(span, sign).await.map_err(|_| Status::deadline_exceeded("no sign of life"))
    }
}

/// The stream to a node: what waits leaves together, and silence turns into a question.
fn batches(
    cluster: String,
    mut waiting: mpsc::UnboundedReceiver<v1::Request>,
    clock: Clock,
) -> impl tokio_stream::Stream<Item = v1::RequestBatch> + Send + 'static {
    async_stream::stream! {
        yield v1::RequestBatch { cluster: cluster.clone(), requests: Vec::new() };
        let mut probe_at = Instant::now() + clock.true_span(PROBE_INTERVAL);
        loop {
            let mut requests = Vec::new();
            tokio::select! { biased;
                () = sleep_until(probe_at) => probe_at = Instant::now() + clock.true_span(PROBE_INTERVAL),
                count = waiting.recv_many(&mut requests, BATCH_REQUESTS_MAX) => if count == 0 { return },
            }
            yield v1::RequestBatch { cluster: cluster.clone(), requests };
        }
    }
}
