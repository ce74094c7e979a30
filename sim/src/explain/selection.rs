//! Which events of a run a person is shown: by default those that tell what happened, and all of the last ones.

use std::collections::{BTreeMap, BTreeSet};

use conclave::raft::{NodeId, RoleName, Term};
use conclave_checks::{CoreEvent, Timed};

use crate::trace::{Event, MachineId};

/// The last events, which are shown whatever they are.
const LAST_EVENTS: usize = 25;
/// Lines that are shown unless more is asked for: a screen or two.
const LINES_MAX: usize = 100;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Kind {
    /// The phases of the run.
    Phase,
    /// Faults: they strike and heal.
    Fault,
    /// Processes: they start and end.
    Machine,
    /// Roles, terms and votes of nodes.
    Election,
    /// The logs of nodes: what they hold, commit and write.
    Log,
    /// State machines: entries applied, snapshots installed.
    State,
    /// What clients ask and are told.
    Client,
    /// What clients of large values, and floods, ask and are told.
    Large,
    /// What operators ask and are told.
    Operator,
}

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    /// What happened: phases, faults, processes, elections, operators.
    Outline,
    /// The same, and the last events whatever they are: a screen or two.
    Story,
    /// Every event.
    All,
}

/// What is asked for. Empty sets mean everything.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// `None`: everything that the rest asks for; if that asks for nothing, the story.
    pub(crate) level: Option<Level>,
    pub(crate) kinds: BTreeSet<Kind>,
    /// Events of these nodes, and those that are of no node.
    pub(crate) nodes: BTreeSet<u64>,
    pub(crate) from_ms: Option<u64>,
    pub(crate) to_ms: Option<u64>,
}

/// Events that are shown.
pub(crate) struct Selected<'a> {
    pub(crate) events: Vec<&'a Timed<Event>>,
    /// Earlier ones that would be shown if there were room.
    pub(crate) left_out: usize,
}

impl Selection {
    /// Chooses from a whole run.
    pub(crate) fn choose<'a>(&self, story: &'a [Timed<Event>]) -> Selected<'a> {
        let is_filtered = !self.kinds.is_empty() || self.is_narrowed();
        let level = self.level.unwrap_or(if is_filtered { Level::All } else { Level::Story });
        let mut roles = Roles::default();
        let last_from = story.len().saturating_sub(LAST_EVENTS);
        let is_shown = |(place, timed): &(usize, &Timed<Event>)| {
            let kind = roles.kind(&timed.event);
            let is_telling = !matches!(kind, Kind::Log | Kind::State | Kind::Client | Kind::Large);
            let by_level = match level {
                Level::Outline => is_telling,
                Level::Story => is_telling || *place >= last_from,
                Level::All => true,
            };
            by_level && self.admits(kind, timed)
        };
        let mut events: Vec<_> = story.iter().enumerate().filter(is_shown).map(|(_, timed)| timed).collect();
        let is_bounded = level != Level::All && !is_filtered;
        let left_out = if is_bounded { events.len().saturating_sub(LINES_MAX) } else { 0 };
        events.drain(..left_out);
        Selected { events, left_out }
    }

    fn is_narrowed(&self) -> bool {
        !self.nodes.is_empty() || self.from_ms.is_some() || self.to_ms.is_some()
    }

    fn admits(&self, kind: Kind, Timed { at_ns, event }: &Timed<Event>) -> bool {
        let at_ms = at_ns / 1_000_000;
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.nodes.is_empty() || node_of(event).is_none_or(|node| self.nodes.contains(&node)))
            && self.from_ms.is_none_or(|from_ms| at_ms >= from_ms)
            && self.to_ms.is_none_or(|to_ms| at_ms <= to_ms)
    }
}

fn node_of(event: &Event) -> Option<u64> {
    match event {
        Event::Core(event) => Some(event.node()),
        Event::Machine { machine: MachineId::Node(node), .. } => Some(*node),
        _ => None,
    }
}

/// The last role, term and vote of each node: a step that changes one of them is part of an election.
#[derive(Default)]
pub(super) struct Roles(BTreeMap<NodeId, (RoleName, Term, Option<NodeId>)>);

