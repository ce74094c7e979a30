//! What a leader does for the state by itself: it compacts the past that nobody is to read any more, and raises an alarm
//! when the state has outgrown its quota. Both go through the log, as an operator's requests do.

use std::{collections::VecDeque, time::Duration};

use super::config::{AutoCompaction, Upkeep as Config};
use crate::{
    env::Moment,
    kv::Header,
    raft::NodeId,
    wire::pb::{
        etcdserverpb::{AlarmRequest, AlarmType, CompactionRequest, alarm_request::AlarmAction},
        v1::command::Operation,
    },
};

/// How often there is a look at the state. What is due then was never due for longer.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// By age, so many revisions are noted in the time that they are kept: what goes is older by up to one part.
const SAMPLES: u32 = 10;

/// By revisions, one in so many of those that are kept is allowed more, so that not every write compacts.
const SLACK_DIVISOR: i64 = 10;

pub(super) struct Upkeep {
    node: NodeId,
    config: Config,
    next_look: Moment,
    /// Revisions that the state had, oldest first, and when.
    samples: VecDeque<(Moment, i64)>,
}

impl Upkeep {
    pub(super) fn new(node: NodeId, config: Config) -> Self {
        Self { node, config, next_look: Moment::default(), samples: VecDeque::new() }
    }

    /// What is to be proposed now, by who leads. Whoever follows looks too: it may lead next.
    pub(super) fn due(&mut self, header: &Header, now: Moment) -> Vec<Operation> {
        if now < self.next_look {
            return Vec::new();
        }
        self.next_look = now + LOOK_INTERVAL;
        self.compaction(header, now).into_iter().chain(self.alarm(header)).collect()
    }

    fn compaction(&mut self, header: &Header, now: Moment) -> Option<Operation> {
        let (revision, slack) = match self.config.auto_compaction? {
            AutoCompaction::Revisions(kept) => (header.revision - kept, kept / SLACK_DIVISOR),
            AutoCompaction::Age(age) => (self.revision_before(age, header.revision, now)?, 0),
        };
        let is_due = revision > header.compacted_revision.saturating_add(slack);
        is_due.then_some(Operation::Compact(CompactionRequest { revision, physical: false }))
    }

    /// The latest revision known to be older than an age.
    fn revision_before(&mut self, age: Duration, revision: i64, now: Moment) -> Option<i64> {
        if self.samples.back().is_none_or(|(noted, _)| now.since(*noted) >= age / SAMPLES) {
            self.samples.push_back((now, revision));
        }
        while self.samples.get(1).is_some_and(|(noted, _)| now.since(*noted) >= age) {
            self.samples.pop_front();
        }
        self.samples.front().filter(|(noted, _)| now.since(*noted) >= age).map(|(_, revision)| *revision)
    }

    fn alarm(&self, header: &Header) -> Option<Operation> {
        let is_due = !header.is_out_of_space && header.content.bytes >= self.config.quota_bytes;
        let (action, alarm) = (AlarmAction::Activate.into(), AlarmType::Nospace.into());
        is_due.then_some(Operation::Alarm(AlarmRequest { action, member_id: self.node, alarm }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::Digest;

    fn upkeep(auto_compaction: AutoCompaction) -> Upkeep {
        Upkeep::new(1, Config { auto_compaction: Some(auto_compaction), ..Config::default() })
    }

    fn at(revision: i64, compacted_revision: i64) -> Header {
        Header { revision, compacted_revision, ..Header::default() }
    }

    /// The revision to compact to, if that is all that is due.
    fn compacts(due: Vec<Operation>) -> Option<i64> {
        match due.as_slice() {
            [Operation::Compact(compact)] => Some(compact.revision),
            [] => None,
            other => panic!("{other:?} is due"),
        }
    }

    fn second(count: u64) -> Moment {
        Moment::default() + Duration::from_secs(count)
    }

    #[test]
    fn by_revisions_the_last_ones_are_kept_with_a_little_slack() {
        let mut upkeep = upkeep(AutoCompaction::Revisions(100));
        assert_eq!(compacts(upkeep.due(&at(100, 0), second(1))), None);
        assert_eq!(compacts(upkeep.due(&at(110, 0), second(2))), None);
        assert_eq!(compacts(upkeep.due(&at(111, 0), second(3))), Some(11));
        assert_eq!(compacts(upkeep.due(&at(121, 11), second(4))), None);
        assert_eq!(compacts(upkeep.due(&at(500, 11), second(4))), None, "it has just looked");
        assert_eq!(compacts(upkeep.due(&at(500, 11), second(5))), Some(400));
    }

    #[test]
    fn by_age_the_revision_of_that_time_is_the_oldest_kept() {
        let mut upkeep = upkeep(AutoCompaction::Age(Duration::from_secs(10)));
        for seconds in 0..10 {
            let header = at(1 + seconds as i64 * 100, 0);
            assert_eq!(compacts(upkeep.due(&header, second(seconds))), None, "after {seconds} s");
        }
        assert_eq!(compacts(upkeep.due(&at(1001, 0), second(10))), Some(1));
        assert_eq!(compacts(upkeep.due(&at(1101, 1), second(11))), Some(101));
        assert_eq!(compacts(upkeep.due(&at(9001, 101), second(90))), Some(1101));
        assert!(upkeep.samples.len() < 12);
    }

    #[test]
    fn a_state_that_has_outgrown_its_quota_is_told_once() {
        let mut upkeep = Upkeep::new(7, Config { quota_bytes: 1_000, ..Config::default() });
        let of = |bytes| Header { content: Digest { bytes, ..Digest::default() }, ..Header::default() };
        assert_eq!(upkeep.due(&of(999), second(1)), []);
        let due = upkeep.due(&of(1_000), second(2));
        assert!(matches!(due.as_slice(), [Operation::Alarm(raised)] if raised.member_id == 7), "{due:?}");
        assert_eq!(upkeep.due(&Header { is_out_of_space: true, ..of(2_000) }, second(3)), []);
    }
}
