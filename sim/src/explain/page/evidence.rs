//! What broke, and the events that lead to it.

use std::collections::{BTreeMap, BTreeSet};

use conclave::raft::{Index, NodeId, RoleName, Term};
use conclave_checks::{
    CoreEvent, StoredEntries, StoredVote, Timed,
    history::{Unexplained, first_read_of, in_a_line, unexplained_part},
};
use serde::Serialize;

use super::lanes::{Lanes, Whose};
use crate::{
    scenario::Scenario,
    trace::{ClientEvent, Event, FaultEvent, MachineEvent, MachineId, Operation},
    verdict::{Failure, HistoryRule, Rule, Verdict},
};

/// So many nodes that stored an entry are named.
const HOLDERS_MAX: usize = 7;
/// So many deaths and elections are named that happened while an operation waited.
const MEANWHILE_MAX: usize = 8;

/// What broke.
#[derive(Debug, Serialize)]
pub(super) struct Broken {
    rule: String,
    statement: &'static str,
    source: &'static str,
    detail: String,
    term: Option<Term>,
    lanes: Vec<usize>,
    at: u64,
    steps: Vec<Step>,
    history: Option<Picture>,
}

/// An event that matters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Step {
    at: u64,
    /// Its place in the story.
    event: usize,
    lane: Option<usize>,
    words: String,
    is_break: bool,
}

/// Operations of clients that have no explanation, by their numbers.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Picture {
    part: Vec<usize>,
    /// An order that explains what it holds, as far as there is one.
    order: Vec<usize>,
    /// What cannot follow it.
    stuck: Vec<usize>,
}

pub(super) fn broken(
    scenario: &Scenario,
    verdict: &Verdict,
    operations: &[Operation],
    lanes: &Lanes,
) -> Option<Broken> {
    let failure = verdict.failure.as_ref()?;
    let last_ns = verdict.story.last().map_or(0, |timed| timed.at_ns);
    let history = picture(failure, operations);
    let stuck = history.iter().flat_map(|picture| &picture.stuck);
    let answered = stuck.filter_map(|&number| operations[number].answer.as_ref()).map(|(at, _)| *at).max();
    let at = answered.or(verdict.notes.broke_at_ns).unwrap_or(last_ns);
    let seen = Seen { scenario, story: &verdict.story, operations, failure, at, lanes };
    Some(Broken {
        rule: failure.rule.to_string(),
        statement: failure.rule.statement(),
        source: failure.rule.source(),
        detail: failure.detail.clone(),
        term: failure.term,
        lanes: failure.machines.iter().filter_map(|&machine| lanes.machine(machine)).collect(),
        at,
        steps: seen.steps(history.as_ref()),
        history,
    })
}

/// The operations that a failure names. A failure of any judge has them in its words.
fn picture(failure: &Failure, operations: &[Operation]) -> Option<Picture> {
    if failure.rule == Rule::History(HistoryRule::Linearizable)
        && let Some(Unexplained { part, order, stuck }) = unexplained_part(operations)
    {
        return Some(Picture { part, order, stuck });
    }
    let named = |(_, operation): &(usize, &Operation)| failure.detail.contains(&in_a_line(operation));
    let stuck: Vec<usize> = operations.iter().enumerate().filter(named).map(|(number, _)| number).collect();
    let key = operations[*stuck.first()?].call.key();
    let is_about = |(_, operation): &(usize, &Operation)| operation.call.key() == key;
    let part = operations.iter().enumerate().filter(is_about).map(|(number, _)| number);
    Some(Picture { part: part.chain(stuck.clone()).collect(), order: Vec::new(), stuck })
}

impl Broken {
    /// The events that matter, with their times in nanoseconds.
    pub(super) fn events(&self) -> impl Iterator<Item = (u64, &str)> {
        self.steps.iter().map(|step| (step.at, &*step.words))
    }
}

impl Step {
    /// Another word on the same event.
    fn join(&mut self, other: Self) {
        self.words = format!("{}; {}", self.words, other.words);
        self.is_break |= other.is_break;
    }
}

/// What is known of a run that failed.
struct Seen<'a> {
    scenario: &'a Scenario,
    story: &'a [Timed<Event>],
    operations: &'a [Operation],
    failure: &'a Failure,
    /// When it broke.
    at: u64,
    lanes: &'a Lanes,
}

