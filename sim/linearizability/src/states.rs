//! States that a search has met, by numbers, and the steps between them: a model takes each step once.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
};

use crate::{Model, Operation};

/// No state: the step is refused.
const REFUSED: u32 = u32::MAX;

pub(crate) struct States<M: Model> {
    numbers: BTreeMap<Rc<M::State>, u32>,
    states: Vec<Rc<M::State>>,
    /// What each is without its revision, where that is known.
    plain: Vec<Option<u32>>,
    /// From a state (upper half) by an operation.
    steps: HashMap<u64, u32, BuildHasherDefault<Spread>>,
}

impl<M: Model> States<M> {
    /// The initial state is number 0.
    pub(crate) fn new() -> Self {
        let mut states = Self {
            numbers: BTreeMap::new(),
            states: Vec::new(),
            plain: Vec::new(),
            steps: HashMap::default(),
        };
        states.number(M::initial());
        states
    }

    pub(crate) fn get(&self, state: u32) -> &M::State {
        &self.states[state as usize]
    }

    /// The state after an operation, if one copy of the data would answer so.
    pub(crate) fn step(
        &mut self,
        state: u32,
        operation: usize,
        Operation { call, returned, .. }: &Operation<M::Call, M::Return>,
    ) -> Option<u32> {
        let step = u64::from(state) << 32 | operation as u64;
        if let Some(&after) = self.steps.get(&step) {
            return Some(after).filter(|&after| after != REFUSED);
        }
        let returned = returned.as_ref().map(|(_, returned)| returned);
        let after = M::step(self.get(state), call, returned).map(|after| self.number(after));
        self.steps.insert(step, after.unwrap_or(REFUSED));
        after
    }

    /// The number of a state without its revision: see [`Model::without_revision`].
    pub(crate) fn without_revision(&mut self, state: u32) -> u32 {
        if let Some(Some(plain)) = self.plain.get(state as usize) {
            return *plain;
        }
        let plain = self.number(M::without_revision(self.get(state)));
        self.plain.resize(self.states.len(), None);
        self.plain[state as usize] = Some(plain);
        plain
    }

    fn number(&mut self, state: M::State) -> u32 {
        if let Some(&number) = self.numbers.get(&state) {
            return number;
        }
        let number = u32::try_from(self.states.len()).expect("memory ends before");
        let state = Rc::new(state);
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }

    /// About what is remembered, without what states hold elsewhere.
    pub(crate) fn bytes(&self) -> usize {
        self.states.len() * (size_of::<M::State>() + 6 * size_of::<usize>())
            + self.steps.capacity() * 2 * size_of::<u64>()
    }
}

/// Spreads one number over all bits of a hash (Fibonacci hashing): quick, and the same in every run.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
