//! What processes have called, and not been answered: one thing at a time each.

use std::collections::BTreeMap;

use crate::Operation;

/// By the names of the processes.
pub(super) struct Open<'a, C, R>(BTreeMap<&'a str, Operation<C, R>>);

impl<'a, C, R> Open<'a, C, R> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// A process calls.
    ///
    /// # Errors
    /// It waits for an answer: a line is missing, or it is not one process.
    pub(super) fn call(&mut self, process: &'a str, called: u64, call: C) -> Result<(), String> {
        match self.0.insert(process, Operation { called, returned: None, call }) {
            Some(open) => {
                Err(format!("process {process} calls, and its call of line {} is not answered", open.called))
            }
            None => Ok(()),
        }
    }

    /// What a process had called, which is answered now.
    ///
    /// # Errors
    /// It has called nothing.
    pub(super) fn answer(&mut self, process: &str) -> Result<Operation<C, R>, String> {
        self.0.remove(process).ok_or_else(|| format!("process {process} has called nothing"))
    }

    /// What was never answered.
    pub(super) fn rest(self) -> impl Iterator<Item = Operation<C, R>> {
        self.0.into_values()
    }
}
