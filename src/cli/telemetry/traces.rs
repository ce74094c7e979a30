//! Traces, sent to an OpenTelemetry collector (OTLP over gRPC): a span for each call.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tonic::codegen::http::Uri;
use tracing_subscriber::{Layer, Registry, filter::Targets};

use super::super::{logging::AnyLayer, usage::UsageError};
use crate::env::SPANS;

/// What is left is sent within this when the program stops.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Sends the spans of a program of this name to a collector. What it cannot take is dropped: nothing waits for it.
///
/// # Errors
/// The URL cannot be understood, or spans are sent already.
pub(super) fn layer(endpoint: &str, service: &'static str) -> anyhow::Result<AnyLayer> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build();
    let exporter = exporter.with_context(|| {
        format!("--otlp-endpoint '{endpoint}' cannot be used; write it as http://HOST:4317")
    })?;
    let resource = Resource::builder().with_service_name(service).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("conclave");
    anyhow::ensure!(PROVIDER.set(provider).is_ok(), "spans are sent already");
    let spans = Targets::new().with_target(SPANS, tracing::Level::TRACE);
    Ok(Layer::<Registry>::boxed(tracing_opentelemetry::layer().with_tracer(tracer).with_filter(spans)))
}

/// Whether spans could be sent there. The exporter knows no TLS.
///
/// # Errors
/// The URL cannot be understood, or wants TLS.
pub(super) fn check(endpoint: &str) -> Result<(), UsageError> {
    if endpoint.contains('@') {
        return Err(UsageError(
            "--otlp-endpoint holds a user or a password, which no collector is sent: leave them out"
                .to_owned(),
        ));
    }
    let parsed = endpoint.parse::<Uri>().ok();
    let why = match parsed.as_ref().and_then(Uri::scheme_str) {
        Some("http") => return Ok(()),
        Some("https") => ": spans are sent without TLS",
        _ => "",
    };
    Err(UsageError(format!("--otlp-endpoint '{endpoint}' cannot be used{why}; write it as http://HOST:4317")))
}

/// Sends what is left.
pub(super) async fn flush() {
    if let Some(provider) = PROVIDER.get() {
        let flushing = tokio::task::spawn_blocking(|| provider.force_flush());
        let _ = tokio::time::timeout(FLUSH_PATIENCE, flushing).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_that_wants_tls_is_refused_at_the_start() {
        assert!(check("http://collector:4317").is_ok());
        for (endpoint, expected) in [
            ("https://collector:4317", "spans are sent without TLS; write it as http://HOST:4317"),
            ("collector:4317", "cannot be used; write it as http://HOST:4317"),
            ("grpc://collector:4317", "cannot be used; write it as http://HOST:4317"),
            ("http://user:word@collector:4317", "holds a user or a password"),
        ] {
            let error = check(endpoint).expect_err(endpoint).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
