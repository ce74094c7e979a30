//! HTTP for whoever looks from outside, by a program of this machine or a person: small, bounded, and only to read.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use http_body_util::Full;
use hyper::{
    Method, Request, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Connections at a time; who comes beyond them waits. A few look, each now and then.
const CONNECTIONS_MAX: usize = 32;
/// Who says so long not what it wants is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Who does not take an answer, or only sits there, is cut off after this.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(60);
/// Bytes of a request's head.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// Pause after a connection that could not be accepted; a shortage of file descriptors does not pass sooner.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// What is answered.
pub(super) type Response = hyper::Response<Full<Bytes>>;

/// Takes an address, which `option` names.
///
/// # Errors
/// It cannot be had.
pub(super) fn bind(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    bind()
        .with_context(|| format!("cannot listen on {option} {address}; free the port, or choose another one"))
}

/// Answers what is asked for by its path, as long as the process lives.
pub(super) async fn serve(
    listener: TcpListener,
    answer: impl Fn(&str) -> Response + Clone + Send + Sync + 'static,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(reason) => {
                tracing::warn!(%reason, "cannot accept a connection over HTTP");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let answer = answer.clone();
        tokio::spawn(async move {
            let _place = place;
            // Who is cut off, or goes away, is nobody's concern.
            let _ = tokio::time::timeout(CONNECTION_AGE_MAX, connection(stream, answer)).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    answer: impl Fn(&str) -> Response + Send + Sync + 'static,
) -> Result<(), hyper::Error> {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = match *request.method() {
            Method::GET | Method::HEAD => answer(request.uri().path()),
            _ => not_allowed(),
        };
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(HEADER_BYTES_MAX);
    server.serve_connection(TokioIo::new(stream), service).await
}

fn not_allowed() -> Response {
    let mut refusal = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET is answered here\n");
    refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    refusal
}

pub(super) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
