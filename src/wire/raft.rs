//! Between the wire's messages and the core's. Encoding always succeeds; decoding refuses what the core must never see.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Malformed,
    pb::v1::{self, append_response::Outcome, entry, raft_message::Body as Wire},
};
use crate::raft::{
    AppendOutcome, Body, Configuration, Entry, InstallFailure, Message, NodeId, Origin, Payload, Position,
    Snapshot,
};

impl From<Message> for v1::RaftMessage {
    fn from(message: Message) -> Self {
        let Message { from, to, origin, term, body } = message;
        Self { from, to, origin: Some(origin.into()), term, body: Some(body.into()) }
    }
}

impl TryFrom<v1::RaftMessage> for Message {
    type Error = Malformed;

    fn try_from(wire: v1::RaftMessage) -> Result<Self, Malformed> {
        if wire.from == 0 || wire.to == 0 {
            return Err(Malformed("a message from or to nobody"));
        }
        let body = wire.body.ok_or(Malformed("a message without a body"))?.try_into()?;
        let origin = wire.origin.map(Origin::from).unwrap_or_default();
        Ok(Self { from: wire.from, to: wire.to, origin, term: wire.term, body })
    }
}

impl From<Origin> for v1::Origin {
    fn from(Origin { cluster, is_certain, incarnation }: Origin) -> Self {
        Self { cluster, certain: is_certain, incarnation }
    }
}

impl From<v1::Origin> for Origin {
    fn from(wire: v1::Origin) -> Self {
        let v1::Origin { cluster, certain, incarnation } = wire;
        Self { cluster, is_certain: certain && cluster != 0, incarnation }
    }
}

impl From<Body> for Wire {
    fn from(body: Body) -> Self {
        match body {
            Body::PreVoteRequest { last } => Self::PreVoteRequest(v1::PreVoteRequest { last: encoded(last) }),
            Body::PreVoteResponse { granted } => Self::PreVoteResponse(v1::PreVoteResponse { granted }),
            Body::VoteRequest { last, leadership_transfer } => {
                Self::VoteRequest(v1::VoteRequest { last: encoded(last), leadership_transfer })
            }
            Body::VoteResponse { granted } => Self::VoteResponse(v1::VoteResponse { granted }),
            Body::AppendRequest { previous, entries, commit } => {
                let entries = entries.into_iter().map(Into::into).collect();
                Self::AppendRequest(v1::AppendRequest { previous: encoded(previous), entries, commit })
            }
            Body::AppendResponse { outcome, priority } => {
                Self::AppendResponse(v1::AppendResponse { outcome: Some(outcome.into()), priority })
            }
            Body::HeartbeatRequest { commit, round } => {
                Self::HeartbeatRequest(v1::HeartbeatRequest { commit, round })
            }
            Body::HeartbeatResponse { round, priority, promise_us } => {
                Self::HeartbeatResponse(v1::HeartbeatResponse { round, priority, promise_us })
            }
            Body::TimeoutNow => Self::TimeoutNow(v1::TimeoutNow {}),
            Body::Removed { configuration } => {
                Self::Removed(v1::Removed { configuration: Some((&*configuration).into()) })
            }
            Body::SnapshotRejected { stream, why } => {
                let damaged = why == InstallFailure::Damaged;
                Self::SnapshotRejected(v1::SnapshotRejected { stream, damaged })
            }
            Body::ReadIndexRequest { id } => Self::ReadIndexRequest(v1::ReadIndexRequest { id }),
            Body::ReadIndexResponse { id, index } => {
                Self::ReadIndexResponse(v1::ReadIndexResponse { id, index })
            }
            Body::InstallSnapshot { snapshot, stream } => {
                let Snapshot { last, configuration } = snapshot;
                let configuration = Some((&*configuration).into());
                Self::InstallSnapshot(v1::InstallSnapshot { last: encoded(last), configuration, stream })
            }
        }
    }
}

