//! All instances of a rendered folder: certificates, names, the load balancer.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;

use super::{cloud_config::CloudConfig, instance::Instance};
use crate::{
    lab::{
        Network,
        command::{run, run_fed},
    },
    story::Story,
};

/// The machine that stands for the load balancer.
const BALANCER: &str = "lb";
const NODE_SETTINGS: &str = "/etc/conclave/node.toml";
const PROFILE: &str = "/etc/profile.d/conclave.sh";

/// The machines. Dropped, they are gone, the programs first.
pub(super) struct Site {
    pub(super) instances: Vec<Instance>,
    pub(super) network: Network,
    folder: PathBuf,
}

impl Site {
    /// Boots what is rendered in a folder.
    pub(super) fn boot(rendered: &Path, binary: &Path, folder: &Path) -> Result<Self> {
        let mut configs = Vec::new();
        for file in
            fs::read_dir(rendered).with_context(|| format!("{} cannot be read", rendered.display()))?
        {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                configs.push(CloudConfig::read(&path)?);
            }
        }
        configs.sort_by(|one, other| one.hostname.cmp(&other.hostname));
        let count = |kind: &str| configs.iter().filter(|config| config.is_a(kind)).count();
        let counts = [count("node"), count("proxy"), count("client")];
        ensure!(
            counts.iter().all(|&count| count > 0),
            "{}: nodes, proxies and clients are {counts:?}",
            rendered.display()
        );
        let names: Vec<String> = configs.iter().map(short).chain([BALANCER.to_owned()]).collect();
        let network = Network::create(&names)?;
        let mut site = Self { instances: Vec::new(), network, folder: folder.to_owned() };
        let hosts = site.hosts(&configs)?;
        site.balance(&configs)?;
        for config in configs {
            let namespace = site.network.namespace(&short(&config));
            let store = folder.join("instances").join(&config.hostname);
            site.instances.push(Instance::boot(config, namespace, store, binary, &hosts)?);
        }
        site.fetch_certificates(binary)?;
        Ok(site)
    }

    /// Starts the programs, the nodes first.
    pub(super) fn start(&mut self) -> Result<()> {
        for kind in ["node", "proxy"] {
            for place in 0..self.instances.len() {
                if self.instances[place].config.is_a(kind) {
                    let log = self.folder.join(format!("{}.log", self.instances[place].config.hostname));
                    self.instances[place].start(&format!("conclave-{kind}.service"), &log)?;
                    Story::say(&format!("ok: {} is up", self.instances[place].config.hostname));
                }
            }
        }
        Ok(())
    }

    /// The first machine of a kind.
    pub(super) fn first(&self, kind: &str) -> &Instance {
        self.instances.iter().find(|instance| instance.config.is_a(kind)).expect("there is one of each kind")
    }

    /// A machine by its host name.
    pub(super) fn named(&mut self, hostname: &str) -> Result<&mut Instance> {
        let found = self.instances.iter_mut().find(|instance| instance.config.hostname == hostname);
        found.ok_or_else(|| anyhow!("there is no {hostname}"))
    }

    /// The address of a machine.
    pub(super) fn address(&self, config: &CloudConfig) -> String {
        self.network.address(&short(config))
    }

    /// A machine loses its power: its processes and its network are gone.
    pub(super) fn kill(&mut self, hostname: &str) -> Result<()> {
        let instance = self.named(hostname)?;
        instance.kill();
        let machine = short(&instance.config);
        self.network.destroy(&machine)
    }

    /// The names that the settings use, as a private DNS zone has them.
    fn hosts(&self, configs: &[CloudConfig]) -> Result<String> {
        let mut lines = String::new();
        for (id, host) in founders(configs)? {
            let config = configs.iter().find(|config| config.is_a("node") && config.number() == id);
            let config = config.ok_or_else(|| anyhow!("node {id} is named as a founder and not rendered"))?;
            lines += &format!("{} {host}\n", self.address(config));
        }
        lines += &format!("{} {}\n", self.network.address(BALANCER), endpoint_host(configs)?);
        Ok(lines)
    }

    /// One machine forwards the clients' port to the proxies.
    fn balance(&self, configs: &[CloudConfig]) -> Result<()> {
        let proxies: Vec<String> = configs
            .iter()
            .filter(|config| config.is_a("proxy"))
            .enumerate()
            .map(|(place, config)| format!("{place} : {}", self.address(config)))
            .collect();
        let rules = format!(
            "add table ip balancer\n\
             add chain ip balancer before {{ type nat hook prerouting priority dstnat; }}\n\
             add chain ip balancer after {{ type nat hook postrouting priority srcnat; }}\n\
             add rule ip balancer before tcp dport 2379 dnat to numgen inc mod {} map {{ {} }}\n\
             add rule ip balancer after masquerade\n",
            proxies.len(),
            proxies.join(", ")
        );
        let namespace = self.network.namespace(BALANCER);
        run_fed("ip", &["netns", "exec", &namespace, "nft", "-f", "-"], &rules)?;
        let forward = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        run_fed("ip", &["netns", "exec", &namespace, "sh"], forward).map(drop)
    }

    /// Makes the certificates as `deploy/README.md` tells, and lets each machine fetch its own.
    fn fetch_certificates(&self, binary: &Path) -> Result<()> {
        let configs: Vec<&CloudConfig> = self.instances.iter().map(|instance| &instance.config).collect();
        let settings = self.first("node").config.settings(NODE_SETTINGS)?;
        let cluster =
            settings.get("cluster").and_then(Value::as_str).context("node.toml names no cluster")?;
        let nodes: Vec<String> =
            founders_of(&settings)?.into_iter().map(|(id, host)| format!("{id}={host}")).collect();
        let api = host_of_profile(self.first("client").config.text(PROFILE)?)?;
        let numbers = |kind: &str| -> Vec<&str> {
            configs.iter().filter(|config| config.is_a(kind)).map(|config| config.number()).collect()
        };
        let proxies: Vec<String> =
            numbers("proxy").into_iter().map(|number| format!("{number}={api}")).collect();
        let clients = numbers("client");
        let dir = self.folder.join("certs");
        run(&format!(
            "{} cert init --dir {} --cluster {cluster} --nodes {} --proxies {} --clients {} --operators {}",
            binary.display(),
            dir.display(),
            nodes.join(","),
            proxies.join(","),
            clients.join(","),
            clients.join(",")
        ))?;
        for instance in &self.instances {
            let (name, number) = (&instance.config.hostname, instance.config.number());
            let mut files = vec![
                ("ca.crt", dir.join("ca.crt")),
                ("tls.crt", dir.join(format!("{name}.crt"))),
                ("tls.key", dir.join(format!("{name}.key"))),
            ];
            if instance.config.is_a("client") {
                files.push(("operator.crt", dir.join(format!("operator-{number}.crt"))));
                files.push(("operator.key", dir.join(format!("operator-{number}.key"))));
            }
            instance.fetch_certificates(&files)?;
        }
        Ok(())
    }
}

