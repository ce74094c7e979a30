//! The language of the stories.
//!
//! ```text
//! cluster N [learners=N] [spares=N] [append_bytes=N] [log_entries=N] [leases="1 2"]
//!                               new nodes n1, n2, ...: voters, learners, strangers; logs grow so long; these nodes
//!                               read, and promise, by lease (it lasts nine ticks, a promise ten)
//! disk N [log="1 1 2"] [term=T] [vote=N] [priority=P]      starts n anew from a disk with these entries
//! tick [N ...] [times=K]        time passes at these nodes, or at all
//! campaign N                    time passes at n until it stands for election
//! elect N                       n campaigns and everybody votes; what the winner sends is under way
//! propose N COMMAND ... [times=K]           hands n a batch of commands, K times over
//! read N                        asks n for a linearizable read
//! transfer N TO                 asks n to hand leadership over
//! leave N                       n is to stop, and hands leadership over first
//! change N "1 2 4" [learners="3"]           asks n for these voters and learners
//! members [N ...]               the configuration in force at these nodes, or at all
//! stabilize                     messages are delivered and disks write until nothing moves
//! deliver [LINK ...] [kind=K]   delivers what is under way on these links (all: any), and no answers yet
//! drop [LINK ...] [kind=K]      loses it instead
//! copy [LINK ...] [kind=K]      copies it; `replay` delivers the copies, as a late duplicate
//! forge N FROM KIND [term=T] [index=I] [to=M]         n hears a heartbeat, append, vote (request), snapshot or accepted that
//!                               n FROM never said, or said to another node
//! cut LINK ...                  these links lose everything from now on
//! hold LINK ...                 messages on these links wait for `deliver`
//! partition GROUP ...           cuts between groups, such as "1 2" "3"
//! heal                          ends all cuts and holds
//! stall N ... | resume N ...    the disk of n stands still, or works again
//! persist N [times=K]           the oldest writes of n become durable
//! crash N [durable=K] [installed=true]      n dies; of its pending writes the first K made it to the disk, and so did
//!                               the snapshot that it was putting in place
//! restart N [leases=true|false]             n comes up, from now on with leases on or off
//! compact N                     n forgets its log as far as what it applied is durable (one step)
//! unsync N ... | sync N ...     what n applies is not durable from now on; or it is all durable, now and later
//! stream hold                   snapshots on their way wait from now on
//! stream piece | late           each sends a piece, which its receiver takes or refuses; so does each that has ended
//! stream report                 their senders hear once more that those ended
//! stream arrive|end|break       they arrive in full; arrive, and the sender hears of it; or break off
//! install N                     puts a snapshot that arrived in place (stabilize does, unless n is stalled)
//! unstage N                     it is not there any more when it is to be put in place
//! damage N | mend N             what arrives at n is not what was sent, from now on; or it is again
//! status | log [N ...] | network | count    the last: how many messages of each kind are under way on each link
//! ```
//!
//! A link is `1-2`, `1-all` or `all-2`. A line `n1 → n2` is a message being sent, `✗` one that is lost, `⇢` a replayed one.

use std::{error::Error, path::Path};

use conclave::raft::{
    AppendOutcome, Body, Configuration, Members, Message, NodeId, Origin, Position, Raft, Snapshot, Term,
    Vote,
};
use goldenscript::{ArgumentConsumer, Command};

use crate::cluster::{Cluster, Limits, Link, links_between};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Default)]
struct Stage {
    cluster: Cluster,
}

impl goldenscript::Runner for Stage {
    fn run(&mut self, command: &Command) -> Outcome<String> {
        let mut args = command.consume_args();
        match command.name.as_str() {
            "cluster" => self.new_cluster(&mut args)?,
            "disk" => self.prepare_disk(&mut args)?,
            "tick" => self.tick(&mut args)?,
            "persist" => self.persist(&mut args)?,
            "stabilize" => self.cluster.stabilize(),
            "deliver" | "drop" | "copy" => self.network(&command.name, &mut args)?,
            "replay" => self.cluster.replay(),
            "cut" => self.cluster.cut(self.links(&mut args)?),
            "hold" => self.cluster.hold(self.links(&mut args)?),
            "partition" => self.cluster.cut(links_between(&groups(&mut args)?)),
            "heal" => self.cluster.heal(),
            "stream" => self.stream(&mut args)?,
            "status" => self.cluster.tell_status(),
            "network" => self.cluster.tell_network(),
            "count" => self.cluster.tell_count(),
            _ => self.at_node(command, &mut args)?,
        }
        args.reject_rest()?;
        Ok(self.cluster.take_told())
    }
}

