//! Who reads the state by itself, and may miss nothing that was acknowledged before, waits here: for the core to confirm an index,
//! and for the state to stand there.

use std::collections::BTreeMap;

use tonic::Status;

use super::event::Answer;
use crate::raft::{Index, Raft, ReadReady};

#[derive(Default)]
pub(super) struct ReadBarriers {
    /// The core was not asked for them yet.
    gathered: Vec<Answer<Index>>,
    /// By the name that the core gave them.
    asked: BTreeMap<u64, Vec<Answer<Index>>>,
    /// By the index that the state has to stand at.
    waiting: BTreeMap<Index, Vec<Answer<Index>>>,
}

impl ReadBarriers {
    /// Those who left meanwhile are forgotten: a node that is cut off would gather them.
    pub(super) fn add(&mut self, answer: Answer<Index>) {
        self.asked.values_mut().chain(self.waiting.values_mut()).for_each(|answers| {
            answers.retain(|answer| !answer.is_closed());
        });
        self.gathered.push(answer);
    }

    /// Asks the core once for all that were gathered. Returns the name that it gave them.
    pub(super) fn ask(&mut self, core: &mut Raft) -> Option<u64> {
        if self.gathered.is_empty() {
            return None;
        }
        let gathered = std::mem::take(&mut self.gathered);
        let name = core.read();
        match name {
            Some(name) => drop(self.asked.insert(name, gathered)),
            None => refuse(gathered, "no leader is known"),
        }
        name
    }

    pub(super) fn confirmed(&mut self, ready: ReadReady) {
        if let Some(answers) = self.asked.remove(&ready.id) {
            self.waiting.entry(ready.index).or_default().extend(answers);
        }
    }

    pub(super) fn failed(&mut self, name: u64) {
        let answers = self.asked.remove(&name).unwrap_or_default();
        refuse(answers, "leadership changed before the read was confirmed");
    }

    /// The state machine stands at `applied`.
    pub(super) fn serve(&mut self, applied: Index) {
        while let Some(next) = self.waiting.first_entry().filter(|next| *next.key() <= applied) {
            let (index, answers) = next.remove_entry();
            answers.into_iter().for_each(|answer| drop(answer.send(Ok(index))));
        }
    }
}

fn refuse(answers: Vec<Answer<Index>>, why: &str) {
    answers.into_iter().for_each(|answer| drop(answer.send(Err(Status::unavailable(why)))));
}
