//! `conclave up`: a whole cluster on this machine, one child process a part.

mod child;
mod plan;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use self::{
    child::{Child, Ended},
    plan::Plan,
};
use super::{address::Address, daemon::clock, logging::LogFormat, print, status, stop};
use crate::client::{Client, Options};

const EXAMPLES: &str = "\
EXAMPLES
  conclave up                               three nodes and a proxy on 127.0.0.1:2379
  conclave up --nodes 5 --data-dir /tmp/five
  conclave up --listen 127.0.0.1:3379 --base-port 33790 --data-dir other
                                            a second cluster beside the first

Then, in another terminal: conclave client

The data stays in --data-dir: the next 'conclave up' goes on with it. The logs lie there, too.";

/// Run a cluster and a proxy on this machine until Ctrl+C
///
/// Every node and the proxy are processes of their own, so that each can be killed to see what happens; 'up' tells how
/// to start it again. When 'up' ends, however it ends, they end with it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// How many nodes: 1, 3, 5, 7 or 9
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = parse_node_count)]
    nodes: u16,
    /// Where the proxy listens for clients
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2379")]
    listen: Address,
    /// Port of the first node; the others take the next ones
    #[arg(long, value_name = "PORT", default_value_t = 23_791, value_parser = clap::value_parser!(u16).range(1..))]
    base_port: u16,
    /// Where the nodes keep their data and all write their logs
    #[arg(long, value_name = "DIR", default_value = "conclave-data")]
    data_dir: PathBuf,
    /// How the lines of the log files look
    #[arg(long, value_enum, default_value_t)]
    log: LogFormat,
}

/// A cluster of an even number survives no more failures than one of a node less.
fn parse_node_count(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(count @ (1 | 3 | 5 | 7 | 9)) => Ok(count),
        _ => Err("it must be 1, 3, 5, 7 or 9: a majority of an even number gains nothing".to_owned()),
    }
}

/// How often the new cluster is asked who leads.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A cluster on one machine has a leader long before; then the user learns where to look.
const LEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Starts the cluster, and stops it when told to.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let signalled = stop::signalled()?;
    let plan = Plan::new(&args)?;
    plan.check_ports()?;
    plan.prepare_directories()?;

    let (ended_tx, ended_rx) = mpsc::unbounded_channel();
    let (stop_tx, stop_rx) = watch::channel(());
    let mut children = JoinSet::new();
    for part in plan.parts() {
        let child = Child::start(part)?;
        print(&child.introduction());
        children.spawn(child.watch(stop_rx.clone(), ended_tx.clone()));
    }
    drop(ended_tx);

    let result = tokio::select! { biased;
        () = signalled => Ok(ExitCode::SUCCESS),
        error = report_ends(ended_rx) => Err(error),
        error = announce(&plan) => Err(error),
    };
    print("stopping\n");
    drop(stop_tx);
    children.join_all().await;
    result
}

/// Tells of every child that ends before it is told to. Returns when none is left.
async fn report_ends(mut ended: mpsc::UnboundedReceiver<Ended>) -> anyhow::Error {
    while let Some(child) = ended.recv().await {
        print(&child.obituary());
    }
    anyhow::anyhow!("every process of the cluster has ended; see above")
}

/// Says when there is a leader, and what to do next. Returns only if it cannot find out.
async fn announce(plan: &Plan) -> anyhow::Error {
    match wait_for_leader(plan).await {
        Ok(leader) => {
            print(&plan.welcome(leader));
            std::future::pending().await
        }
        Err(error) => error,
    }
}

async fn wait_for_leader(plan: &Plan) -> anyhow::Result<u64> {
    let endpoints = [plan.client_endpoint()];
    let client = Client::new(&endpoints, Options { timeout: Duration::from_secs(1) }, clock())?;
    let started = Instant::now();
    let mut complained = false;
    loop {
        // Until the proxy listens there is an error, and it says nothing that the user should know.
        if let Ok(status) = client.status().await
            && let Some(leader) = status::leader(&status)
        {
            return Ok(leader);
        }
        if !complained && started.elapsed() > LEADER_PATIENCE {
            complained = true;
            print(&format!("no leader after {LEADER_PATIENCE:?}, still waiting: see the log files\n"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
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
