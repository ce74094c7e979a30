//! Between the client API's messages and the state machine's.

use bytes::Bytes;
use prost::Message as _;

use crate::kv::{
    self, Command, DeleteRange, KeyValue, Operation, Put, RangeRejection, RangeReply, RangeRequest, Read,
    Rejection, Reply, SortOrder, SortTarget, Stamp,
};

use super::pb::{
    etcdserverpb::{self, ResponseHeader, range_request},
    mvccpb,
    v1::{self, command::Operation as WireOperation, refusal::Reason, reply::Outcome},
};

/// A command as the log carries it.
///
/// # Errors
/// The bytes are no command: what was committed is not what was proposed.
pub(crate) fn decode_command(bytes: &[u8]) -> Result<Command, &'static str> {
    let command = v1::Command::decode(bytes).map_err(|_| "its command cannot be decoded")?;
    let operation = command.operation.ok_or("its command names no operation")?;
    let stamp = command.stamp.map(|stamp| Stamp {
        session: stamp.session,
        sequence: stamp.sequence,
        acknowledged_below: stamp.acknowledged_below,
    });
    Ok(Command { timestamp_ms: command.timestamp_ms, stamp, operation: operation_from_pb(operation) })
}

fn operation_from_pb(operation: WireOperation) -> Operation {
    match operation {
        WireOperation::Put(put) => Operation::Put(Put {
            key: put.key.into(),
            value: put.value.into(),
            lease: put.lease,
            prev_kv: put.prev_kv,
            ignore_value: put.ignore_value,
            ignore_lease: put.ignore_lease,
        }),
        WireOperation::DeleteRange(delete) => Operation::DeleteRange(DeleteRange {
            key: delete.key.into(),
            range_end: delete.range_end.into(),
            prev_kv: delete.prev_kv,
        }),
        WireOperation::OpenSession(v1::OpenSession {}) => Operation::OpenSession,
    }
}

/// Refuses at once what the state machine would refuse later: nothing wrong is worth a place in the log.
pub(crate) fn validate(command: &v1::Command) -> Result<(), String> {
    match command.operation.clone() {
        Some(operation) => kv::validate(&operation_from_pb(operation)),
        None => Err("the write names no operation".to_owned()),
    }
}

/// The answer to a write; `header` lacks the revision, which the answer brings.
pub(crate) fn reply_to_pb(reply: Reply, header: ResponseHeader) -> Outcome {
    match reply {
        Reply::Put { revision, prev_kv } => Outcome::Put(etcdserverpb::PutResponse {
            header: Some(ResponseHeader { revision, ..header }),
            prev_kv: prev_kv.map(pair_to_pb),
        }),
        Reply::DeleteRange { revision, deleted, prev_kvs } => {
            Outcome::DeleteRange(etcdserverpb::DeleteRangeResponse {
                header: Some(ResponseHeader { revision, ..header }),
                deleted,
                prev_kvs: prev_kvs.into_iter().map(pair_to_pb).collect(),
            })
        }
        Reply::SessionOpened { session } => Outcome::SessionOpened(session),
        Reply::Rejected(rejection) => {
            let reason = match rejection {
                Rejection::KeyNotFound | Rejection::Invalid(_) => Reason::Invalid,
                Rejection::PrevKvsTooLarge => Reason::Limit,
                Rejection::SessionExpired => Reason::SessionExpired,
                Rejection::Stale => Reason::Stale,
            };
            refusal(reason, rejection.to_string())
        }
    }
}

/// Serves a read from a view of the state.
pub(crate) fn range<R: Read>(
    view: &R,
    request: &etcdserverpb::RangeRequest,
    header: ResponseHeader,
) -> Result<Outcome, kv::Error<R::Error>> {
    let request = match range_from_pb(request) {
        Ok(request) => request,
        Err(message) => return Ok(refusal(Reason::Invalid, message.to_owned())),
    };
    Ok(match kv::range(view, &request)? {
        Ok(RangeReply { revision, kvs, more, count }) => Outcome::Range(etcdserverpb::RangeResponse {
            header: Some(ResponseHeader { revision, ..header }),
            kvs: kvs.into_iter().map(pair_to_pb).collect(),
            more,
            count,
        }),
        Err(rejection) => {
            let reason = match &rejection {
                RangeRejection::Compacted { .. } => Reason::Compacted,
                RangeRejection::FutureRevision { .. } => Reason::FutureRevision,
                RangeRejection::Invalid(_) => Reason::Invalid,
            };
            refusal(reason, rejection.to_string())
        }
    })
}

fn range_from_pb(request: &etcdserverpb::RangeRequest) -> Result<RangeRequest, &'static str> {
    use range_request::{SortOrder as WireOrder, SortTarget as WireTarget};
    let sort_order =
        match WireOrder::try_from(request.sort_order).map_err(|_| "etcdserver: invalid sort option")? {
            WireOrder::None => SortOrder::None,
            WireOrder::Ascend => SortOrder::Ascend,
            WireOrder::Descend => SortOrder::Descend,
        };
    let sort_target =
        match WireTarget::try_from(request.sort_target).map_err(|_| "etcdserver: invalid sort option")? {
            WireTarget::Key => SortTarget::Key,
            WireTarget::Version => SortTarget::Version,
            WireTarget::Create => SortTarget::Create,
            WireTarget::Mod => SortTarget::Mod,
            WireTarget::Value => SortTarget::Value,
        };
    Ok(RangeRequest {
        key: request.key.to_vec(),
        range_end: request.range_end.to_vec(),
        limit: request.limit,
        revision: request.revision,
        sort_order,
        sort_target,
        keys_only: request.keys_only,
        count_only: request.count_only,
        min_mod_revision: request.min_mod_revision,
        max_mod_revision: request.max_mod_revision,
        min_create_revision: request.min_create_revision,
        max_create_revision: request.max_create_revision,
    })
}

fn refusal(reason: Reason, message: String) -> Outcome {
    Outcome::Refusal(v1::Refusal { reason: reason.into(), message })
}

fn pair_to_pb(pair: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: Bytes::from(pair.key),
        create_revision: pair.create_revision,
        mod_revision: pair.mod_revision,
        version: pair.version,
        value: Bytes::from(pair.value),
        lease: pair.lease,
    }
}
