//! Lets everything be as the conditions say, and starts again what ended for a reason that an operator has mended.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Result;

use conclave::rpc::Security;

use super::{
    NODE_PORT, PROXY_PORT,
    certificates::Certificates,
    program::{End, Line, Program},
};
use crate::{
    condition::Conditions,
    lab::{Control, Disk, Network, compile_delay, compile_shim},
    shape::{Machine, Shape},
};

/// Long pauses of a machine that is shared look like failures: an election timeout spans some.
const TIMING: &str = "--heartbeat-ms 50 --election-timeout-ms 250";
/// Few enough that a node that was down for long is sent the whole state, and that the disks stay small.
const RETENTION: &str = "--log-entries 2000 --auto-compaction-mode revision --auto-compaction-retention 5000";
/// What the operating system says of a full and of a failing disk.
const DISK_ERRORS: [&str; 4] = ["os error 28", "No space left", "os error 5", "Input/output error"];

/// Why a process ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Its disk failed, as a fault made it: with this line.
    ForItsDisk(String),
    /// For no reason that a fault gives.
    Unexplained(String),
}

/// The processes and the machines that they run on. Dropped, all are gone, the processes first.
pub(crate) struct Cluster {
    programs: BTreeMap<Machine, Program>,
    disks: BTreeMap<Machine, Disk>,
    controls: BTreeMap<Machine, Control>,
    pub(crate) network: Network,
    pub(crate) shape: Shape,
    certificates: Option<Certificates>,
    binary: PathBuf,
    /// What delays frames.
    delay: PathBuf,
}

impl Cluster {
    /// Makes the machines; nothing runs yet.
    pub(crate) fn create(shape: &Shape, binary: &Path, folder: &Path) -> Result<Self> {
        let (shim, delay) = (compile_shim(folder)?, compile_delay(folder)?);
        let everybody: Vec<String> = shape.servers().chain(shape.clients()).map(Machine::short).collect();
        let network = Network::create(&everybody)?;
        let made = shape.tls.then(|| Certificates::create(shape, &network, binary, folder.join("certs")));
        let certificates = made.transpose()?;
        let mut cluster = Self {
            programs: BTreeMap::new(),
            disks: BTreeMap::new(),
            controls: BTreeMap::new(),
            network,
            certificates,
            shape: shape.clone(),
            binary: binary.to_owned(),
            delay,
        };
        fs::create_dir_all(folder.join("logs"))?;
        for machine in shape.servers() {
            let log = folder.join("logs").join(format!("{}.log", machine.short()));
            let mut line = cluster.line(machine);
            if let Machine::Node(_) = machine {
                let disk = Disk::mount(&folder.join("disks").join(machine.short()))?;
                line.arguments.extend(["--data-dir".into(), disk.data_dir().into()]);
                cluster.disks.insert(machine, disk);
                let control = folder.join(format!("{}.control", machine.short()));
                cluster.controls.insert(machine, Control::create(&control)?);
                line.environment.push(("LD_PRELOAD", shim.clone().into()));
                line.environment.push(("CHAOS_CONTROL", control.into()));
            }
            cluster.programs.insert(machine, Program::new(line, log));
        }
        Ok(cluster)
    }

    fn line(&self, machine: Machine) -> Line {
        let nodes: Vec<(u64, String)> =
            (1..=self.shape.node_count()).map(|id| (id, self.endpoint(Machine::Node(id)))).collect();
        let listen = self.endpoint(machine);
        let text = match machine {
            Machine::Node(id) => {
                let peers: Vec<String> = nodes.iter().map(|(id, at)| format!("{id}={at}")).collect();
                let priority = self.shape.priorities[id as usize - 1];
                let leases = if self.shape.lease_reads { "--lease-reads" } else { "" };
                let peers = peers.join(",");
                format!(
                    "node --id {id} --listen {listen} --peers {peers} --priority {priority} {TIMING} {RETENTION} {leases}"
                )
            }
            Machine::Proxy(_) | Machine::Client(_) => {
                let nodes: Vec<String> = nodes.into_iter().map(|(_, at)| at).collect();
                format!("proxy --listen {listen} --nodes {}", nodes.join(","))
            }
        };
        let certificates = self.certificates.as_ref().map(|known| known.options(machine)).unwrap_or_default();
        let text = format!("{text} {certificates}");
        let arguments = text.split_whitespace().chain(["--exit-on-stdin-close"]).map(OsString::from);
        Line {
            namespace: self.network.namespace(&machine.short()),
            binary: self.binary.clone(),
            arguments: arguments.collect(),
            environment: vec![("CONCLAVE_LOG", "info".into())],
        }
    }

