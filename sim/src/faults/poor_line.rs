//! What one machine sends to another is late, is sent again, or breaks the connection; sometimes it is so for a while, and then
//! for a while it is not.

use std::fmt;

use conclave_checks::draw::Draw;
use serde::{Deserialize, Serialize};

use super::{
    inject::Inject,
    roster::{LATENCY_US_MAX, Roster, check_range, check_rhythm, check_within},
    target::Aim,
};
use crate::{
    trace::{Condition, MachineId, Poor, Range, Rhythm},
    world::{Healing, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoorLine {
    pub from: Aim,
    pub to: Aim,
    /// The way back is as poor.
    pub both_ways: bool,
    pub poor: Poor,
}

impl Inject for PoorLine {
    const NAME: &'static str = "poor-line";

    /// Latencies from far below an election timeout to far above it.
    fn draw(draw: &mut Draw, roster: &Roster) -> Self {
        let (from, to) = match draw.chance(15) {
            true => {
                let (client, proxy) = (draw.below(roster.clients), draw.below(roster.proxies));
                let (client, proxy) = (MachineId::Client(client), MachineId::Proxy(proxy));
                let (from, to) = if draw.chance(50) { (client, proxy) } else { (proxy, client) };
                (Aim::Machine(from), Aim::Machine(to))
            }
            false => loop {
                let (from, to) = (roster.any_server(draw), roster.any_server(draw));
                if from != to {
                    break (from, to);
                }
            },
        };
        let high = *draw.pick(&[2_000, 20_000, 100_000, 400_000, 1_500_000]);
        let latency_us = Range { low: *draw.pick(&[0, high / 2, high]), high };
        let period_ms = *draw.pick(&[100, 700, 3_000]);
        let bad_ms = *draw.pick(&[period_ms, period_ms, period_ms / 2, period_ms / 10]);
        let poor = Poor {
            rhythm: Rhythm { period_ms, bad_ms },
            latency_us,
            lost_percent: *draw.pick(&[0, 2, 20, 60]),
            breaking_permille: *draw.pick(&[0, 0, 10, 100]),
        };
        Self { from, to, both_ways: draw.chance(50), poor }
    }

    fn check(&self, roster: &Roster) -> Result<(), String> {
        roster.check_aim("from", self.from)?;
        roster.check_aim("to", self.to)?;
        check_rhythm("poor.rhythm", self.poor.rhythm)?;
        check_range("poor.latency_us", self.poor.latency_us, LATENCY_US_MAX)?;
        check_within("poor.lost_percent", self.poor.lost_percent, 0..=100)?;
        check_within("poor.breaking_permille", self.poor.breaking_permille, 0..=1_000)
    }

    fn strike(&self, world: &mut World) -> Healing {
        let poor = self.poor;
        let (Some(from), Some(to)) = (self.from.machine(world), self.to.machine(world)) else {
            return Healing::missed();
        };
        if from == to {
            return Healing::missed();
        }
        let back = self.both_ways.then_some((to, from));
        let lines = [(from, to)].into_iter().chain(back);
        world.hold(lines.map(|(from, to)| Condition::PoorLine { from, to, poor }))
    }
}

impl fmt::Display for PoorLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Poor { rhythm, latency_us, lost_percent, breaking_permille } = self.poor;
        let arrow = if self.both_ways { "between" } else { "from" };
        let and = if self.both_ways { "and" } else { "to" };
        write!(
            f,
            "poor line {arrow} {} {and} {}: up to {} ms late",
            self.from,
            self.to,
            latency_us.high / 1000
        )?;
        write!(
            f,
            ", {lost_percent} % lost and sent again, {breaking_permille} of 1000 break the connection"
        )?;
        match rhythm.bad_ms == rhythm.period_ms {
            true => Ok(()),
            false => write!(f, ", for {} of each {} ms", rhythm.bad_ms, rhythm.period_ms),
        }
    }
}
