//! The byte stream under real servers and channels.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::secured::Secured;

/// What may gather before it is handed to the operating system.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// A stream that gathers what is written, and hands it on one turn of the scheduler after it is asked to: a
/// hundred calls answered together by as many tasks then cost one system call, not a hundred.
#[derive(Debug)]
pub(super) struct Gathering {
    stream: Secured,
    gathered: Vec<u8>,
    /// So much of it is sent.
    sent: usize,
    /// It has let the other tasks have their turn.
    yielded: bool,
    /// Bytes that were handed on so far.
    handed_on: u64,
    /// The other side, or the way there, takes no more for the moment.
    is_blocked: bool,
}

impl Gathering {
    pub(super) fn new(stream: Secured) -> Self {
        Self { stream, gathered: Vec::new(), sent: 0, yielded: false, handed_on: 0, is_blocked: false }
    }

    /// How many bytes had been handed on when it began to wait for the other side; `None` if it does not.
    pub(super) fn blocked_after(&self) -> Option<u64> {
        self.is_blocked.then_some(self.handed_on)
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.gathered.len() {
            let rest = &self.gathered[self.sent..];
            let written = Pin::new(&mut self.stream).poll_write(context, rest);
            self.is_blocked = written.is_pending();
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => {
                    self.sent += sent;
                    self.handed_on += sent as u64;
                }
            }
        }
        self.gathered.clear();
        (self.sent, self.yielded) = (0, false);
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Gathering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gathering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.gathered.len() >= GATHERED_BYTES_MAX {
            ready!(self.poll_send(context))?;
        }
        self.gathered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.gathered.is_empty() && !self.yielded {
            self.yielded = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        ready!(self.poll_send(context))?;
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.is_blocked = flushed.is_pending();
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
