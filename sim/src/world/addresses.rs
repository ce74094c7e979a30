//! Where machines are reached.

use std::net::{IpAddr, SocketAddr};

use crate::trace::MachineId;

const NODE_PORT: u16 = 7000;
const PROXY_PORT: u16 = 2379;

/// The highest number of a machine of each kind: numbers are the last part of an address.
pub(crate) const NUMBER_MAX: u64 = 250;

pub(super) fn ip(machine: MachineId) -> IpAddr {
    let (net, host) = match machine {
        MachineId::Node(id) => (0, id),
        MachineId::Proxy(number) => (1, number + 1),
        MachineId::Client(number) => (2, number + 1),
        MachineId::Console => (3, 1),
    };
    [10, 0, net, u8::try_from(host).expect("a scenario's numbers are bounded")].into()
}

/// Where a node serves.
pub(super) fn node(id: u64) -> SocketAddr {
    (ip(MachineId::Node(id)), NODE_PORT).into()
}

/// Where a proxy serves.
pub(super) fn proxy(number: u64) -> SocketAddr {
    (ip(MachineId::Proxy(number)), PROXY_PORT).into()
}

/// Where a machine serves, if it does.
pub(super) fn served(machine: MachineId) -> Option<SocketAddr> {
    match machine {
        MachineId::Node(id) => Some(node(id)),
        MachineId::Proxy(number) => Some(proxy(number)),
        MachineId::Client(_) | MachineId::Console => None,
    }
}

/// Where a node is reached, as `host:port`.
pub(crate) fn node_endpoint(id: u64) -> String {
    node(id).to_string()
}

/// Where a proxy is reached, as `host:port`.
pub(crate) fn proxy_endpoint(number: u64) -> String {
    proxy(number).to_string()
}
