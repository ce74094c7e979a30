//! Deadlines of calls: the caller sets one, both sides keep it, and it ends as DEADLINE_EXCEEDED in both worlds.

use std::time::Duration;

use tonic::{IntoRequest, Request};

/// The request, to be answered within `deadline` from the moment it is sent. A stream must begin to answer by then
/// and may go on for longer.
pub fn with_deadline<T>(request: impl IntoRequest<T>, deadline: Duration) -> Request<T> {
    let mut request = request.into_request();
    request.set_timeout(deadline);
    request
}