impl Seen<'_> {
    /// In the order of time; each event once.
    fn steps(&self, history: Option<&Picture>) -> Vec<Step> {
        let mut steps = BTreeSet::new();
        steps.extend(self.faults_in_force());
        steps.extend(self.processes());
        if let Some(term) = self.failure.term {
            let terms: BTreeSet<Term> = named_terms(&self.failure.detail).chain([term]).collect();
            steps.extend(terms.into_iter().flat_map(|term| self.elections(term)));
            steps.extend(named_entry(&self.failure.detail).into_iter().flat_map(|entry| self.entry(entry)));
        }
        match history {
            Some(picture) => {
                steps.extend(self.calls(&picture.stuck));
                steps.extend(self.reads_of(&picture.stuck));
                steps.extend(picture.stuck.iter().flat_map(|&number| self.meanwhile(number)));
            }
            None => steps.extend(self.the_break()),
        }
        steps.into_iter().fold(Vec::new(), |mut kept: Vec<Step>, step| {
            match kept.iter_mut().find(|other| (other.event, other.at) == (step.event, step.at)) {
                Some(other) => other.join(step),
                None => kept.push(step),
            }
            kept
        })
    }

    /// Everything until it broke.
    fn events(&self) -> impl DoubleEndedIterator<Item = (usize, &Timed<Event>)> {
        self.story.iter().enumerate().filter(|(_, timed)| timed.at_ns <= self.at)
    }

    fn cores(&self) -> impl DoubleEndedIterator<Item = (usize, &CoreEvent)> {
        let core = |timed: &Timed<Event>| matches!(timed.event, Event::Core(_));
        self.events().filter(move |(_, timed)| core(timed)).filter_map(|(place, timed)| match &timed.event {
            Event::Core(event) => Some((place, event)),
            _ => None,
        })
    }

    fn step(&self, event: usize, words: String) -> Step {
        let Timed { at_ns, event: it } = &self.story[event];
        let lane = Whose::of(it).and_then(|whose| self.lanes.place(whose));
        Step { at: *at_ns, event, lane, words, is_break: false }
    }

    /// The last thing that the machine did that showed it; of none, the last event.
    fn the_break(&self) -> Option<Step> {
        let first = self.failure.machines.first().and_then(|&machine| self.lanes.machine(machine));
        let is_its = |timed: &Timed<Event>| {
            first.is_some() && Whose::of(&timed.event).and_then(|whose| self.lanes.place(whose)) == first
        };
        let of_machine = self.events().rev().find(|(_, timed)| is_its(timed));
        let (place, _) = of_machine.or_else(|| self.events().next_back())?;
        // What broke may have changed nothing that is an event: then it is later than the last one.
        let words = format!("here {} is broken", self.failure.rule);
        Some(Step { is_break: true, at: self.at, ..self.step(place, words) })
    }

    fn faults_in_force(&self) -> Vec<Step> {
        let mut struck = Vec::<(usize, usize)>::new();
        for (place, timed) in self.events() {
            match timed.event {
                Event::Fault { fault, event: FaultEvent::Struck } => struck.push((fault, place)),
                Event::Fault { fault, event: FaultEvent::Healed } => {
                    struck.retain(|(open, _)| *open != fault)
                }
                _ => {}
            }
        }
        let words = |fault: usize| format!("still in force: {}", self.scenario.faults[fault].fault);
        struck.into_iter().map(|(fault, place)| self.step(place, words(fault))).collect()
    }

    /// How the machines that are named last went down, and came up.
    fn processes(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for &named in &self.failure.machines {
            let of_it = |timed: &Timed<Event>| match &timed.event {
                Event::Machine { machine, event } if *machine == named => Some(event.clone()),
                _ => None,
            };
            let last = self.events().rev().find_map(|(place, timed)| {
                let event = of_it(timed)?;
                Some((place, end_in_words(&event)?))
            });
            let Some((went, how)) = last else { continue };
            steps.push(self.step(went, format!("{named} {how}")));
            let came = self.cores().find(|(place, event)| {
                *place > went
                    && matches!(event, CoreEvent::Started { .. })
                    && MachineId::Node(event.node()) == named
            });
            if let Some((place, CoreEvent::Started { term, compacted, last, .. })) = came {
                let words =
                    format!("{named} comes up again in term {term}, its log after {compacted} to {last}");
                steps.push(self.step(place, words));
            }
        }
        steps
    }

    /// Who voted for whom in this term, who came to lead it, and who led before.
    fn elections(&self, of: Term) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut leaders = BTreeSet::<(Term, NodeId)>::new();
        let mut before = None;
        let mut ends = BTreeMap::<NodeId, Index>::new();
        for (place, event) in self.cores() {
            match *event {
                CoreEvent::Started { node, last, .. } => {
                    ends.insert(node, last);
                }
                CoreEvent::Stepped { node, role, term, last, .. } => {
                    ends.insert(node, last);
                    if role == RoleName::Leader && term <= of && leaders.insert((term, node)) {
                        let words =
                            format!("node {node} becomes leader of term {term}, its log ends at {last}");
                        let step = self.step(place, words);
                        if term == of { steps.push(step) } else { before = Some(step) }
                    }
                }
                CoreEvent::Persisted {
                    node,
                    vote: Some(StoredVote { term, candidate: Some(candidate) }),
                    ..
                } if term == of => {
                    let last = ends.get(&node).copied().unwrap_or(0);
                    let words = format!(
                        "node {node}, whose log ends at {last}, stores its vote for node {candidate} in term {term}"
                    );
                    steps.push(self.step(place, words));
                }
                _ => {}
            }
        }
        steps.extend(before);
        steps
    }

    /// Who stored an entry, and who was the first to know that it is committed.
    fn entry(&self, (index, of): (Index, Term)) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut holders = BTreeSet::new();
        let mut committed = false;
        for (place, event) in self.cores() {
            match *event {
                CoreEvent::Persisted { node, entries: Some(StoredEntries { first, last, term }), .. }
                    if first <= index
                        && index <= last
                        && of <= term
                        && holders.len() < HOLDERS_MAX
                        && holders.insert(node) =>
                {
                    let words = format!("node {node} stores entry {index} (entries {first} to {last})");
                    steps.push(self.step(place, words));
                }
                CoreEvent::Stepped { node, term, commit, .. } if commit >= index && !committed => {
                    committed = true;
                    let words =
                        format!("entry {index} is committed: node {node} knows it first, in term {term}");
                    steps.push(self.step(place, words));
                }
                _ => {}
            }
        }
        steps
    }

    /// Who died and who came to lead while this operation waited for its answer.
    fn meanwhile(&self, number: usize) -> Vec<Step> {
        let Operation { called_ns, answer, .. } = &self.operations[number];
        let until_ns = answer.as_ref().map_or(self.at, |(at_ns, _)| *at_ns);
        let mut leaders = BTreeSet::<(Term, NodeId)>::new();
        let mut steps = Vec::new();
        for (place, Timed { at_ns, event }) in self.story.iter().enumerate() {
            let words = match event {
                Event::Machine { machine: machine @ MachineId::Node(_), event } => {
                    end_in_words(event).map(|how| format!("{machine} {how}"))
                }
                Event::Core(CoreEvent::Stepped { node, role: RoleName::Leader, term, .. }) => leaders
                    .insert((*term, *node))
                    .then(|| format!("node {node} becomes leader of term {term}")),
                _ => None,
            };
            let is_then = (*called_ns..=until_ns).contains(at_ns);
            steps.extend(words.filter(|_| is_then).map(|words| self.step(place, words)));
        }
        steps.truncate(MEANWHILE_MAX);
        steps
    }

    /// Where it is first told what these wrote: its version says how many writes the key has had since it was created.
    fn reads_of(&self, numbers: &[usize]) -> Vec<Step> {
        let mut steps = Vec::new();
        for &number in numbers {
            let read = first_read_of(self.operations, &self.operations[number]);
            let answered = |(_, timed): &(usize, &Timed<Event>)| matches!(&timed.event, Event::Client { operation, event: ClientEvent::Answered(_), .. } if Some(*operation) == read);
            let Some((place, timed)) = self.story.iter().enumerate().find(answered) else { continue };
            if let Event::Client { operation, event: ClientEvent::Answered(answer), .. } = &timed.event {
                let words = format!("operation {operation} reads what operation {number} wrote: {answer}");
                steps.push(self.step(place, words));
            }
        }
        steps
    }

    /// The answers of these operations.
    fn calls(&self, numbers: &[usize]) -> Vec<Step> {
        let mut steps = Vec::new();
        for (place, timed) in self.story.iter().enumerate() {
            if let Event::Client { operation, event, .. } = &timed.event
                && numbers.contains(operation)
            {
                let (is_break, words) = match event {
                    ClientEvent::Called(call) => (false, format!("operation {operation} is asked: {call}")),
                    ClientEvent::Answered(answer) => {
                        (true, format!("operation {operation} is answered, as cannot be: {answer}"))
                    }
                };
                steps.push(Step { is_break, ..self.step(place, words) });
            }
        }
        steps
    }
}

