//! `conclave node`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use anyhow::bail;

use super::{
    address::{Address, InvalidAddress},
    daemon::{CLUSTER, Daemon, check_cluster_name},
    limits::LimitArgs,
    tls::TlsArgs,
    upkeep::UpkeepArgs,
    usage::UsageError,
};
use crate::{
    node::{self, Config, ReadLimits, Retention, Timing},
    rpc::Identity,
    storage::{FileDisk, Misplaced, misplaced_data},
};

const EXAMPLES: &str = "\
EXAMPLES
  Three nodes, each on its own machine; the third is preferred as leader:

  conclave node --id 1 --listen 0.0.0.0:23801 --data-dir /var/lib/conclave/node \\
      --peers 1=10.0.0.1:23801,2=10.0.0.2:23801,3=10.0.0.3:23801
  (on the second machine the same with --id 2)
  conclave node --id 3 --priority 10 ...

  A fourth one, added later:
  conclave node --join --id 4 --listen 0.0.0.0:23801 --data-dir /var/lib/conclave/node
  conclave member add 4=10.0.0.4:23801

  conclave proxy --nodes 10.0.0.1:23801,10.0.0.2:23801,10.0.0.3:23801";

/// Run one node of a cluster
///
/// A node is started again with the same id and data directory after a stop or a crash, and goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A file with settings in TOML: the options below by their names, like heartbeat-ms = 30. Options of the command line
    /// and the environment (CONCLAVE_HEARTBEAT_MS) go before it; see 'conclave config --help'
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// This node's number; no other node ever has it, nor had it
    #[arg(long, value_name = "N")]
    id: u64,
    /// Address to listen on
    #[arg(long, value_name = "HOST:PORT")]
    listen: Address,
    /// The nodes that found the cluster, this one included, as the others reach them. Once it is founded the cluster itself
    /// knows its members and where they are: 'conclave member move' changes that
    #[arg(long, value_name = "N=HOST:PORT,...", value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Dial members where --peers says, whatever the cluster knows: for a cluster whose addresses have all changed at once
    #[arg(long)]
    peers_override: bool,
    /// Join a cluster that exists, once 'conclave member add' has added this node there
    #[arg(long)]
    join: bool,
    /// Where this node keeps its data; no other node may use it
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Nodes with a higher priority are preferred as leader
    #[arg(long, value_name = "P", default_value_t = 0)]
    priority: u32,
    /// Name of the cluster; nodes and proxies of another cluster are refused
    #[arg(long, value_name = "NAME", default_value = CLUSTER)]
    cluster: String,
    /// How often a leader reports to its followers
    #[arg(long, value_name = "MS", default_value_t = milliseconds(Timing::default().heartbeat),
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    heartbeat_ms: u64,
    /// After how long without a report followers elect a new leader
    #[arg(long, value_name = "MS", default_value_t = milliseconds(Timing::default().election_timeout),
          value_parser = clap::value_parser!(u64).range(1..=600_000))]
    election_timeout_ms: u64,
    /// How many entries the log keeps for nodes that lag; who needs older ones is sent the whole state
    #[arg(long, value_name = "N", default_value_t = Retention::default().log_entries_max as u64,
          value_parser = clap::value_parser!(u64).range(100..=100_000_000))]
    log_entries: u64,
    /// Serve reads without asking a majority each time. It rests on clocks: only if all of them keep within
    /// --clock-drift-percent is a read never stale. Give it to every node, or it has no effect
    #[arg(long)]
    lease_reads: bool,
    /// By how much a clock may run fast or slow, with --lease-reads
    #[arg(long, value_name = "P", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    clock_drift_percent: u32,
    #[command(flatten)]
    upkeep: UpkeepArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    daemon: Daemon,
}

/// One entry of `--peers`: `N=host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) id: u64,
    pub(super) address: Address,
}