/// `n1` of node-1: names of interfaces are short.
fn short(config: &CloudConfig) -> String {
    format!("{}{}", &config.hostname[..1], config.number())
}

/// The number and the host of each node.
fn founders(configs: &[CloudConfig]) -> Result<Vec<(String, String)>> {
    let node = configs.iter().find(|config| config.is_a("node")).context("there is no node")?;
    founders_of(&node.settings(NODE_SETTINGS)?)
}

fn founders_of(settings: &std::collections::BTreeMap<String, Value>) -> Result<Vec<(String, String)>> {
    let peers = settings.get("peers").and_then(Value::as_array).context("node.toml names no peers")?;
    let peers = peers.iter().filter_map(Value::as_str);
    peers
        .map(|peer| {
            let (id, address) = peer.split_once('=').with_context(|| format!("{peer} is no peer"))?;
            let (host, _) = address.split_once(':').with_context(|| format!("{peer} has no port"))?;
            Ok((id.to_owned(), host.to_owned()))
        })
        .collect()
}

fn endpoint_host(configs: &[CloudConfig]) -> Result<String> {
    let client = configs.iter().find(|config| config.is_a("client")).context("there is no client")?;
    host_of_profile(client.text(PROFILE)?)
}

fn host_of_profile(profile: &str) -> Result<String> {
    let endpoint = profile.lines().find_map(|line| line.strip_prefix("export CONCLAVE_ENDPOINTS="));
    let host = endpoint.and_then(|endpoint| endpoint.split_once(':')).map(|(host, _)| host.to_owned());
    host.ok_or_else(|| anyhow!("{PROFILE} names no endpoint"))
}
