//! The lines of a file with results.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::super::{
    plan::{Limit, Plan},
    shard::Shard,
};
use crate::{
    run::run,
    scenario::{Load, Scenario, Version, reference},
    verdict::{Failed, Failure, Figures, Subject, Verdict},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// The first line.
    Campaign(Header),
    /// A run of this begins. One that takes the whole process with it is known by that.
    Begins(Subject),
    Run(Box<RunLine>),
    /// A run that was not the same in another process.
    Differs(Failed),
    /// The last line. A campaign that was killed has none.
    Ended(Ended),
}

/// What a campaign is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Header {
    /// What seeds mean.
    pub(in super::super) version: Version,
    /// What the programs do: the trace hash of a short run that never changes with the generator.
    pub(in super::super) program: String,
    /// When it began, in seconds since 1970.
    pub(in super::super) began_unix_s: u64,
    pub(in super::super) first_seed: u64,
    pub(in super::super) limit: Limit,
    pub(in super::super) shard: Shard,
    pub(in super::super) jobs: usize,
}

impl Header {
    /// Of a campaign that begins now.
    pub(in super::super) fn new(plan: &Plan, version: Version) -> Self {
        let Plan { first_seed, limit, shard, jobs, is_guided: _ } = *plan;
        let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let began_unix_s = began.as_secs();
        Self { version, program: program(), began_unix_s, first_seed, limit, shard, jobs }
    }
}

fn program() -> String {
    let short = Scenario { chaos_ms: 2_000, ..reference(1, Load::Clients) };
    format!("{:016x}", run(&short, false).trace_hash)
}

/// A run that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct RunLine {
    pub(in super::super) subject: Subject,
    pub(in super::super) trace_hash: String,
    /// Milliseconds after the campaign began.
    pub(in super::super) ended_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in super::super) failure: Option<Failure>,
    pub(in super::super) figures: Figures,
}

impl RunLine {
    pub(in super::super) fn new(subject: Subject, ended_ms: u64, verdict: Verdict) -> Self {
        let Verdict { trace_hash, failure, figures, .. } = verdict;
        Self { subject, trace_hash: format!("{trace_hash:016x}"), ended_ms, failure, figures }
    }
}

/// How a campaign ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Ended {
    pub(in super::super) took_ms: u64,
    pub(in super::super) repeated: u64,
    pub(in super::super) interrupted: bool,
}
