//! One run: the cluster is founded, clients work, faults strike; everything heals; the history is judged.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    cluster::{Cluster, Ended, Monitor},
    condition::Conditions,
    fault::Timed,
    plan::{Interrupted, Plan, Sabotage},
    shape::Machine,
    story::Story,
    strike::{Field, Tally},
    verdict::{self, Availability, Evidence},
    workload::{ClientMachine, Keys, Load, Recorder, read_everything},
};

/// Between two looks at everything.
const TICK: Duration = Duration::from_millis(10);
/// How long a cluster without faults may take to elect, to serve, to converge.
const PATIENCE: Duration = Duration::from_secs(60);
/// Clients go on for so long when everything has healed.
const AFTER_HEALING: Duration = Duration::from_secs(3);
/// A process whose disk failed may end so long after the disk was mended.
const DISK_ERROR_LASTS: Duration = Duration::from_secs(5);
/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// A run under way.
struct Run<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    began: Instant,
    recorder: Recorder,
    monitor: Monitor,
    conditions: Conditions,
    cluster: Cluster,
    evidence: Evidence,
    tally: Tally,
    story: Story,
    /// When a node's disk was last bad.
    bad_disks: BTreeMap<Machine, Instant>,
}

/// Runs a plan and judges it. `stop` turns true when it is to end early.
///
/// # Errors
/// It could not be run: of the cluster nothing is said.
pub(crate) fn run(plan: &Plan, stop: &AtomicBool) -> Result<verdict::Report> {
    let cluster = Cluster::create(&plan.shape, &plan.binary, &plan.folder)?;
    let began = Instant::now();
    let endpoints = plan.shape.nodes().map(|node| cluster.endpoint(node)).collect();
    let mut run = Run {
        plan,
        stop,
        began,
        recorder: Recorder::start(began, plan.sabotage == Some(Sabotage::FalsifiedRead)),
        monitor: Monitor::start(endpoints, &cluster.of_monitor()?)?,
        conditions: Conditions::default(),
        cluster,
        evidence: Evidence::default(),
        tally: Tally::default(),
        story: Story::create(&plan.folder, began)?,
        bad_disks: BTreeMap::new(),
    };
    run.found()?;
    let clients = run.start_clients()?;
    run.chaos()?;
    run.heal(clients)?;
    run.judge()
}

