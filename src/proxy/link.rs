//! One long-lived stream to a node, carrying batches both ways.

use std::{convert::Infallible, time::Duration};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until, timeout},
};
use tonic::Status;

use crate::{
    env::Clock,
    rpc,
    wire::{WithLimits, pb::v1},
};

/// Requests in one batch.
const BATCH_REQUESTS_MAX: usize = 1024;
/// A silent link asks for a sign of life this often.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// A link without a sign of life for this long is dead, whatever the transport still believes.
const SILENCE_MAX: Duration = Duration::from_millis(1000);
/// Pause before a lost link is tried again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// What a link tells the router. `link` is its number.
pub(super) enum News {
    /// The stream is open: requests may be sent through `outbox`, until `Down`.
    Up { link: usize, outbox: Outbox },
    /// The node says who leads.
    Leadership { link: usize, leadership: v1::Leadership },
    /// Answers.
    Replies { link: usize, replies: Vec<v1::Reply> },
    /// The stream is gone: what was sent through it may or may not have arrived.
    Down { link: usize },
}

/// Where the router leaves requests for a node. Unbounded: the router bounds what is outstanding.
pub(super) type Outbox = mpsc::UnboundedSender<v1::Request>;

/// Starts links.
pub(super) struct Dialer {
    pub(super) cluster: String,
    pub(super) clock: Clock,
    pub(super) news: mpsc::UnboundedSender<News>,
}

impl Dialer {
    /// Starts a link, which connects and connects again as long as the router lives.
    pub(super) fn start(&self, number: usize, address: &str) -> JoinHandle<()> {
        let Self { cluster, clock, news } = self;
        let link = Link {
            number,
            address: address.to_owned(),
            cluster: cluster.clone(),
            clock: clock.clone(),
            news: news.clone(),
        };
        tokio::spawn(link.run())
    }
}

struct Link {
    number: usize,
    address: String,
    cluster: String,
    clock: Clock,
    news: mpsc::UnboundedSender<News>,
}

impl Link {
    async fn run(self) {
        while !self.news.is_closed() {
            let Err(status) = self.stream().await;
            match status.code() {
                tonic::Code::FailedPrecondition => tracing::warn!(node = self.address, %status, "refused"),
                _ => tracing::debug!(node = self.address, %status, "link is down"),
            }
            let _ = self.news.send(News::Down { link: self.number });
            self.clock.sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn stream(&self) -> Result<Infallible, Status> {
        let channel =
            rpc::connect(&self.address).await.map_err(|error| Status::unavailable(error.to_string()))?;
        let mut client = v1::node_client::NodeClient::new(channel).with_limits();
        let (outbox, requests) = mpsc::unbounded_channel();
        let batches = batches(self.cluster.clone(), requests, self.clock.clone());
        let opening = client.session(batches);
        let mut incoming = self.within_silence(opening).await??.into_inner();
        self.tell(News::Up { link: self.number, outbox })?;
        loop {
            let batch = self.within_silence(incoming.message()).await??;
            let batch = batch.ok_or_else(|| Status::unavailable("the node closed the stream"))?;
            if let Some(leadership) = batch.leadership {
                self.tell(News::Leadership { link: self.number, leadership })?;
            }
            if !batch.replies.is_empty() {
                self.tell(News::Replies { link: self.number, replies: batch.replies })?;
            }
        }
    }

    fn tell(&self, news: News) -> Result<(), Status> {
        self.news.send(news).map_err(|_| Status::cancelled("the proxy is stopping"))
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
