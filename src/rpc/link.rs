//! One long-lived stream to another process: dialled, watched for silence, and dialled again after a pause that grows.
//! Peers and proxies use the same link; what it carries is a [`Protocol`] of theirs.
//!
//! ```text
//!   dial ──▶ open the stream ──▶ first sign of life: Up ──▶ Received ... ──▶ silence, end or error: Down
//!    ▲                                                                                   │
//!    └────────────────────────── pause, with jitter ◀─────────────────────────────────────┘
//! ```

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tokio::task::JoinHandle;
use tokio_stream::Stream;
use tonic::{Code, Status, Streaming};

use super::{
    Channel, Target, connect,
    metrics::LinkMetrics,
    outbox::{Outbox, OutboxReceiver, outbox},
    transport,
};
use crate::env::{Alarm, Clock};

/// A stream asks for a sign of life this often.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// A stream without a sign of life for this long is dead, whatever the transport still believes: four probes, and
/// many times what the largest batch takes.
const SILENCE_MAX: Duration = Duration::from_millis(1000);
/// The first pause before a lost stream is dialled again.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest: short beside the time in which an operator expects a restarted process to be found.
const PAUSE_MAX: Duration = Duration::from_millis(400);
/// The longest for whom the other side refuses: nothing changes there before an operator acts.
const REFUSED_PAUSE_MAX: Duration = Duration::from_secs(2);

/// What leaves on a stream.
pub(crate) struct MessageStream<T>(Pin<Box<dyn Stream<Item = T> + Send>>);

impl<T> Stream for MessageStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.as_mut().poll_next(context)
    }
}

/// A stream that is being opened.
pub(crate) type Opening<T> = Pin<Box<dyn Future<Output = Result<Streaming<T>, Status>> + Send>>;

/// What a link carries.
pub(crate) trait Protocol: Send + Sync + 'static {
    /// One thing to be sent.
    type Item: Send + 'static;
    /// A message on the stream: some items, or none.
    type Outgoing: prost::Message + 'static;
    /// A message from the other side.
    type Incoming: Send + 'static;

    /// Opens the stream.
    fn open(channel: Channel, outgoing: MessageStream<Self::Outgoing>) -> Opening<Self::Incoming>;

    /// The message that says who speaks: the first on every stream, and again whenever a sign of life is wanted.
    fn greeting(&self) -> Self::Outgoing;

    /// The message that carries these items.
    fn batch(&self, items: Vec<Self::Item>) -> Self::Outgoing;

    /// What happens on the link, in order. False: nobody is interested any more, and the link ends.
    fn on_event(&self, event: LinkEvent<Self::Item, Self::Incoming>) -> bool;
}

/// What happens on a link.
#[derive(Debug)]
pub(crate) enum LinkEvent<Item, Incoming> {
    /// A stream is open: items left in its outbox are sent, until `Down`.
    Up(Outbox<Item>),
    /// The other side sent this.
    Received(Incoming),
    /// There is no stream: what was sent through the last one may or may not have arrived.
    Down(Status),
}

/// How a link behaves.
#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    /// The other process.
    pub(crate) target: Target,
    /// Bytes that may wait to be sent.
    pub(crate) outbox_bytes_max: usize,
    /// A lost stream is dialled again. Where it is not, whoever calls may have named the address, and one after the other: such links are
    /// not told apart.
    pub(crate) reconnects: bool,
    pub(crate) clock: Clock,
    /// What the jitter is drawn from.
    pub(crate) random: ChaCha8Rng,
}

/// A link that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Link(JoinHandle<()>);

impl Drop for Link {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Starts a link.
    pub(crate) fn start<P: Protocol>(protocol: Arc<P>, options: LinkOptions) -> Self {
        let pause = Pause { random: options.random.clone(), next: PAUSE_MIN };
        let metrics = LinkMetrics::new(if options.reconnects { &options.target.address } else { "others" });
        Self(tokio::spawn(Dialer { protocol, options, pause, reported: None, metrics }.run()))
    }

    /// It gave up.
    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// The messages of a stream, watched for silence: from the side that dialled it or from the other.
pub(crate) struct Watched<T> {
    messages: Streaming<T>,
    clock: Clock,
    silence: Alarm,
}

impl<T: Send + 'static> Watched<T> {
    pub(crate) fn new(messages: Streaming<T>, clock: Clock) -> Self {
        let silence = Alarm::after(&clock, SILENCE_MAX);
        Self { messages, clock, silence }
    }

