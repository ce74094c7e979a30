//! The task that owns the core: take inputs, step the core, carry out what follows.

use std::{sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use super::{
    admin,
    applier::{Applier, Job},
    backlog::Backlog,
    config::{Config, Timing},
    diagnostics::Diagnostics,
    error::NodeError,
    event::{Event, Stage},
    links::Links,
    log_writer::Writer,
    metrics::{PeerMetrics, PlaceMetrics, WorkMetrics},
    proposals::Proposals,
    proxy_streams::ProxyStreams,
    read_barriers::ReadBarriers,
    readiness::{Readiness, commit_in},
    reads::{Caller, ReadServer, Reads},
    refusals::Refusals,
    report::{Applied, Report, Scrubbed},
    snapshots::Streams,
    upkeep::Upkeep,
    view::NodeView,
    write_times::WriteTimes,
};
use crate::{
    env::{
        Alarm, Buggify, Environment, Knob, Moment, buggify, buggify_pause, buggify_stall, knob, sometimes,
    },
    kv::Header,
    raft::{Configuration, Effects, Index, Message, NodeId, Origin, PieceRefusal, Raft, Refused, StreamId},
    wire::pb::v1::{self, refusal::Reason, request::Kind},
};

/// Inputs taken together, at most: their effects share one write, one message a peer, one read round.
const INPUTS_PER_STEP_MAX: usize = 256;
/// A node that was removed stays for so many election timeouts: a proxy that knows no other node learns from it where the
/// members are, even if it was just cut off.
const REMOVED_STAYS_ELECTION_TIMEOUTS: u32 = 20;

/// The parts that the event loop works with.
pub(super) struct Parts {
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) links: Links,
    pub(super) writer: Writer,
    pub(super) applier: Applier,
    pub(super) read_server: Arc<ReadServer>,
    pub(super) streams: Streams,
    pub(super) refusals: Refusals,
    pub(super) view: watch::Sender<NodeView>,
}

pub(super) struct EventLoop {
    core: Raft,
    config: Config,
    environment: Environment,
    parts: Parts,
    /// Where the state machine stands.
    header: Header,
    scrubbed: Scrubbed,
    proposals: Proposals,
    backlog: Backlog,
    reads: Reads,
    read_barriers: ReadBarriers,
    proxy_streams: ProxyStreams,
    upkeep: Upkeep,
    diagnostics: Diagnostics,
    readiness: Readiness,
    metrics: Metrics,
    /// The configuration by which there are links.
    followed: Arc<Configuration>,
    followed_index: Index,
    /// What peers and answers were told of where this node belongs.
    introduced: Option<Origin>,
    tick: Alarm,
    /// Who waits for this node to have handed leadership over.
    leaving: Option<oneshot::Sender<()>>,
    /// When the node stops because it is no member any more.
    ends_at: Option<Moment>,
}

/// What the event loop measures.
struct Metrics {
    place: PlaceMetrics,
    peers: PeerMetrics,
    work: WorkMetrics,
    writes: WriteTimes,
}

impl EventLoop {
    /// The state machine stands at `header`.
    pub(super) fn new(
        core: Raft,
        config: Config,
        environment: Environment,
        header: Header,
        parts: Parts,
    ) -> Self {
        let tick = Alarm::after(&environment.clock, config.timing.tick());
        Self {
            proposals: Proposals::new(header.timestamp_ms, &environment.clock),
            backlog: Backlog::new(config.retention.backlog_bytes_max),
            upkeep: Upkeep::new(config.id, config.upkeep),
            diagnostics: Diagnostics::new(&core),
            readiness: Readiness::new(environment.health.clone(), config.timing.election_timeout),
            metrics: Metrics {
                place: PlaceMetrics::new(core.term(), config.upkeep.quota_bytes),
                peers: PeerMetrics::default(),
                work: WorkMetrics::default(),
                writes: WriteTimes::default(),
            },
            core,
            config,
            environment,
            reads: Reads::new(parts.read_server.clone()),
            read_barriers: ReadBarriers::default(),
            parts,
            header,
            scrubbed: Scrubbed::default(),
            proxy_streams: ProxyStreams::default(),
            followed: Arc::default(),
            followed_index: 0,
            introduced: None,
            tick,
            leaving: None,
            ends_at: None,
        }
    }

    /// Runs until the node is no member any more, the disk fails or a part is gone.
    pub(super) async fn run(mut self) -> Result<(), NodeError> {
        self.schedule_tick();
        self.follow_configuration();
        self.publish();
        while !self.is_over() {
            self.take().await?;
            let effects = self.step()?;
            buggify_pause(Buggify::LateCarryOut, &self.environment.clock).await;
            self.follow_configuration();
            self.carry_out(effects)?;
            self.publish();
        }
        Ok(())
    }

