//! What can be wrong with a line: cuts, delays, losses, messages that go astray.

use std::{net::IpAddr, time::Duration};

use super::line::Line;

/// All that is wrong with a line at present. By default nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LineFaults {
    /// Nothing passes, and nobody is told.
    pub is_cut: bool,
    /// Nothing passes now and then.
    pub flapping: Vec<Rhythm>,
    /// A firewall answers in the receiver's place: connections are refused, those that there are break.
    pub refuses: bool,
    /// What makes messages late.
    pub poor: Vec<Poor>,
    /// What becomes of single messages.
    pub astray: Vec<Astray>,
}

/// Something that comes and goes: it lasts `bad` of each `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    pub period: Duration,
    pub bad: Duration,
}

impl Rhythm {
    /// Whether it is there, at this time since the world began.
    pub fn is_bad(self, now: Duration) -> bool {
        now.as_nanos() % self.period.as_nanos().max(1) < self.bad.as_nanos()
    }
}

/// A poor line: messages are late, and what is lost is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poor {
    pub rhythm: Rhythm,
    /// From this to this, on top of what all messages take.
    pub latency: [Duration; 2],
    /// So many of a hundred messages are lost. TCP sends a lost one again, and what follows it waits.
    pub lost_percent: u64,
    /// So many of a thousand messages break their connection.
    pub breaking_permille: u64,
}

/// What becomes of single messages of a kind whose receivers promise to bear it. A stream has no such faults: these are
/// what remains of a message when its stream broke, was opened again, and the old one's messages arrived beside the new one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Astray {
    /// So many of a hundred never arrive.
    pub lost_percent: u64,
    /// So many arrive, and once more later.
    pub doubled_percent: u64,
    /// So many arrive later, after those that were sent after them.
    pub late_percent: u64,
    /// From this to this.
    pub late: [Duration; 2],
}

/// What becomes of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    Doubled(Duration),
    Late(Duration),
}

/// How a message crosses a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crossing {
    /// It arrives, so much later than otherwise.
    Delayed(Duration),
    /// Its connection breaks.
    Breaks,
}

impl LineFaults {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn is_cut(&self, now: Duration) -> bool {
        self.is_cut || self.flapping.iter().any(|rhythm| rhythm.is_bad(now))
    }

    /// How the message of this draw crosses now.
    pub(super) fn crossing(&self, now: Duration, mut draw: Draw) -> Crossing {
        let mut delay = Duration::ZERO;
        for poor in self.poor.iter().filter(|poor| poor.rhythm.is_bad(now)) {
            if draw.below(1_000) < poor.breaking_permille {
                return Crossing::Breaks;
            }
            delay += draw.between(poor.latency);
            // What is sent again between two bad times arrives. (That the fault will be over by then, nobody knows yet.)
            let (mut attempt_at, mut timeout) = (now, RETRANSMIT_MIN);
            while timeout < RETRANSMIT_MAX
                && poor.rhythm.is_bad(attempt_at)
                && draw.below(100) < poor.lost_percent
            {
                attempt_at += timeout;
                timeout *= 2;
            }
            delay += attempt_at - now;
        }
        Crossing::Delayed(delay)
    }

    /// What becomes of the message of this draw.
    pub(super) fn fate(&self, mut draw: Draw) -> Fate {
        for astray in &self.astray {
            let lot = draw.below(100);
            let late = draw.between(astray.late);
            let [lost, doubled] = [astray.lost_percent, astray.lost_percent + astray.doubled_percent];
            if lot < lost {
                return Fate::Lost;
            } else if lot < doubled {
                return Fate::Doubled(late);
            } else if lot < doubled + astray.late_percent {
                return Fate::Late(late);
            }
        }
        Fate::Arrives
    }
}

/// What TCP waits before it sends again, at first: Linux's least.
pub(super) const RETRANSMIT_MIN: Duration = Duration::from_millis(200);
/// Linux's most is 120 s. No connection of ours lives so long without an answer.
const RETRANSMIT_MAX: Duration = Duration::from_secs(10);

/// The waits between attempts to send something again: each twice as long as the one before.
#[derive(Debug, Default)]
pub(super) struct Retransmission {
    last: Duration,
}

impl Retransmission {
    pub(super) fn next(&mut self) -> Duration {
        self.last = (2 * self.last).clamp(RETRANSMIT_MIN, RETRANSMIT_MAX);
        self.last
    }
}

/// Draws that are keyed by the seed, what they are for, the line, and the message's number on it: what becomes of one
/// message leaves that of all others as it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64, purpose: u64, line: Line, number: u64) -> Self {
        let key = [purpose, host(line.from), host(line.to), number];
        Self(key.into_iter().fold(seed, |state, part| mix(state ^ part)))
    }

    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    fn between(&mut self, [low, high]: [Duration; 2]) -> Duration {
        let span_us = high.saturating_sub(low).as_micros() as u64;
        low + Duration::from_micros(self.below(span_us + 1))
    }
}

fn host(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => u128::from(address) as u64,
    }
}

/// The finaliser of SplitMix64.
fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All is lost while it is poor, for 70 ms of each 700.
    #[test]
    fn what_is_sent_again_while_a_line_is_good_arrives() {
        let rhythm = Rhythm { period: Duration::from_millis(700), bad: Duration::from_millis(70) };
        let poor = Poor { rhythm, latency: [Duration::ZERO; 2], lost_percent: 100, breaking_permille: 0 };
        let faults = LineFaults { poor: vec![poor], ..LineFaults::default() };
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let draw = || Draw::new(1, 1, Line { from: localhost, to: localhost }, 1);
        let crossing = |now| faults.crossing(Duration::from_millis(now), draw());
        assert_eq!(crossing(0), Crossing::Delayed(RETRANSMIT_MIN));
        assert_eq!(crossing(69), Crossing::Delayed(RETRANSMIT_MIN));
        assert_eq!(crossing(70), Crossing::Delayed(Duration::ZERO));
    }
}
