//! What `conclave up` is told.

use std::path::PathBuf;

use super::super::{address::Address, logging::LogFormat, upkeep::UpkeepArgs};

const EXAMPLES: &str = "\
EXAMPLES
  conclave up                               three nodes and a proxy on 127.0.0.1:2379
  conclave up --nodes 5 --data-dir /tmp/five
  conclave up --listen 127.0.0.1:3379 --base-port 33790 --data-dir other
                                            a second cluster beside the first
  conclave up --dashboard                   and a page that shows it

Then, in another terminal: conclave client

The data stays in --data-dir: the next 'conclave up' goes on with it. The logs lie there, too.";

/// Run a cluster and a proxy on this machine until Ctrl+C
///
/// Every node and the proxy are processes of their own, so that each can be killed to see what happens; 'up' tells how
/// to start it again. When 'up' ends, however it ends, they end with it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// How many nodes: 1, 3, 5, 7 or 9
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_node_count)]
    pub(super) nodes: u16,
    /// Where the proxy listens for clients
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2379")]
    pub(super) listen: Address,
    /// Port of the first node; the others take the next ones
    #[arg(long, value_name = "PORT", default_value_t = 23_791, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) base_port: u16,
    /// Where the nodes keep their data and all write their logs
    #[arg(long, value_name = "DIR", default_value = "conclave-data")]
    pub(super) data_dir: PathBuf,
    /// How the lines of the log files look
    #[arg(long, value_enum, default_value_t)]
    pub(super) log_format: LogFormat,
    /// Show the cluster at a glance on a local page here [if no address is named: 127.0.0.1:23900]; its proxy takes the next
    /// port for its metrics
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, default_missing_value = "127.0.0.1:23900")]
    pub(super) dashboard: Option<Address>,
    /// Secure all connections by TLS, with certificates made for this cluster in --data-dir; clients need theirs, too
    #[arg(long)]
    pub(super) tls: bool,
    #[command(flatten)]
    pub(super) upkeep: UpkeepArgs,
}

/// A cluster of an even number survives no more failures than one of a node less.
fn parse_node_count(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(count @ (1 | 3 | 5 | 7 | 9)) => Ok(count),
        _ => Err("it must be 1, 3, 5, 7 or 9: a majority of an even number gains nothing".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_node_count;

    #[test]
    fn a_cluster_has_an_odd_number_of_nodes() {
        assert_eq!(parse_node_count("5"), Ok(5));
        for text in ["0", "2", "11", "-1", "three"] {
            assert!(parse_node_count(text).is_err(), "{text}");
        }
    }
}
