//! `conclave proxy`.

use std::{collections::BTreeSet, num::NonZeroU32, path::PathBuf, time::Duration};

use tokio::sync::oneshot;

use super::{
    address::Address,
    connection::parse_span,
    daemon::{CLUSTER, Daemon, check_cluster_name},
    limits::LimitArgs,
    stop,
    tls::TlsArgs,
    usage::UsageError,
};
use crate::{
    env::{Condition, Environment},
    proxy::{self, Config},
    rpc::{Role, RpcError, Security, ServerLimits},
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave proxy --nodes 10.0.0.1:23801,10.0.0.2:23801,10.0.0.3:23801
  conclave proxy --listen 0.0.0.0:2379 --nodes node-1:23801,node-2:23801,node-3:23801

It speaks the etcd v3 API: 'conclave client' and etcd's own clients connect to --listen.
It keeps no data, so any number of proxies may run side by side.";

/// As long as a large answer of which nothing is taken (`src/rpc/real/fields.rs`): what asks whether a client lives waits behind such
/// answers, on lines of any width.
const CLIENT_SILENCE_MAX: Duration = Duration::from_secs(20);

/// Run a proxy: what clients connect to
///
/// A proxy finds the leader, sends requests there, and repeats them through a change of leader so that clients see
/// one answer and no error.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A file with settings in TOML: the options below by their names, like patience = "10s". Options of the command line and
    /// the environment (CONCLAVE_PATIENCE) go before it; see 'conclave config --help'
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on for clients
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:2379")]
    listen: Address,
    /// The nodes of the cluster
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', required = true)]
    nodes: Vec<Address>,
    /// Name of the cluster; nodes of another cluster refuse this proxy
    #[arg(long, value_name = "NAME", default_value = CLUSTER)]
    cluster: String,
    /// Id of the cluster, as 'conclave status' shows it. Without it this proxy works for the cluster that more than half of
    /// the nodes given belong to
    #[arg(long, value_name = "ID", value_parser = parse_cluster_id)]
    cluster_id: Option<u64>,
    /// The longest that a request may take, like 500ms or 10s; an earlier deadline of its client counts
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_span)]
    patience: Duration,
    #[command(flatten)]
    tls: TlsArgs,
    /// Only who has a certificate is served: clients read and write, operators may do everything else, too
    #[arg(long)]
    client_cert_required: bool,
    #[command(flatten)]
    limits: LimitArgs,
    /// Calls of one client in a second, by its certificate or else its address; more are answered RESOURCE_EXHAUSTED. 0: as
    /// many as it likes
    #[arg(long, value_name = "N", default_value_t = 0)]
    calls_per_second_max: u32,
    /// When told to stop, go on serving for so long, and say meanwhile that it is not ready (/readyz, grpc.health.v1), so that a
    /// load balancer stops sending clients here
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=3600))]
    drain_seconds: u64,
    #[command(flatten)]
    daemon: Daemon,
}

fn parse_cluster_id(text: &str) -> Result<u64, String> {
    match u64::from_str_radix(text, 16) {
        Ok(id) if id != 0 => Ok(id),
        _ => Err("write it as 'conclave status' shows it, like 5f0c31a94e2b7d86".to_owned()),
    }
}

