//! The byte stream under HTTP/2: TCP, or TLS over it, and what its other side has proved.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream, rustls, rustls::pki_types::ServerName};

use super::credentials::{Credentials, identity_of};
use crate::{
    env::Clock,
    rpc::{
        CONNECT_TIMEOUT, Expected, Identity,
        caller::{Caller, Proof},
    },
};

/// TCP, or TLS over it.
#[derive(Debug)]
pub(super) enum Secured {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Asks the other side of a new connection for TLS, and who it is.
///
/// # Errors
/// It has no TLS, or no certificate that will do.
pub(super) async fn connect(
    stream: TcpStream,
    host: &str,
    expected: Expected,
    credentials: &Credentials,
) -> io::Result<Secured> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned()).map_err(|error| denied(format!("{host}: {error}")))?;
    let connector = TlsConnector::from(credentials.current().client);
    let stream = connector.connect(name, stream).await.map_err(|error| explain(&error, host, credentials))?;
    check_expected(stream.get_ref().1.peer_certificates(), expected, credentials)?;
    Ok(Secured::Tls(Box::new(TlsStream::from(stream))))
}

/// Answers a new connection with TLS, and finds out who calls.
///
/// # Errors
/// The caller has no TLS, or no certificate that will do.
pub(super) async fn accept(
    stream: TcpStream,
    credentials: &Credentials,
    clock: &Clock,
) -> io::Result<(Secured, Caller)> {
    let address = stream.peer_addr().ok().map(|address| address.ip());
    let server = credentials.current().server;
    let server = server.ok_or_else(|| denied("a server needs a certificate of its own"))?;
    let accepted = clock.timeout(CONNECT_TIMEOUT, TlsAcceptor::from(server).accept(stream)).await;
    let stream = accepted.map_err(|_| denied("it did not say in time that it speaks TLS"))??;
    let proof = match stream.get_ref().1.peer_certificates() {
        Some([first, ..]) if credentials.asks_clients() => {
            let identity = identity_of(first).map_err(denied)?;
            check_cluster(&identity, credentials)?;
            Proof::Is(Arc::new(identity))
        }
        _ => Proof::NotAsked,
    };
    Ok((Secured::Tls(Box::new(TlsStream::from(stream))), Caller { address, proof }))
}

fn check_expected(
    certificates: Option<&[rustls::pki_types::CertificateDer<'_>]>,
    expected: Expected,
    credentials: &Credentials,
) -> io::Result<()> {
    if expected == Expected::Anybody {
        return Ok(());
    }
    let first = certificates.and_then(<[_]>::first).ok_or_else(|| denied("it shows no certificate"))?;
    let found = identity_of(first).map_err(denied)?;
    check_cluster(&found, credentials)?;
    let (is_it, wanted) = match expected {
        Expected::Anybody => return Ok(()),
        Expected::Role(role) => (found.role == role, role.name().to_owned()),
        Expected::Node(id) => (found.is_node(id), format!("node {id}")),
    };
    if is_it { Ok(()) } else { Err(denied(format!("it is {found}, not {wanted}: check the addresses"))) }
}

/// One CA may serve several clusters.
fn check_cluster(found: &Identity, credentials: &Credentials) -> io::Result<()> {
    match credentials.own() {
        Some(own) if own.cluster != found.cluster => {
            Err(denied(format!("it is {found}, of another cluster than {:?}", own.cluster)))
        }
        _ => Ok(()),
    }
}

fn denied(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why.into())
}

/// What TLS itself says, if it is why a connection failed.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What an operator can make of a handshake that failed.
fn explain(error: &io::Error, host: &str, credentials: &Credentials) -> io::Error {
    use rustls::{CertificateError as Certificate, Error};
    let cause = tls_error(error);
    let ca = credentials.ca().display();
    denied(match cause {
        Some(Error::InvalidMessage(_)) => {
            "it does not speak TLS: give it a certificate, or leave --tls-ca out".to_owned()
        }
        Some(Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature)) => {
            format!("its certificate is not signed by the CA of {ca}")
        }
        Some(Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        )) => format!("its certificate is not for {host}: issue one that names this host"),
        Some(Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. })) => {
            "its certificate has expired: renew it ('conclave cert issue')".to_owned()
        }
        Some(Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        )) => "its certificate is not valid yet: is this machine's clock right?".to_owned(),
        Some(other) => format!("TLS: {other}"),
        None => format!("the connection broke off while TLS began: {error}"),
    })
}

impl AsyncRead for Secured {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
