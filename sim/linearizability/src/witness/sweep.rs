//! One copy of the data taken through the order.

use std::{cell::OnceCell, collections::BTreeSet};

use super::{
    Contradiction, Outlook, Reason, Testimony, Witnessed,
    ahead::Ahead,
    gaps::Gaps,
    order::{Order, Placed},
};
use crate::{Effort, Operation};

/// Of so many writes it is looked at what follows, before any is taken.
const GUESSES_MAX: usize = 256;
/// So many operations are looked at for that.
const LOOK_AHEAD: usize = 256;
/// So many known operations before a wrong answer are asked whether it is wrong for certain.
const LOOK_BACK: usize = 100_000;

pub(super) struct Sweep<'a, M: Witnessed> {
    operations: &'a [Operation<M::Call, M::Return>],
    order: &'a Order,
    gaps: &'a Gaps,
    /// Once it is needed.
    ahead: OnceCell<Ahead<'a, M>>,
    state: M::State,
    /// The place that is next.
    at: usize,
    /// What was done since the first choice, with what takes it back.
    trail: Vec<M::Undo>,
    /// Revisions that nobody claims and no answer shows.
    choices: Vec<Choice>,
    /// Which spare operations are taken.
    is_taken: Vec<bool>,
    furthest: Option<Stop>,
    /// Wrong answers that may be due to a choice.
    doubtful: BTreeSet<usize>,
}

/// A revision that any of the spare operations may have led to.
struct Choice {
    revision: i64,
    at: usize,
    /// How much had been done before.
    trail: usize,
    /// The spare operations that were tried, the present one last.
    tried: Vec<usize>,
    /// Those that the model refused.
    refused: Vec<usize>,
    /// Why those tried before led nowhere.
    because: Because,
}

/// What a dead end is about. Nothing that concerns none of it can change it.
#[derive(Clone, Default)]
struct Because {
    operations: Vec<usize>,
    /// It is about which operations are taken, whatever they are.
    of_all: bool,
}

/// A place that could not be passed.
struct Stop {
    at: usize,
    operation: usize,
    reason: Reason,
    /// What refutes it for certain.
    by: Option<usize>,
    /// By revision, the operations that were chosen by then.
    chosen: Vec<(i64, usize)>,
}

impl<'a, M: Witnessed> Sweep<'a, M> {
    pub(super) fn new(
        operations: &'a [Operation<M::Call, M::Return>],
        order: &'a Order,
        gaps: &'a Gaps,
    ) -> Self {
        Self {
            operations,
            order,
            gaps,
            ahead: OnceCell::new(),
            state: M::initial(),
            at: 0,
            trail: Vec::new(),
            choices: Vec::new(),
            is_taken: vec![false; gaps.spare.len()],
            furthest: None,
            doubtful: BTreeSet::new(),
        }
    }

    pub(super) fn run(mut self, goes_on: &mut dyn FnMut(Effort) -> bool) -> Testimony {
        let mut steps = 0;
        while let Some(&next) = self.order.placed.get(self.at) {
            steps += 1;
            let bytes = self.trail.len() * size_of::<M::Undo>();
            if !goes_on(Effort { steps, bytes }) {
                self.note(next.operation, Reason::NotReached);
                return Testimony::Undecided(self.contradiction());
            }
            let Err(dead_end) = self.place(next) else { continue };
            if !dead_end.is_some_and(|because| self.go_back(because)) {
                return Testimony::Contradicted(self.contradiction());
            }
        }
        Testimony::Linearizable
    }

    /// Places the next operation, or a write of unknown outcome before it. If not: what it is about, or nothing when no
    /// choice can change it.
    fn place(&mut self, next: Placed) -> Result<(), Option<Because>> {
        let revision = M::revision(&self.state) + 1;
        if revision > next.before() {
            if !self.advance(next.operation, next.revision) {
                return Err(self.wrong_answer(next.operation));
            }
            self.at += 1;
            return Ok(());
        }
        if let Some(shown) = self.gaps.shown.get(&revision) {
            if self.advance(shown.operation, revision) {
                return Ok(());
            }
            self.note(shown.by, Reason::NeverWritten(revision));
            return Err(Some(Because::of(shown.operation)));
        }
        self.choices.push(Choice {
            revision,
            at: self.at,
            trail: self.trail.len(),
            tried: Vec::new(),
            refused: Vec::new(),
            because: Because::default(),
        });
        if self.choose() {
            return Ok(());
        }
        self.note(next.operation, Reason::NobodysRevision(revision));
        Err(Some(self.give_up()))
    }

