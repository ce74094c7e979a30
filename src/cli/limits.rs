//! What servers take: the options of nodes and proxies.

use crate::rpc::ServerLimits;

/// What a server takes from its callers.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LimitArgs {
    /// Connections at a time; further ones are closed at once
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().connections_max as u64,
          value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    connections_max: u64,
    /// Requests under way on one connection; further ones wait
    #[arg(long, value_name = "N", default_value_t = ServerLimits::default().streams_max,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    concurrent_streams_max: u32,
}

impl LimitArgs {
    pub(super) fn limits(&self) -> ServerLimits {
        ServerLimits {
            connections_max: usize::try_from(self.connections_max).unwrap_or(usize::MAX),
            streams_max: self.concurrent_streams_max,
            ..ServerLimits::default()
        }
    }
}
