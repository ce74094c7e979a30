//! A connection of a server.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::{OwnedSemaphorePermit, watch},
};
use tonic::transport::server::Connected;

use super::{HANDSHAKE_TIMEOUT, fields::IDLE_MAX, secured::Secured, stream::Gathering};
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
    clock: Clock,
    /// Rings when the other side has taken nothing for long of what waits for it, after so many bytes; `None` if nothing waits.
    stalled: Option<(u64, Alarm)>,
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
        let is_late = alarm(&clock, HANDSHAKE_TIMEOUT);
        Self {
            stream: Gathering::new(stream),
            caller,
            _place: place,
            uncut: Some(Box::pin(sender_lives)),
            handshake: Some(Handshake { missing_bytes: HANDSHAKE_BYTES, is_late }),
            clock,
            stalled: None,
        }
    }

    fn is_cut(&mut self, context: &mut Context<'_>) -> bool {
        if self.uncut.as_mut().is_some_and(|uncut| uncut.as_mut().poll(context).is_ready()) {
            self.uncut = None;
        }
        self.uncut.is_none()
    }

    /// The outcome of an attempt to write, unless it has been in vain for too long. Nothing else would end such a connection: while
    /// HTTP/2 cannot write it sends no ping, and does not read.
    fn written<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let Some(taken) = self.stream.blocked_after() else {
            self.stalled = None;
            return outcome;
        };
        // (What is written may gather here, while what came before it waits.)
        if outcome.is_ready() {
            return outcome;
        }
        if self.is_cut(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let same = self.stalled.take().filter(|(before, _)| *before == taken);
        let (_, rings) = self.stalled.insert(same.unwrap_or_else(|| (taken, alarm(&self.clock, IDLE_MAX))));
        rings.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

fn alarm(clock: &Clock, after: Duration) -> Alarm {
    let clock = clock.clone();
    Box::pin(async move { clock.sleep(after).await })
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
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(context);
        self.written(context, outcome)
    }
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
        sync::Semaphore,
    };

    use super::*;
    use crate::rpc::caller::Proof;

    /// HTTP/2 that waits to write does not read: the cut must be seen there too.
    #[tokio::test]
    async fn a_connection_that_takes_nothing_is_cut_all_the_same() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (caller, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_reads_nothing, (stream, _)) = (caller.expect("it listens"), accepted.expect("it was called"));
        let places = std::sync::Arc::new(Semaphore::new(1));
        let place = places.clone().try_acquire_owned().expect("a place");
        let (cut, uncut) = watch::channel(());
        let caller = Caller { address: None, proof: Proof::NotAsked };
        let clock = Clock::new(Duration::ZERO);
        let mut connection = Connection::new(Secured::Plain(stream), caller, place, clock.clone(), uncut);
        let writing = async { while connection.write_all(&[7; 1 << 16]).await.is_ok() {} };
        let cutting = async {
            clock.sleep(Duration::from_millis(300)).await;
            drop(cut);
        };
        let both = async { tokio::join!(writing, cutting) };
        assert!(clock.timeout(Duration::from_secs(5), both).await.is_ok(), "it is not cut");
    }
}
