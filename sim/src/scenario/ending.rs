//! How a run ends: what stays broken when the rest is healed. A majority must get on alone, whatever becomes of the others; these
//! are healed later, after the core was judged.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{WAIT_MS, stress::Stress};
use crate::{
    faults::{Aim, BANDWIDTH_MIN, Roster, check_rhythm, check_within},
    trace::{MachineId, Moment, Rhythm},
};

/// More tell nothing new.
const FALLS_MAX: u64 = 10;

/// Who is outside of the core, and what becomes of them. All others are healed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ending {
    /// In this order nodes are left outside, as long as the others are a quorum of the voters in force then.
    pub outsiders: Vec<Outsider>,
    /// Who leads then is the first that is left outside, and this becomes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<Outside>,
    /// The chaos goes on until this happens, and for so long after that; for [`WAIT_MS`] at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moment: Option<Moment>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late_ms: u64,
    /// Before that so many leaders die as soon as they are elected, and come up again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub falls: u64,
    /// When the core was judged, every node and every proxy loses its power. Then everything comes up, and all of the history is
    /// read once more, before it is judged.
    #[serde(default, skip_serializing_if = "is_false")]
    pub blackout: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// A machine outside of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outsider {
    pub machine: Aim,
    pub fate: Outside,
}

/// What becomes of a machine outside of the core, besides what faults have left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outside {
    /// Nothing.
    AsItIs,
    Down,
    WithoutPower,
    /// It stands still.
    Paused,
    /// Its disk does, and the rest goes on.
    StalledDisk,
    /// It does not reach the core, nor does the core reach it.
    CutOff,
    /// It does not hear the core, which hears it.
    HearsNobody,
    /// The core does not hear it, and it hears the core.
    IsNotHeard,
    /// It is cut off now and then.
    Flapping(Rhythm),
    /// Its links have no more than this.
    SlowLinks {
        bytes_per_s: u64,
    },
}

impl Ending {
    /// Half of the runs heal everything at once. In the others up to a half of the nodes, and of proxies and clients all but
    /// one, may stay outside.
    pub(super) fn draw(seed: u64, roster: &Roster) -> Self {
        let blackout = Draw::new(seed, "final blackout", 0).chance(30);
        let mut draw = Draw::new(seed, "ending", 0);
        let all_healed_percent = if Stress::of(seed) == Stress::Leaders { 15 } else { 50 };
        if draw.chance(all_healed_percent) {
            return Self { blackout, ..Self::default() };
        }
        let mut nodes = roster.nodes(&mut draw);
        let [proxies, clients] = [roster.proxies, roster.clients].map(|count| {
            let inside = draw.below(count.max(1));
            (0..count).filter(move |&number| number != inside)
        });
        let others = proxies.map(MachineId::Proxy).chain(clients.map(MachineId::Client));
        let mut machines: Vec<MachineId> = others.collect();
        machines.retain(|_| draw.chance(40));
        draw.shuffle(&mut nodes);
        let nodes = nodes.into_iter().map(Aim::Node);
        let outsiders = nodes.chain(machines.into_iter().map(Aim::Machine));
        let outsiders =
            outsiders.map(|machine| Outsider { machine, fate: fate(&mut draw, machine) }).collect();
        Self { outsiders, blackout, ..Self::falling(seed) }
    }

    /// Half of those who end so lose their leader, most of them as soon as it is elected.
    fn falling(seed: u64) -> Self {
        let mut draw = Draw::new(seed, "leader falls", 0);
        if draw.chance(50) {
            return Self::default();
        }
        let fates = [Outside::Down, Outside::WithoutPower, Outside::CutOff, Outside::StalledDisk];
        let leader = Some(*draw.pick(&fates));
        let moments = [&[Moment::Elected; 3], Moment::OF_LEADERS, Moment::OF_MEMBERS].concat();
        let moment = draw.chance(75).then(|| *draw.pick(&moments));
        let (late_ms, falls) = (*draw.pick(&[0, 0, 5, 30, 100]), *draw.pick(&[0, 0, 1, 2]));
        Self { leader, moment, late_ms, falls, ..Self::default() }
    }

    /// Everything is healed at once.
    pub(crate) fn has_no_outsiders(&self) -> bool {
        self.outsiders.is_empty() && self.leader.is_none()
    }

