//! The channel of the real world keeps its deadlines itself.

use std::{
    error::Error,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio_rustls::rustls::AlertDescription;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{BoxFuture, Service, StdError, http},
    transport,
};

use crate::{
    env::{Clock, Moment},
    rpc::{
        deadline::{TIMEOUT_HEADER, parse_span},
        root_cause,
    },
};

/// A connection, or one to be, for the generated clients. Cheap to clone.
///
/// tonic's own channel answers CANCELLED when a deadline passes, and forgets the deadline while it connects.
#[derive(Clone, Debug)]
pub struct Channel {
    inner: transport::Channel,
    clock: Clock,
    /// What may be missing when the connection breaks off.
    missing: Missing,
    /// The other side has answered before: it understands what it is told.
    has_answered: Arc<AtomicBool>,
}

/// What this side does not show, or cannot know to be enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Tls,
    Certificate,
    /// The other side may not believe the certificate.
    Trust,
}

impl Channel {
    pub(super) fn new(inner: transport::Channel, clock: Clock, missing: Missing) -> Self {
        Self { inner, clock, missing, has_answered: Arc::default() }
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
        let sent = self.clock.now();
        let answer = self.inner.call(request);
        let (clock, missing, has_answered) = (self.clock.clone(), self.missing, self.has_answered.clone());
        let answer = async move {
            let answer = answer.await;
            if answer.is_ok() {
                has_answered.store(true, Ordering::Relaxed);
            }
            answer.map_err(|error| explain(error, missing, has_answered.load(Ordering::Relaxed)))
        };
        match span {
            Some(span) => Box::pin(async move { answer_within(&clock, (sent, span), answer).await }),
            None => Box::pin(answer),
        }
    }
}

/// A server whose own timer rang answers CANCELLED. Its timer started after ours, so by then our time is up too. So does tonic's on this
/// side, which may ring before ours is looked at.
async fn answer_within(
    clock: &Clock,
    (sent, span): (Moment, Duration),
    answer: impl Future<Output = Result<HttpResponse, StdError>>,
) -> Result<HttpResponse, StdError> {
    let answer = clock.timeout(span.saturating_sub(clock.now().since(sent)), answer).await;
    let late = clock.now().since(sent) >= span;
    match answer {
        Ok(Ok(response)) if !(late && is_cancelled(&response)) => Ok(response),
        Ok(Err(error)) if !(late || causes(Some(&*error)).any(<dyn Error>::is::<tonic::TimeoutExpired>)) => {
            Err(error)
        }
        _ => Err(Status::deadline_exceeded(format!("no answer within {span:?}")).into()),
    }
}

/// Whether a call certainly reached nobody who would carry it out: there was no connection, its other side was closing it already,
/// or refused it when TLS began.
pub fn was_not_sent(status: &Status) -> bool {
    let mut causes = causes(status.source());
    causes.any(|cause| cause.is::<tonic::ConnectError>() || cause.is::<NeverRead>() || is_unsent(cause))
}

/// The connection was found closed before the request went out.
fn is_unsent(cause: &(dyn Error + 'static)) -> bool {
    cause.downcast_ref().is_some_and(hyper::Error::is_canceled)
}

/// Nobody reads the request: it did not leave, or the server of TLS did not take the connection. (With TLS 1.3 a client hears of that
/// after it has sent its first request, which the server never reads: RFC 8446, section 4.4.2.4.) It has the words of its status, for
/// whoever looks for what lies beneath that, and nothing beneath itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NeverRead(String);

/// How rustls begins what it says of the other side's alert; which one follows.
const ALERT: &str = "received fatal alert: ";
/// Alerts that end a handshake, of a server that does not take what it was shown (RFC 8446, section 6.2). Others may come later, such as of
/// a record that was damaged on its way.
const REFUSALS: [AlertDescription; 11] = [
    AlertDescription::HandshakeFailure,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::DecryptError,
    AlertDescription::ProtocolVersion,
    AlertDescription::CertificateRequired,
];

/// Whether the other side refused the connection when TLS began. That is known by its words: of an error that h2 was the first to see, it
/// keeps no more.
fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    let is_refusal = |alert: &str| REFUSALS.iter().any(|refusal| alert == format!("{refusal:?}"));
    causes(Some(error))
        .any(|cause| cause.is::<io::Error>() && cause.to_string().strip_prefix(ALERT).is_some_and(is_refusal))
}

