//! Where operators sit, and where the run's own questions come from: a machine that no fault strikes.

use std::time::Duration;

use conclave::{
    client::{Client, Options},
    env::Clock,
};
use madsim::{runtime::NodeHandle, task::JoinHandle};

/// The console. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) handle: NodeHandle,
    pub(crate) clock: Clock,
    /// Where the proxies are reached, by their numbers.
    pub(crate) proxies: Vec<String>,
}

impl Console {
    /// A client of all proxies, which waits so long for an answer.
    pub(crate) fn client(&self, patience: Duration) -> Client {
        self.client_of(&self.proxies, patience)
    }

    /// A client of one proxy.
    pub(crate) fn client_of_proxy(&self, number: u64, patience: Duration) -> Client {
        self.client_of(&self.proxies[number as usize..][..1], patience)
    }

    fn client_of(&self, endpoints: &[String], timeout: Duration) -> Client {
        Client::new(endpoints, Options { timeout, ..Options::default() }, self.clock.clone())
            .expect("simulated addresses are well formed")
    }

    /// Lets something be done there.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.handle.spawn(work)
    }
}