    /// Waits for an input, and takes what else is there already.
    async fn take(&mut self) -> Result<(), NodeError> {
        if buggify(Buggify::SpuriousWake) {
            return Ok(());
        }
        tokio::select! { biased;
            () = self.tick.ring() => {
                self.schedule_tick();
                self.tick_core();
                self.reads.tick(&mut self.core, self.header.applied_index, &self.config.timing);
                self.keep_small();
                self.look();
            }
            Some(report) = self.parts.reports.recv() => self.on_report(report)?,
            Some(event) = self.parts.events.recv() => self.on_event(event),
            else => return Err(NodeError::Part("service")),
        }
        let inputs_max = knob(Knob::Inputs, INPUTS_PER_STEP_MAX);
        for taken in 1..=inputs_max {
            sometimes!(taken == inputs_max, InputsCut);
            if buggify(Buggify::ShortInputs) {
                break;
            }
            if let Ok(report) = self.parts.reports.try_recv() {
                self.on_report(report)?;
            } else if let Ok(event) = self.parts.events.try_recv() {
                self.on_event(event);
            } else {
                break;
            }
        }
        Ok(())
    }

    fn tick_core(&mut self) {
        self.core.tick();
        let Timing { election_timeout, .. } = self.config.timing;
        if !self.core.keeps_promises() && buggify(Buggify::EarlyElection) {
            let ticks = 2 * election_timeout.as_nanos() / self.config.timing.tick().as_nanos().max(1);
            (0..ticks).for_each(|_| self.core.tick());
        }
        if buggify(Buggify::EarlyCompaction) {
            self.core.compact();
        }
        self.environment.observer.ticked(&self.core, self.config.timing.election_ticks_max());
    }

    /// Proposes what keeps the state small, if this node leads, and has applied all that was committed before: a state that is behind its
    /// own log may be too large, and no more so where the log ends.
    fn keep_small(&mut self) {
        let due = self.upkeep.due(&self.header, self.environment.clock.now());
        if self.core.is_leader() && self.header.applied_term == self.core.term() {
            for operation in due {
                self.proposals.propose_own(&mut self.core, &self.environment.clock, operation);
            }
        }
    }

    /// With every tick: that this node lives, and what changes seldom.
    fn look(&mut self) {
        self.environment.health.beat(&self.environment.clock);
        self.metrics.place.looked(&self.core, &self.header);
        self.metrics.peers.looked(&self.core);
    }

    /// A late tick is not made up for: a burst of ticks would look like a silent leader.
    fn schedule_tick(&mut self) {
        self.tick.set(self.environment.clock.now() + self.config.timing.tick());
    }

    fn on_report(&mut self, report: Report) -> Result<(), NodeError> {
        match report {
            Report::Persisted(ticket) => self.core.persisted(ticket),
            Report::Applied(Applied { header, durable, installed }) => {
                if let Some(outcome) = installed {
                    self.diagnostics.installed(header.applied_index, outcome);
                    match outcome {
                        Ok(()) => {
                            self.metrics.work.snapshots_received.increment(1);
                            self.core.installed();
                        }
                        Err(why) => {
                            self.metrics.work.snapshots_not_installed.increment(1);
                            self.core.install_failed(why);
                        }
                    }
                }
                self.on_durable(durable);
                self.proposals.applied(&header, &self.environment.clock);
                self.header = header;
            }
            Report::Durable(index) => self.on_durable(index),
            Report::Scrubbed(scrubbed) => {
                self.metrics.work.scrubbed(scrubbed.unix_ms, scrubbed.records);
                self.scrubbed = scrubbed;
            }
            Report::SnapshotSent { to, stream, index } => {
                match index {
                    Some(_) => {
                        self.metrics.work.snapshots_sent.increment(1);
                        self.parts.streams.arrived(to, stream);
                    }
                    None => self.metrics.work.snapshots_not_sent.increment(1),
                }
                let (observer, before) = (&self.environment.observer, self.core.peers());
                self.core.snapshot_sent(to, stream, index);
                observer.heard(self.core.id());
                observer.stream_ended(self.core.id(), stream, self.core.peers() != before);
            }
            Report::Failed(error) => return Err(error),
        }
        Ok(())
    }

