//! What `conclave up` will start: ports, directories, command lines.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};

use super::{
    super::{address::Address, connection::Connection, settings::variable, tls::TlsArgs, usage::UsageError},
    args::Args,
    tls::Tls,
};
use crate::{client::Client, storage::FileDisk};

/// A cluster to be started.
pub(super) struct Plan {
    data_dir: PathBuf,
    proxy: SocketAddr,
    /// Where the nodes listen; the first is node 1.
    nodes: Vec<SocketAddr>,
    log: &'static str,
    /// Where there is to be a page that shows the cluster.
    pub(super) dashboard: Option<SocketAddr>,
    /// Nodes whose data is missing beside that of the others: they are not started, for an empty node in the place of one that has
    /// acknowledged entries would forget them.
    absent: BTreeSet<u64>,
    /// Options of every node.
    upkeep: Vec<String>,
    /// How connections are secured, if they are.
    tls: Option<Tls>,
}

/// One process of the cluster.
pub(super) struct Part {
    /// Like "node 1".
    pub(super) name: String,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Its command line, without the program.
    pub(super) arguments: Vec<OsString>,
    /// Where its log goes.
    pub(super) log_file: PathBuf,
}

impl Plan {
    /// # Errors
    /// The arguments do not fit together.
    pub(super) fn new(args: &Args) -> anyhow::Result<Self> {
        let Args { nodes, base_port, .. } = *args;
        let last_port = base_port.checked_add(nodes - 1).ok_or_else(|| {
            UsageError(format!(
                "--base-port {base_port} leaves no room for {nodes} nodes; choose a lower port"
            ))
        })?;
        let proxy = args.listen.resolve()?;
        if (base_port..=last_port).contains(&proxy.port()) {
            return Err(UsageError(format!(
                "--listen {proxy} lies among the ports of the nodes ({base_port} to {last_port}); choose another one"
            ))
            .into());
        }
        let nodes = (base_port..=last_port).map(|port| (Ipv4Addr::LOCALHOST, port).into()).collect();
        let upkeep = args.upkeep.options()?;
        let dashboard = args.dashboard.as_ref().map(Address::resolve).transpose()?;
        let (data_dir, log) = (args.data_dir.clone(), args.log_format.name());
        Ok(Self { data_dir, proxy, nodes, log, dashboard, absent: BTreeSet::new(), upkeep, tls: None })
    }

    /// Finds out, before anything is started, whether every port can be had.
    ///
    /// # Errors
    /// One cannot.
    pub(super) fn check_ports(&self) -> anyhow::Result<()> {
        let proxy = ("the proxy".to_owned(), self.proxy, "--listen");
        let nodes = self.numbered().map(|(id, address)| (format!("node {id}"), address, "--base-port"));
        let metrics =
            self.metrics().map(|address| ("its metrics".to_owned(), address, "--dashboard, the port before"));
        let page = self.dashboard.map(|address| ("the dashboard".to_owned(), address, "--dashboard"));
        // All at the same time: two of them may be given the same port.
        let mut listeners = Vec::new();
        for (who, address, option) in nodes.chain([proxy]).chain(page).chain(metrics) {
            listeners.push(TcpListener::bind(address).with_context(|| {
                format!("{who} cannot listen on {address} (free the port, or choose another {option})")
            })?);
        }
        Ok(())
    }

    /// Makes a directory for every node of a new cluster, or finds those of the cluster that is there.
    ///
    /// # Errors
    /// They are in use, belong to a cluster of another size, too many are missing, or they cannot be made.
    pub(super) fn prepare_directories(&mut self) -> anyhow::Result<()> {
        self.absent = absent(&self.data_dir, &nodes_in(&self.data_dir), self.nodes.len() as u64)?;
        for (id, _) in self.started() {
            // Taken and let go at once: the node will take it.
            FileDisk::open(&self.node_dir(id))?;
        }
        Ok(())
    }

    /// What is not started, and what to do about it; empty if all is well.
    pub(super) fn warning(&self) -> String {
        let lines = self.absent.iter().map(|id| {
            format!(
                "node {id} is not started: {} is missing. Put it back, or put a new node in its place ('conclave member replace {id} \
                 N=HOST:PORT')\n",
                self.node_dir(*id).display()
            )
        });
        lines.collect()
    }

    /// Makes the certificates that are missing.
    ///
    /// # Errors
    /// They cannot be made.
    pub(super) fn prepare_tls(&mut self) -> anyhow::Result<()> {
        let proxy_host = self.client_address().ip().to_string();
        self.tls = Some(Tls::prepare(&std::path::absolute(&self.data_dir)?, self.nodes.len(), &proxy_host)?);
        Ok(())
    }

