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
        etcdserverpb::{
            AlarmMember, AlarmRequest, AlarmResponse, AlarmType, SnapshotRequest, alarm_request::AlarmAction,
            maintenance_server,
        },
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
        let asked = *request.get_ref();
        let mut watched = self.watcher.begin(Method::Alarm, &request, &Bytes::new());
        let answer = write(&self.calls, request, command::Operation::Alarm, &mut watched).await;
        watched.end(answer.and_then(|Answered { outcome, .. }| match outcome {
            Outcome::Alarm(mut response) => {
                response.alarms.retain(|raised| is_asked_for(raised, &asked));
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

/// Whether an alarm belongs into the answer. To ask for those of no kind is to ask for all; to raise or to clear one of no kind
/// changes nothing, and etcd names what it changed.
fn is_asked_for(raised: &AlarmMember, asked: &AlarmRequest) -> bool {
    let is_for_all = asked.action() == AlarmAction::Get && asked.alarm() == AlarmType::None;
    is_for_all || asked.alarm == raised.alarm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_of_no_kind_is_listed_and_neither_raised_nor_cleared() {
        let raised = AlarmMember { member_id: 1, alarm: AlarmType::Nospace.into() };
        for (action, alarm, expected) in [
            (AlarmAction::Get, AlarmType::None, true),
            (AlarmAction::Get, AlarmType::Nospace, true),
            (AlarmAction::Get, AlarmType::Corrupt, false),
            (AlarmAction::Activate, AlarmType::None, false),
            (AlarmAction::Activate, AlarmType::Nospace, true),
            (AlarmAction::Deactivate, AlarmType::None, false),
            (AlarmAction::Deactivate, AlarmType::Nospace, true),
            (AlarmAction::Deactivate, AlarmType::Corrupt, false),
        ] {
            let asked = AlarmRequest { action: action.into(), member_id: 1, alarm: alarm.into() };
            assert_eq!(is_asked_for(&raised, &asked), expected, "{action:?} {alarm:?}");
        }
    }
}