/// What breaks off because one side speaks TLS and the other does not, or misses a certificate, is told so.
fn explain(error: transport::Error, missing: Missing, has_answered: bool) -> StdError {
    let advice = match missing {
        _ if has_answered || !is_connected(&error) => return error.into(),
        Missing::Certificate => "if it wants a certificate, give --tls-cert and --tls-key",
        Missing::Tls => "if it wants TLS, give --tls-ca",
        Missing::Trust => "if it refuses the certificate of --tls-cert, its log says why",
    };
    let message = format!("{}; {advice}", root_cause(&error));
    let mut status = Status::unavailable(message.clone());
    if is_refusal(&error) || causes(Some(&error)).any(|cause| is_unsent(cause) || is_broken(cause)) {
        status.set_source(Arc::new(NeverRead(message)));
    }
    status.into()
}

/// It broke off after there was a connection. A server of TLS closes one that speaks HTTP/2; whether its alert is read before
/// the end of the connection is seen is a race, and so is whether that is seen before the request goes out.
fn is_connected(error: &transport::Error) -> bool {
    !causes(Some(error)).any(|cause| cause.is::<tonic::ConnectError>()) || causes(Some(error)).any(is_broken)
}

/// What a channel is told instead of being connected again. Who kept it chooses anew whom to connect to, and how long to wait for that: calls
/// that queue at a channel which connects again would wait one behind the other for a process that is gone.
pub(super) fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, Broken)
}

/// There was a connection, and it broke.
#[derive(Debug, thiserror::Error)]
#[error("the connection broke")]
struct Broken;

fn is_broken(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<Broken>())
}

/// An error and what lies beneath it.
fn causes<'a>(error: Option<&'a (dyn Error + 'static)>) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error, |&error| error.source())
}

fn is_cancelled(response: &HttpResponse) -> bool {
    Status::from_header_map(response.headers()).is_some_and(|status| status.code() == Code::Cancelled)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper_util::rt::TokioIo;
    use tokio_rustls::rustls;

    use super::*;

    /// A channel over a connection whose other side takes it, and closes it at once.
    async fn closed_at_once(clock: &Clock, missing: Missing) -> Channel {
        let has_dialled = AtomicBool::new(false);
        let dialling = tower::service_fn(move |_: transport::Uri| {
            let is_again = has_dialled.swap(true, Ordering::Relaxed);
            let closed = || TokioIo::new(tokio::io::join(tokio::io::empty(), tokio::io::sink()));
            std::future::ready(if is_again { Err(broken()) } else { Ok(closed()) })
        });
        let endpoint = transport::Endpoint::from_static("http://proxy:1");
        let inner = endpoint.connect_with_connector(dialling).await.expect("it is taken");
        Channel::new(inner, clock.clone(), missing)
    }

    /// What who asks by this channel is told.
    async fn refused(channel: &mut Channel) -> Status {
        poll_fn(|context| channel.poll_ready(context)).await.expect("it takes a request");
        Status::from_error(channel.call(http::Request::new(Body::empty())).await.expect_err("nobody answers"))
    }

    #[tokio::test]
    async fn what_a_connection_that_is_closed_at_once_did_not_carry_was_not_sent() {
        let clock = Clock::new(Duration::ZERO);
        let status = refused(&mut closed_at_once(&clock, Missing::Tls).await).await;
        assert!(was_not_sent(&status), "{status:?}");
        assert!(status.message().ends_with("; if it wants TLS, give --tls-ca"), "{status:?}");
        assert_eq!(root_cause(&status), status.message(), "what its user is told");
    }

    #[tokio::test]
    async fn a_connection_that_was_closed_before_the_first_request_is_told_as_one_that_closes_it() {
        let clock = Clock::new(Duration::ZERO);
        let mut channel = closed_at_once(&clock, Missing::Certificate).await;
        clock.sleep(Duration::from_millis(20)).await;
        let status = refused(&mut channel).await;
        assert!(was_not_sent(&status), "{status:?}");
        let told = "the connection broke; if it wants a certificate, give --tls-cert and --tls-key";
        assert_eq!(status.message(), told);
    }

    #[test]
    fn a_refusal_is_known_by_its_kind_and_by_its_words() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let words = alert.to_string();
        assert!(is_refusal(&io::Error::new(io::ErrorKind::InvalidData, alert)));
        assert!(is_refusal(&io::Error::new(io::ErrorKind::InvalidData, words)));
        assert!(!is_refusal(&io::Error::new(io::ErrorKind::ConnectionReset, "connection reset")));
    }

    /// The server has read requests before it.
    #[test]
    fn an_alert_of_a_damaged_record_is_no_refusal() {
        let alert = rustls::Error::AlertReceived(AlertDescription::BadRecordMac);
        assert!(!is_refusal(&io::Error::new(io::ErrorKind::InvalidData, alert)));
    }
}