    /// The state is durable up to here.
    fn on_durable(&mut self, index: Index) {
        self.core.state_durable(index);
        self.backlog.durable(index);
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Messages(messages) => messages.into_iter().for_each(|message| self.hear(message)),
            Event::Piece { from, stream, piece } => self.on_piece(from, stream, piece),
            Event::Joined(replies, lane) => {
                self.proxy_streams.open(replies);
                self.reads.open(lane);
            }
            Event::Requests(caller, requests) => {
                requests.into_iter().for_each(|request| self.admit(&caller, request));
            }
            Event::ChangeMembers(request, answer) => {
                let _ = answer.send(admin::change_members(&mut self.core, &request));
            }
            Event::Transfer(request, answer) => {
                let _ = answer.send(admin::transfer(&mut self.core, &request));
            }
            Event::ReadBarrier(answer) => self.read_barriers.add(answer),
            Event::Leave(left) => {
                self.core.leave();
                self.leaving = Some(left);
            }
        }
    }

    fn hear(&mut self, message: Message) {
        self.environment.observer.heard(self.core.id());
        let (from, term, commit) = (message.from, message.term, commit_in(&message));
        match self.backlog.takes(&message) {
            true => self.core.step(message),
            false => {
                sometimes!(BacklogFull);
                self.metrics.work.appends_dropped.increment(1);
            }
        }
        if let Some(commit) = commit
            && (self.core.leader(), self.core.term()) == (Some(from), term)
        {
            self.readiness.heard(commit);
        }
    }

    fn on_piece(&mut self, from: NodeId, stream: StreamId, piece: Stage) {
        self.environment.observer.heard(self.core.id());
        match self.core.admit_piece(from, stream, piece.last) {
            Ok(()) => {
                self.diagnostics.receives(from, stream, piece.last);
                let _ = self.parts.applier.send(Job::Stage(piece));
            }
            Err(refusal) => {
                match refusal {
                    PieceRefusal::OtherTerm { .. } => sometimes!(PieceOfOtherTerm),
                    PieceRefusal::NotNeeded => sometimes!(PieceNotNeeded),
                    PieceRefusal::Installing => sometimes!(PieceWhileInstalling),
                    PieceRefusal::Superseded => sometimes!(PieceSuperseded),
                    PieceRefusal::SecondLeader | PieceRefusal::Stranger => {}
                }
                let kind = match refusal {
                    PieceRefusal::SecondLeader => Some("second_leader"),
                    PieceRefusal::Stranger => Some("stranger"),
                    _ => None,
                };
                if let Some(kind) = kind {
                    self.parts.refusals.note(kind, from, "a piece of its snapshot");
                }
                let _ = piece.answer.send(Err(why(refusal)));
            }
        }
    }

    fn admit(&mut self, caller: &Caller, request: v1::Request) {
        match request.kind {
            Some(Kind::Write(command)) => {
                self.metrics.work.writes.increment(1);
                self.proposals.admit(caller.replies.clone(), request.id, command);
            }
            Some(Kind::Read(range)) => {
                self.metrics.work.reads.increment(1);
                let time = Duration::from_millis(request.timeout_ms);
                let deadline = (!time.is_zero()).then(|| self.environment.clock.now() + time);
                self.reads.admit(caller, request.id, range, deadline);
            }
            Some(Kind::Cancel(v1::Cancel {})) => caller.cancel(request.id),
            None => {
                caller.replies.refuse(
                    request.id,
                    Reason::Invalid,
                    "the request names neither a read nor a write",
                );
            }
        }
    }

    /// Hands the core what was gathered, and asks it what follows. The applier hears of those who wait for entries before
    /// it can hear of the entries.
    fn step(&mut self) -> Result<Effects, NodeError> {
        buggify_stall(Buggify::LongPoll);
        let now_us = self.environment.clock.elapsed_us();
        self.core.set_time(now_us);
        buggify_stall(Buggify::LongPoll);
        let waiters = self.proposals.propose(&mut self.core, &self.environment.clock);
        let proposed = waiters.len();
        if !waiters.is_empty() {
            self.apply(Job::Await(waiters))?;
        }
        let asked = [self.reads.ask(&mut self.core), self.read_barriers.ask(&mut self.core)];
        for read in asked.into_iter().flatten() {
            self.environment.observer.read_asked(self.core.id(), read);
            let may_hold_lease = self.config.lease_drift_percent.is_some() && self.core.is_leader();
            sometimes!(may_hold_lease && !self.core.holds_lease(), LeaseNotHeld);
        }
        let effects = self.core.effects();
        buggify_stall(Buggify::LongPoll);
        self.environment.observer.stepped(&self.core, &effects);
        self.diagnostics.stepped(&self.core);
        self.metrics.place.stepped(&self.core, &self.header);
        self.metrics.writes.stepped(&self.core, self.header.applied_index, now_us, proposed);
        self.readiness.stepped(&self.core, self.header.applied_index, &self.environment.clock);
        Ok(effects)
    }

    /// In the order persist, send, apply, reply.
    fn carry_out(&mut self, effects: Effects) -> Result<(), NodeError> {
        let term = self.core.term();
        if let Some(persist) = effects.persist {
            self.parts.writer.send(persist).map_err(|_| self.why_ended("log writer"))?;
        }
        self.parts.links.send(effects.messages);
        if !effects.committed.is_empty() {
            self.backlog.committed(&effects.committed);
            self.apply(Job::Apply(effects.committed))?;
        }
        if let Some(snapshot) = effects.install {
            self.apply(Job::Install(snapshot))?;
        }
        for wanted in effects.snapshots {
            if let Some(show) = self.parts.streams.begin(wanted) {
                self.apply(Job::Show(show))?;
            }
        }
        effects.cancelled.into_iter().for_each(|stream| self.parts.streams.cancel(stream));
        self.parts.streams.expire();
        for (peer, why) in effects.rejected {
            self.diagnostics.rejected(peer, why);
            self.parts.streams.forget_view();
        }
        for Refused { from, why, .. } in effects.refused {
            self.parts.refusals.note(why.kind(), from, why);
        }
        for name in effects.reads_failed {
            self.reads.failed(name);
            self.read_barriers.failed(name);
        }
        for ready in effects.reads {
            self.reads.confirmed(ready);
            self.read_barriers.confirmed(ready);
        }
        self.reads.serve(self.header.applied_index, term);
        self.read_barriers.serve(self.header.applied_index);
        Ok(())
    }

    fn apply(&mut self, job: Job) -> Result<(), NodeError> {
        self.parts.applier.send(job).map_err(|_| self.why_ended("applier"))
    }

    /// Why a part takes nothing any more: it reported that before it ended, and the report may not be taken yet.
    fn why_ended(&mut self, part: &'static str) -> NodeError {
        while let Ok(report) = self.parts.reports.try_recv() {
            if let Report::Failed(error) = report {
                return error;
            }
        }
        NodeError::Part(part)
    }

    /// Tells the services where the node stands, the proxies who leads, and who wants to stop it that it may.
    fn publish(&mut self) {
        let origin = self.core.origin();
        if self.introduced.replace(origin) != Some(origin) {
            self.parts.links.belong_to(origin);
            self.reads.belong_to(origin.cluster);
        }
        self.parts.view.send_replace(NodeView::of(&self.core, &self.header, self.scrubbed, &self.followed));
        self.proxy_streams.announce(&self.core, &self.followed);
        if self.core.may_stop()
            && (self.core.is_leader() || self.proposals.are_all_answered())
            && let Some(left) = self.leaving.take()
        {
            let _ = left.send(());
        }
    }

    /// The links follow the configuration in force, or the one without this node once it is known to be committed. A node
    /// that was removed stops, a little later.
    fn follow_configuration(&mut self) {
        let removed_by = self.core.removed_by();
        let configuration = removed_by.unwrap_or(self.core.configuration());
        let was_removed = removed_by.is_some();
        let index = self.core.configuration_index();
        let is_another = self.followed != *configuration;
        if self.followed_index != index || is_another {
            self.followed = configuration.clone();
            self.followed_index = index;
            self.parts.links.follow(&self.followed, index);
        }
        if is_another {
            self.parts.links.warn_of_other_addresses(&self.followed);
        }
        if was_removed && self.ends_at.is_none() {
            let node = self.core.id();
            tracing::info!(node, "this node was removed from the cluster and stops: its data can be deleted");
            let stays = self.config.timing.election_timeout * REMOVED_STAYS_ELECTION_TIMEOUTS;
            self.ends_at = Some(self.environment.clock.now() + stays);
        }
    }

    fn is_over(&self) -> bool {
        self.ends_at.is_some_and(|end| end <= self.environment.clock.now())
    }
}

/// What the sender of a piece is told.
fn why(refusal: PieceRefusal) -> String {
    match refusal {
        PieceRefusal::OtherTerm { present } => format!("it is term {present} here"),
        PieceRefusal::SecondLeader => "another node leads this term".to_owned(),
        PieceRefusal::Stranger => "the sender is no member, as far as this node knows".to_owned(),
        PieceRefusal::NotNeeded => "the log here reaches further".to_owned(),
        PieceRefusal::Installing => "a snapshot is being put in place".to_owned(),
        PieceRefusal::Superseded => "a later snapshot is being received".to_owned(),
    }
}