/// How a process ends; `None`: it does not.
fn end_in_words(event: &MachineEvent) -> Option<&'static str> {
    match event {
        MachineEvent::Started | MachineEvent::ToldToStop => None,
        MachineEvent::Killed => Some("is killed"),
        MachineEvent::LostPower => Some("loses power"),
        MachineEvent::Failed { .. } => Some("fails"),
        MachineEvent::Ended => Some("ends"),
    }
}

/// The terms that a failure speaks of.
fn named_terms(detail: &str) -> impl Iterator<Item = Term> {
    detail.split("term ").skip(1).filter_map(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok().filter(|&term| term > 0)
    })
}

/// The entry that a failure is about, such as 37@4: index and term. One that "was committed" is of a term that is not told.
fn named_entry(detail: &str) -> Option<(Index, Term)> {
    let words = detail.split(|c: char| !c.is_ascii_digit() && c != '@');
    let entry = words.filter_map(|word| word.split_once('@')).find_map(|(index, term)| {
        let (index, term) = (index.parse().ok()?, term.parse().ok()?);
        (index > 0).then_some((index, term))
    });
    entry.or_else(|| {
        let (before, _) = detail.split_once(" was committed")?;
        Some((before.rsplit(' ').next()?.parse().ok()?, 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_a_failure_is_found_in_its_words() {
        assert_eq!(named_entry("node 2 leads term 5 without the committed entry 37@4; but"), Some((37, 4)));
        assert_eq!(named_entry("mail a@b, then (12@3)"), Some((12, 3)));
        assert_eq!(named_entry("node 1 reads at 26, 38 was committed; but"), Some((38, 0)));
        assert_eq!(named_entry("node 2 leads term 5"), None);
        assert_eq!(named_terms("a vote of term 51, term 0, terms").collect::<Vec<_>>(), [51]);
    }
}