impl TryFrom<Wire> for Body {
    type Error = Malformed;

    fn try_from(wire: Wire) -> Result<Self, Malformed> {
        Ok(match wire {
            Wire::PreVoteRequest(it) => Self::PreVoteRequest { last: decoded(it.last)? },
            Wire::PreVoteResponse(it) => Self::PreVoteResponse { granted: it.granted },
            Wire::VoteRequest(it) => {
                Self::VoteRequest { last: decoded(it.last)?, leadership_transfer: it.leadership_transfer }
            }
            Wire::VoteResponse(it) => Self::VoteResponse { granted: it.granted },
            Wire::AppendRequest(it) => append_request(it)?,
            Wire::AppendResponse(it) => {
                let outcome = it.outcome.ok_or(Malformed("an append response without an outcome"))?;
                Self::AppendResponse { outcome: outcome.try_into()?, priority: it.priority }
            }
            Wire::HeartbeatRequest(it) => Self::HeartbeatRequest { commit: it.commit, round: it.round },
            Wire::HeartbeatResponse(it) => {
                Self::HeartbeatResponse { round: it.round, priority: it.priority, promise_us: it.promise_us }
            }
            Wire::TimeoutNow(v1::TimeoutNow {}) => Self::TimeoutNow,
            Wire::Removed(it) => {
                let configuration = it.configuration.ok_or(Malformed("a removal without members"))?;
                Self::Removed { configuration: configuration.try_into()? }
            }
            Wire::SnapshotRejected(it) => {
                let why = if it.damaged { InstallFailure::Damaged } else { InstallFailure::NotStaged };
                Self::SnapshotRejected { stream: it.stream, why }
            }
            Wire::ReadIndexRequest(it) => Self::ReadIndexRequest { id: it.id },
            Wire::ReadIndexResponse(it) => Self::ReadIndexResponse { id: it.id, index: it.index },
            Wire::InstallSnapshot(it) => {
                let configuration = it.configuration.ok_or(Malformed("a snapshot without members"))?;
                let configuration = configuration.try_into()?;
                let snapshot = Snapshot { last: decoded(it.last)?, configuration };
                Self::InstallSnapshot { snapshot, stream: it.stream }
            }
        })
    }
}

/// Entries must follow `previous` without a gap, in terms that never fall.
fn append_request(wire: v1::AppendRequest) -> Result<Body, Malformed> {
    let previous = decoded(wire.previous)?;
    let entries = wire.entries.into_iter().map(Entry::try_from).collect::<Result<Vec<_>, _>>()?;
    let mut before = previous;
    for entry in &entries {
        if Some(entry.index) != before.index.checked_add(1) {
            return Err(Malformed("entries that are not consecutive"));
        }
        if entry.term < before.term {
            return Err(Malformed("entries whose terms fall"));
        }
        before = entry.position();
    }
    Ok(Body::AppendRequest { previous, entries, commit: wire.commit })
}

impl From<AppendOutcome> for Outcome {
    fn from(outcome: AppendOutcome) -> Self {
        match outcome {
            AppendOutcome::Accepted { matched } => Self::Accepted(matched),
            AppendOutcome::Rejected { previous_index, hint } => {
                Self::Rejected(v1::AppendRejected { previous_index, hint: encoded(hint) })
            }
        }
    }
}

impl TryFrom<Outcome> for AppendOutcome {
    type Error = Malformed;

    fn try_from(wire: Outcome) -> Result<Self, Malformed> {
        Ok(match wire {
            Outcome::Accepted(matched) => Self::Accepted { matched },
            Outcome::Rejected(it) => {
                Self::Rejected { previous_index: it.previous_index, hint: present(it.hint)? }
            }
        })
    }
}