impl Stage {
    fn at_node(&mut self, command: &Command, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let cluster = &mut self.cluster;
        match command.name.as_str() {
            "campaign" => cluster.campaign(node(args)?),
            "elect" => cluster.elect(node(args)?),
            "propose" => {
                let at = node(args)?;
                let times = args.lookup_parse("times")?.unwrap_or(1);
                let commands: Vec<String> = args.rest_pos().iter().map(|arg| arg.value.clone()).collect();
                (0..times).for_each(|_| cluster.propose(at, &commands));
            }
            "read" => cluster.read(node(args)?),
            "transfer" => cluster.transfer(node(args)?, node(args)?),
            "leave" | "compact" => {
                let act = if command.name == "leave" { Raft::leave } else { Raft::compact };
                cluster.with(node(args)?, act);
            }
            "forge" => {
                let at = node(args)?;
                let message = forged(at, args)?;
                cluster.forge(at, message);
            }
            "change" => {
                let at = node(args)?;
                let voters = numbers(&args.next_pos().ok_or("which voters?")?.value)?;
                let learners = args.lookup("learners").map(|list| numbers(&list.value)).transpose()?;
                let members = Members {
                    voters: voters.into_iter().collect(),
                    learners: learners.unwrap_or_default().into_iter().collect(),
                    ..Members::default()
                };
                cluster.change(at, members);
            }
            "install" => drop(cluster.install(node(args)?)),
            "unstage" => cluster.unstage(node(args)?),
            "damage" | "mend" => {
                let node = cluster.nodes.get_mut(&node(args)?).ok_or("no such node")?;
                node.receives_damaged = command.name == "damage";
            }
            "members" => {
                for id in self.some_or_all(args)? {
                    self.cluster.tell_members(id);
                }
            }
            "crash" => {
                let durable = args.lookup_parse("durable")?.unwrap_or(0);
                let installed = args.lookup_parse("installed")?.unwrap_or(false);
                cluster.crash(node(args)?, durable, installed);
            }
            "restart" => cluster.restart_with(node(args)?, args.lookup_parse("leases")?),
            "stall" | "resume" => {
                for id in nodes(args)? {
                    cluster.nodes.get_mut(&id).ok_or("no such node")?.stalled = command.name == "stall";
                }
            }
            "sync" | "unsync" => {
                for id in nodes(args)? {
                    cluster.sync(id, command.name == "sync");
                }
            }
            "log" => {
                for id in self.some_or_all(args)? {
                    self.cluster.tell_log(id);
                }
            }
            name => return Err(format!("no command {name}").into()),
        }
        Ok(())
    }

    fn new_cluster(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let voters: NodeId = args.next_pos().ok_or("how many voters?")?.parse()?;
        let learners: NodeId = args.lookup_parse("learners")?.unwrap_or(0);
        let mut configuration = Configuration::of(1..=voters);
        configuration.learners = (voters + 1..=voters + learners).collect();
        let spares = args.lookup_parse("spares")?.unwrap_or(0);
        let limits = Limits {
            append_bytes: args.lookup_parse("append_bytes")?.unwrap_or(1 << 20),
            log_entries: args.lookup_parse("log_entries")?.unwrap_or(usize::MAX),
            incarnations: args.lookup_parse("incarnations")?.unwrap_or(false),
            founding_ids: args.lookup_parse("founding_ids")?.unwrap_or(false),
            leases: args.lookup("leases").map(|list| numbers(&list.value)).transpose()?.unwrap_or_default(),
        };
        self.cluster = Cluster::new(configuration, spares, limits);
        Ok(())
    }

    fn prepare_disk(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let id = node(args)?;
        let log: Vec<Term> = match args.lookup("log") {
            Some(log) => numbers(&log.value)?,
            None => Vec::new(),
        };
        let term = args.lookup_parse("term")?.unwrap_or(log.last().copied().unwrap_or(0));
        let vote = Vote { term, candidate: args.lookup_parse("vote")? };
        self.cluster.prepare(id, vote, &log, args.lookup_parse("priority")?.unwrap_or(0));
        Ok(())
    }

    fn tick(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let times = args.lookup_parse("times")?.unwrap_or(1);
        let ids = self.some_or_all(args)?;
        for _ in 0..times {
            for &id in &ids {
                self.cluster.tick(id);
            }
        }
        Ok(())
    }

    fn persist(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let times = args.lookup_parse("times")?.unwrap_or(1);
        let id = node(args)?;
        for _ in 0..times {
            if !self.cluster.persist(id) {
                return Err(format!("n{id} has nothing to write").into());
            }
        }
        Ok(())
    }

