//! The key-value service: what a request must be, and the way between the client API's messages and the state machine's.
//!
//! The same checks run twice, on borrowed data: at the proxy, so that a bad request costs no round trip, and at the
//! node, so that nothing bad is worth a place in the log, whoever sends it.

use std::fmt;

use bytes::Bytes;
use prost::Message as _;
use tonic::Code;

use crate::kv::{
    self, AlarmRequest, Command, DeleteRange, KeyValue, Operation, Put, RangeRejection, RangeRequest,
    RangeScan, RangeSummary, Read, Rejection, Reply, SortOrder, SortTarget, Stamp,
};

use super::{
    CallError, etcd,
    limits::WRITE_BYTES_MAX,
    pb::{
        etcdserverpb::{self, AlarmType, ResponseHeader, alarm_request::AlarmAction, range_request},
        mvccpb,
        v1::{self, command::Operation as WireOperation, refusal::Reason, reply::Outcome},
    },
    proxy_stream::refusal,
};

/// Why an entry of the log is no command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoCommand {
    /// What was committed is not what was proposed.
    Corrupt,
    /// Nothing is proposed without an operation: it is of a kind that this program does not know.
    UnknownOperation,
}

impl fmt::Display for NoCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoCommand::Corrupt => "its command cannot be decoded",
            NoCommand::UnknownOperation => {
                "its command names no operation that this program knows: it may be of a later release, start that one here"
            }
        })
    }
}

/// A command as the log carries it.
///
/// # Errors
/// The bytes are no command, or one that this program does not know.
pub(crate) fn decode_command(bytes: &[u8]) -> Result<Command, NoCommand> {
    let command = v1::Command::decode(bytes).map_err(|_| NoCommand::Corrupt)?;
    let operation = command.operation.ok_or(NoCommand::UnknownOperation)?;
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
        WireOperation::OpenSession(v1::OpenSession { id }) => Operation::OpenSession { id },
        WireOperation::Compact(compact) => Operation::Compact { revision: compact.revision },
        WireOperation::Alarm(alarm) => Operation::Alarm(alarm_from_pb(&alarm)),
    }
}

/// What is asked of the one kind of alarm that there is. Of another kind none is raised, so none can be cleared: nothing is changed, and
/// which of those that are raised the caller is told of, the proxy says.
fn alarm_from_pb(request: &etcdserverpb::AlarmRequest) -> AlarmRequest {
    match (request.action(), request.alarm()) {
        (AlarmAction::Activate, AlarmType::Nospace) => AlarmRequest::Raise(request.member_id),
        (AlarmAction::Deactivate, AlarmType::Nospace) => AlarmRequest::Clear(request.member_id),
        _ => AlarmRequest::List,
    }
}

/// Whether a write may be proposed.
///
/// # Errors
/// What is wrong with it, in etcd's words where etcd has some: as the state machine would refuse it later.
pub(crate) fn validate(command: &v1::Command) -> Result<(), String> {
    match &command.operation {
        Some(operation) => check_write(operation).map_err(|error| error.to_string()),
        None => Err("the write names no operation".to_owned()),
    }
}

/// Whether a write can be served, whatever the state.
pub(crate) fn check_write(operation: &WireOperation) -> Result<(), CallError> {
    let (checked, bytes) = match operation {
        WireOperation::Put(put) => (check_put(put), put.encoded_len()),
        WireOperation::DeleteRange(delete) => {
            (kv::validate_delete(&delete.key, &delete.range_end), delete.encoded_len())
        }
        WireOperation::OpenSession(v1::OpenSession { id }) => (kv::validate_session(*id), 0),
        WireOperation::Compact(_) => (Ok(()), 0),
        WireOperation::Alarm(alarm) => (check_alarm(alarm), 0),
    };
    checked.map_err(|words| CallError::refused(Code::InvalidArgument, &words))?;
    if bytes > WRITE_BYTES_MAX {
        let detail = format!("the request has {bytes} bytes, at most {WRITE_BYTES_MAX} are allowed");
        return Err(CallError::etcd(etcd::REQUEST_TOO_LARGE, detail));
    }
    Ok(())
}

fn check_put(put: &etcdserverpb::PutRequest) -> Result<(), String> {
    kv::validate_put(&put.key, &put.value, put.lease, put.ignore_value, put.ignore_lease)
}

