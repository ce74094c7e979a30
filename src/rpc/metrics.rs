//! What is measured of links to other processes.

use metrics::{Counter, Gauge};

use crate::env::Metric;

const LINKS: Metric =
    Metric::count("conclave_rpc_links", "Links that this process keeps to an address, open or not");
const LINKS_OPEN: Metric = Metric::count(
    "conclave_rpc_links_open",
    "Links to an address on which the other process has answered lately",
);
const LINK_OPENINGS: Metric =
    Metric::count("conclave_rpc_link_openings_total", "Streams to an address that opened, first and again");
const LINK_FAILURES: Metric = Metric::count(
    "conclave_rpc_link_failures_total",
    "Streams to an address that ended, and attempts to open one that failed",
);

#[cfg(not(madsim))]
pub(super) const REFUSED_CONNECTIONS: Metric = Metric::count(
    "conclave_rpc_refused_connections_total",
    "Connections that were not taken: too many, or without the certificate that they need",
);
#[cfg(not(madsim))]
pub(super) const REFUSED_CALLS: Metric = Metric::count(
    "conclave_rpc_refused_calls_total",
    "Calls that were not taken: too often, or by a certificate of another role",
);

#[cfg(not(madsim))]
pub(super) const CERTIFICATE_END: Metric = Metric::seconds(
    "conclave_rpc_certificate_end_seconds",
    "When the certificate of this program expires, in seconds since 1970",
);

/// Of one link; it is counted until this is dropped.
#[derive(Debug)]
pub(super) struct LinkMetrics {
    links: Gauge,
    links_open: Gauge,
    openings: Counter,
    failures: Counter,
    is_open: bool,
}

impl LinkMetrics {
    pub(super) fn new(address: &str) -> Self {
        let labels = [("address", address.to_owned())];
        let this = Self {
            links: LINKS.gauge(&labels),
            links_open: LINKS_OPEN.gauge(&labels),
            openings: LINK_OPENINGS.counter(&labels),
            failures: LINK_FAILURES.counter(&labels),
            is_open: false,
        };
        this.links.increment(1);
        this
    }

    /// The other process sent something: with the first of that the link is open.
    pub(super) fn received(&mut self) {
        if !std::mem::replace(&mut self.is_open, true) {
            self.links_open.increment(1);
            self.openings.increment(1);
        }
    }

    pub(super) fn failed(&mut self) {
        self.failures.increment(1);
        self.closed();
    }

    fn closed(&mut self) {
        if std::mem::replace(&mut self.is_open, false) {
            self.links_open.decrement(1);
        }
    }
}

impl Drop for LinkMetrics {
    fn drop(&mut self) {
        self.closed();
        self.links.decrement(1);
    }
}
