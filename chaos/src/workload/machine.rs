//! The clients of one machine: a thread that has entered its network namespace.

use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use conclave::rpc::Security;
use nix::sched::{CloneFlags, setns};

use super::{Keys, Recorder, client::Worker};

/// What all clients do together.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) seed: u64,
    pub(crate) keys: Keys,
    pub(crate) recorder: Recorder,
    pub(crate) security: Security,
    /// From the beginning of one operation of a client to that of the next.
    pub(crate) period: Duration,
}

/// The clients of a machine. Dropped, they end.
pub(crate) struct ClientMachine {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl ClientMachine {
    /// Starts clients with these numbers. Half of them know one proxy each, as behind a load balancer; half know all.
    pub(crate) fn start(
        namespace_file: &str,
        numbers: std::ops::Range<u64>,
        endpoints: &[String],
        load: &Load,
    ) -> Result<Self> {
        let namespace = File::open(namespace_file).with_context(|| namespace_file.to_owned())?;
        let ends = Arc::<AtomicBool>::default();
        let workers: Vec<Worker> = numbers
            .map(|number| {
                let mut endpoints = endpoints.to_vec();
                let count = endpoints.len() as u64;
                endpoints.rotate_left((number % count) as usize);
                endpoints.truncate(if (number / count).is_multiple_of(2) { 1 } else { endpoints.len() });
                Worker {
                    number,
                    seed: load.seed,
                    endpoints,
                    security: load.security.clone(),
                    keys: load.keys.clone(),
                    recorder: load.recorder.clone(),
                    period: load.period,
                    ends: ends.clone(),
                }
            })
            .collect();
        let thread = thread::Builder::new().name("clients".to_owned()).spawn(move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).context("the namespace cannot be entered")?;
            // It runs everything on this very thread: sockets belong to the namespace of the thread that makes them.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let tasks: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.run())).collect();
                for task in tasks {
                    task.await?;
                }
                Ok(())
            })
        })?;
        Ok(Self { ends, thread: Some(thread) })
    }

    /// Tells them to end, and waits until they have.
    ///
    /// # Errors
    /// One has panicked.
    pub(crate) fn end(mut self) -> Result<()> {
        self.ends.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it ends once");
        thread.join().map_err(|_| anyhow!("the clients of a machine have panicked"))?
    }
}

impl Drop for ClientMachine {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
    }
}