impl FromStr for Peer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (id, address) = text.split_once('=').ok_or_else(|| {
            format!("'{text}' names no node; write it as N=host:port, like 1=127.0.0.1:23801")
        })?;
        let id: u64 = id.parse().map_err(|_| format!("'{id}' is no node number; write it as N=host:port"))?;
        let address: Address = address.parse().map_err(|error: InvalidAddress| error.to_string())?;
        if address.is_unspecified() {
            return Err(format!(
                "'{text}' is where a node listens: write the address at which the others reach it, like {id}=10.0.0.{id}:23801"
            ));
        }
        Ok(Self { id, address })
    }
}

impl Args {
    /// The configuration, with all checked that the parser cannot check: how the arguments fit together.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        self.check_peers()?;
        let peers = unique_peers(&self.peers)?;
        self.check_id(&peers)?;
        check_cluster_name(&self.cluster)?;
        self.daemon.check(&self.listen)?;
        Ok(Config {
            cluster: self.cluster.clone(),
            id: self.id,
            listen: self.listen.resolve()?,
            peers: peers.into_iter().map(|(id, address)| (id, address.to_string())).collect(),
            peers_override: self.peers_override,
            priority: self.priority,
            timing: self.timing()?,
            retention: self.retention(),
            reads: ReadLimits::default(),
            upkeep: self.upkeep.upkeep()?,
            lease_drift_percent: self.lease_reads.then_some(self.clock_drift_percent),
            security: self.tls.of_server(true, |own| self.check_certificate(own))?,
            server_limits: self.limits.limits(),
        })
    }

    fn check_peers(&self) -> Result<(), UsageError> {
        let wrong = match (self.join, self.peers.is_empty()) {
            (true, false) => {
                "--join and --peers exclude each other: a node that joins is told by the cluster who belongs to it"
            }
            (false, true) => "--peers is missing: name the nodes that found the cluster, or give --join",
            (true, true) if self.peers_override => "--peers-override is nothing without --peers",
            _ => return Ok(()),
        };
        Err(UsageError(wrong.to_owned()))
    }

    fn check_certificate(&self, own: &Identity) -> Result<(), String> {
        let wanted = Identity::node(&self.cluster, self.id);
        if *own == wanted { Ok(()) } else { Err(format!("this node is {wanted}")) }
    }

    fn check_id(&self, peers: &BTreeMap<u64, Address>) -> Result<(), UsageError> {
        let id = &self.id;
        if *id == 0 {
            return Err(UsageError("--id 0 stands for nobody; number the nodes from 1".into()));
        }
        if !self.join && !peers.contains_key(id) {
            return Err(UsageError(format!(
                "node {id} is missing from --peers: a founder is in that list, as {id}=HOST:PORT by which the others reach it; one that \
                 joins a cluster is started with --join in place of --peers"
            )));
        }
        Ok(())
    }

    /// The state is made durable several times as often as the log is compacted: only what is durable may go.
    fn retention(&self) -> Retention {
        let defaults = Retention::default();
        let log_entries_max = usize::try_from(self.log_entries).unwrap_or(usize::MAX);
        Retention {
            log_entries_max,
            sync_entries: defaults.sync_entries.min(log_entries_max / 4),
            ..defaults
        }
    }

    fn timing(&self) -> Result<Timing, UsageError> {
        let Self { heartbeat_ms, election_timeout_ms, .. } = *self;
        if election_timeout_ms <= 2 * heartbeat_ms {
            return Err(UsageError(format!(
                "--election-timeout-ms {election_timeout_ms} is too short; it must be more than twice \
                 --heartbeat-ms ({heartbeat_ms})"
            )));
        }
        Ok(Timing {
            heartbeat: Duration::from_millis(heartbeat_ms),
            election_timeout: Duration::from_millis(election_timeout_ms),
        })
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).expect("the defaults are far shorter than a day")
}

