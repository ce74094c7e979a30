//! A connection of a server.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, watch},
};
use tonic::transport::server::Connected;

use super::{HANDSHAKE_TIMEOUT, secured::Secured, stream::Gathering};
use crate::{env::Clock, rpc::caller::Caller};

/// A connection that the server can cut: tonic itself would wait for every stream to end, and ours never do.
pub(super) struct Connection {
    stream: Gathering,
    caller: Caller,
    /// Among those that the server has at a time.
    _place: OwnedSemaphorePermit,
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
    pub(super) fn new(
        stream: Secured,
        caller: Caller,
        place: OwnedSemaphorePermit,
        clock: Clock,
        mut uncut: watch::Receiver<()>,
    ) -> Self {
        let sender_lives = async move { while uncut.changed().await.is_ok() {} };
        let is_late = Box::pin(async move { clock.sleep(HANDSHAKE_TIMEOUT).await });
        Self {
            stream: Gathering::new(stream),
            caller,
            _place: place,
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
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}
