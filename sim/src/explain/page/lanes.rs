//! The lanes of a page, from top to bottom: nodes, proxies, clients, and who is no machine of the cluster.

use std::collections::BTreeMap;

use conclave_checks::Timed;
use serde::Serialize;

use crate::{
    scenario::Scenario,
    trace::{CLIENT_LIVES, Event, MachineId, Sent},
};

/// The calls of the run itself have this number among clients.
const RUN_ITSELF: u64 = 999;

/// Whom a lane is about, in the order of lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    Node(u64),
    Proxy(u64),
    Client(u64),
    /// Clients of large values, and floods.
    Large,
    Operators,
    /// What the run itself asks in the recovery.
    Checks,
}

#[derive(Debug, Serialize)]
pub(super) struct Lane {
    name: String,
    kind: &'static str,
}

/// Lanes by whose they are.
pub(super) struct Lanes(BTreeMap<Whose, usize>);

impl Lanes {
    pub(super) fn of(scenario: &Scenario, story: &[Timed<Event>], messages: &[Sent]) -> Self {
        let founders = scenario.shape.founders().map(Whose::Node);
        let proxies = (0..scenario.shape.proxies).map(Whose::Proxy);
        let clients = (0..scenario.shape.clients).map(Whose::Client);
        let seen = story.iter().filter_map(|timed| Whose::of(&timed.event));
        let peers = messages.iter().flat_map(|sent| [sent.from, sent.to]).map(Whose::Node);
        let mut places: BTreeMap<Whose, usize> =
            founders.chain(proxies).chain(clients).chain(seen).chain(peers).map(|whose| (whose, 0)).collect();
        places.values_mut().enumerate().for_each(|(place, lane)| *lane = place);
        Self(places)
    }

    pub(super) fn place(&self, whose: Whose) -> Option<usize> {
        self.0.get(&whose).copied()
    }

    pub(super) fn node(&self, id: u64) -> Option<usize> {
        self.place(Whose::Node(id))
    }

    pub(super) fn machine(&self, machine: MachineId) -> Option<usize> {
        self.place(Whose::machine(machine))
    }

    pub(super) fn list(&self) -> Vec<Lane> {
        self.0.keys().map(|whose| whose.lane()).collect()
    }
}

impl Lane {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Whose {
    /// `None`: it is about the whole run.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Machine { machine, .. } => Some(Self::machine(*machine)),
            Event::Core(event) => Some(Self::Node(event.node())),
            Event::Client { client, .. } => Some(Self::client(*client)),
            Event::Large(_) => Some(Self::Large),
            Event::Operator { .. } => Some(Self::Operators),
            Event::Phase(_) | Event::Healed { .. } | Event::Fault { .. } | Event::Aimed { .. } => None,
        }
    }

    pub(super) fn client(number: u64) -> Self {
        match number % CLIENT_LIVES {
            RUN_ITSELF => Self::Checks,
            number => Self::Client(number),
        }
    }

    fn machine(machine: MachineId) -> Self {
        match machine {
            MachineId::Node(id) => Self::Node(id),
            MachineId::Proxy(number) => Self::Proxy(number),
            MachineId::Client(number) => Self::client(number),
            MachineId::Console => Self::Operators,
        }
    }

    fn lane(self) -> Lane {
        let (name, kind) = match self {
            Self::Node(id) => (format!("node {id}"), "node"),
            Self::Proxy(number) => (format!("proxy {number}"), "proxy"),
            Self::Client(number) => (format!("client {number}"), "client"),
            Self::Large => ("large values".to_owned(), "client"),
            Self::Operators => ("operators".to_owned(), "client"),
            Self::Checks => ("the run's checks".to_owned(), "client"),
        };
        Lane { name, kind }
    }
}
