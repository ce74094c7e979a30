//! The network between machines: what is wrong with lines, messages and bytes that take their time.

use std::{any::Any, collections::BTreeMap, sync::Arc, time::Duration};

use conclave::{
    raft::Message,
    rpc::{LineFaults, Lines, Payload},
    wire::pb::{
        self,
        v1::{Alive, Envelope, SnapshotPiece, snapshot_piece::Piece},
    },
};
use madsim::{net::NetSim, task::NodeId};

use super::{addresses, shape::Shape};
use crate::trace::{Condition, MachineId, Range, Recorder};

/// The lines between machines.
pub(crate) struct Network {
    machines: Vec<MachineId>,
}

impl Network {
    /// `ids` are the simulator's names of the machines.
    pub(super) fn new(ids: BTreeMap<MachineId, NodeId>, shape: &Shape) -> Self {
        let lines = Lines::current();
        let machines = ids.iter().map(|(&machine, &id)| (id, addresses::ip(machine))).collect();
        lines.lay(machines, pb::encoded_len);
        lines.network().begin(shape.seed);
        lines.straying().begin(split, duplicate);
        lines.set_bandwidth(shape.bandwidth_bytes_per_s);
        Self { machines: ids.into_keys().collect() }
    }

    /// Notes which messages between nodes arrive, if notes are taken.
    pub(super) fn note_arrivals(&self, recorder: &Recorder) {
        if recorder.takes_notes() {
            let recorder = recorder.clone();
            Lines::current().show_to(Arc::new(move |message| note_arrival(&recorder, message)));
        }
    }

    /// The machines of all nodes and proxies, those of nodes that are still to come among them.
    pub(crate) fn servers(&self) -> impl Iterator<Item = MachineId> {
        let is_server = |id: &MachineId| matches!(id, MachineId::Node(_) | MachineId::Proxy(_));
        self.machines.iter().copied().filter(is_server)
    }

    /// The lines between these machines and all other nodes and proxies, in both directions.
    pub(crate) fn lines_around(&self, side: &[MachineId]) -> Vec<(MachineId, MachineId)> {
        let beyond: Vec<MachineId> = self.servers().filter(|id| !side.contains(id)).collect();
        lines_between(side, &beyond)
    }

    /// The lines between these machines and all others, those of clients and operators among them.
    pub(crate) fn lines_around_strictly(&self, side: &[MachineId]) -> Vec<(MachineId, MachineId)> {
        let beyond: Vec<MachineId> = self.machines.iter().copied().filter(|id| !side.contains(id)).collect();
        lines_between(side, &beyond)
    }

    /// The cuts that part these machines from all other nodes and proxies.
    pub(crate) fn cuts_around(&self, side: &[MachineId]) -> Vec<Condition> {
        cuts(self.lines_around(side))
    }

    /// This is wrong with a line from now on, and nothing else.
    pub(super) fn set_faults(&self, from: MachineId, to: MachineId, faults: LineFaults) {
        Lines::current().network().set_faults(addresses::ip(from), addresses::ip(to), faults);
    }

    /// The lines from and to a machine have no more than this; `None`: as much as all others.
    pub(super) fn narrow(&self, machine: MachineId, bytes_per_s: Option<u64>) {
        Lines::current().narrow(addresses::ip(machine), bytes_per_s);
    }

    pub(super) fn set_latency(&self, latency_us: Range) {
        NetSim::current().update_config(|config| config.send_latency = latency(latency_us));
    }

    /// Nothing is under way any more.
    pub(super) fn shut_down(&self) {
        Lines::current().network().end();
        Lines::current().straying().end();
    }
}

fn note_arrival(recorder: &Recorder, arrived: &dyn Any) {
    if let Some(Envelope { messages, .. }) = arrived.downcast_ref() {
        let readable = messages.iter().filter_map(|message| Message::try_from(message.clone()).ok());
        readable.for_each(|message| recorder.arrived(&message));
    }
    if let Some(Alive { removed: Some(message) }) = arrived.downcast_ref()
        && let Ok(message) = Message::try_from(message.clone())
    {
        recorder.arrived(&message);
    }
    if let Some(SnapshotPiece { piece: Some(Piece::End(_)), from, to, term, stream, .. }) =
        arrived.downcast_ref()
    {
        recorder.snapshot_arrived((*from, *to), *term, *stream);
    }
}

/// The lines between the machines of two sides, in both directions.
pub(crate) fn lines_between(side: &[MachineId], other: &[MachineId]) -> Vec<(MachineId, MachineId)> {
    let pairs = side.iter().flat_map(|&near| other.iter().map(move |&far| (near, far)));
    pairs.flat_map(|(near, far)| [(near, far), (far, near)]).collect()
}

/// These lines are cut.
pub(crate) fn cuts(lines: impl IntoIterator<Item = (MachineId, MachineId)>) -> Vec<Condition> {
    lines.into_iter().map(|(from, to)| Condition::Cut { from, to }).collect()
}

/// A machine has power from now on, or has none.
pub(super) fn set_power(machine: MachineId, has_power: bool) {
    Lines::current().network().set_power(addresses::ip(machine), has_power);
}

/// Messages of nodes to each other may go astray one by one: the consensus promises to bear it. Whose they are goes with each.
fn split(payload: Payload) -> Result<Vec<Payload>, Payload> {
    let Envelope { cluster, messages, sender, to, to_address } = *payload.downcast::<Envelope>()?;
    if messages.is_empty() {
        return Err(Box::new(Envelope { cluster, messages, sender, to, to_address }));
    }
    let alone = |message| Envelope {
        cluster: cluster.clone(),
        messages: vec![message],
        sender: sender.clone(),
        to,
        to_address: to_address.clone(),
    };
    Ok(messages.into_iter().map(|message| Box::new(alone(message)) as Payload).collect())
}

fn duplicate(payload: &Payload) -> Payload {
    let envelope = payload.downcast_ref::<Envelope>().expect("nothing else is split");
    Box::new(envelope.clone())
}

/// The latency as the simulated network takes it.
pub(crate) fn latency(latency_us: Range) -> std::ops::Range<Duration> {
    Duration::from_micros(latency_us.low)..Duration::from_micros(latency_us.high + 1)
}