impl From<Entry> for v1::Entry {
    fn from(entry: Entry) -> Self {
        let payload = match entry.payload {
            Payload::Noop => entry::Payload::Noop(v1::Noop {}),
            Payload::Command(command) => entry::Payload::Command(bytes::Bytes::from_owner(command)),
            Payload::Configuration(it) => entry::Payload::Configuration((&*it).into()),
        };
        Self { term: entry.term, index: entry.index, payload: Some(payload) }
    }
}

impl TryFrom<v1::Entry> for Entry {
    type Error = Malformed;

    fn try_from(wire: v1::Entry) -> Result<Self, Malformed> {
        if wire.index == 0 || wire.term == 0 {
            return Err(Malformed("an entry without index or term"));
        }
        let payload = match wire.payload.ok_or(Malformed("an entry without a payload"))? {
            entry::Payload::Noop(v1::Noop {}) => Payload::Noop,
            entry::Payload::Command(command) => Payload::Command(Arc::from(&*command)),
            entry::Payload::Configuration(it) => Payload::Configuration(it.try_into()?),
        };
        Ok(Self { term: wire.term, index: wire.index, payload })
    }
}

impl From<&Configuration> for v1::Configuration {
    fn from(configuration: &Configuration) -> Self {
        let Configuration { cluster, voters, outgoing, learners, wanted, addresses, gone, incarnations } =
            configuration;
        let record = |(&id, &incarnation): (&NodeId, &u64)| v1::MemberIncarnation { id, incarnation };
        let list = |ids: &BTreeSet<NodeId>| ids.iter().copied().collect();
        let address = |(&id, address): (&NodeId, &String)| v1::MemberAddress { id, address: address.clone() };
        Self {
            cluster: *cluster,
            voters: list(voters),
            outgoing: list(outgoing),
            learners: list(learners),
            wanted: list(wanted),
            addresses: addresses.iter().map(address).collect(),
            gone: list(gone),
            incarnations: incarnations.iter().map(record).collect(),
        }
    }
}

impl TryFrom<v1::Configuration> for Arc<Configuration> {
    type Error = Malformed;

    fn try_from(wire: v1::Configuration) -> Result<Self, Malformed> {
        let configuration = Configuration {
            cluster: wire.cluster,
            voters: ids(wire.voters)?,
            outgoing: ids(wire.outgoing)?,
            learners: ids(wire.learners)?,
            wanted: ids(wire.wanted)?,
            addresses: wire.addresses.into_iter().map(|member| (member.id, member.address)).collect(),
            gone: ids(wire.gone)?,
            incarnations: wire
                .incarnations
                .into_iter()
                .map(|record| (record.id, record.incarnation))
                .collect(),
        };
        match configuration.flaw() {
            Some(flaw) => Err(Malformed(flaw)),
            None => Ok(configuration.into()),
        }
    }
}

fn ids(list: Vec<NodeId>) -> Result<BTreeSet<NodeId>, Malformed> {
    let count = list.len();
    let ids = BTreeSet::from_iter(list);
    if ids.len() != count {
        return Err(Malformed("a configuration that names a node twice"));
    }
    Ok(ids)
}

impl From<Position> for v1::LogPosition {
    fn from(Position { term, index }: Position) -> Self {
        Self { term, index }
    }
}

fn encoded(position: Position) -> Option<v1::LogPosition> {
    Some(position.into())
}

/// A place where an entry is, or the place before the first.
///
/// # Errors
/// It is missing, or half of it is.
pub(crate) fn decoded(wire: Option<v1::LogPosition>) -> Result<Position, Malformed> {
    let position = present(wire)?;
    if (position.term == 0) != (position.index == 0) {
        return Err(Malformed("a log position with half of it missing"));
    }
    Ok(position)
}

fn present(wire: Option<v1::LogPosition>) -> Result<Position, Malformed> {
    let wire = wire.ok_or(Malformed("a message without its log position"))?;
    Ok(Position { term: wire.term, index: wire.index })
}

#[cfg(test)]
mod tests;
