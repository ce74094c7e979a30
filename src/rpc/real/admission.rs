//! Which connections a server takes: so many at a time, and only those whose other side proves what it must.

use std::{io, net::SocketAddr, sync::Arc};

use async_stream::stream;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use tokio_stream::Stream;

use super::{
    ACCEPT_PAUSE,
    connection::Connection,
    refusals::Refusals,
    secured::{self, Secured},
};
use crate::{
    env::Clock,
    rpc::{Security, ServerLimits, caller::Caller, metrics::REFUSED_CONNECTIONS},
};

/// What decides about connections.
#[derive(Clone)]
pub(super) struct Admission {
    security: Security,
    clock: Clock,
    places: Arc<Semaphore>,
    connections_max: usize,
    refusals: Refusals,
    /// Connections live as long as its sender.
    uncut: watch::Receiver<()>,
}

/// The connections of a server. Nothing is accepted while nobody waits for the next one.
pub(super) fn incoming(
    listener: TcpListener,
    admission: Admission,
) -> impl Stream<Item = io::Result<Connection>> {
    stream! {
        let mut handshakes = JoinSet::new();
        loop {
            tokio::select! { biased;
                Some(ended) = handshakes.join_next() => {
                    if let Ok(Some(connection)) = ended {
                        yield Ok(connection);
                    }
                }
                accepted = listener.accept() => {
                    if let Some((stream, from, place)) = admission.place(accepted).await {
                        let admission = admission.clone();
                        handshakes.spawn(async move { admission.connection(stream, from, place).await });
                    }
                }
            }
        }
    }
}

impl Admission {
    pub(super) fn new(
        security: Security,
        limits: ServerLimits,
        clock: Clock,
        uncut: watch::Receiver<()>,
    ) -> Self {
        let connections_max = limits.connections_max;
        let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        let refusals = Refusals::new("connection", &REFUSED_CONNECTIONS, &clock);
        Self { security, clock, places, connections_max, refusals, uncut }
    }

    /// A place for a connection that was accepted, if there is one left.
    async fn place(
        &self,
        accepted: io::Result<(TcpStream, SocketAddr)>,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        match accepted {
            Ok((stream, from)) => match self.places.clone().try_acquire_owned() {
                Ok(place) => Some((stream, from, place)),
                Err(_) => {
                    let max = self.connections_max;
                    let reason =
                        format!("there are {max} connections, which is what --connections-max allows");
                    self.refusals.note(from, &reason);
                    None
                }
            },
            // Without a pause, a process short of file descriptors would spin.
            Err(reason) => {
                tracing::warn!(%reason, "cannot accept a connection");
                self.clock.sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }

    /// The connection, once it is known who calls.
    async fn connection(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Option<Connection> {
        let secured = stream.set_nodelay(true).map(|()| stream);
        let secured = match (secured, &self.security.0) {
            (Err(error), _) => Err(error),
            (Ok(stream), Some(credentials)) => secured::accept(stream, credentials, &self.clock).await,
            (Ok(stream), None) => {
                Ok((Secured::Plain(stream), Caller { address: Some(from.ip()), ..Caller::default() }))
            }
        };
        match secured {
            Ok((stream, caller)) => {
                Some(Connection::new(stream, caller, place, self.clock.clone(), self.uncut.clone()))
            }
            Err(error) => {
                self.refusals.note(from, &error.to_string());
                None
            }
        }
    }
}