fn check_alarm(request: &etcdserverpb::AlarmRequest) -> Result<(), String> {
    let is_known =
        AlarmAction::try_from(request.action).is_ok() && AlarmType::try_from(request.alarm).is_ok();
    let words = match (request.action(), request.alarm()) {
        _ if !is_known => "an alarm, or what is to be done with it, that this program does not know",
        (AlarmAction::Activate, AlarmType::Corrupt) => {
            "no such alarm is raised: a member whose data is damaged stops"
        }
        _ => return Ok(()),
    };
    Err(words.to_owned())
}

/// Whether a read can be served, whatever the state.
pub(crate) fn check_read(range: &etcdserverpb::RangeRequest) -> Result<(), CallError> {
    if range.key.is_empty() {
        return Err(CallError::etcd(etcd::KEY_NOT_PROVIDED, ""));
    }
    sort_from_pb(range).map(drop)
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
        Reply::Compacted { revision } => Outcome::Compact(etcdserverpb::CompactionResponse {
            header: Some(ResponseHeader { revision, ..header }),
        }),
        Reply::Alarms { revision, raised } => {
            let alarm = AlarmType::Nospace.into();
            let alarms = raised.into_iter().map(|member_id| etcdserverpb::AlarmMember { member_id, alarm });
            Outcome::Alarm(etcdserverpb::AlarmResponse {
                header: Some(ResponseHeader { revision, ..header }),
                alarms: alarms.collect(),
            })
        }
        Reply::Rejected(rejection) => {
            let reason = match rejection {
                Rejection::KeyNotFound | Rejection::Invalid(_) => Reason::Invalid,
                Rejection::PrevKvsTooLarge | Rejection::NoSpace => Reason::Limit,
                Rejection::Compacted => Reason::Compacted,
                Rejection::FutureRevision => Reason::FutureRevision,
                Rejection::SessionExpired => Reason::SessionExpired,
                Rejection::Stale => Reason::Stale,
            };
            refusal(reason, rejection.to_string())
        }
    }
}

/// The answer to a read: what there is to say of it, and pairs; `header` lacks the revision, which the answer brings.
pub(crate) fn range_to_pb(summary: RangeSummary, pairs: Vec<KeyValue>, header: ResponseHeader) -> Outcome {
    let RangeSummary { revision, more, count } = summary;
    Outcome::Range(etcdserverpb::RangeResponse {
        header: Some(ResponseHeader { revision, ..header }),
        kvs: pairs.into_iter().map(pair_to_pb).collect(),
        more,
        count,
    })
}

/// Pairs as the fields of an encoded answer: whoever appends them to another part of it has both.
pub(crate) fn encode_pairs(pairs: Vec<KeyValue>, encoded: &mut Vec<u8>) {
    let kvs = pairs.into_iter().map(pair_to_pb).collect();
    let part = etcdserverpb::RangeResponse { kvs, ..Default::default() };
    part.encode(encoded).expect("a vector has room");
}

/// Begins to read from a view of the state. What cannot be read is refused: the answer.
pub(crate) fn begin_range<R: Read>(
    view: &R,
    request: &etcdserverpb::RangeRequest,
) -> Result<Result<RangeScan, Outcome>, kv::Error<R::Error>> {
    Ok(match range_from_pb(request) {
        Ok(request) => RangeScan::begin(view, request)?.map_err(|rejection| range_rejected(&rejection)),
        Err(error) => Err(refusal(Reason::Invalid, error.to_string())),
    })
}

/// A read that the state machine refuses.
pub(crate) fn range_rejected(rejection: &RangeRejection) -> Outcome {
    let reason = match rejection {
        RangeRejection::Compacted { .. } => Reason::Compacted,
        RangeRejection::FutureRevision { .. } => Reason::FutureRevision,
        RangeRejection::TooLargeToSort => Reason::Limit,
        RangeRejection::Invalid(_) => Reason::Invalid,
    };
    refusal(reason, rejection.to_string())
}