    /// The next operation would have been answered otherwise. Does a choice matter?
    fn wrong_answer(&mut self, operation: usize) -> Option<Because> {
        self.note(operation, Reason::WrongAnswer);
        if self.doubtful.contains(&operation) {
            return Some(Because::of(operation));
        }
        let Operation { call, returned, .. } = &self.operations[operation];
        let (_, returned) = returned.as_ref()?;
        let before = self.order.placed[..self.at].iter().rev().filter(|it| it.is_write).take(LOOK_BACK);
        let refutes =
            |it: &&Placed| M::refutes(&self.operations[it.operation].call, it.revision, call, returned);
        let Some(refuting) = { before }.find(refutes) else {
            self.doubtful.insert(operation);
            return Some(Because::of(operation));
        };
        let by = Some(refuting.operation);
        let Some(stop) = &mut self.furthest else { return None };
        (stop.operation, stop.reason, stop.by) = (operation, Reason::WrongAnswer, by);
        None
    }

    /// Takes an operation through the model, if that leads to this revision.
    fn advance(&mut self, operation: usize, revision: i64) -> bool {
        let Operation { call, returned, .. } = &self.operations[operation];
        let returned = returned.as_ref().map(|(_, returned)| returned);
        let Some(undo) = M::advance(&mut self.state, call, returned) else { return false };
        if M::revision(&self.state) != revision {
            M::undo(&mut self.state, undo);
            return false;
        }
        if !self.choices.is_empty() {
            self.trail.push(undo);
        }
        true
    }

    /// Takes a spare operation that was not tried at the last choice: the one that is needed first, or else the one that
    /// was called last, for what happens does so soon.
    fn choose(&mut self) -> bool {
        let choice = self.choices.last().expect("there is a choice");
        let deadline = self.order.deadlines[choice.at];
        let is_in_time = |&spare: &usize| self.operations[spare].called <= deadline;
        let in_time = self.gaps.spare.partition_point(is_in_time);
        if choice.tried.is_empty() {
            let free = (0..in_time).rev().filter(|&spare| !self.is_taken[spare]).take(GUESSES_MAX);
            let guess = free.map(|spare| (self.outlook(spare), spare)).min();
            if let Some((Outlook::Needed(_) | Outlook::Possible, spare)) = guess
                && self.take(spare)
            {
                return true;
            }
        }
        let mut spare = in_time;
        while spare > 0 {
            spare -= 1;
            if !self.is_taken[spare] && self.could_help(spare) && self.take(spare) {
                return true;
            }
        }
        false
    }

