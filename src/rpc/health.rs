//! gRPC's health checking, for the services of a server: what load balancers and orchestrators ask.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use self::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus, health_server,
};
use crate::env::{Clock, Condition, Health};

/// The generated messages, client and server.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod pb {
    tonic::include_proto!("grpc.health.v1");
}

/// Who watch at a time: each costs a look now and then.
const WATCHERS_MAX: usize = 256;
/// Who watches hears of a change within this.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Clone)]
pub(super) struct HealthService {
    /// The full names of the services.
    services: Vec<&'static str>,
    health: Health,
    clock: Clock,
    watchers: Arc<Semaphore>,
}

impl HealthService {
    /// For services of these names.
    pub(super) fn new(services: &[&'static str], health: &Health, clock: &Clock) -> Self {
        Self {
            services: services.to_vec(),
            health: health.clone(),
            clock: clock.clone(),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
        }
    }

    /// The server as a whole, and each of its services, are as the process is.
    fn status_of(&self, service: &str) -> ServingStatus {
        let is_ready = || self.health.condition().is_ready() && self.health.is_alive(&self.clock);
        match service.is_empty() || self.services.contains(&service) {
            false => ServingStatus::ServiceUnknown,
            true if is_ready() => ServingStatus::Serving,
            true => ServingStatus::NotServing,
        }
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl health_server::Health for HealthService {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        match self.status_of(&service) {
            ServingStatus::ServiceUnknown => {
                Err(Status::not_found(format!("there is no service {service:?} here")))
            }
            status => Ok(Response::new(response(status))),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (this, service) = (self.clone(), request.into_inner().service);
        let place = self.watchers.clone().try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!("{WATCHERS_MAX} watch already: ask with Check, or later"))
        })?;
        let changes = async_stream::stream! {
            let _place = place;
            let mut told = None;
            loop {
                let status = this.status_of(&service);
                if told.replace(status) != Some(status) {
                    yield Ok(response(status));
                }
                // A server that stops waits for what is under way.
                if this.health.condition() == Condition::Stopping {
                    break;
                }
                this.clock.sleep(LOOK_INTERVAL).await;
            }
        };
        Ok(Response::new(Box::pin(changes)))
    }
}