pub(super) fn unique_peers(list: &[Peer]) -> Result<BTreeMap<u64, Address>, UsageError> {
    let mut addresses = BTreeSet::new();
    let mut peers = BTreeMap::new();
    for Peer { id, address } in list {
        if *id == 0 {
            return Err(UsageError(format!("--peers has {id}={address}; number the nodes from 1")));
        }
        if !addresses.insert(address) {
            return Err(UsageError(format!(
                "--peers has the address {address} twice; every node needs its own"
            )));
        }
        if peers.insert(*id, address.clone()).is_some() {
            return Err(UsageError(format!("--peers has node {id} twice; every node needs its own number")));
        }
    }
    Ok(peers)
}

/// Runs a node until it is told to stop.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config()?;
    let (environment, shutdown) = args.daemon.start("conclave-node", &config.security)?;
    if args.join {
        tracing::info!(
            "node {0} joins: if it is not a member yet, add it with 'conclave member add {0}=HOST:{1}'",
            args.id,
            config.listen.port()
        );
    }
    check_misplaced(&args)?;
    let disk = Arc::new(FileDisk::open(&args.data_dir)?);
    Ok(node::run(config, environment, disk, shutdown).await?)
}

/// An empty directory beside the data of this very node is a mistake: the node would come up without them.
fn check_misplaced(Args { id, data_dir, .. }: &Args) -> anyhow::Result<()> {
    let is_meant = |found: &Misplaced| found.identity.as_ref().is_none_or(|identity| identity.node == *id);
    let Some(Misplaced { directory, identity }) = misplaced_data(data_dir).into_iter().find(is_meant) else {
        return Ok(());
    };
    let whose = identity.map_or("a node".to_owned(), |identity| {
        format!("node {} of cluster {}", identity.node, identity.cluster)
    });
    let directory = directory.display();
    bail!(
        "--data-dir {} holds no data, but {directory} holds that of {whose}: name --data-dir {directory}, or, if that is not what this node is to \
         go on with, move it away",
        data_dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{testing::options, usage::one_line};

    const PEERS: &str = "1=a:1,2=b:1,3=c:1";

    /// The configuration that a command line makes, or its error in one line.
    fn config(id: &str, peers: &str, more: &str) -> Result<Config, String> {
        let line = format!("--id {id} --listen 0.0.0.0:1 --data-dir d --peers {peers} {more}");
        let args: Args = options(&line).map_err(|error| one_line(&error))?;
        args.config().map_err(|error| error.to_string())
    }

    #[test]
    fn a_node_is_told_what_the_command_line_says() {
        let config = config("2", PEERS, "--priority 7 --heartbeat-ms 20").expect("good arguments");
        assert_eq!(config.peers[&3], "c:1");
        assert_eq!((config.id, config.priority), (2, 7));
        assert_eq!(config.timing.heartbeat, Duration::from_millis(20));
        assert_eq!(config.timing.election_timeout, Timing::default().election_timeout);
    }

    #[test]
    fn arguments_that_do_not_fit_together_are_explained() {
        for (id, peers, more, expected) in [
            (
                "4",
                PEERS,
                "",
                "node 4 is missing from --peers: a founder is in that list, as 4=HOST:PORT by which",
            ),
            ("0", PEERS, "", "--id 0"),
            ("1", "0=a:1,1=b:1", "", "number the nodes from 1"),
            ("1", "1=a:1,1=b:1", "", "node 1 twice"),
            ("1", "1=a:1,2=a:1", "", "address a:1 twice"),
            ("1", "1=a:1,2", "", "'2' names no node"),
            ("1", "1=a:1,x=b:1", "", "'x' is no node number"),
            ("1", "1=a:1,2=b", "", "the port is missing"),
            ("1", PEERS, "--join", "--join and --peers exclude each other"),
            ("1", PEERS, "--election-timeout-ms 60", "more than twice --heartbeat-ms (30)"),
            ("1", PEERS, "--heartbeat-ms 0", "--heartbeat-ms"),
            ("one", PEERS, "", "invalid value 'one' for '--id"),
            ("1", PEERS, "--cluster=", "--cluster"),
        ] {
            let error = config(id, peers, more).expect_err(expected);
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
