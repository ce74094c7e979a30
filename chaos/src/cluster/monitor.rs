//! Asks every node how it is, all the time, on a way that no fault cuts: who leads, and whether equal applied indexes come
//! with equal states.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
use conclave::{
    client::{Client, Options},
    env::Clock,
    rpc::Security,
    wire::pb::v1::{NodeStatus, node_status::Role},
};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(50);
/// A node that does not answer within this stands still or is down.
const PATIENCE: Duration = Duration::from_millis(300);
/// What a node said longer ago is no news.
const FRESH: Duration = Duration::from_millis(500);
/// States that are remembered, by their applied index.
const REMEMBERED: usize = 200_000;

/// What is known of the nodes.
#[derive(Default)]
pub(crate) struct Sight {
    latest: BTreeMap<u64, (Instant, NodeStatus)>,
    /// Who told which hash of the state, by applied index.
    states: BTreeMap<u64, (u64, u64)>,
    /// Terms that somebody led in, and who: a second one is a failure.
    leaders: BTreeMap<u64, u64>,
    /// Applied indexes that more than one node told a state of.
    compared: BTreeSet<u64>,
    /// Those at which the states differ: each is told once.
    differing: BTreeSet<u64>,
    /// What may never be.
    failures: Vec<String>,
}

impl Sight {
    /// The node that leads, as far as it is known.
    pub(crate) fn leader(&self) -> Option<u64> {
        let fresh = self.latest.values().filter(|(at, _)| at.elapsed() < FRESH).map(|(_, status)| status);
        let leads = |status: &&NodeStatus| status.role() == Role::Leader;
        fresh.filter(leads).max_by_key(|status| status.term).map(|status| status.id)
    }

    /// How many terms had a leader that was seen.
    pub(crate) fn leaders_seen(&self) -> usize {
        self.leaders.len()
    }

    /// How many states were compared.
    pub(crate) fn states_compared(&self) -> usize {
        self.compared.len()
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    fn learn(&mut self, status: NodeStatus) {
        let NodeStatus { id, term, applied_index, state_hash, .. } = status;
        if status.role() == Role::Leader {
            let leader = *self.leaders.entry(term).or_insert(id);
            if leader != id {
                self.failures.push(format!("nodes {leader} and {id} both lead in term {term}"));
            }
        }
        let (first, hash) = *self.states.entry(applied_index).or_insert((id, state_hash));
        if first != id {
            self.compared.insert(applied_index);
        }
        if hash != state_hash && self.differing.insert(applied_index) {
            self.failures.push(format!(
                "at applied index {applied_index} the state of node {first} is {hash:016x}, and that of node {id} {state_hash:016x}"
            ));
        }
        while self.states.len() > REMEMBERED {
            self.states.pop_first();
        }
        self.latest.insert(id, (Instant::now(), status));
    }
}

/// A thread that asks. Dropped, it ends.
pub(crate) struct Monitor {
    sight: Arc<Mutex<Sight>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Monitor {
    /// Asks the nodes at these endpoints.
    pub(crate) fn start(endpoints: Vec<String>, security: &Security) -> Result<Self> {
        let (sight, ends) = (Arc::<Mutex<Sight>>::default(), Arc::<AtomicBool>::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let asked = (sight.clone(), ends.clone(), security.clone());
        let thread = thread::Builder::new().name("monitor".to_owned()).spawn(move || {
            let (sight, ends, security) = asked;
            let tasks: Vec<_> = endpoints
                .into_iter()
                .map(|endpoint| runtime.spawn(ask(endpoint, security.clone(), sight.clone(), ends.clone())))
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    let _ = task.await;
                }
            });
        })?;
        Ok(Self { sight, ends, thread: Some(thread) })
    }

    /// What is known now.
    pub(crate) fn sight(&self) -> MutexGuard<'_, Sight> {
        lock(&self.sight)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn ask(endpoint: String, security: Security, sight: Arc<Mutex<Sight>>, ends: Arc<AtomicBool>) {
    let options = Options { timeout: PATIENCE, security };
    let client = Client::new(&[endpoint], options, true_clock()).expect("addresses are well formed");
    while !ends.load(Ordering::Relaxed) {
        if let Ok(answer) = client.status().await {
            answer.nodes.into_iter().for_each(|status| lock(&sight).learn(status));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The clock of this machine.
pub(crate) fn true_clock() -> Clock {
    Clock::new(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default())
}

/// Whoever panicked has left nothing half done here.
fn lock(sight: &Mutex<Sight>) -> MutexGuard<'_, Sight> {
    sight.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
