//! etcd's maintenance API, as far as it is spoken: alarms and backups.

use bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{
    backup::{BackupSource, BackupStream},
    log::{crossed, write},
};
use crate::{
    proxy::{call_queue::CallSender, core::Answered, metrics::Method, watched::Watcher},
    wire::pb::{
        etcdserverpb::{AlarmRequest, AlarmResponse, AlarmType, SnapshotRequest, maintenance_server},
        v1::{command, reply::Outcome},
    },
};

pub(super) struct MaintenanceService {
    calls: CallSender,
    watcher: Watcher,
    backups: BackupSource,
}

impl MaintenanceService {
    pub(super) fn new(calls: CallSender, watcher: Watcher, backups: BackupSource) -> Self {
        Self { calls, watcher, backups }
    }
}

#[tonic::async_trait]
impl maintenance_server::Maintenance for MaintenanceService {
    type SnapshotStream = BackupStream;

    async fn alarm(&self, request: Request<AlarmRequest>) -> Result<Response<AlarmResponse>, Status> {
        let asked = request.get_ref().alarm;
        let mut watched = self.watcher.begin(Method::Alarm, &request, &Bytes::new());
        let answer = write(&self.calls, request, command::Operation::Alarm, &mut watched).await;
        watched.end(answer.and_then(|Answered { outcome, .. }| match outcome {
            Outcome::Alarm(mut response) => {
                response.alarms.retain(|raised| asked == AlarmType::None as i32 || asked == raised.alarm);
                Ok(Response::new(response))
            }
            other => Err(crossed(&other)),
        }))
    }

    /// What is noted of the call is its beginning: how long the stream lasts is up to its client.
    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let watched = self.watcher.begin(Method::Snapshot, &request, &Bytes::new());
        watched.end(self.backups.begin().await.map(Response::new))
    }
}
