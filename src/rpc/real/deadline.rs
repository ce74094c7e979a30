//! The channel of the real world keeps its deadlines itself.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use tonic::{
    Code, Status,
    body::Body,
    codegen::{BoxFuture, Service, StdError, http},
    transport,
};

use crate::{
    env::Clock,
    rpc::deadline::{TIMEOUT_HEADER, parse_span},
};

/// A connection, or one to be, for the generated clients. Cheap to clone.
///
/// tonic's own channel answers CANCELLED when a deadline passes, and forgets the deadline while it connects.
#[derive(Clone, Debug)]
pub struct Channel {
    inner: transport::Channel,
    clock: Clock,
}

impl Channel {
    pub(super) fn new(inner: transport::Channel, clock: Clock) -> Self {
        Self { inner, clock }
    }
}

type HttpResponse = http::Response<Body>;

impl Service<http::Request<Body>> for Channel {
    type Response = HttpResponse;
    type Error = StdError;
    type Future = BoxFuture<HttpResponse, StdError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let span = request.headers().get(TIMEOUT_HEADER).and_then(|value| parse_span(value.to_str().ok()?));
        let answer = self.inner.call(request);
        let clock = self.clock.clone();
        Box::pin(async move {
            match span {
                Some(span) => answer_within(&clock, span, answer).await,
                None => Ok(answer.await?),
            }
        })
    }
}

/// A server whose own timer rang answers CANCELLED. Its timer started after ours, so by then our time is up too.
async fn answer_within(
    clock: &Clock,
    span: Duration,
    answer: impl Future<Output = Result<HttpResponse, transport::Error>>,
) -> Result<HttpResponse, StdError> {
    let sent = clock.now();
    let answer = clock.timeout(span, answer).await;
    let late = clock.now().since(sent) >= span;
    match answer {
        Ok(Ok(response)) if !(late && is_cancelled(&response)) => Ok(response),
        Ok(Err(error)) if !late => Err(error.into()),
        _ => Err(Status::deadline_exceeded(format!("no answer within {span:?}")).into()),
    }
}

fn is_cancelled(response: &HttpResponse) -> bool {
    Status::from_header_map(response.headers()).is_some_and(|status| status.code() == Code::Cancelled)
}
