//! The real server: tonic over TCP or TLS.

use std::{convert::Infallible, net::SocketAddr, pin::pin, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};
use tonic::{
    body::Body,
    codegen::{Service, http},
    server::NamedService,
    service::RoutesBuilder,
    transport,
};
use tower::layer::util::{Identity, Stack};

use super::{
    CONNECTION_WINDOW_BYTES, KEEPALIVE_INTERVAL, PENDING_RESETS_MAX, STREAM_WINDOW_BYTES,
    admission::{Admission, incoming},
    guard::{Guard, Guarded},
    status::UsualStatus,
};
use crate::{
    env::{Clock, Health},
    rpc::{
        ALL_ROLES, Callers, RpcError, Security, ServerLimits,
        health::{HealthService, pb::health_server::HealthServer},
    },
};

/// Services that will share one address.
pub struct Server {
    routes: RoutesBuilder,
    /// Of the services.
    names: Vec<&'static str>,
    clock: Clock,
    security: Security,
    limits: ServerLimits,
    guard: Guard,
}

impl Server {
    /// A server without services: every call answers UNIMPLEMENTED.
    pub fn new(clock: &Clock, security: &Security, limits: ServerLimits) -> Self {
        Self {
            routes: RoutesBuilder::default(),
            names: Vec::new(),
            clock: clock.clone(),
            security: security.clone(),
            guard: Guard::new(&limits, clock),
            limits,
        }
    }

    /// Adds a generated service. Where callers prove who they are, these alone may call it.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "a server is no sum")]
    pub fn add<S>(mut self, callers: Callers, service: S) -> Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.routes.add_service(Guarded { service, callers, guard: self.guard.clone() });
        self.names.push(S::NAME);
        self
    }

    /// Adds gRPC's health service: the process and its services, those added so far, are as `health` says.
    #[must_use]
    pub fn add_health(self, health: &Health) -> Self {
        let service = HealthService::new(&self.names, health, &self.clock);
        self.add(ALL_ROLES, HealthServer::new(service))
    }

    /// Takes the address; port 0 takes any free port. Callers may connect from now on, and are answered once
    /// [`Bound::serve`] runs.
    pub async fn bind(self, address: SocketAddr) -> Result<Bound, RpcError> {
        let refused = |reason| RpcError::Bind { address, reason };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        let Self { routes, clock, security, limits, .. } = self;
        Ok(Bound { routes, clock, security, limits, listener, local_addr })
    }
}

/// A server that has its address.
pub struct Bound {
    routes: RoutesBuilder,
    clock: Clock,
    security: Security,
    limits: ServerLimits,
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Bound {
    /// The address with its true port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown`; then takes nothing new, leaves calls under way the `grace` to end, and cuts
    /// what remains. Dropping the future cuts everything at once.
    pub async fn serve(self, shutdown: impl Future<Output = ()>, grace: Duration) -> Result<(), RpcError> {
        let address = self.local_addr;
        let failed = |error: transport::Error| RpcError::Serve { address, reason: error.to_string() };
        let (cut, uncut) = watch::channel(());
        let Self { routes, clock, security, limits, listener, .. } = self;
        let (stop, stopped) = oneshot::channel();
        let connections =
            Box::pin(incoming(listener, Admission::new(security, limits, clock.clone(), uncut)));
        let routes = builder(&limits).add_routes(routes.routes());
        let mut serving = pin!(routes.serve_with_incoming_shutdown(connections, async {
            let _ = stopped.await;
        }));
        tokio::select! {
            biased;
            () = shutdown => {}
            outcome = &mut serving => return outcome.map_err(failed),
        }
        let _ = stop.send(());
        if let Ok(outcome) = clock.timeout(grace, &mut serving).await {
            return outcome.map_err(failed);
        }
        drop(cut);
        serving.await.map_err(failed)
    }
}

fn builder(limits: &ServerLimits) -> transport::Server<Stack<UsualStatus, Identity>> {
    transport::Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits.silence_max))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(limits.streams_max)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .layer(UsualStatus)
}