    fn network(&mut self, verb: &str, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        let kind = args.lookup("kind").map(|arg| arg.value.clone());
        let links = self.links(args)?;
        let chosen = |message: &Message| {
            let on_link = links.is_empty() || links.contains(&(message.from, message.to));
            let of_kind = kind.as_deref().is_none_or(|kind| kind == crate::show::kind(&message.body));
            on_link && of_kind
        };
        match verb {
            "deliver" => drop(self.cluster.deliver(|_, message| chosen(message))),
            "drop" => self.cluster.lose(chosen),
            _ => self.cluster.copy(chosen),
        }
        Ok(())
    }

    fn stream(&mut self, args: &mut ArgumentConsumer<'_>) -> Outcome<()> {
        match args.next_pos().ok_or("hold, piece, late, arrive, end or break?")?.value.as_str() {
            "hold" => self.cluster.streams_held = true,
            "piece" => self.cluster.send_pieces(),
            "late" => self.cluster.send_late_pieces(),
            "report" => self.cluster.report_late(),
            "arrive" => self.cluster.bring_streams_in(),
            "end" => drop(self.cluster.end_streams(true)),
            "break" => drop(self.cluster.end_streams(false)),
            other => return Err(format!("{other} a stream?").into()),
        }
        Ok(())
    }

    fn links(&self, args: &mut ArgumentConsumer<'_>) -> Outcome<Vec<Link>> {
        let mut links = Vec::new();
        for arg in args.rest_pos() {
            let (from, to) = arg.value.split_once('-').ok_or("a link is 1-2, 1-all or all-2")?;
            let (from, to) = (self.ends(from)?, self.ends(to)?);
            links.extend(from.iter().flat_map(|&from| to.iter().map(move |&to| (from, to))));
        }
        Ok(links)
    }

    fn ends(&self, end: &str) -> Outcome<Vec<NodeId>> {
        match end {
            "all" => Ok(self.cluster.nodes.keys().copied().collect()),
            id => Ok(vec![id.parse()?]),
        }
    }

    fn some_or_all(&self, args: &mut ArgumentConsumer<'_>) -> Outcome<Vec<NodeId>> {
        let some = nodes(args)?;
        Ok(if some.is_empty() { self.ends("all")? } else { some })
    }
}

fn forged(at: NodeId, args: &mut ArgumentConsumer<'_>) -> Outcome<Message> {
    let from = node(args)?;
    let kind = args.next_pos().ok_or("what is forged?")?.value.clone();
    let term = args.lookup_parse("term")?.unwrap_or(1);
    let index = args.lookup_parse("index")?.unwrap_or(0);
    let to = args.lookup_parse("to")?.unwrap_or(at);
    let cluster = args.lookup_parse("cluster")?.unwrap_or(0);
    let origin = Origin {
        cluster,
        is_certain: args.lookup_parse("certain")?.unwrap_or(cluster != 0),
        incarnation: args.lookup_parse("incarnation")?.unwrap_or(0),
    };
    let position = Position { term, index };
    let body = match kind.as_str() {
        "heartbeat" => Body::HeartbeatRequest { commit: index, round: 1 },
        "append" => Body::AppendRequest { previous: position, entries: Vec::new(), commit: 0 },
        "vote" => Body::VoteRequest { last: position, leadership_transfer: false },
        "accepted" => {
            let outcome = AppendOutcome::Accepted { matched: index };
            Body::AppendResponse { outcome, priority: 0 }
        }
        "snapshot" => {
            let configuration = Configuration::of([1, 2, 3]).into();
            Body::InstallSnapshot { snapshot: Snapshot { last: position, configuration }, stream: 1 }
        }
        kind => return Err(format!("forge a {kind}?").into()),
    };
    Ok(Message { from, to, origin, term, body })
}

fn node(args: &mut ArgumentConsumer<'_>) -> Outcome<NodeId> {
    args.next_pos().ok_or("which node?")?.parse()
}

fn nodes(args: &mut ArgumentConsumer<'_>) -> Outcome<Vec<NodeId>> {
    args.rest_pos().iter().map(|arg| arg.parse()).collect()
}

fn groups(args: &mut ArgumentConsumer<'_>) -> Outcome<Vec<Vec<NodeId>>> {
    args.rest_pos().iter().map(|arg| numbers(&arg.value)).collect()
}

