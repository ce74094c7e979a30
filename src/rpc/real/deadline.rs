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

use crate::env::Clock;

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
        let span = request.headers().get("grpc-timeout").and_then(|value| parse_span(value.to_str().ok()?));
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

/// Reads a `grpc-timeout` header: up to eight digits and a unit.
fn parse_span(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => count.checked_mul(3600).map(Duration::from_secs),
        "M" => count.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_timeout_is_read_in_every_unit_and_nonsense_is_not() {
        assert_eq!(parse_span("2H"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_span("3M"), Some(Duration::from_secs(180)));
        assert_eq!(parse_span("4S"), Some(Duration::from_secs(4)));
        assert_eq!(parse_span("500m"), Some(Duration::from_millis(500)));
        assert_eq!(parse_span("60000000u"), Some(Duration::from_secs(60)));
        assert_eq!(parse_span("7n"), Some(Duration::from_nanos(7)));
        for nonsense in ["", "S", "10", "-1S", "1s", "1é", "99999999999999999999S", "9999999999999999999H"] {
            assert_eq!(parse_span(nonsense), None, "{nonsense}");
        }
    }
}
