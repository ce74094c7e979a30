//! Rare states that runs should reach, each with a name and what it is. A state that no run of many reaches is a hole in the
//! tests. `probes/` looks for those of the consensus.

use std::collections::BTreeSet;

/// The probes that were reached.
pub(crate) type Reached = BTreeSet<Probe>;

/// Makes an enum of probes: name, variant, what is reached: a row a probe.
#[macro_export]
macro_rules! probes {
    ($(#[$about:meta])* $type:ident: $($name:literal $probe:ident $statement:literal;)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $(#[doc = $statement] $probe,)*
        }

        impl $type {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$probe,)*];

            /// Its name in files and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$probe => $name,)* }
            }

            /// What is reached.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$probe => $statement,)* }
            }
        }
    };
}

probes! {
    /// A rare state of the consensus.
    Probe:
    // probes/election.rs
    "two-candidates" TwoCandidates "two nodes are candidates in one term";
    "split-vote" SplitVote "a candidate campaigns anew, for nobody won its term";
    "election-lost" ElectionLost "a candidate gives up in its term, and knows no leader";
    "candidate-yields" CandidateYields "a candidate follows the leader of its term";
    "pre-vote-lost" PreVoteLost "a node asks whether it could win, and could not";
    "leader-deposed" LeaderDeposed "a leader hears of a later term";
    "leader-without-quorum" LeaderWithoutQuorum "a leader steps down because no majority answers it";
    "removed-leader-steps-down" RemovedLeaderStepsDown "a leader goes when its own removal is committed";
    "removed-node-campaigns" RemovedNodeCampaigns "a node that was removed asks for votes";
    "stale-leader" StaleLeader "a leader goes on although a later term has one";
    "elected-late" ElectedLate "a leader learns of its election when there is a later term";
    "leader-with-shorter-log" LeaderWithShorterLog "a leader is elected whose log is shorter than a voter's";
    "terms-without-leader" TermsWithoutLeader "a leader is elected after two terms that had none";
    "leader-inherits-tail" LeaderInheritsTail "a leader begins with entries that are not committed";
    "leader-inherits-staged" LeaderInheritsStaged "a leader begins in the middle of a change, whose new voters still learn";
    "leader-inherits-joint" LeaderInheritsJoint "a leader begins in a joint configuration";
    // probes/messages.rs
    "vote-denied-shorter-log" VoteDeniedShorterLog "a vote is denied, for the candidate's log is not up to date";
    "vote-denied-earlier-vote" VoteDeniedEarlierVote "a vote is denied, for another candidate has it";
    "vote-denied-promise" VoteDeniedPromise "a vote is denied, for a lease may be relied on";
    "pre-vote-denied-leader" PreVoteDeniedLeader "a pre-vote is denied by a node that hears a leader";
    "removed-node-is-told" RemovedNodeIsTold "a node that was removed is told so";
    "read-forwarded" ReadForwarded "a follower asks its leader for an index to read at";
    "forwarded-read-refused" ForwardedReadRefused "a follower's read is refused, for its leader leads no more";
    "append-rejected-gap" AppendRejectedGap "a follower lacks what an append goes on from";
    "append-rejected-conflict" AppendRejectedConflict "a follower has another entry where an append goes on";
    "hint-skips-term" HintSkipsTerm "a follower's hint skips all its entries of a term at once";
    "snapshot-not-taken" SnapshotNotTaken "a node does not take a snapshot that has arrived";
    "transfer-target-told" TransferTargetTold "a leader asks another node to take over";
    // probes/log.rs
    "log-truncated" LogTruncated "a log's end is replaced by what the leader has";
    "durable-entry-replaced" DurableEntryReplaced "an entry is replaced that was on the disk already";
    "leader-loses-its-tail" LeaderLosesItsTail "a node that led loses entries that it appended as leader";
    "configuration-truncated" ConfigurationTruncated "a configuration is replaced before it is committed";
    "three-entries-at-one-index" ThreeEntriesAtOneIndex "three leaders append different entries at one index";
    "figure-8" Figure8 "an entry of an earlier term is on a majority of disks, and not committed";
    // probes/commit.rs
    "earlier-term-committed" EarlierTermCommitted "a leader commits an entry of an earlier term by one of its own";
    "commit-before-own-disk" CommitBeforeOwnDisk "a leader commits what its own disk does not hold yet";
    "commit-heard-before-disk" CommitHeardBeforeDisk "a follower hears that an entry is committed before its own disk holds it";
    "joint-commit" JointCommit "two majorities commit, in a joint configuration";
    "learner-promoted" LearnerPromoted "a learner becomes a voter";
    "member-removed" MemberRemoved "the removal of a member is committed";
    "replaced-in-one-change" ReplacedInOneChange "one change takes voters away and gives others";
    // probes/durability.rs
    "leader-restarts-with-tail" LeaderRestartsWithTail "a leader died whose last entry no other node had";
    "crash-loses-writes" CrashLosesWrites "a crash takes writes that were under way";
    "crash-keeps-write" CrashKeepsWrite "a write was on the disk when its node died, and nobody had heard";
    "crash-keeps-vote" CrashKeepsVote "a vote was on the disk when its node died, and nobody had heard";
    "crash-after-install" CrashAfterInstall "a node died when a snapshot was in place, and its log had not heard";
    "restart-in-earlier-term" RestartInEarlierTerm "a node comes up in a term that others have left";
    "state-rebuilt" StateRebuilt "a restart lost what was applied, which the log gives back";
    "removed-node-starts" RemovedNodeStarts "a node comes up that was removed meanwhile";
    // probes/snapshot.rs
    "install-during-joint" InstallDuringJoint "a snapshot is installed while a joint configuration is the latest committed";
    "joint-snapshot" JointSnapshot "a snapshot carries a joint configuration";
    "install-over-conflict" InstallOverConflict "a snapshot takes the place of a log that conflicts with it";
    "install-keeps-tail" InstallKeepsTail "a log holds more than the snapshot that is installed, and keeps it";
    "newcomer-installs" NewcomerInstalls "a node begins with a snapshot";
    "stream-cancelled" StreamCancelled "a snapshot is not wanted any more while it is under way";
    "snapshot-rejected" SnapshotRejected "a leader hears that its snapshot was not taken";
    "two-receive-snapshots" TwoReceiveSnapshots "two nodes are sent snapshots at the same time";
    "voter-left-behind" VoterLeftBehind "a leader compacts its log beyond what a voter holds";
    // probes/reads.rs
    "reads-refused" ReadsRefused "a leader steps down while reads wait to be confirmed";
    "read-before-own-term" ReadBeforeOwnTerm "a read waits, for its leader has committed nothing in its term";
    "lease-read" LeaseRead "a read is allowed by lease";
    // probes/transfer.rs
    "transfer-aborted" TransferAborted "a leader gives up to hand over, and goes on";
    "transfer-done" TransferDone "a node leads to whom leadership was handed over";
}