impl Args {
    /// The configuration, with all checked that the parser cannot check: how the arguments fit together.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        self.check_nodes()?;
        check_cluster_name(&self.cluster)?;
        self.daemon.check(&self.listen)?;
        Ok(Config {
            cluster: self.cluster.clone(),
            cluster_id: self.cluster_id,
            listen: self.listen.resolve()?,
            nodes: self.nodes.iter().map(Address::to_string).collect(),
            patience: self.patience,
            answers_bytes_max: Config::ANSWERS_BYTES_MAX,
            security: self.security()?,
            server_limits: ServerLimits {
                calls_per_second_max: NonZeroU32::new(self.calls_per_second_max),
                silence_max: CLIENT_SILENCE_MAX,
                ..self.limits.limits()
            },
        })
    }

    fn security(&self) -> anyhow::Result<Security> {
        let security = self.tls.of_server(self.client_cert_required, |own| match own.role {
            Role::Proxy if own.cluster == self.cluster => Ok(()),
            Role::Proxy => Err(format!("this is a proxy of cluster {:?}", self.cluster)),
            _ => Err("this is a proxy".to_owned()),
        })?;
        if self.client_cert_required && !security.is_tls() {
            return Err(UsageError(
                "--client-cert-required is nothing without --tls-ca, --tls-cert and --tls-key".into(),
            )
            .into());
        }
        Ok(security)
    }

    /// Who may do what they like is said once.
    fn warn_of_strangers(&self) {
        let listen = &self.listen;
        match (self.tls.tls_ca.is_some(), self.client_cert_required) {
            _ if listen.is_loopback() => {}
            (false, _) => {
                tracing::warn!(%listen, "no TLS: whoever reaches this port reads and writes everything, and takes backups")
            }
            (true, false) => {
                tracing::warn!(%listen, "no --client-cert-required: whoever reaches this port reads and writes everything, and takes backups")
            }
            (true, true) => {}
        }
    }

    fn check_nodes(&self) -> Result<(), UsageError> {
        if self.nodes.is_empty() {
            return Err(UsageError("--nodes is empty; name the addresses of all nodes".into()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = self.nodes.iter().find(|&node| !seen.insert(node)) {
            return Err(UsageError(format!("--nodes has {twice} twice; name every node once")));
        }
        if self.nodes.contains(&self.listen) {
            return Err(UsageError(format!(
                "--nodes has this proxy's own address {}; name the nodes' addresses",
                self.listen
            )));
        }
        Ok(())
    }
}

/// Runs a proxy until it is told to stop.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let config = args.config()?;
    let (environment, shutdown) = args.daemon.start("conclave-proxy", &config.security)?;
    args.warn_of_strangers();
    match args.drain_seconds {
        0 => proxy::run(config, environment, shutdown).await?,
        seconds => serve_and_drain(config, environment, shutdown, signalled_again(), seconds).await?,
    }
    Ok(())
}

/// Completes at the next signal after it is first awaited.
async fn signalled_again() {
    match stop::signalled() {
        Ok(signalled) => signalled.await,
        Err(_) => std::future::pending().await,
    }
}

/// Runs a proxy until it is told to stop, and goes on serving for a while. Told to stop once `again` meanwhile, or while calls that are
/// under way then are waited for, it ends at once.
async fn serve_and_drain(
    config: Config,
    environment: Environment,
    shutdown: impl Future<Output = ()> + Send + 'static,
    again: impl Future<Output = ()>,
    seconds: u64,
) -> Result<(), RpcError> {
    let Environment { health, clock, .. } = environment.clone();
    let (drains_tx, drains_rx) = oneshot::channel();
    let drained = async move {
        shutdown.await;
        health.set(Condition::Stopping);
        tracing::info!(seconds, "drains: it goes on serving for so long; a second signal stops it at once");
        let _ = drains_tx.send(());
        clock.sleep(Duration::from_secs(seconds)).await;
    };
    let again = async {
        match drains_rx.await {
            Ok(()) => again.await,
            // It failed before it was told to stop.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! { biased;
        () = again => {
            tracing::info!("told to stop once more: what is under way is cut");
            Ok(())
        }
        served = proxy::run(config, environment, drained) => served,
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, net::TcpListener};

    use super::*;
    use crate::{
        cli::{daemon, testing::options, usage::one_line},
        client::{Client, Options, PutOptions},
    };

    fn config(line: &str) -> Result<Config, String> {
        let args: Args = options(line).map_err(|error| one_line(&error))?;
        args.config().map_err(|error| error.to_string())
    }

    #[test]
    fn a_proxy_listens_where_clients_look_first() {
        let config = config("--nodes a:1,b:1").expect("good arguments");
        assert_eq!(config.listen.to_string(), "127.0.0.1:2379");
        assert_eq!(config.nodes.len(), 2);
    }

    #[test]
    fn wrong_lists_of_nodes_are_explained() {
        for (line, expected) in [
            ("", "were not provided: --nodes"),
            ("--nodes a:1,a:1", "a:1 twice"),
            ("--nodes a:1,b", "the port is missing"),
            ("--listen 127.0.0.1:1 --nodes 127.0.0.1:1", "own address"),
            ("--nodes a:1 --metrics-listen 127.0.0.1:2379", "is --listen, too"),
            ("--nodes a:1 --otlp-endpoint localhost:4317", "write it as http://HOST:4317"),
            ("--nodes a:1 --log-filter inof", "'inof' is no level"),
        ] {
            let error = config(line).expect_err(line);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_drains_and_is_told_once_more_waits_for_no_call() {
        let address = |listener: TcpListener| listener.local_addr().expect("it is bound").to_string();
        let free = || address(TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let (listen, node) = (free(), free());
        let config = config(&format!("--listen {listen} --nodes {node}")).expect("good arguments");
        let environment = daemon::environment();
        let clock = environment.clock.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let serving = tokio::spawn(serve_and_drain(config, environment, shutdown, ready(()), 60));

        let client = Client::new(&[listen], Options::default(), clock.clone()).expect("a good endpoint");
        let put = tokio::spawn(async move { client.put("key", "value", PutOptions::default()).await });
        clock.sleep(Duration::from_millis(300)).await;
        assert!(!put.is_finished(), "it waits for a leader");
        stop.send(()).expect("it is waited for");
        let ended = clock.timeout(Duration::from_secs(2), serving).await.expect("it ends at once");
        ended.expect("no panic").expect("it served");
        put.await.expect("no panic").expect_err("it is cut off");
    }
}
