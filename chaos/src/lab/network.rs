//! One network namespace a machine, all on one bridge: as if each were an instance in one subnet.

use std::{collections::BTreeMap, path::Path, process};

use anyhow::{Context, Result, bail};

use super::{
    command::{run, run_fed},
    delay::{Delay, Latency},
};

/// All names begin so, and go on with the number of the process: what a killed run left behind is known by it.
const NAMESPACE: &str = "conclave-chaos-";
const INTERFACE: &str = "cchaos";
/// A filter of packets in each namespace.
const TABLE: &str = "chaos";

/// The machines of a run. Dropped, they are gone.
pub(crate) struct Network {
    /// The third byte of all addresses.
    subnet: u8,
    machines: Vec<String>,
    /// The rules in force, by machine.
    rules: BTreeMap<String, String>,
    /// The machines whose frames cross later.
    delays: BTreeMap<String, Delay>,
}

impl Network {
    /// Makes a machine of each name.
    pub(crate) fn create(machines: &[String]) -> Result<Self> {
        let used = run("ip -o -4 addr")?;
        let subnet = (0..=255).find(|subnet| !used.contains(&format!(" 10.199.{subnet}.")));
        let Some(subnet) = subnet else { bail!("all subnets of 10.199.0.0/16 are in use on this machine") };
        let mut network =
            Self { subnet, machines: Vec::new(), rules: BTreeMap::new(), delays: BTreeMap::new() };
        let bridge = bridge(process::id());
        run(&format!("ip link add {bridge} type bridge"))?;
        run(&format!("ip addr add {}/24 dev {bridge}", network.host()))?;
        run(&format!("ip link set {bridge} up"))?;
        for machine in machines {
            network.add(machine, &bridge)?;
        }
        Ok(network)
    }

    fn add(&mut self, machine: &str, bridge: &str) -> Result<()> {
        self.machines.push(machine.to_owned());
        let namespace = self.namespace(machine);
        let port = port(machine);
        run(&format!("ip netns add {namespace}"))?;
        run(&format!("ip link add {port} type veth peer name eth0 netns {namespace}"))?;
        run(&format!("ip link set {port} master {bridge} up"))?;
        run(&format!("ip -n {namespace} addr add {}/24 dev eth0", self.address(machine)))?;
        run(&format!("ip -n {namespace} link set lo up"))?;
        run(&format!("ip -n {namespace} link set eth0 up"))?;
        let table = format!(
            "add table ip {TABLE}\nadd chain ip {TABLE} input {{ type filter hook input priority 0; policy accept; }}\n"
        );
        self.filter(machine, &table)
    }

    /// The namespace of a machine.
    pub(crate) fn namespace(&self, machine: &str) -> String {
        format!("{NAMESPACE}{}-{machine}", process::id())
    }

    /// The file that stands for it.
    pub(crate) fn namespace_file(&self, machine: &str) -> String {
        format!("/run/netns/{}", self.namespace(machine))
    }

    /// The address of a machine.
    pub(crate) fn address(&self, machine: &str) -> String {
        let place =
            self.machines.iter().position(|known| known == machine).expect("a machine of this network");
        format!("10.199.{}.{}", self.subnet, place + 1)
    }

    /// The address of the run itself, which no fault strikes.
    pub(crate) fn host(&self) -> String {
        format!("10.199.{}.254", self.subnet)
    }

    /// Lets a machine drop what these rules say, and nothing else. The same rules again cost nothing.
    pub(crate) fn set_rules(&mut self, machine: &str, rules: &str) -> Result<()> {
        if self.rules.get(machine).map_or("", String::as_str) == rules {
            return Ok(());
        }
        self.filter(machine, &format!("flush chain ip {TABLE} input\n{rules}"))?;
        self.rules.insert(machine.to_owned(), rules.to_owned());
        Ok(())
    }