fn numbers(list: &str) -> Outcome<Vec<u64>> {
    Ok(list.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

fn run(story: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consensus/scripts").join(story);
    goldenscript::run(&mut Stage::default(), path).expect("the story runs");
}

/// One test for each story, and one that no story is forgotten.
macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test] fn $name() { run(stringify!($name)); })*

        #[test]
        fn every_story_is_told() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consensus/scripts");
            let files = std::fs::read_dir(folder).expect("the folder of the stories");
            let mut found: Vec<_> =
                files.map(|file| file.expect("a file").file_name().into_string().expect("a plain name")).collect();
            found.sort();
            let mut told = vec![$(stringify!($name)),*];
            told.sort_unstable();
            assert_eq!(found, told);
        }
    };
}

stories! {
    cluster_founded_twice
    cluster_of_another
    change_add_two
    change_add_voter
    change_after_restart
    change_demotes
    change_from_one_to_three
    change_gone
    change_inherited
    change_joint_needs_both
    change_learner_votes_once_promoted
    change_refused
    change_removed_ends_it
    change_removed_holds_the_log
    change_removed_is_told
    change_removed_tells_removed
    change_removed_learner_asks
    change_removes_leader
    change_replace
    change_replaces_leader
    change_survives_leader
    change_taken_back
    change_too_early
    change_truncated
    change_under_way
    change_unhealthy
    change_unhealthy_while_staged
    change_waits_for_transfer
    check_quorum_joint
    check_quorum_protects_leader
    check_quorum_steps_down
    commit_figure_8_kept
    commit_figure_8_overwritten
    commit_lagging
    disk_acknowledged_when_durable
    disk_leader_commits_without_own
    disk_replaced_entry
    disk_solo
    leave_aborted
    leave_alone
    leave_follower
    leave_hands_over
    leave_under_transfer
    election_better_log_too_late
    election_candidate_yields
    election_first
    election_log_comparison
    election_own_vote
    election_restarted_voter
    election_split_vote
    election_stale_candidate
    election_vote_of_other_term
    election_vote_persisted
    incarnation_lost_disk
    incarnation_unrecorded
    learner_forgets_leader
    learner_has_no_say
    prevote_granted_without_leader
    prevote_learns_term
    prevote_of_other_ballot
    prevote_partitioned
    prevote_refused_by_followers
    lease_before_own_commit
    lease_ends
    lease_follower_reads
    lease_learners_do_not_count
    lease_needs_promises
    lease_new_voters
    lease_restarted_voter
    lease_switched_off
    lease_serves_alone
    lease_transfer
    lease_voter_learns_of_a_term
    priority_hand_back
    priority_turned_down
    priority_waits_for_disk
    read_at_retired_leader
    read_batched
    read_before_own_commit
    read_deposed_leader
    read_joint
    read_failed_twice
    read_late_confirmation
    read_lost_answer_expires
    read_lost_round
    read_no_leader
    read_on_follower
    replication_batch
    replication_conflict
    replication_duplicate_append
    replication_figure_7
    replication_hint_skips_terms
    replication_late_acceptance
    replication_late_rejection
    replication_longer_follower
    replication_lost_append
    replication_lost_probe
    replication_one_probe
    replication_overtaking_append
    replication_pipeline
    replication_refusal_overtaken
    replication_slow_follower
    replication_window_full
    refused_ack_beyond_log
    refused_commit_beyond_log
    refused_message_for_another
    refused_second_leader
    refused_snapshot_below_commit
    refused_strangers
    refused_term_at_maximum
    snapshot_answer_first
    snapshot_cancelled
    snapshot_forced
    snapshot_piece_installing
    snapshot_piece_not_needed
    snapshot_piece_of_other_term
    snapshot_piece_superseded
    snapshot_appends_wait
    snapshot_applies_wait
    snapshot_base_after_restart
    snapshot_base_before_change
    snapshot_behind_state
    snapshot_breaks_off
    snapshot_by_appends
    snapshot_damaged
    snapshot_end_of_earlier_term
    snapshot_crash_amid
    snapshot_crash_amid_longer
    snapshot_crash_before
    snapshot_elected_amid
    snapshot_joint
    snapshot_leader_changes
    snapshot_lost_word
    snapshot_new_node
    snapshot_of_earlier_term
    snapshot_of_removed
    snapshot_outrun
    snapshot_slow_follower
    snapshot_still_needed
    snapshot_tail_dropped
    snapshot_tail_kept
    snapshot_twice
    snapshot_unstaged
    snapshot_window_full
    snapshot_writes_go_on
    transfer_aborted
    transfer_lagging
    transfer_refused
    transfer_up_to_date
}
