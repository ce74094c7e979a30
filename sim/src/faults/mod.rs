//! What can go wrong: one file a family of faults.
//!
//! A family is a type that implements `Inject`: its fields are what a scenario stores, and its file says everything else
//! about it: its name and its description, how it is drawn, what a scenario file may get wrong, and how it strikes. What
//! it holds until it heals it returns as conditions (`World::hold`): these are counted, so that faults that overlap do
//! not end each other.
//!
//! A new family is a file here, declared below, and a line in the list at the end of this page; nothing else names it.
//!
//! | file | idea |
//! | --- | --- |
//! | `inject.rs` | what a family has to say of itself |
//! | `roster.rs` | whom faults may strike: what they draw from, and are checked against |
//! | `callers.rs` | whoever calls proxies, on one side of a partition |
//! | `damage.rs` | what families that damage a disk share |
//! | `target.rs` | a node, by its id or by what it is when the fault strikes; or another machine |
//! | `format.rs` | how a fault is written in a file: `{"crash": {"node": 1}}` |
//! | all others | a family each |

mod address_reused;
mod astray;
mod back_up;
mod black_hole;
mod blackout;
mod bridge;
mod callers;
mod callers_cut_off;
mod client_crash;
mod clock_drift;
mod clock_jump;
mod clock_skew;
mod compact_everything;
mod crash;
mod crash_in_job;
mod crash_loop;
mod cut_one_way;
mod damage;
mod diverging_clocks;
mod failing_disk;
mod failing_sync;
mod flapping;
mod flood;
mod forced_snapshot;
mod format;
mod full_disk;
mod half_open;
mod inject;
mod isolated_leader;
mod join;
mod lost_disk;
mod lost_write;
mod misdirected_write;
mod mistake;
mod old_disk_back;
mod one_way_isolation;
mod out_of_space;
mod partition;
mod pause;
mod poor_line;
mod power_loss;
mod power_loss_in_sync;
mod promote;
mod proxy_crash;
mod refused;
mod remove;
mod replace;
mod ring;
mod rolling_restart;
mod roster;
mod rot;
mod slow_client;
mod slow_disk;
mod slow_link;
mod slow_network;
mod stalled_disk;
mod stop;
mod suspend;
mod target;
mod transfer;

use std::{collections::BTreeSet, fmt};

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use self::inject::Inject;
pub(crate) use self::roster::{
    BANDWIDTH_MIN, DISK_US_MAX, LATENCY_US_MAX, check_range, check_rhythm, check_within,
};
pub use self::{
    callers::Callers,
    roster::Roster,
    target::{Aim, Target},
};
use crate::world::{Healing, World};

/// Makes [`Fault`] out of the families.
macro_rules! families {
    ($($module:ident :: $family:ident,)*) => {
        /// A fault of any family.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Fault {
            $($family($module::$family),)*
        }

        /// Draws a fault of one family.
        pub(crate) type Recipe = fn(&mut Draw, &Roster) -> Fault;

        /// A family, for whoever draws.
        pub(crate) struct Family {
            pub(crate) name: &'static str,
            /// It is nothing for a cluster that fewer nodes found.
            pub(crate) founders_min: u64,
            pub(crate) recipe: Recipe,
        }

        impl Fault {
            /// The names of all families.
            pub const NAMES: &'static [&'static str] = &[$($module::$family::NAME,)*];

            pub(crate) const FAMILIES: &'static [Family] = &[$(Family {
                name: $module::$family::NAME,
                founders_min: $module::$family::FOUNDERS_MIN,
                recipe: |draw, roster| Fault::$family(Inject::draw(draw, roster)),
            },)*];

            /// The name of its family.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Fault::$family(_) => $module::$family::NAME,)*
                }
            }

            pub(crate) fn check(&self, roster: &Roster) -> Result<(), String> {
                match self {
                    $(Fault::$family(fault) => fault.check(roster),)*
                }
            }

            /// It lasts so many times as long as faults of other families do.
            pub(crate) fn lasts(&self) -> u64 {
                match self {
                    $(Fault::$family(_) => $module::$family::LASTS,)*
                }
            }

            pub(crate) fn newcomer(&self) -> Option<u64> {
                match self {
                    $(Fault::$family(fault) => fault.newcomer(),)*
                }
            }

            pub(crate) fn strike(&self, world: &mut World) -> Healing {
                match self {
                    $(Fault::$family(fault) => fault.strike(world),)*
                }
            }

            /// A fault of the family that has this name, or had it once; none has: `None`.
            fn read(name: &str, fields: serde_json::Value) -> Option<serde_json::Result<Self>> {
                $(if format::is_named::<$module::$family>(name) {
                    return Some(serde_json::from_value(fields).map(Fault::$family));
                })*
                None
            }
        }

        impl fmt::Display for Fault {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Fault::$family(fault) => fault.fmt(f),)*
                }
            }
        }

        impl Serialize for Fault {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Fault::$family(fault) => format::serialize(self.name(), fault, serializer),)*
                }
            }
        }

        impl<'de> Deserialize<'de> for Fault {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                format::deserialize(deserializer, Self::NAMES, Self::read)
            }
        }
    };
}

