//! What comes in on a stream is received by a task of its own: it is not to wait until what goes back is taken.

use tokio::task::JoinHandle;
use tonic::Status;

/// Receives for as long as this lives. A stream that received only when it is asked for its next message would hear nothing
/// while a slow line, or a reader who takes its time, keeps large answers waiting.
pub(super) struct Receiving(JoinHandle<Result<(), Status>>);

impl Receiving {
    pub(super) fn start(work: impl Future<Output = Result<(), Status>> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Why nothing is received any more.
    pub(super) async fn ended(&mut self) -> Result<(), Status> {
        (&mut self.0).await.unwrap_or_else(|_| Err(Status::unavailable("the node is stopping")))
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.0.abort();
    }
}
