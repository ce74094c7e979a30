//! A span for each call, for who collects traces: it goes on where its caller's does (W3C `traceparent`). Unless somebody
//! collects them, there are none.

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::codegen::http::{self, HeaderMap};
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::env::SPANS;

/// The span of a call; services record in it what they know.
pub(super) fn span<B>(request: &http::Request<B>) -> Span {
    let path = request.uri().path().trim_start_matches('/');
    let span = tracing::trace_span!(
        target: SPANS,
        "call",
        otel.name = path,
        otel.kind = "server",
        rpc.system = "grpc",
        request_id = Empty,
        outcome = Empty,
        waits = Empty,
    );
    if !span.is_disabled() {
        // Without a tracer the span has no place in a trace, and needs none.
        let _ = span.set_parent(parent(request.headers()));
    }
    span
}

fn parent(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract(&Headers(headers))
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceContextExt;

    use super::*;

    #[test]
    fn a_call_goes_on_where_its_caller_does() {
        let mut headers = HeaderMap::new();
        assert!(!parent(&headers).span().span_context().is_valid());
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", traceparent.parse().expect("a value"));
        let trace = parent(&headers).span().span_context().trace_id();
        assert_eq!(trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    }
}
