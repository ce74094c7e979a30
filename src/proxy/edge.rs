//! The task around the core: it takes what comes, lets the core decide, and carries out what follows.

use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

use rand::Rng as _;
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Config,
    call_queue::{CallReceiver, IncomingCall},
    core::{Answer, CallId, DownReason, Effects, LinkId, Router, Waits},
    link::{Dialer, NodeEvent, Outbox, down_reason},
    metrics::EdgeMetrics,
    view::View,
};
use crate::{
    env::{Alarm, Buggify, Clock, Condition, Knob, buggify, knob},
    rpc::link::{Link, LinkEvent},
};

/// Calls taken together.
const CALLS_PER_ROUND_MAX: usize = 1024;
/// Without anything to do, the clock is looked at this often: it may have been set to run faster.
const IDLE_MAX: Duration = Duration::from_secs(1);

pub(super) struct Edge {
    router: Router,
    clock: Clock,
    dialer: Dialer,
    links: BTreeMap<LinkId, Connection>,
    /// Who waits for the answers.
    callers: BTreeMap<CallId, oneshot::Sender<(Answer, Option<Waits>)>>,
    view: watch::Sender<View>,
    metrics: EdgeMetrics,
}

/// A link as the edge knows it.
struct Connection {
    address: String,
    /// Ends when it is dropped.
    _link: Link,
    /// Present while the stream is open, as the core knows it.
    outbox: Option<Outbox>,
}

impl Edge {
    pub(super) fn new(config: &Config, dialer: Dialer, view: watch::Sender<View>) -> Self {
        let mut random = dialer.environment.random("sessions");
        Self {
            router: Router::new(
                config.cluster_id,
                config.nodes.iter().map(String::as_str),
                config.answers_bytes_max,
                Box::new(move || random.random_range(1..=u64::MAX)),
            ),
            clock: dialer.environment.clock.clone(),
            dialer,
            links: BTreeMap::new(),
            callers: BTreeMap::new(),
            view,
            metrics: EdgeMetrics::default(),
        }
    }

    /// Runs as long as the proxy serves.
    pub(super) async fn run(
        mut self,
        CallReceiver { mut calls, mut cancelled }: CallReceiver,
        mut events: mpsc::UnboundedReceiver<NodeEvent>,
    ) {
        let mut taken = Vec::new();
        let mut alarm = Alarm::after(&self.clock, IDLE_MAX);
        loop {
            alarm.set(self.clock.now() + self.step());
            let mut event = None;
            let mut left = None;
            let is_woken = buggify(Buggify::SpuriousWake);
            tokio::select! { biased;
                () = std::future::ready(()), if is_woken => {}
                () = alarm.ring() => {}
                received = events.recv() => event = received,
                // (Nobody is left to cancel anything as soon as the server has ended: then no call comes either.)
                Some(id) = cancelled.recv() => left = Some(id),
                count = calls.recv_many(&mut taken, knob(Knob::CallsPerRound, CALLS_PER_ROUND_MAX)) => if count == 0 { return },
            }
            self.router.set_time(self.clock.elapsed_us());
            while let Some(happened) = event {
                self.on_link(happened);
                event = events.try_recv().ok();
            }
            taken.drain(..).for_each(|call| self.accept(call));
            while let Some(id) = left {
                self.callers.remove(&id);
                self.router.cancel(id);
                left = cancelled.try_recv().ok();
            }
        }
    }

    /// Whoever left before the call was taken asks for nothing.
    fn accept(&mut self, IncomingCall { call, answer }: IncomingCall) {
        if !answer.is_closed() {
            self.callers.insert(call.id, answer);
            self.router.call(call);
        }
    }

    fn on_link(&mut self, (link, event): NodeEvent) {
        if buggify(Buggify::LostLink) {
            return self.lose(link);
        }
        let Some(connection) = self.links.get_mut(&link) else { return };
        match event {
            LinkEvent::Up(outbox) => {
                connection.outbox = Some(outbox.into());
                self.router.link_up(link);
            }
            LinkEvent::Received(batch) => {
                if let Some(leadership) = batch.leadership {
                    self.router.leadership(link, leadership.into());
                }
                if !batch.replies.is_empty() {
                    self.router.replies(link, batch.replies);
                }
            }
            LinkEvent::Down(status) => {
                connection.outbox = None;
                self.router.link_down(link, down_reason(&status));
            }
        }
    }

    /// The stream of a link is lost, whatever it was about to say.
    fn lose(&mut self, link: LinkId) {
        let Some(lost) = self.links.remove(&link) else { return };
        let (address, _link) = (lost.address.clone(), self.dialer.start(link, lost.address));
        self.links.insert(link, Connection { address, _link, outbox: None });
        self.router.link_down(link, DownReason::Lost);
    }

    /// Carries out what follows from the inputs; returns when something is due at the latest.
    fn step(&mut self) -> Duration {
        self.router.set_time(self.clock.elapsed_us());
        self.dialer.environment.health.beat(&self.clock);
        let Effects { dial, hang_up, send, answer, waits, retries, view_changed, wake_at_us } =
            self.router.effects();
        self.metrics.retries.increment(retries);
        let mut waits: BTreeMap<CallId, Waits> = waits.into_iter().collect();
        self.dialer.cluster_id.store(self.router.cluster().unwrap_or(0), Ordering::Relaxed);
        for (link, address) in dial {
            let _link = self.dialer.start(link, address.clone());
            let connection = Connection { address, _link, outbox: None };
            self.links.insert(link, connection);
        }
        hang_up.iter().for_each(|link| drop(self.links.remove(link)));
        for (link, request) in send {
            if let Some(outbox) = self.links.get(&link).and_then(|link| link.outbox.as_ref()) {
                outbox.send(request);
            }
        }
        for (call, answer) in answer {
            if let Some(caller) = self.callers.remove(&call) {
                let _ = caller.send((answer, waits.remove(&call)));
            }
        }
        self.publish(view_changed);
        self.dialer.environment.observer.routed(&|| self.router.routing());
        let now_us = self.clock.elapsed_us();
        wake_at_us.map_or(IDLE_MAX, |at_us| Duration::from_micros(at_us.saturating_sub(now_us))).min(IDLE_MAX)
    }

    fn publish(&mut self, is_new: bool) {
        let Self { router, view, metrics, dialer, .. } = self;
        metrics.outstanding.set(router.outstanding() as f64);
        view.send_if_modified(|view| {
            if is_new {
                let before = std::mem::replace(view, View::of(router));
                log_leader(&before, view);
                metrics.viewed(view);
                dialer.environment.health.set(match view.reaches_leader() {
                    true => Condition::Ready,
                    false => Condition::NotReady(view.diagnosis.clone()),
                });
            }
            view.outstanding = router.outstanding();
            is_new
        });
    }
}

fn log_leader(before: &View, now: &View) {
    let who = |view: &View| view.leader.as_ref().map(|leader| (leader.term, leader.id));
    match &now.leader {
        _ if who(before) == who(now) => {}
        Some(leader) => {
            tracing::info!(node = leader.id, term = leader.term, address = leader.address, "this node leads");
        }
        None => tracing::warn!(reason = now.diagnosis, "no leader is known"),
    }
}