    pub(super) fn is_all_healed(&self) -> bool {
        *self == Self::default()
    }

    /// # Errors
    /// The field, and what is allowed there.
    pub(super) fn check(&self, roster: &Roster) -> Result<(), String> {
        for (place, Outsider { machine, fate }) in self.outsiders.iter().enumerate() {
            let field = format!("ending.outsiders[{place}]");
            roster.check_aim(&format!("{field}.machine"), *machine)?;
            fate.check(&format!("{field}.fate"))?;
            if *fate == Outside::StalledDisk && !machine.is_node() {
                return Err(format!("{field}.fate: {machine} has no disk: choose another one, or a node"));
            }
        }
        if let Some(fate) = self.leader {
            fate.check("ending.leader")?;
        }
        check_within("ending.late_ms", self.late_ms, 0..=WAIT_MS)?;
        check_within("ending.falls", self.falls, 0..=FALLS_MAX)?;
        let is_outside =
            |machine| self.outsiders.iter().any(|outsider| outsider.machine == Aim::Machine(machine));
        if is_outside(MachineId::Console) {
            return Err("ending.outsiders: the console asks the core, and belongs to it".to_owned());
        }
        match (0..roster.proxies).all(|number| is_outside(MachineId::Proxy(number))) {
            true => Err("ending.outsiders: all proxies are outside: one must be left".to_owned()),
            false => Ok(()),
        }
    }
}

impl Outside {
    fn check(self, field: &str) -> Result<(), String> {
        match self {
            Self::Flapping(rhythm) => check_rhythm(&format!("{field}.flapping"), rhythm),
            Self::SlowLinks { bytes_per_s } => {
                let field = format!("{field}.slow-links.bytes_per_s");
                check_within(&field, bytes_per_s, BANDWIDTH_MIN..=u64::from(u32::MAX))
            }
            _ => Ok(()),
        }
    }

    /// As in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsItIs => "as-it-is",
            Self::Down => "down",
            Self::WithoutPower => "without-power",
            Self::Paused => "paused",
            Self::StalledDisk => "stalled-disk",
            Self::CutOff => "cut-off",
            Self::HearsNobody => "hears-nobody",
            Self::IsNotHeard => "is-not-heard",
            Self::Flapping(_) => "flapping",
            Self::SlowLinks { .. } => "slow-links",
        }
    }
}

fn fate(draw: &mut Draw, machine: Aim) -> Outside {
    let period_ms = *draw.pick(&[200, 1_000, 4_000]);
    let mut fates = vec![
        Outside::AsItIs,
        Outside::Down,
        Outside::WithoutPower,
        Outside::Paused,
        Outside::CutOff,
        Outside::HearsNobody,
        Outside::IsNotHeard,
        Outside::Flapping(Rhythm { period_ms, bad_ms: period_ms / 2 }),
        Outside::SlowLinks { bytes_per_s: 100_000 },
    ];
    if machine.is_node() {
        fates.push(Outside::StalledDisk);
    }
    match machine {
        // A client has no links that anybody waits for, and no power loss of its own.
        Aim::Machine(MachineId::Client(_)) => *draw.pick(&[Outside::Down, Outside::CutOff]),
        _ => *draw.pick(&fates),
    }
}

impl fmt::Display for Outsider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, fate } = self;
        match fate {
            Outside::AsItIs => write!(f, "{machine} stays as it is"),
            Outside::Down => write!(f, "{machine} is down"),
            Outside::WithoutPower => write!(f, "{machine} has no power"),
            Outside::Paused => write!(f, "{machine} stands still"),
            Outside::StalledDisk => write!(f, "the disk of {machine} stands still"),
            Outside::CutOff => write!(f, "{machine} is cut off"),
            Outside::HearsNobody => write!(f, "{machine} hears nobody"),
            Outside::IsNotHeard => write!(f, "nobody hears {machine}"),
            Outside::Flapping(Rhythm { period_ms, bad_ms }) => {
                write!(f, "{machine} is cut off for {bad_ms} of each {period_ms} ms")
            }
            Outside::SlowLinks { bytes_per_s } => write!(f, "the links of {machine} have {bytes_per_s} B/s"),
        }
    }
}
