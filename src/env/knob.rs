//! Knobs: limits and sizes of the programs that a simulation may set, each for a whole run. In production each is the constant that
//! stands where it is used, and the compiler leaves the knob out (`hooks.rs`).
//!
//! What is allowed is what the programs must get on with, however absurd: a limit of one of something makes every wait and every
//! refusal of it an everyday matter.

use std::ops::RangeInclusive;

/// Makes [`Knob`]: name, variant, what is allowed, what a simulation draws, what it is: a row a knob.
macro_rules! knobs {
    ($($name:literal $knob:ident $allowed:expr, $draws:expr, $statement:literal;)*) => {
        /// A limit or a size that a simulation may set.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Knob {
            $(#[doc = $statement] $knob,)*
        }

        impl Knob {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$knob,)*];

            /// Its name in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$knob => $name,)* }
            }

            /// What it is.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$knob => $statement,)* }
            }

            /// What it may be set to.
            pub fn allowed(self) -> RangeInclusive<u64> {
                match self { $(Self::$knob => $allowed,)* }
            }

            /// What a simulation that sets it chooses from.
            pub fn draws(self) -> &'static [u64] {
                match self { $(Self::$knob => &$draws,)* }
            }
        }
    };
}

knobs! {
    // consensus
    "append-bytes" AppendBytes 1..=131_072, [1, 2_000], "entries of one append, in bytes; one always goes";
    "inflight-messages" InflightMessages 1..=256, [1, 3], "appends under way to one node";
    "inflight-bytes" InflightBytes 1..=16_777_216, [1, 50_000], "their bytes";
    "compaction-step" CompactionStep 1..=1_000, [1, 10], "entries that one write of a log forgets";
    "caught-up-entries" CaughtUpEntries 50..=1_000, [50, 200], "entries that a node may lack which is to vote";
    "catching-up-entries" CatchingUpEntries 10_000..=600_000, [10_000], "entries kept for a node that catches up";
    "catching-up-bytes" CatchingUpBytes 16_777_216..=805_306_368, [16_777_216], "bytes of entries kept for it";
    // node: the log, inputs, writes, the state
    "journal-bytes" JournalBytes 8_192..=524_288, [8_192, 65_536], "bytes of small commits of the log before the engine gets them";
    "log-idle-ms" LogIdleMs 1..=1_000, [1, 1_000], "a log that is idle for so long notes that its last commit is durable";
    "inputs" Inputs 1..=256, [1, 4], "inputs that a node takes in one step";
    "events" Events 1..=256, [1, 8], "inputs that wait for a node";
    "proposals" Proposals 1..=20_000, [4, 50], "writes that wait at a leader";
    "proposals-bytes" ProposalsBytes 1..=268_435_456, [1, 100_000], "their bytes; one is always taken";
    "applied-bytes" AppliedBytes 0..=4_194_304, [0, 10_000], "bytes of entries that are applied together";
    "replies-bytes" RepliesBytes 0..=16_777_216, [0, 1_000], "bytes of replies after which no more is applied together";
    "replayed-entries" ReplayedEntries 1..=1_000, [1, 10], "entries that a start applies together";
    "frozen-layers" FrozenLayers 1..=16, [1, 3], "layers of the state in memory before a flush";
    "merged-bytes" MergedBytes 0..=2_097_152, [0, 1_000], "a smaller layer becomes part of the one below";
    "sync-bytes" SyncBytes 1_000..=67_108_864, [1_000, 100_000], "bytes of changes after which the state is flushed";
    "log-bytes" LogBytes 1_000..=268_435_456, [1_000, 20_000, 1_000_000], "bytes of a log that is not yet compacted";
    "backlog-bytes" BacklogBytes 1_000..=268_435_456, [1_000, 20_000], "committed bytes that wait for the state's disk: a quarter is flushed, and a follower takes no more";
    "scrub-pause-ms" ScrubPauseMs 10..=3_600_000, [10, 1_000], "between two readings of the whole state";
    "scrub-step-bytes" ScrubStepBytes 1..=262_144, [1, 4_096], "bytes of it that are read in one go";
    "session-idle-ms" SessionIdleMs 100..=3_600_000, [300, 2_000], "a session that is idle for longer is removed";
    // node: snapshots
    "snapshot-bytes-per-s" SnapshotBytesPerS 1_000_000..=67_108_864, [2_000_000], "the pace of a snapshot, at first";
    "snapshot-retry-ms" SnapshotRetryMs 1..=1_000, [1, 1_000], "before a stream of a snapshot that broke goes on";
    "view-kept-ms" ViewKeptMs 1..=30_000, [1, 500], "a view of the state is kept so long for the next snapshot";
    // node: reads and answers
    "reads" Reads 1..=20_000, [4, 50], "reads under way at a node";
    "reads-bytes" ReadsBytes 1..=67_108_864, [1, 1_000], "their requests' bytes; one is always taken";
    "long-reads" LongReads 1..=16, [1], "long reads under way";
    "read-slices" ReadSlices 1..=2, [1], "slices of them that are read at a time";
    "reads-per-round" ReadsPerRound 1..=1_024, [1, 8], "short reads that are served together";
    "read-round-bytes" ReadRoundBytes 1..=524_288, [1, 2_000], "bytes of answers after which a round ends";
    "whole-answer-bytes" WholeAnswerBytes 0..=16_384, [0, 100], "a larger answer goes in pieces";
    "reply-batches" ReplyBatches 1..=2, [1], "batches of answers on their way to a stream";
    "reply-pieces" ReplyPieces 1..=4, [1], "pieces of answers on their way to it";
    "answers-bytes" AnswersBytes 0..=67_108_864, [0, 1_000], "bytes of answers that wait before a large one to a write is left out";
    "reply-bytes" ReplyBytes 1..=2_097_152, [1, 10_000], "bytes of answers before requests wait";
    // links
    "entries-outbox-bytes" EntriesOutboxBytes 50_000..=33_554_432, [50_000, 1_000_000], "bytes of appends that wait for a link";
    "control-outbox-bytes" ControlOutboxBytes 1_000..=4_194_304, [1_000, 50_000], "bytes of other messages that wait for it";
    "batch-items" BatchItems 1..=1_024, [1, 16], "messages that travel together";
    "batch-bytes" BatchBytes 1..=131_072, [1, 5_000], "their bytes; one always goes";
    "batches-ahead" BatchesAhead 1..=4, [1], "batches that go ahead of one that is left behind";
    "strangers" Strangers 3..=16, [3], "links to nodes that are no members";
    // proxy
    "calls" Calls 1..=16_384, [2, 20], "calls that wait at a proxy";
    "large-calls-bytes" LargeCallsBytes 2_097_152..=268_435_456, [2_097_152], "bytes of large calls that wait";
    "in-flight-bytes" InFlightBytes 1..=2_097_152, [1, 10_000], "bytes of calls under way on a link; one always goes";
    "abandoned" Abandoned 1..=16_384, [1, 8], "writes whose callers left that a proxy remembers";
    "open-attempts" OpenAttempts 1..=8, [1, 2], "attempts of a call of which an answer is still taken";
    "retry-pause-max-us" RetryPauseMaxUs 10_000..=1_000_000, [10_000, 1_000_000], "the longest pause before a call is sent again";
    "call-queue" CallQueue 1..=4_096, [1, 8], "calls that wait for a proxy to take them";
    "calls-per-round" CallsPerRound 1..=1_024, [1, 8], "calls that it takes in one step";
}
