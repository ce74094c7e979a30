//! Rare states of nodes, proxies and clients that simulations should reach. In production they are compiled to nothing.

/// Makes [`Rare`]: name, variant, what is reached: a row a state.
macro_rules! rare {
    ($($name:literal $rare:ident $statement:literal;)*) => {
        /// A rare state of what runs around the cores.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rare {
            $(#[doc = $statement] $rare,)*
        }

        impl Rare {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$rare,)*];

            /// Its name in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$rare => $name,)* }
            }

            /// What is reached.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$rare => $statement,)* }
            }
        }
    };
}

rare! {
    // storage
    "begun-anew" BegunAnew "a file is begun anew, for the power failed while it was begun";
    "half-founded" HalfFounded "a node died when it had begun its log's file, and not its state's";
    "batch-broke-off" BatchBrokeOff "the state is to be read, and a change of it broke off, for the disk failed";
    "commit-number-lost" CommitNumberLost "a power loss took the number of a commit that is there";
    "journal-damaged" JournalDamaged "a commit that was durable is missing in the log's journal, and the node stops";
    "journal-full" JournalFull "the log's journal has no room, and the engine takes what it holds";
    "journal-replayed" JournalReplayed "a restart finds commits in the log's journal that the engine has not got";
    "staged-forgotten" StagedForgotten "a restart forgets what had arrived of a snapshot";
    "layers-kept-apart" LayersKeptApart "a layer of changes is not merged, for a view holds the one below";
    "piece-out-of-place" PieceOutOfPlace "a piece of a snapshot arrives that does not go on from those before it";
    "snapshot-goes-on" SnapshotGoesOn "a snapshot that broke off goes on where it was";
    "snapshot-not-staged" SnapshotNotStaged "a snapshot is to be installed that is not there any more";
    // node
    "inputs-cut" InputsCut "a node takes no more inputs in one step";
    "proposals-full" ProposalsFull "a node refuses a write, for too many wait";
    "write-while-transferring" WriteWhileTransferring "a write is refused, for leadership is being handed over";
    "write-dropped" WriteDropped "a write's place in the log is another leader's";
    "write-replaced" WriteReplaced "a write's place in a leader's log is another's before anything is committed there";
    "write-forgotten" WriteForgotten "a snapshot takes the place of a log in which a write waits for its outcome";
    "stale-attempt" StaleAttempt "an attempt of a write arrives whose answer was acknowledged before";
    "session-expired" SessionExpired "a write arrives in a session that has expired";
    "apply-batch-cut" ApplyBatchCut "entries are left for the next batch that is applied";
    "replies-cut" RepliesCut "entries are applied apart, for their replies are large";
    "flush-begins" FlushBegins "a node begins to make its state durable";
    "apply-waits-for-flush" ApplyWaitsForFlush "applying waits, for the disk lags behind";
    "backlog-full" BacklogFull "a follower takes no entries, for its state's disk lags behind its log";
    "reads-stand-still" ReadsStandStill "a leader hands over because its disk keeps reads waiting";
    "read-waits-for-apply" ReadWaitsForApply "a read is confirmed, and waits for entries to be applied";
    "lease-not-held" LeaseNotHeld "a leader that may read by lease does not hold it, and asks";
    "read-left" ReadLeft "nobody waits for a read any more when it is to be served";
    "long-read" LongRead "a read is long, and takes turns";
    "long-read-left" LongReadLeft "nobody waits for a long read any more while it is served";
    "compacted-under-reader" CompactedUnderReader "the past that a long read reads is compacted meanwhile";
    "view-shared" ViewShared "two long reads share a view";
    "read-lane-full" ReadLaneFull "short reads wait, for a stream has no room for answers";
    "replies-full" RepliesFull "a proxy's requests wait, for it does not read its answers";
    "answer-left-out" AnswerLeftOut "a large answer to a write is left out, for its proxy reads too little of its answers";
    "piece-before-batch" PieceBeforeBatch "a piece of a large answer goes before smaller ones, for it has waited long enough";
    "outbox-full" OutboxFull "a message is dropped, for the outbox to its node is full";
    "batch-cut" BatchCut "a batch of messages is cut by its size";
    "append-left-out" AppendLeftOut "an append is left out that others wait before";
    "link-to-stranger" LinkToStranger "a node that is no member gets a link";
    "quiet-stranger-makes-way" QuietStrangerMakesWay "a node that is no member and says nothing makes way for one that speaks";
    "answered-on-its-stream" AnsweredOnItsStream "a removed node that is not reached is told so on the stream that it has opened";
    "peer-elsewhere" PeerElsewhere "a node hears from a member where that is by a later configuration than its own";
    "snapshot-view-kept" SnapshotViewKept "another snapshot is sent of a view that was kept";
    "snapshot-stream-retried" SnapshotStreamRetried "a stream of a snapshot broke off, and is taken up again";
    "snapshot-stream-given-up" SnapshotStreamGivenUp "a stream of a snapshot is given up";
    "snapshot-piece-taken" SnapshotPieceTaken "a node has taken a piece of a snapshot";
    "snapshot-installs" SnapshotInstalls "a node is about to put a snapshot in the place of its state";
    "piece-of-other-term" PieceOfOtherTerm "a piece of a snapshot is of another term than its receiver";
    "piece-not-needed" PieceNotNeeded "a piece of a snapshot arrives at a node whose log reaches further";
    "piece-while-installing" PieceWhileInstalling "a piece arrives while another snapshot is put in place";
    "piece-superseded" PieceSuperseded "a piece of a stream arrives, and a later one is being received";
    "stamped-time-held-back" StampedTimeHeldBack "a leader's wall clock is ahead, and the time that it stamps follows slowly";
    // proxy
    "proxy-window-full" ProxyWindowFull "a call waits, for there is no room on its link";
    "sent-to-second-node" SentToSecondNode "a call is sent again to another node than before";
    "sent-to-third-node" SentToThirdNode "a call is under way to two nodes, and sent to a third";
    "answer-to-earlier-attempt" AnswerToEarlierAttempt "a call is answered by an earlier attempt than its last";
    "late-reply" LateReply "a node answers a call that has its answer, or was given up";
    "half-answer-dropped" HalfAnswerDropped "half an answer has arrived when its call is sent again";
    "answer-too-large" AnswerTooLarge "a proxy has no room for an answer";
    "answered-by-any-node" AnsweredByAnyNode "a serializable read goes to a node that does not lead";
    "caller-left" CallerLeft "a caller leaves while its write is under way";
    "second-session" SecondSession "a proxy opens another session";
    "other-cluster" OtherCluster "a proxy meets a node of another cluster of the same name";
    // client
    "client-fails-over" ClientFailsOver "a client asks another proxy";
}