/// What a read asks of the state machine.
fn range_from_pb(request: &etcdserverpb::RangeRequest) -> Result<RangeRequest, CallError> {
    let (sort_order, sort_target) = sort_from_pb(request)?;
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

/// etcd 3.6 refuses an order or a target that it does not know (in 3.4 and early 3.5 an unknown order meant the order
/// of the keys, and an unknown target a panic).
fn sort_from_pb(request: &etcdserverpb::RangeRequest) -> Result<(SortOrder, SortTarget), CallError> {
    use range_request::{SortOrder as WireOrder, SortTarget as WireTarget};
    let unknown = |_| CallError::etcd(etcd::INVALID_SORT_OPTION, "");
    let order = match WireOrder::try_from(request.sort_order).map_err(unknown)? {
        WireOrder::None => SortOrder::None,
        WireOrder::Ascend => SortOrder::Ascend,
        WireOrder::Descend => SortOrder::Descend,
    };
    let target = match WireTarget::try_from(request.sort_target).map_err(unknown)? {
        WireTarget::Key => SortTarget::Key,
        WireTarget::Version => SortTarget::Version,
        WireTarget::Create => SortTarget::Create,
        WireTarget::Mod => SortTarget::Mod,
        WireTarget::Value => SortTarget::Value,
    };
    Ok((order, target))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &'static [u8], value_bytes: usize) -> WireOperation {
        WireOperation::Put(etcdserverpb::PutRequest {
            key: Bytes::from_static(key),
            value: vec![0; value_bytes].into(),
            ..Default::default()
        })
    }

    fn refused(checked: Result<(), CallError>) -> (Code, String) {
        let error = checked.expect_err("it is refused");
        (error.code, error.message)
    }

    fn known((code, text): etcd::Known) -> (Code, String) {
        (code, text.to_owned())
    }

    #[test]
    fn an_operation_of_a_later_release_is_told_from_damage() {
        let known = v1::Command { operation: Some(put(b"k", 1)), ..Default::default() }.encode_to_vec();
        assert!(decode_command(&known).is_ok());
        assert_eq!(decode_command(&known[..known.len() - 1]), Err(NoCommand::Corrupt));
        // A message of four bytes, as field 1000.
        let later = [
            &v1::Command { timestamp_ms: 7, ..Default::default() }.encode_to_vec()[..],
            &[0xc2, 0x3e, 4],
            b"keys",
        ];
        assert_eq!(decode_command(&later.concat()), Err(NoCommand::UnknownOperation));
    }

    #[test]
    fn a_write_is_as_large_as_its_encoding() {
        // The key takes three bytes (tag, length, itself), tag and length of the value four.
        let rest = WRITE_BYTES_MAX - 7;
        assert_eq!(check_write(&put(b"k", rest)), Ok(()));
        assert_eq!(refused(check_write(&put(b"k", rest + 1))), known(etcd::REQUEST_TOO_LARGE));
        let error = check_write(&put(b"k", WRITE_BYTES_MAX + 1)).expect_err("it is refused");
        assert_eq!(error.detail, "the value has 1572865 bytes, at most 1572864 are allowed");
    }

    #[test]
    fn what_etcd_refuses_is_refused_with_its_code() {
        assert_eq!(refused(check_write(&put(b"", 1))), known(etcd::KEY_NOT_PROVIDED));
        for lease in [1, -1, i64::MIN] {
            let put = etcdserverpb::PutRequest { key: "k".into(), lease, ..Default::default() };
            assert_eq!(refused(check_write(&WireOperation::Put(put))), known(etcd::LEASE_NOT_FOUND));
        }
        let delete = WireOperation::DeleteRange(Default::default());
        assert_eq!(refused(check_write(&delete)), known(etcd::KEY_NOT_PROVIDED));
        assert!(check_write(&WireOperation::OpenSession(v1::OpenSession { id: 0 })).is_err());
        assert_eq!(check_write(&WireOperation::OpenSession(v1::OpenSession { id: 1 })), Ok(()));

        assert_eq!(refused(check_read(&Default::default())), known(etcd::KEY_NOT_PROVIDED));
        let read = etcdserverpb::RangeRequest { key: "k".into(), ..Default::default() };
        assert_eq!(check_read(&read), Ok(()));
        for (sort_order, sort_target) in [(7, 0), (0, 7), (-1, 0)] {
            let read = etcdserverpb::RangeRequest { sort_order, sort_target, ..read.clone() };
            assert_eq!(refused(check_read(&read)), known(etcd::INVALID_SORT_OPTION));
        }
    }

    #[test]
    fn the_node_is_told_the_same_in_one_line() {
        let command = v1::Command { operation: Some(put(b"", 1)), ..Default::default() };
        assert_eq!(validate(&command), Err("etcdserver: key is not provided".to_owned()));
        assert!(validate(&v1::Command::default()).is_err());
    }
}
