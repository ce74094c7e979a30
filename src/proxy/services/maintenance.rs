//! etcd's maintenance API, as far as it is spoken: alarms.

use tonic::{Request, Response, Status};

use super::log::{crossed, write};
use crate::{
    proxy::call_queue::CallSender,
    wire::pb::{
        etcdserverpb::{AlarmRequest, AlarmResponse, AlarmType, maintenance_server},
        v1::{command, reply::Outcome},
    },
};

pub(super) struct MaintenanceService {
    calls: CallSender,
}

impl MaintenanceService {
    pub(super) fn new(calls: CallSender) -> Self {
        Self { calls }
    }
}

#[tonic::async_trait]
impl maintenance_server::Maintenance for MaintenanceService {
    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        let asked = request.get_ref().alarm;
        match write(&self.calls, request, command::Operation::Alarm).await? {
            Outcome::Alarm(mut response) => {
                response.alarms.retain(|raised| asked == AlarmType::None as i32 || asked == raised.alarm);
                Ok(Response::new(response))
            }
            other => Err(crossed(&other)),
        }
    }
}