    /// A client of the cluster.
    ///
    /// # Errors
    /// Its certificate cannot be used.
    pub(super) fn client(&self, timeout: Duration) -> anyhow::Result<Client> {
        let address = self.client_address();
        let endpoint = Address::new(&host_of(address), address.port());
        let tls = self.tls.as_ref().map_or_else(TlsArgs::default, |tls| tls.files("operator-local"));
        Connection { endpoints: vec![endpoint], timeout: Some(timeout), tls }.client()
    }

    /// Everything to start.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part> {
        self.started().map(|(id, address)| self.node(id, address)).chain([self.proxy()])
    }

    /// Where clients on this machine find the proxy.
    fn client_address(&self) -> SocketAddr {
        let host = match self.proxy.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        SocketAddr::new(host, self.proxy.port())
    }

    /// What to tell the user when the cluster is ready.
    pub(super) fn welcome(&self, leader: u64) -> String {
        const DEFAULT: &str = "127.0.0.1:2379";
        let program = program();
        let endpoint = self.client_address().to_string();
        let option = if endpoint == DEFAULT { String::new() } else { format!(" --endpoints {endpoint}") };
        let page = self.dashboard.map(|page| format!("\nhttp://{page}/ shows it.\n")).unwrap_or_default();
        let exports = self.tls.as_ref().map_or_else(String::new, |tls| {
            let files = tls.options("operator-local");
            let pairs = files.chunks_exact(2).map(|pair| {
                let name = pair[0].to_string_lossy().trim_start_matches('-').to_owned();
                format!("  export {}={}\n", variable(&name), quoted(&pair[1].to_string_lossy()))
            });
            pairs.collect()
        });
        format!(
            "node {leader} leads: ready at {endpoint}\n\n{exports}  {program} client{option}\n\ntalks to it, from another \
             terminal. Ctrl+C stops all.\n{page}"
        )
    }

    /// Where the proxy tells what it measures, if anybody wants to know.
    pub(super) fn metrics(&self) -> Option<SocketAddr> {
        let next = |page: SocketAddr| (Ipv4Addr::LOCALHOST, page.port().wrapping_add(1).max(1)).into();
        self.dashboard.map(next)
    }

    fn numbered(&self) -> impl Iterator<Item = (u64, SocketAddr)> {
        (1..).zip(self.nodes.iter().copied())
    }

    fn started(&self) -> impl Iterator<Item = (u64, SocketAddr)> {
        self.numbered().filter(|(id, _)| !self.absent.contains(id))
    }

    fn node_dir(&self, id: u64) -> PathBuf {
        self.data_dir.join(format!("node-{id}"))
    }

    fn node(&self, id: u64, address: SocketAddr) -> Part {
        let peers: Vec<String> = self.numbered().map(|(id, address)| format!("{id}={address}")).collect();
        let mut arguments: Vec<OsString> = ["node", "--id"].map(OsString::from).into();
        arguments.extend([id.to_string(), "--listen".into(), address.to_string()].map(OsString::from));
        arguments.extend(["--peers".to_owned(), peers.join(","), "--data-dir".into()].map(OsString::from));
        // Started again with other ports they are all elsewhere, at once.
        arguments.extend([
            self.node_dir(id).into(),
            "--peers-override".into(),
            "--log-format".into(),
            self.log.into(),
        ]);
        arguments.extend(self.upkeep.iter().map(OsString::from));
        arguments.extend(self.tls.iter().flat_map(|tls| tls.options(&format!("node-{id}"))));
        let log_file = self.data_dir.join(format!("node-{id}.log"));
        Part { name: format!("node {id}"), address, arguments, log_file }
    }

    fn proxy(&self) -> Part {
        let nodes: Vec<String> = self.nodes.iter().map(SocketAddr::to_string).collect();
        let nodes = nodes.join(",");
        let listen = self.proxy.to_string();
        let mut arguments = ["proxy", "--listen", &listen, "--nodes", &nodes, "--log-format", self.log]
            .map(OsString::from)
            .to_vec();
        if let Some(metrics) = self.metrics() {
            arguments.extend(["--metrics-listen".into(), metrics.to_string().into()]);
        }
        if let Some(tls) = &self.tls {
            arguments.extend(tls.options("proxy-local"));
            arguments.push("--client-cert-required".into());
        }
        Part {
            name: "proxy".to_owned(),
            address: self.proxy,
            arguments,
            log_file: self.data_dir.join("proxy.log"),
        }
    }
}

