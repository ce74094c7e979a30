//! Spans of calls, as a collector of OpenTelemetry gets them.
#![cfg(all(unix, not(madsim)))]

mod programs;

use std::time::Duration;

use conclave::wire::pb::etcdserverpb::{PutRequest, kv_client::KvClient};
use nix::sys::signal::Signal;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use programs::*;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, transport::Server};

/// Takes what is sent.
struct Collector(mpsc::UnboundedSender<Span>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let _ = self.0.send(span);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test]
async fn a_call_is_a_span_in_the_trace_of_its_caller() {
    let ports = free_ports(3);
    let [collector, listen, nowhere] = [0, 1, 2].map(|offset| format!("127.0.0.1:{}", ports + offset));
    let (spans_tx, mut spans) = mpsc::unbounded_channel();
    let service = TraceServiceServer::new(Collector(spans_tx));
    tokio::spawn(Server::builder().add_service(service).serve(collector.parse().expect("an address")));
    let proxy = Program::start(&format!(
        "proxy --listen {listen} --nodes {nowhere} --patience 200ms --otlp-endpoint http://{collector}"
    ));
    let mut client = loop {
        match KvClient::connect(format!("http://{listen}")).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let mut request = Request::new(PutRequest { key: "color".into(), ..PutRequest::default() });
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("a value"));
    request.metadata_mut().insert("x-request-id", "checkout-42".parse().expect("a value"));
    client.put(request).await.expect_err("there is no cluster");
    // What is not sent yet is sent before it ends.
    send_signal(proxy.pid(), Signal::SIGTERM);
    let span = tokio::time::timeout(PATIENCE, spans.recv()).await.expect("in time").expect("a span");
    assert!(tokio::task::spawn_blocking(|| proxy.end()).await.expect("it ends").success());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(span.name, "etcdserverpb.KV/Put");
    assert_eq!(hex(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex(&span.parent_span_id), "b7ad6b7169203331");
    let attributes = format!("{:?}", span.attributes);
    for expected in ["request_id", "checkout-42", "outcome", "Unavailable"] {
        assert!(attributes.contains(expected), "{expected}: {attributes}");
    }
}
