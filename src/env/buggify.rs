//! Points where a simulation may choose what is allowed and seldom happens: a batch cut short, a queue that is full, a pause
//! between what is decided and what is done. What fails then could have failed in production, in a rare moment. (FoundationDB's
//! simulation named the idea.) In production no point ever fires, and the compiler leaves them out (`hooks.rs`).
//!
//! Nothing may happen at a point that the code around it does not allow.

/// Makes [`Buggify`]: name, variant, what happens: a row a point.
macro_rules! points {
    ($($name:literal $point:ident $statement:literal;)*) => {
        /// A point that a simulation may switch on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Buggify {
            $(#[doc = $statement] $point,)*
        }

        impl Buggify {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$point,)*];

            /// Its name in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }

            /// What happens there.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$point => $statement,)* }
            }
        }
    };
}

points! {
    // node: inputs, and what follows from them
    "early-election" EarlyElection "an election timeout passes in a moment (without leases: they rest on time)";
    "spurious-wake" SpuriousWake "a node or a proxy takes a step for which nothing has happened";
    "short-inputs" ShortInputs "a node takes one input in a step";
    "slow-inputs" SlowInputs "what comes from outside waits, as before a queue that is full";
    "late-carry-out" LateCarryOut "a node pauses between a step and what follows from it";
    "long-poll" LongPoll "a node stands still within a step: between its look at the clock and what it decides, or after that";
    "long-apply" LongApply "a node stands still after it has applied entries, before it answers";
    "proposals-full" ProposalsFull "a node has no room for the writes that were gathered";
    "reads-full" ReadsFull "a node has no room for a read";
    "early-read-round" EarlyReadRound "a node asks for a read round for which nobody waits";
    // node: the log, the state
    "short-log-batch" ShortLogBatch "the log's disk takes one write, whatever waits";
    "journal-full" JournalFull "the log's journal has no room for a commit";
    "late-promise" LatePromise "a write is durable, and its promises leave later";
    "short-apply" ShortApply "one entry is applied, whatever waits";
    "late-apply" LateApply "applying begins later";
    "early-flush" EarlyFlush "the state is made durable although little was applied";
    "late-flush" LateFlush "the state is not made durable yet";
    "short-read" ShortRead "a read is long although it looks at few records, and has short turns";
    "early-compaction" EarlyCompaction "a log is forgotten as far as the state is durable, however short it is";
    "lost-view" LostView "a view of the state that others could share is forgotten";
    "lost-stage" LostStage "what has arrived of a snapshot is gone when it is to be installed";
    "lost-page-cache" LostPageCache "the engine keeps no pages in memory, from its start";
    // node: to others
    "outbox-full" OutboxFull "an outbox to another node is full";
    "short-batch" ShortBatch "a batch on a stream has one item";
    "short-snapshot-piece" ShortSnapshotPiece "a piece of a snapshot has one record";
    "late-snapshot-piece" LateSnapshotPiece "a stream of a snapshot pauses before its next piece";
    "broken-snapshot-stream" BrokenSnapshotStream "a stream of a snapshot breaks off";
    // proxy
    "lost-link" LostLink "a proxy's link to a node is lost";
    "calls-full" CallsFull "a proxy has no room for a call";
}