impl Roles {
    pub(super) fn kind(&mut self, event: &Event) -> Kind {
        match event {
            Event::Phase(_) => Kind::Phase,
            Event::Fault { .. } | Event::Aimed { .. } | Event::Healed { .. } => Kind::Fault,
            Event::Machine { .. } => Kind::Machine,
            Event::Client { .. } => Kind::Client,
            Event::Large(_) => Kind::Large,
            Event::Operator { .. } => Kind::Operator,
            Event::Core(CoreEvent::Started { .. }) => Kind::Machine,
            Event::Core(CoreEvent::Stepped { node, role, term, candidate, .. }) => {
                let now = (*role, *term, *candidate);
                match self.0.insert(*node, now) == Some(now) {
                    true => Kind::Log,
                    false => Kind::Election,
                }
            }
            Event::Core(CoreEvent::Persisted { vote: Some(_), .. }) => Kind::Election,
            Event::Core(CoreEvent::Persisted { .. }) => Kind::Log,
            Event::Core(CoreEvent::Applied { .. } | CoreEvent::Installed { .. }) => Kind::State,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{MachineEvent, Phase};

    fn stepped(node: u64, role: RoleName, term: u64, last: u64) -> Event {
        Event::Core(CoreEvent::Stepped { node, role, term, candidate: None, compacted: 0, last, commit: 0 })
    }

    /// An event each millisecond.
    fn story(events: Vec<Event>) -> Vec<Timed<Event>> {
        let timed = |(ms, event)| Timed { at_ns: ms as u64 * 1_000_000, event };
        events.into_iter().enumerate().map(timed).collect()
    }

    /// A leader, which appends entries, and its follower.
    fn long_story() -> Vec<Timed<Event>> {
        let mut events = vec![Event::Phase(Phase::Chaos)];
        events.extend([2, 1].map(|node| {
            let machine = MachineId::Node(node);
            Event::Machine { machine, event: MachineEvent::Started }
        }));
        events.push(stepped(1, RoleName::Leader, 1, 0));
        events.push(stepped(2, RoleName::Follower, 1, 0));
        events.extend((1..=200).map(|last| stepped(1, RoleName::Leader, 1, last)));
        story(events)
    }

    fn times(selection: &Selection, story: &[Timed<Event>]) -> Vec<u64> {
        selection.choose(story).events.iter().map(|timed| timed.at_ns / 1_000_000).collect()
    }

    #[test]
    fn by_default_what_happened_is_shown_and_the_last_events() {
        let story = long_story();
        let expected: Vec<u64> = (0..5).chain(205 - LAST_EVENTS as u64..205).collect();
        assert_eq!(times(&Selection::default(), &story), expected);
        let level = |level| Selection { level: Some(level), ..Selection::default() };
        assert_eq!(times(&level(Level::All), &story).len(), 205);
        assert_eq!(times(&level(Level::Outline), &story), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn no_more_is_shown_than_fits_and_it_is_said_how_much_is_left_out() {
        let elections = story((0..500).map(|term| stepped(1, RoleName::Candidate, term, 0)).collect());
        let selected = Selection::default().choose(&elections);
        assert_eq!((selected.events.len(), selected.left_out), (LINES_MAX, 400));
        assert_eq!(selected.events[0].at_ns, 400_000_000);
    }

    #[test]
    fn kinds_nodes_and_times_narrow_it_down() {
        let story = long_story();
        let kinds =
            |kinds: &[Kind]| Selection { kinds: kinds.iter().copied().collect(), ..Selection::default() };
        assert_eq!(times(&kinds(&[Kind::Election]), &story), [3, 4]);
        assert_eq!(times(&kinds(&[Kind::Log]), &story).len(), 200);
        let of_second = Selection { nodes: [2].into(), ..Selection::default() };
        assert_eq!(times(&of_second, &story), [0, 1, 4], "what is of no node is shown too");
        let between = Selection { from_ms: Some(2), to_ms: Some(6), ..Selection::default() };
        assert_eq!(times(&between, &story), [2, 3, 4, 5, 6]);
    }
}
