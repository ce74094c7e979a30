//! What tonic itself answers, as gRPC clients know it from elsewhere: it calls an unknown service or method
//! UNIMPLEMENTED without a word, and a message over the limit OUT_OF_RANGE where others say RESOURCE_EXHAUSTED. (On this
//! way, calls get their spans, and large answers the fields that their services left to be added.)

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Service,
        http::{self, uri::PathAndQuery},
    },
};
use tower::Layer;
use tracing::Span;

use super::{fields::add_fields, trace};
use crate::rpc::error::unimplemented;

/// Rewrites the answers of tonic itself; those of services pass as they are.
#[derive(Clone, Copy, Debug)]
pub(super) struct UsualStatus;

impl<S> Layer<S> for UsualStatus {
    type Service = WithUsualStatus<S>;

    fn layer(&self, inner: S) -> WithUsualStatus<S> {
        WithUsualStatus { inner }
    }
}

#[derive(Clone, Debug)]
pub(super) struct WithUsualStatus<S> {
    inner: S,
}

impl<S, B> Service<http::Request<B>> for WithUsualStatus<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = http::Response<Body>;
    type Error = S::Error;
    type Future = Answering<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let path = request.uri().path_and_query().cloned();
        let span = trace::span(&request);
        Answering { answer: self.inner.call(request), path, span }
    }
}

pin_project! {
    pub(super) struct Answering<F> {
        #[pin]
        answer: F,
        path: Option<PathAndQuery>,
        span: Span,
    }
}

impl<F, E> Future for Answering<F>
where
    F: Future<Output = Result<http::Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.span.enter();
        let mut response = ready!(this.answer.poll(context))?;
        // Successful answers bear their status in the trailers, which come later.
        if response.headers().contains_key(Status::GRPC_STATUS)
            && let Some(status) = Status::from_header_map(response.headers())
            && let Some(usual) = usual(&status, this.path.as_ref().map_or("", PathAndQuery::path))
        {
            response = usual.into_http();
        }
        Poll::Ready(Ok(add_fields(response)))
    }
}

/// How tonic begins what it says of a message over the limit.
const TOO_LARGE: &str = "Error, decoded message length too large";

fn usual(status: &Status, path: &str) -> Option<Status> {
    match status.code() {
        Code::Unimplemented if status.message().is_empty() => Some(unimplemented(path)),
        Code::OutOfRange => {
            let sizes = status.message().strip_prefix(TOO_LARGE)?;
            let sizes: Vec<&str> = sizes.split(' ').filter(|word| word.parse::<u64>().is_ok()).collect();
            let message = format!("grpc: received message larger than max ({})", sizes.join(" vs. "));
            Some(Status::resource_exhausted(message))
        }
        _ => None,
    }
}