    /// Lets the frames of a machine take so long, or no longer than they do. The same again costs nothing.
    pub(crate) fn set_latency(
        &mut self,
        machine: &str,
        program: &Path,
        latency: Option<Latency>,
    ) -> Result<()> {
        if self.delays.get(machine).map(|delay| delay.latency) == latency {
            return Ok(());
        }
        self.delays.remove(machine);
        if let Some(latency) = latency {
            let tap = format!("cc{}{machine}t", process::id());
            let delay = Delay::start(program, &port(machine), &tap, &bridge(process::id()), latency)?;
            self.delays.insert(machine.to_owned(), delay);
        }
        Ok(())
    }

    /// A machine is gone, with all that runs there.
    pub(crate) fn destroy(&self, machine: &str) -> Result<()> {
        remove_namespace(&self.namespace(machine))
    }

    fn filter(&self, machine: &str, script: &str) -> Result<()> {
        let namespace = self.namespace(machine);
        run_fed("ip", &["netns", "exec", &namespace, "nft", "-f", "-"], script)
            .with_context(|| format!("the packet filter of {machine}"))
            .map(drop)
    }
}

/// A rule that drops what comes from an address.
pub(crate) fn drop_from(address: &str) -> String {
    format!("add rule ip {TABLE} input ip saddr {address} drop\n")
}

/// A rule that drops so many packets of 1000 that do not come from the run itself.
pub(crate) fn drop_some(host: &str, per_mille: u64) -> String {
    format!("add rule ip {TABLE} input ip saddr != {host} numgen random mod 1000 < {per_mille} drop\n")
}

impl Drop for Network {
    fn drop(&mut self) {
        self.delays.clear();
        let _ = remove(process::id());
    }
}

/// The end of a machine's line.
fn port(machine: &str) -> String {
    format!("{INTERFACE}{}{machine}", process::id())
}

fn bridge(pid: u32) -> String {
    format!("{INTERFACE}{pid}b")
}

/// Removes the namespaces and the bridge of a run, and ends whatever still runs there.
fn remove(pid: u32) -> Result<()> {
    for namespace in namespaces()? {
        if owner(&namespace) == Some(pid) {
            remove_namespace(&namespace)?;
        }
    }
    // A namespace without a name lives on as long as a connection in it waits for its end, and so would its line.
    for link in links()? {
        if owner_of_link(&link) == Some(pid) {
            let _ = run(&format!("ip link del {link}"));
        }
    }
    Ok(())
}

fn remove_namespace(namespace: &str) -> Result<()> {
    for process in run(&format!("ip netns pids {namespace}"))?.split_whitespace() {
        let _ = run(&format!("kill -9 {process}"));
    }
    run(&format!("ip netns del {namespace}")).map(drop)
}

/// Removes the namespaces and lines of killed runs.
pub(super) fn remove_stale() -> Result<()> {
    let (namespaces, links) = (namespaces()?, links()?);
    let owners = namespaces.iter().filter_map(|namespace| owner(namespace));
    for pid in owners.chain(links.iter().filter_map(|link| owner_of_link(link))) {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            remove(pid)?;
        }
    }
    Ok(())
}

fn namespaces() -> Result<Vec<String>> {
    let listed = run("ip netns list")?;
    Ok(listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// The interfaces of this machine.
fn links() -> Result<Vec<String>> {
    let listed = run("ip -o link")?;
    let names = listed.lines().filter_map(|line| line.split(['@', ':']).nth(1));
    Ok(names.map(|name| name.trim().to_owned()).collect())
}

fn owner_of_link(link: &str) -> Option<u32> {
    let rest = link.strip_prefix(INTERFACE)?;
    rest[..rest.find(|c: char| !c.is_ascii_digit())?].parse().ok()
}

fn owner(namespace: &str) -> Option<u32> {
    namespace.strip_prefix(NAMESPACE)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_that_owns_a_namespace_is_known_by_its_name() {
        assert_eq!(owner("conclave-chaos-4194304-n1"), Some(4_194_304));
        assert_eq!(owner("somebody-else"), None);
        assert_eq!(owner_of_link("cchaos4194304n1"), Some(4_194_304));
        assert_eq!(owner_of_link("eth0"), None);
        // The kernel takes no longer names of interfaces.
        assert!(format!("{INTERFACE}{}n1", 4_194_304).len() <= 15);
    }
}
