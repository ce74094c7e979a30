//! Who there is.

use std::fmt;

use conclave_checks::draw::Draw;

/// The machines of a run, and how the cluster is set up.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Of each node: those of the highest are preferred as leader.
    pub(crate) priorities: Vec<u32>,
    pub(crate) proxies: u64,
    /// Machines of clients, each with several clients.
    pub(crate) clients: u64,
    pub(crate) lease_reads: bool,
    /// Connections are secured by TLS, and everybody has a certificate.
    pub(crate) tls: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { priorities: vec![0; 3], proxies: 2, clients: 2, lease_reads: false, tls: false }
    }
}

impl Shape {
    /// What a seed makes of it.
    pub(crate) fn draw(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "shape", 0);
        let mut half = || draw.chance(50);
        let priorities = if half() { vec![0, 0, 10] } else { vec![0; 3] };
        Self { priorities, lease_reads: half(), tls: half(), ..Self::default() }
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> u64 {
        self.priorities.len() as u64
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = Machine> + use<> {
        (1..=self.node_count()).map(Machine::Node)
    }

    pub(crate) fn proxies(&self) -> impl Iterator<Item = Machine> + use<> {
        (0..self.proxies).map(Machine::Proxy)
    }

    pub(crate) fn clients(&self) -> impl Iterator<Item = Machine> + use<> {
        (0..self.clients).map(Machine::Client)
    }

    /// Nodes and proxies.
    pub(crate) fn servers(&self) -> impl Iterator<Item = Machine> + use<> {
        self.nodes().chain(self.proxies())
    }
}

/// A machine of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    /// From 1.
    Node(u64),
    /// From 0.
    Proxy(u64),
    /// From 0.
    Client(u64),
}

impl Machine {
    /// As namespaces, interfaces and files are called.
    pub(crate) fn short(self) -> String {
        match self {
            Self::Node(id) => format!("n{id}"),
            Self::Proxy(number) => format!("p{number}"),
            Self::Client(number) => format!("c{number}"),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => write!(f, "node {id}"),
            Self::Proxy(number) => write!(f, "proxy {number}"),
            Self::Client(number) => write!(f, "client machine {number}"),
        }
    }
}