    fn call(&self, spare: usize) -> &'a M::Call {
        &self.operations[self.gaps.spare[spare]].call
    }

    /// What follows if a spare operation is next.
    fn outlook(&self, spare: usize) -> Outlook {
        let ahead = self.ahead.get_or_init(|| Ahead::new(self.operations, self.order, self.gaps));
        let later = ahead.of(self.call(spare), M::revision(&self.state) + 1);
        M::outlook(&self.state, self.call(spare), &mut later.take(LOOK_AHEAD))
    }

    /// Whether to try this one is something else than what was tried. All that do not concern a dead end lead there alike.
    fn could_help(&self, spare: usize) -> bool {
        let Choice { tried, refused, because, .. } = self.choices.last().expect("there is a choice");
        let is_equal = |other: &usize| self.call(*other) == self.call(spare);
        let is_apart = |spare: usize| !self.is_about(because, spare);
        let was_tried = tried.iter().chain(refused).any(is_equal);
        let is_known_to_fail = is_apart(spare) && tried.iter().any(|&other| is_apart(other));
        !was_tried && !is_known_to_fail
    }

    /// Whether a dead end could be another one without this spare operation, or with it.
    fn is_about(&self, because: &Because, spare: usize) -> bool {
        let concerns = |other: &usize| M::concerns(self.call(spare), &self.operations[*other].call);
        because.of_all || because.operations.iter().any(concerns)
    }

    /// Tries a spare operation at the last choice.
    fn take(&mut self, spare: usize) -> bool {
        let operation = self.gaps.spare[spare];
        let revision = self.choices.last().expect("there is a choice").revision;
        let is_taken = self.advance(operation, revision);
        let choice = self.choices.last_mut().expect("there is a choice");
        if is_taken {
            choice.tried.push(spare);
            self.is_taken[spare] = true;
        } else {
            choice.refused.push(spare);
            choice.because.add(&Because::of(operation));
        }
        is_taken
    }

    /// Ends the last choice, for nothing is left to try. What it was about is what an earlier one must change.
    fn give_up(&mut self) -> Because {
        let Choice { tried, mut because, .. } = self.choices.pop().expect("there is a choice");
        // One that has nothing to do with it was tried, or else it may help to have one more to choose from.
        because.of_all |= tried.iter().all(|&spare| self.is_about(&because, spare));
        because
    }

    /// Takes back what follows the last choice that a dead end is about, and chooses otherwise. False: there is none.
    fn go_back(&mut self, mut because: Because) -> bool {
        while let Some(choice) = self.choices.last_mut() {
            self.at = choice.at;
            for undo in self.trail.drain(choice.trail..).rev() {
                M::undo(&mut self.state, undo);
            }
            choice.because.add(&because);
            let taken = *choice.tried.last().expect("something was chosen");
            self.is_taken[taken] = false;
            if self.choose() {
                return true;
            }
            because = self.give_up();
        }
        false
    }

    /// Notes what could not be placed, if nothing was placed further on.
    fn note(&mut self, operation: usize, reason: Reason) {
        if self.furthest.as_ref().is_some_and(|stop| stop.at >= self.at) {
            return;
        }
        let chosen = self.choices.iter().filter_map(|choice| {
            let spare = choice.tried.last().filter(|&&spare| self.is_taken[spare])?;
            Some((choice.revision, self.gaps.spare[*spare]))
        });
        let chosen = chosen.collect();
        self.furthest = Some(Stop { at: self.at, operation, reason, by: None, chosen });
    }

    fn contradiction(self) -> Contradiction {
        let Stop { at, operation, reason, by: refuting, chosen } =
            self.furthest.expect("something could not be placed");
        let known = self.order.placed[..at].iter().map(|it| (it.revision, !it.is_write, it.operation));
        let shown = self.gaps.shown.iter().map(|(&revision, shown)| (revision, shown.operation));
        let before = self.order.placed[at].before();
        let unknown = shown.chain(chosen).filter(|(revision, _)| *revision <= before);
        let unknown = unknown.map(|(revision, operation)| (revision, false, operation));
        let mut explained: Vec<_> = known.chain(unknown).collect();
        explained.sort_by_key(|&(revision, is_read, _)| (revision, is_read));
        let call = &self.operations[operation].call;
        let mut writes = explained.iter().rev().filter(|(_, is_read, _)| !is_read);
        let by = writes.find(|(_, _, write)| M::concerns(&self.operations[*write].call, call));
        let by = by.map(|(_, _, write)| *write).filter(|_| reason == Reason::WrongAnswer);
        let by = refuting.or(by);
        let explained = explained.iter().map(|(_, _, operation)| *operation).collect();
        Contradiction { operation, reason, by, explained }
    }
}

impl Because {
    fn of(operation: usize) -> Self {
        Self { operations: vec![operation], of_all: false }
    }

    fn add(&mut self, other: &Self) {
        self.of_all |= other.of_all;
        for operation in &other.operations {
            if !self.operations.contains(operation) {
                self.operations.push(*operation);
            }
        }
    }
}
