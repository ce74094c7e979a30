//! How events are written: short, and always in the same way.

use conclave::raft::{AppendOutcome, Body, Entry, Message, Payload, Persist};

pub(crate) fn entry(entry: &Entry) -> String {
    let payload = match &entry.payload {
        Payload::Noop => "noop".to_owned(),
        Payload::Command(command) => String::from_utf8_lossy(command).into_owned(),
        Payload::Configuration(configuration) => configuration.to_string(),
    };
    format!("{}:{payload}", entry.position())
}

pub(crate) fn entries(entries: &[Entry]) -> String {
    let shown: Vec<String> = entries.iter().map(entry).collect();
    format!("[{}]", shown.join(" "))
}

/// The kind of a message, by which scripts pick messages.
pub(crate) fn kind(body: &Body) -> &'static str {
    match body {
        Body::PreVoteRequest { .. } => "PreVoteRequest",
        Body::PreVoteResponse { .. } => "PreVoteResponse",
        Body::VoteRequest { .. } => "VoteRequest",
        Body::VoteResponse { .. } => "VoteResponse",
        Body::AppendRequest { .. } => "AppendRequest",
        Body::AppendResponse { .. } => "AppendResponse",
        Body::HeartbeatRequest { .. } => "HeartbeatRequest",
        Body::HeartbeatResponse { .. } => "HeartbeatResponse",
        Body::TimeoutNow => "TimeoutNow",
        Body::Removed { .. } => "Removed",
        Body::ReadIndexRequest { .. } => "ReadIndexRequest",
        Body::ReadIndexResponse { .. } => "ReadIndexResponse",
        Body::InstallSnapshot { .. } => "InstallSnapshot",
        Body::SnapshotRejected { .. } => "SnapshotRejected",
    }
}

pub(crate) fn message(message: &Message) -> String {
    format!("{} term={}{}", kind(&message.body), message.term, details(&message.body))
}

fn details(body: &Body) -> String {
    match body {
        Body::PreVoteRequest { last } | Body::VoteRequest { last, leadership_transfer: false } => {
            format!(" last={last}")
        }
        Body::VoteRequest { last, leadership_transfer: true } => format!(" last={last} transfer"),
        Body::PreVoteResponse { granted } | Body::VoteResponse { granted } => {
            if *granted { " granted" } else { " refused" }.to_owned()
        }
        Body::AppendRequest { previous, entries: list, commit } => {
            format!(" previous={previous} commit={commit} {}", entries(list))
        }
        Body::AppendResponse { outcome: AppendOutcome::Accepted { matched }, .. } => {
            format!(" accepted={matched}")
        }
        Body::AppendResponse { outcome: AppendOutcome::Rejected { previous_index, hint }, .. } => {
            format!(" rejected={previous_index} hint={hint}")
        }
        Body::HeartbeatRequest { commit, round } => format!(" commit={commit} round={round}"),
        Body::HeartbeatResponse { round, promise_us: 0, .. } => format!(" round={round}"),
        Body::HeartbeatResponse { round, promise_us, .. } => format!(" round={round} promise={promise_us}"),
        Body::TimeoutNow | Body::ReadIndexRequest { .. } => String::new(),
        Body::Removed { configuration } => format!(" {configuration}"),
        Body::ReadIndexResponse { index: Some(index), .. } => format!(" index={index}"),
        Body::ReadIndexResponse { index: None, .. } => " unconfirmed".to_owned(),
        Body::SnapshotRejected { stream, why } => format!(" stream={stream} {why:?}"),
        Body::InstallSnapshot { snapshot, .. } => {
            format!(" last={} {}", snapshot.last, snapshot.configuration)
        }
    }
}

/// What a write stores; `None` when it only holds promises back.
pub(crate) fn write(write: &Persist) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(compacted) = &write.compacted {
        parts.push(format!("compacted={}", compacted.position));
    }
    if let Some(vote) = write.vote {
        let candidate = vote.candidate.map_or("nobody".to_owned(), |id| format!("n{id}"));
        parts.push(format!("vote={candidate}@{}", vote.term));
    }
    if !write.entries.is_empty() {
        parts.push(entries(&write.entries));
    }
    (!parts.is_empty()).then(|| parts.join(" "))
}