    /// Where a machine listens.
    pub(crate) fn endpoint(&self, machine: Machine) -> String {
        let port = if matches!(machine, Machine::Node(_)) { NODE_PORT } else { PROXY_PORT };
        format!("{}:{port}", self.network.address(&machine.short()))
    }

    /// What clients connect to proxies with.
    pub(crate) fn of_clients(&self) -> Result<Security> {
        self.certificates.as_ref().map_or_else(|| Ok(Security::default()), Certificates::client)
    }

    /// What the monitor connects to nodes with.
    pub(crate) fn of_monitor(&self) -> Result<Security> {
        self.certificates.as_ref().map_or_else(|| Ok(Security::default()), Certificates::proxy)
    }

    /// Whether a process runs there.
    pub(crate) fn runs(&self, machine: Machine) -> bool {
        self.programs.get(&machine).is_some_and(Program::has_process)
    }

    /// kill -9.
    pub(crate) fn kill(&mut self, machine: Machine) {
        self.program(machine).kill();
    }

    /// SIGTERM.
    pub(crate) fn tell_to_stop(&mut self, machine: Machine) {
        self.program(machine).tell_to_stop();
    }

    /// Takes all data of a node away, which must not run.
    pub(crate) fn wipe(&mut self, machine: Machine) -> Result<()> {
        Ok(fs::remove_dir_all(self.disks[&machine].data_dir())?)
    }

    /// The data directory of each node.
    pub(crate) fn data_dirs(&self) -> Vec<(Machine, PathBuf)> {
        self.disks.iter().map(|(machine, disk)| (*machine, disk.data_dir())).collect()
    }

    /// A client command, which nobody waits for.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.binary);
        let proxies: Vec<String> = self.shape.proxies().map(|proxy| self.endpoint(proxy)).collect();
        let certificates = self.certificates.as_ref().map(Certificates::operator).unwrap_or_default();
        command.args(line.split_whitespace()).args(["--endpoints", &proxies.join(",")]);
        command.args(certificates.split_whitespace());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Makes everything as the conditions say, and returns which processes have ended by themselves.
    pub(crate) fn reconcile(&mut self, conditions: &Conditions) -> Result<Vec<(Machine, Ended)>> {
        let mut ended = Vec::new();
        for (&machine, program) in &mut self.programs {
            self.network.set_rules(&machine.short(), &conditions.rules(machine, &self.network))?;
            self.network.set_latency(&machine.short(), &self.delay, conditions.latency())?;
            if let Some(disk) = self.disks.get(&machine) {
                disk.set_full(conditions.is_full(machine))?;
            }
            if let Some(control) = self.controls.get_mut(&machine) {
                control.tell(conditions.told(machine))?;
            }
            if let Some(end) = program.end()?.filter(|end| !end.is_expected) {
                ended.push((machine, explain(end)));
            }
            // Whoever has a bad disk is started again when that is mended.
            let may_run = !conditions.is_down(machine) && !conditions.has_bad_disk(machine);
            if may_run && !program.has_process() {
                program.start()?;
            }
            program.set_paused(conditions.is_paused(machine));
        }
        Ok(ended)
    }

    /// Lines of logs that tell of a panic.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.programs.values().flat_map(Program::panics).collect()
    }

    fn program(&mut self, machine: Machine) -> &mut Program {
        self.programs.get_mut(&machine).expect("a node or a proxy of this cluster")
    }
}

fn explain(end: End) -> Ended {
    let End { status, words, .. } = end;
    let told = format!("{status}: {words}");
    match DISK_ERRORS.iter().any(|error| words.contains(error)) && status.code().is_some_and(|code| code != 0)
    {
        true => Ended::ForItsDisk(told),
        false => Ended::Unexplained(told),
    }
}