impl Part {
    /// The command that a user types to start it alone.
    pub(super) fn command_line(&self) -> String {
        let words = self.arguments.iter().map(|word| quoted(&word.to_string_lossy()));
        [program()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }
}

/// This program, as the user called it.
fn program() -> String {
    let called = env::args_os().next().unwrap_or_else(|| "conclave".into());
    quoted(&called.to_string_lossy())
}

fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), std::borrow::Cow::into_owned)
}

/// An address without its port, as it stands in front of one.
fn host_of(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The nodes of a cluster of this size whose data is missing, beside that which was found; of a new cluster none is.
///
/// # Errors
/// The cluster found has another size, or what is left of it is no majority.
fn absent(data_dir: &Path, found: &BTreeSet<u64>, size: u64) -> anyhow::Result<BTreeSet<u64>> {
    let data_dir = data_dir.display();
    let Some(&last) = found.last() else { return Ok(BTreeSet::new()) };
    let missing: BTreeSet<u64> = (1..=size.max(last)).filter(|id| !found.contains(id)).collect();
    let is_whole = found.len() as u64 == last;
    // 'up' founds clusters of an odd number of nodes.
    if is_whole && (last > size || last < size && last > 1 && last % 2 == 1) {
        bail!(
            "{data_dir} holds a cluster of {last} nodes, not {size}; say --nodes {last}, or name another --data-dir"
        );
    }
    if last <= size && found.len() as u64 > size / 2 {
        return Ok(missing);
    }
    let missing: Vec<String> = missing.iter().map(|id| format!("node-{id}")).collect();
    let smaller = match is_whole {
        true => format!(", or say --nodes {last} if the cluster has no more"),
        false => String::new(),
    };
    bail!(
        "{data_dir} holds some nodes of a cluster, and {} of it {} missing: without a majority nothing is started. Put what is missing \
         back{smaller}, or name another --data-dir",
        missing.join(", "),
        if missing.len() == 1 { "is" } else { "are" }
    )
}

/// The nodes that have their data in a directory.
fn nodes_in(data_dir: &Path) -> BTreeSet<u64> {
    let Ok(entries) = fs::read_dir(data_dir) else { return BTreeSet::new() };
    let names = entries.flatten().filter_map(|entry| {
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_dir.then(|| entry.file_name().to_string_lossy().into_owned())
    });
    names.filter_map(|name| name.strip_prefix("node-")?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(ids: &[u64], size: u64) -> Result<Vec<u64>, String> {
        absent(Path::new("DIR"), &ids.iter().copied().collect(), size)
            .map(|missing| missing.into_iter().collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn no_node_begins_anew_beside_what_others_keep() {
        assert_eq!(found(&[], 3), Ok(vec![]));
        assert_eq!(found(&[1, 2, 3], 3), Ok(vec![]));
        assert_eq!(found(&[1, 3], 3), Ok(vec![2]));
        assert_eq!(found(&[1, 2], 3), Ok(vec![3]));
        assert_eq!(found(&[1, 2, 3, 4], 5), Ok(vec![5]));
        let error = found(&[1, 2, 3], 5).expect_err("a smaller one");
        assert!(error.contains("a cluster of 3 nodes, not 5; say --nodes 3"), "{error}");
        let error = found(&[1, 2, 3], 1).expect_err("a larger one");
        assert!(error.contains("a cluster of 3 nodes, not 1; say --nodes 3"), "{error}");
        let error = found(&[2], 3).expect_err("no majority");
        assert!(error.contains("node-1, node-3 of it are missing") && !error.contains("--nodes"), "{error}");
        let error = found(&[1], 3).expect_err("no majority");
        assert!(error.contains("or say --nodes 1 if the cluster has no more"), "{error}");
        let error = found(&[2, 3], 1).expect_err("a larger one");
        assert!(error.contains("node-1 of it is missing"), "{error}");
    }

    #[test]
    fn two_that_would_listen_at_the_same_place_are_refused() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
        let port = free.expect("a free port").port();
        let plan = Plan {
            data_dir: PathBuf::new(),
            proxy: (Ipv4Addr::LOCALHOST, port).into(),
            nodes: Vec::new(),
            log: "text",
            dashboard: Some((Ipv4Addr::LOCALHOST, port).into()),
            absent: BTreeSet::new(),
            upkeep: Vec::new(),
            tls: None,
        };
        let error = plan.check_ports().expect_err("the proxy listens there").to_string();
        assert!(error.starts_with("the dashboard cannot listen on 127.0.0.1:"), "{error}");
    }
}