impl Run<'_> {
    /// Starts everything and waits for a leader.
    fn found(&mut self) -> Result<()> {
        self.tick()?;
        self.wait("a leader is elected", |run| Ok(run.monitor.sight().leader().is_some()))
    }

    fn start_clients(&mut self) -> Result<Vec<ClientMachine>> {
        let proxies: Vec<String> =
            self.plan.shape.proxies().map(|proxy| self.cluster.endpoint(proxy)).collect();
        let Plan { clients, rate, seed, .. } = *self.plan;
        let load = Load {
            seed,
            keys: Keys::default(),
            recorder: self.recorder.clone(),
            security: self.cluster.of_clients()?,
            period: Duration::from_micros(1_000_000 * clients / rate),
        };
        let machines = self.plan.shape.clients;
        let first = |machine: u64| 1 + machine * clients / machines;
        (0..machines)
            .map(|machine| {
                let namespace = self.cluster.network.namespace_file(&Machine::Client(machine).short());
                ClientMachine::start(&namespace, first(machine)..first(machine + 1), &proxies, &load)
            })
            .collect()
    }

    /// Lets the faults strike and heal in their time.
    fn chaos(&mut self) -> Result<()> {
        let plan = self.plan;
        let begins = Instant::now();
        // Nobody was to be served before there was anybody.
        self.evidence.availability = Availability::default();
        let mut strikes = plan.faults.iter().enumerate().peekable();
        let mut heals: Vec<(Duration, usize)> = Vec::new();
        let (mut progress, mut to_wipe) = (PROGRESS, plan.sabotage == Some(Sabotage::WipedMajority));
        while begins.elapsed() < plan.length {
            let now = begins.elapsed();
            while let Some((number, timed)) =
                strikes.next_if(|(_, timed)| Duration::from_millis(timed.at_ms) <= now)
            {
                self.strike(number, timed)?;
                heals.push((now + Duration::from_millis(timed.for_ms), number));
            }
            for (_, number) in heals.extract_if(.., |(at, _)| *at <= now) {
                self.conditions.heal(number);
                self.story.tell(&format!("healed: {}", plan.faults[number].fault))?;
            }
            if to_wipe && now > plan.length / 2 {
                to_wipe = false;
                self.wipe_majority()?;
            }
            self.tick()?;
            if now >= progress {
                progress += PROGRESS;
                self.tell_progress(now);
            }
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn strike(&mut self, number: usize, timed: &Timed) -> Result<()> {
        let Self { cluster, monitor, tally, .. } = self;
        let (aimed, held) = Field { cluster, monitor, tally }.strike(&timed.fault)?;
        self.conditions.hold(number, held);
        *self.evidence.faults.entry(timed.fault.name()).or_default() += 1;
        let aimed = aimed.map_or_else(String::new, |machine| format!(" ({machine})"));
        self.story.tell(&format!("struck for {} ms: {}{aimed}", timed.for_ms, timed.fault))
    }

    fn wipe_majority(&mut self) -> Result<()> {
        for id in 1..=self.plan.shape.node_count() / 2 + 1 {
            self.cluster.kill(Machine::Node(id));
            self.cluster.wipe(Machine::Node(id))?;
        }
        self.story.tell("sabotage: the data of a majority is wiped")
    }

    /// Everything is as the conditions say; what ended by itself is explained; whether clients must be served is noted.
    fn tick(&mut self) -> Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Interrupted.into());
        }
        for node in self.plan.shape.nodes() {
            if self.conditions.has_bad_disk(node) {
                self.bad_disks.insert(node, Instant::now());
            }
        }
        for (machine, ended) in self.cluster.reconcile(&self.conditions)? {
            let had_bad_disk = self.bad_disks.get(&machine).is_some_and(|at| at.elapsed() < DISK_ERROR_LASTS);
            let told = match ended {
                Ended::ForItsDisk(words) if had_bad_disk => {
                    self.evidence.disk_stops += 1;
                    format!("{machine} ended for its disk: {words}")
                }
                Ended::ForItsDisk(words) | Ended::Unexplained(words) => {
                    let told = format!("{machine} ended by itself: {words}");
                    self.evidence.failures.push(told.clone());
                    told
                }
            };
            self.story.tell(&told)?;
        }
        let serves = self.conditions.serves(&self.plan.shape, |machine| self.cluster.runs(machine));
        self.evidence.availability.note(self.recorder.now_ns(), serves);
        Ok(())
    }

    /// Everything heals: clients are served, the nodes come to one state, and everything is read.
    fn heal(&mut self, clients: Vec<ClientMachine>) -> Result<()> {
        self.conditions.heal_all();
        self.story.tell("everything heals")?;
        let healed = Instant::now();
        while healed.elapsed() < AFTER_HEALING {
            self.tick()?;
            thread::sleep(TICK);
        }
        self.evidence.availability.note(self.recorder.now_ns(), false);
        for machine in clients {
            machine.end()?;
        }
        if let Err(error) = self.read_everything() {
            self.evidence.failures.push(format!("a healed cluster cannot be read: {error}"));
        }
        let converged = self.wait("all nodes come to one state", |run| verdict::has_converged(&run.cluster));
        if let Err(error) = converged {
            if error.is::<Interrupted>() {
                return Err(error);
            }
            self.evidence.failures.push(format!("{error:#}"));
        }
        Ok(())
    }

    fn read_everything(&mut self) -> Result<()> {
        let proxies: Vec<String> =
            self.plan.shape.proxies().map(|proxy| self.cluster.endpoint(proxy)).collect();
        let keys = self.recorder.keys();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(read_everything(&proxies, self.cluster.of_clients()?, &self.recorder, &keys))
    }

    fn judge(mut self) -> Result<verdict::Report> {
        self.evidence.failures.extend(self.cluster.panics());
        {
            let sight = self.monitor.sight();
            self.evidence.failures.extend(sight.failures().iter().take(10).cloned());
            self.evidence.leaders = sight.leaders_seen();
            self.evidence.states_compared = sight.states_compared();
        }
        self.story.tell("judging")?;
        let took = self.began.elapsed();
        let report = verdict::judge(self.plan, self.recorder.take(), self.evidence, &self.tally, took)?;
        if !report.failures.is_empty() {
            verdict::keep_data(&self.cluster, &self.plan.folder);
        }
        Ok(report)
    }

    fn wait(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> Result<bool>) -> Result<()> {
        let began = Instant::now();
        while !is_so(self).with_context(|| what.to_owned())? {
            if began.elapsed() > PATIENCE {
                bail!("not within {PATIENCE:?}: {what}");
            }
            self.tick()?;
            thread::sleep(TICK);
        }
        Ok(())
    }

    fn tell_progress(&self, at: Duration) {
        let leader = self.monitor.sight().leader().map_or("nobody".to_owned(), |id| format!("node {id}"));
        let Tally { leader_kills, partitions, .. } = self.tally;
        Story::say(&format!(
            "{:>5} s  {} operations, {leader_kills} leader kills, {partitions} partitions, {leader} leads",
            at.as_secs(),
            self.recorder.count()
        ));
    }
}
