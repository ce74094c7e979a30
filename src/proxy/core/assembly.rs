//! Large answers, and what they hold until they are sent to their callers: all together, so much and no more. Those to reads arrive
//! in pieces. A piece is kept as it came, encoded: an answer is never taken apart here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;

use super::call::CallId;

/// What an answer of many small pieces holds beside their bytes.
const PIECE_OVERHEAD_BYTES: usize = 64;

/// The answers of which some has arrived, by call and attempt.
#[derive(Debug)]
pub(super) struct Assembly {
    answers: BTreeMap<(CallId, u16), Pieces>,
    held: Held,
    bytes_max: usize,
}

/// Bytes of all pieces that somebody has.
type Held = Arc<AtomicUsize>;

/// The pieces of an answer, in their order: fields of its encoded message. They count as held until they are dropped.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Pieces {
    pieces: Vec<Bytes>,
    bytes: usize,
    held: Held,
}

impl Assembly {
    /// Pieces may hold so many bytes, all together.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { answers: BTreeMap::new(), held: Held::default(), bytes_max }
    }

    /// A piece arrived.
    ///
    /// # Errors
    /// There is no room for it: why.
    pub(super) fn add(&mut self, id: CallId, attempt: u16, piece: Bytes) -> Result<(), String> {
        let bytes = piece.len() + PIECE_OVERHEAD_BYTES;
        self.reserve(bytes)?;
        let new = || Pieces { pieces: Vec::new(), bytes: 0, held: self.held.clone() };
        let answer = self.answers.entry((id, attempt)).or_insert_with(new);
        answer.bytes += bytes;
        answer.pieces.push(piece);
        Ok(())
    }

    /// An answer of so many bytes has arrived whole.
    ///
    /// # Errors
    /// There is no room for it: why.
    pub(super) fn hold(&self, bytes: usize) -> Result<Pieces, String> {
        self.reserve(bytes)?;
        Ok(Pieces { pieces: Vec::new(), bytes, held: self.held.clone() })
    }

    fn reserve(&self, bytes: usize) -> Result<(), String> {
        let held = self.held.load(Ordering::Relaxed);
        if held + bytes > self.bytes_max {
            return Err(format!(
                "large answers hold {held} bytes at this proxy, at most {} are held: ask with a limit, or try again \
                 later",
                self.bytes_max
            ));
        }
        self.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// All pieces of an answer that is complete.
    pub(super) fn take(&mut self, id: CallId, attempt: u16) -> Pieces {
        self.answers.remove(&(id, attempt)).unwrap_or_default()
    }

    /// Forgets what has arrived for a call. Returns the attempts that are incomplete for ever now.
    pub(super) fn forget(&mut self, id: CallId) -> Vec<u16> {
        let attempts = self.answers.range((id, 0)..=(id, u16::MAX)).map(|((_, attempt), _)| *attempt);
        let attempts: Vec<u16> = attempts.collect();
        attempts.iter().for_each(|attempt| drop(self.answers.remove(&(id, *attempt))));
        attempts
    }
}

impl Pieces {
    /// Each piece. They still count as held, by whoever has this.
    pub(in crate::proxy) fn take(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.pieces)
    }

    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The answer is large, and counts as held.
    pub(in crate::proxy) fn are_held(&self) -> bool {
        self.bytes > 0
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Pieces {
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }
}

#[cfg(test)]
impl Assembly {
    /// Calls of which some has arrived.
    pub(super) fn calls(&self) -> impl Iterator<Item = CallId> {
        self.answers.keys().map(|(id, _)| *id)
    }

    /// The invariants, for a core whose answers were all taken and dropped.
    pub(super) fn check(&self) {
        let bytes: usize = self.answers.values().map(|answer| answer.bytes).sum();
        assert_eq!(bytes, self.held.load(Ordering::Relaxed));
        assert!(bytes <= self.bytes_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_held_until_they_are_dropped_and_beyond_the_limit_there_is_no_room() {
        let mut assembly = Assembly::new(1000);
        let (one, two) = (CallId::of_client(1), CallId::of_client(2));
        let piece = || Bytes::from(vec![0; 400 - PIECE_OVERHEAD_BYTES]);
        assembly.add(one, 1, piece()).expect("there is room");
        assembly.add(two, 1, piece()).expect("there is room");
        assert!(assembly.add(one, 1, piece()).is_err_and(|why| why.contains("at most 1000")));
        let mut taken = assembly.take(two, 1);
        assert_eq!(taken.take().len(), 1);
        assert!(assembly.add(one, 1, piece()).is_err(), "what is being sent is held");
        drop(taken);
        let whole = assembly.hold(400).expect("there is room");
        assert!(whole.are_held() && whole.is_empty());
        assert!(assembly.add(one, 1, piece()).is_err(), "what is whole is held too");
        drop(whole);
        assembly.add(one, 1, piece()).expect("there is room");
        assert!(assembly.hold(400).is_err_and(|why| why.contains("at most 1000")));
        assert_eq!(assembly.forget(one), [1]);
        assembly.add(two, 1, piece()).expect("there is room");
        assembly.check();
    }
}