families! {
    crash::Crash,
    power_loss::PowerLoss,
    power_loss_in_sync::PowerLossInSync,
    blackout::Blackout,
    pause::Pause,
    partition::Partition,
    isolated_leader::IsolatedLeader,
    bridge::Bridge,
    cut_one_way::CutOneWay,
    one_way_isolation::OneWayIsolation,
    slow_network::SlowNetwork,
    slow_disk::SlowDisk,
    slow_link::SlowLink,
    flood::Flood,
    stop::Stop,
    transfer::Transfer,
    replace::Replace,
    join::Join,
    remove::Remove,
    proxy_crash::ProxyCrash,
    client_crash::ClientCrash,
    address_reused::AddressReused,
    lost_disk::LostDisk,
    mistake::Mistake,
    rot::Rot,
    clock_drift::ClockDrift,
    clock_skew::ClockSkew,
    ring::Ring,
    flapping::Flapping,
    poor_line::PoorLine,
    refused::Refused,
    black_hole::BlackHole,
    callers_cut_off::CallersCutOff,
    half_open::HalfOpen,
    astray::Astray,
    crash_in_job::CrashInJob,
    failing_sync::FailingSync,
    failing_disk::FailingDisk,
    full_disk::FullDisk,
    stalled_disk::StalledDisk,
    lost_write::LostWrite,
    misdirected_write::MisdirectedWrite,
    back_up::BackUp,
    compact_everything::CompactEverything,
    promote::Promote,
    rolling_restart::RollingRestart,
    slow_client::SlowClient,
    old_disk_back::OldDiskBack,
    clock_jump::ClockJump,
    suspend::Suspend,
    diverging_clocks::DivergingClocks,
    crash_loop::CrashLoop,
    out_of_space::OutOfSpace,
    forced_snapshot::ForcedSnapshot,
}

/// One of each family, in a cluster of three nodes: how it is written.
pub(crate) fn examples() -> impl Iterator<Item = Fault> {
    let roster = Roster {
        founders: 3,
        newcomers: BTreeSet::new(),
        proxies: 2,
        clients: 3,
        next_newcomer: 4,
        has_subject: false,
    };
    Fault::FAMILIES.iter().map(move |family| (family.recipe)(&mut Draw::new(1, family.name, 0), &roster))
}

/// All machines lose power.
pub(crate) fn blackout() -> Fault {
    Fault::Blackout(blackout::Blackout {})
}

/// A node comes, and is to vote.
pub(crate) fn arrival(new: u64) -> Fault {
    Fault::Join(join::Join { new, learner: false })
}

/// A node goes for ever.
pub(crate) fn removal(node: Target) -> Fault {
    Fault::Remove(remove::Remove { node, others: false })
}

/// Damage of any family; `new` is a node that no other fault brings.
pub(crate) fn damages(draw: &mut Draw, node: u64, new: u64) -> Fault {
    let node = Target::Node(node);
    let nth = draw.below(damage::NTH_DRAWN);
    match draw.below(3) {
        0 => Fault::LostWrite(lost_write::LostWrite { node, nth, new }),
        1 => Fault::MisdirectedWrite(misdirected_write::MisdirectedWrite { node, nth, new }),
        _ => Fault::Rot(rot::Rot::drawn(draw, node, new)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