    /// The next message. `None`: the other side closed the stream.
    ///
    /// # Errors
    /// The stream broke off, or there was silence for too long.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, Status> {
        self.silence.set(self.clock.now() + SILENCE_MAX);
        tokio::select! { biased;
            message = self.messages.message() => message,
            () = self.silence.ring() => Err(silent()),
        }
    }
}

fn silent() -> Status {
    Status::deadline_exceeded(format!("no sign of life for {SILENCE_MAX:?}"))
}

struct Dialer<P> {
    protocol: Arc<P>,
    options: LinkOptions,
    pause: Pause,
    /// What the log was last told of this link; told once, not at every attempt.
    reported: Option<String>,
    metrics: LinkMetrics,
}

impl<P: Protocol> Dialer<P> {
    async fn run(mut self) {
        loop {
            let Err(status) = Box::pin(self.stream()).await;
            self.metrics.failed();
            let is_refusal = matches!(status.code(), Code::FailedPrecondition | Code::PermissionDenied);
            self.report(&status, is_refusal);
            if !self.protocol.on_event(LinkEvent::Down(status)) || !self.options.reconnects {
                return;
            }
            let pause = self.pause.next(if is_refusal { REFUSED_PAUSE_MAX } else { PAUSE_MAX });
            self.options.clock.sleep(pause).await;
        }
    }

    /// One stream, from dialling to its end.
    async fn stream(&mut self) -> Result<Infallible, Status> {
        let clock = self.options.clock.clone();
        let channel = connect(&self.options.target, &clock).await?;
        let (outbox, items) = outbox(self.options.outbox_bytes_max);
        let messages = messages(self.protocol.clone(), items, clock.clone());
        let outgoing = MessageStream(Box::pin(transport::outgoing(messages, &self.options.target.address)));
        let opening = P::open(channel, outgoing);
        let incoming = clock.timeout(SILENCE_MAX, opening).await.map_err(|_| silent())??;
        self.tell(LinkEvent::Up(outbox))?;
        let mut incoming = Watched::new(incoming, clock);
        loop {
            let message = incoming.next().await?;
            let message = message.ok_or_else(|| Status::unavailable("the other side closed the stream"))?;
            if self.reported.take().is_some() || self.pause.next > PAUSE_MIN {
                tracing::info!(address = self.options.target.address, "link is up");
            }
            self.pause.next = PAUSE_MIN;
            self.metrics.received();
            self.tell(LinkEvent::Received(message))?;
        }
    }

    fn tell(&self, event: LinkEvent<P::Item, P::Incoming>) -> Result<(), Status> {
        let stays = self.protocol.on_event(event);
        stays.then_some(()).ok_or_else(|| Status::cancelled("this process is stopping"))
    }

    fn report(&mut self, status: &Status, is_refusal: bool) {
        let reason = Reason(status).to_string();
        if self.reported.as_ref() != Some(&reason) {
            let address = &self.options.target.address;
            match is_refusal {
                true => tracing::warn!(address, reason, "refused"),
                false if self.options.reconnects => tracing::info!(address, reason, "link is down"),
                false => tracing::debug!(address, reason, "link is down"),
            }
            self.reported = Some(reason);
        }
    }
}

/// The words of a status, without its code and metadata.
struct Reason<'a>(&'a Status);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.message() {
            "" => write!(f, "{}", self.0.code()),
            message => f.write_str(message),
        }
    }
}

/// What leaves on a stream: a greeting first and whenever it is time to ask for a sign of life, else what waits.
fn messages<P: Protocol>(
    protocol: Arc<P>,
    mut items: OutboxReceiver<P::Item>,
    clock: Clock,
) -> impl Stream<Item = P::Outgoing> + Send + 'static {
    async_stream::stream! {
        loop {
            yield protocol.greeting();
            let mut probe = Alarm::after(&clock, PROBE_INTERVAL);
            while let Some(batch) = tokio::select! { biased;
                () = probe.ring() => None,
                batch = items.batch() => Some(batch),
            } {
                let Some(batch) = batch else { return };
                yield protocol.batch(batch);
            }
        }
    }
}

/// The pause before the next attempt: twice as long every time, and by chance up to a half shorter, so that those who
/// lost the same process do not all come back at the same moment.
#[derive(Debug)]
struct Pause {
    random: ChaCha8Rng,
    next: Duration,
}

impl Pause {
    fn next(&mut self, max: Duration) -> Duration {
        let pause = self.next.min(max);
        self.next = (pause * 2).min(max);
        pause.mul_f64(1.0 - self.random.random_range(0.0..0.5))
    }
}
