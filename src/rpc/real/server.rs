//! The real server: tonic over TCP.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};
use tokio_stream::StreamExt;
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    service::RoutesBuilder,
    transport::{
        self,
        server::{Connected, TcpIncoming},
    },
};

use tower::layer::util::{Identity, Stack};

use super::{
    ACCEPT_PAUSE, CONCURRENT_STREAMS_MAX, CONNECTION_WINDOW_BYTES, HANDSHAKE_TIMEOUT, KEEPALIVE_INTERVAL,
    KEEPALIVE_TIMEOUT, PENDING_RESETS_MAX, STREAM_WINDOW_BYTES, status::UsualStatus, stream::Gathering,
};
use crate::{
    env::Clock,
    rpc::{RpcError, SHUTDOWN_GRACE},
};

/// Services that will share one address.
pub struct Server {
    routes: RoutesBuilder,
    clock: Clock,
}

impl Server {
    /// A server without services: every call answers UNIMPLEMENTED.
    pub fn new(clock: &Clock) -> Self {
        Self { routes: RoutesBuilder::default(), clock: clock.clone() }
    }

    /// Adds a generated service.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "a server is no sum")]
    pub fn add<S>(mut self, service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self
    }

    /// Takes the address; port 0 takes any free port. Callers may connect from now on, and are answered once
    /// [`Bound::serve`] runs.
    pub async fn bind(self, address: SocketAddr) -> Result<Bound, RpcError> {
        let refused = |reason| RpcError::Bind { address, reason };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Bound { routes: self.routes, clock: self.clock, listener, local_addr })
    }
}

/// A server that has its address.
pub struct Bound {
    routes: RoutesBuilder,
    clock: Clock,
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Bound {
    /// The address with its true port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then takes nothing new, leaves calls under way [`SHUTDOWN_GRACE`] to end, and cuts
    /// what remains. Dropping the future cuts everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<(), RpcError> {
        let address = self.local_addr;
        let failed = |error: transport::Error| RpcError::Serve { address, reason: error.to_string() };
        let (cut, uncut) = watch::channel(());
        let (clock, accepting) = (self.clock.clone(), self.clock);
        let (stop, stopped) = oneshot::channel();
        let incoming = TcpIncoming::from(self.listener)
            .with_nodelay(Some(true))
            .then(move |accepted| connection(accepted, accepting.clone(), uncut.clone()));
        let mut serving =
            pin!(builder().add_routes(self.routes.routes()).serve_with_incoming_shutdown(incoming, async {
                let _ = stopped.await;
            }));
        tokio::select! {
            biased;
            () = shutdown => {}
            outcome = &mut serving => return outcome.map_err(failed),
        }
        let _ = stop.send(());
        if let Ok(outcome) = clock.timeout(SHUTDOWN_GRACE, &mut serving).await {
            return outcome.map_err(failed);
        }
        drop(cut);
        serving.await.map_err(failed)
    }
}

fn builder() -> transport::Server<Stack<UsualStatus, Identity>> {
    transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(CONCURRENT_STREAMS_MAX)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .layer(UsualStatus)
}

/// Pauses when a connection cannot be taken: without it, a process short of file descriptors would spin.
async fn connection(
    accepted: io::Result<TcpStream>,
    clock: Clock,
    uncut: watch::Receiver<()>,
) -> io::Result<Connection> {
    match accepted {
        Ok(stream) => Ok(Connection::new(stream, clock, uncut)),
        Err(reason) => {
            tracing::warn!(%reason, "cannot accept a connection");
            clock.sleep(ACCEPT_PAUSE).await;
            Err(reason)
        }
    }
}

/// A TCP connection that the server can cut: tonic itself would wait for every stream to end, and ours never do.
struct Connection {
    stream: Gathering,
    /// Ends when the connection is cut; `None` from then on.
    uncut: Option<Alarm>,
    handshake: Option<Handshake>,
}

/// Ends when it is time.
type Alarm = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The beginning of a connection, until its other side has said that it speaks HTTP/2.
struct Handshake {
    missing_bytes: usize,
    is_late: Alarm,
}

/// HTTP/2's preface and the head of the frame that must follow it (RFC 9113, section 3.4).
const HANDSHAKE_BYTES: usize = 24 + 9;

impl Connection {
    /// The connection lives as long as the sender of `uncut`.
    fn new(stream: TcpStream, clock: Clock, mut uncut: watch::Receiver<()>) -> Self {
        let sender_lives = async move { while uncut.changed().await.is_ok() {} };
        let is_late = Box::pin(async move { clock.sleep(HANDSHAKE_TIMEOUT).await });
        Self {
            stream: Gathering::new(stream),
            uncut: Some(Box::pin(sender_lives)),
            handshake: Some(Handshake { missing_bytes: HANDSHAKE_BYTES, is_late }),
        }
    }

    fn is_cut(&mut self, context: &mut Context<'_>) -> bool {
        if self.uncut.as_mut().is_some_and(|uncut| uncut.as_mut().poll(context).is_ready()) {
            self.uncut = None;
        }
        self.uncut.is_none()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Some(handshake) = &mut self.handshake {
            let bytes = buffer.filled().len() - before;
            handshake.missing_bytes = handshake.missing_bytes.saturating_sub(bytes);
            if handshake.missing_bytes == 0 {
                self.handshake = None;
            } else if handshake.is_late.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Connected for Connection {
    type ConnectInfo = <TcpStream as Connected>::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.stream().connect_info()
    }
}
