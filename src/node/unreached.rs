//! Nodes that were removed, call, and are not reached: they do not know their own address yet, or say one where they are not any more.
//! That they were removed waits here, until it is said to each on the stream that it has opened.

use std::collections::VecDeque;

use crate::{
    env::{Knob, knob, sometimes},
    raft::{Body, Message, NodeId},
};

/// There are few of them.
const CALLERS_MAX: usize = 16;

/// Who has called most recently comes last.
#[derive(Debug, Default)]
pub(super) struct Unreached(VecDeque<(NodeId, Option<Message>)>);

impl Unreached {
    /// A node calls that there is no way to. If there are too many, who has not called for longest is forgotten, of those for whom there is
    /// nothing to say.
    pub(super) fn called(&mut self, caller: NodeId) {
        let before = self.0.iter().position(|(id, _)| *id == caller).and_then(|at| self.0.remove(at));
        self.0.push_back(before.unwrap_or((caller, None)));
        if self.0.len() > knob(Knob::Strangers, CALLERS_MAX) {
            let at = self.0.iter().position(|(_, word)| word.is_none()).unwrap_or(0);
            self.0.remove(at);
        }
    }

    /// Something is to be said to a node that there is no way to. All that it needs to hear is that it was removed.
    pub(super) fn keep(&mut self, message: Message) {
        let caller = self.0.iter_mut().find(|(id, _)| *id == message.to);
        if let (Some((_, word)), Body::Removed { .. }) = (caller, &message.body) {
            *word = Some(message);
        }
    }

    /// What is to be said on the stream that a node has opened.
    pub(super) fn take(&mut self, caller: NodeId) -> Option<Message> {
        let (_, word) = self.0.iter_mut().find(|(id, _)| *id == caller)?;
        sometimes!(word.is_some(), AnsweredOnItsStream);
        word.take()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::raft::{Configuration, Origin};

    fn word(to: NodeId, term: u64) -> Message {
        let configuration = Arc::new(Configuration { gone: [to].into(), ..Configuration::of([9]) });
        Message { from: 9, to, origin: Origin::default(), term, body: Body::Removed { configuration } }
    }

    #[test]
    fn the_last_word_is_said_once_to_who_has_called() {
        let mut unreached = Unreached::default();
        unreached.keep(word(3, 1));
        assert_eq!(unreached.take(3), None, "it has not called");
        unreached.called(3);
        unreached.keep(word(3, 2));
        unreached.keep(word(3, 3));
        unreached.keep(Message { body: Body::PreVoteResponse { granted: false }, ..word(3, 4) });
        unreached.called(3);
        assert_eq!(unreached.take(3), Some(word(3, 3)));
        assert_eq!(unreached.take(3), None);
    }

    #[test]
    fn who_has_not_called_for_longest_is_forgotten_first() {
        let mut unreached = Unreached::default();
        let callers = 1..=CALLERS_MAX as NodeId;
        callers.clone().for_each(|id| unreached.called(id));
        unreached.keep(word(2, 1));
        [1, 99].into_iter().for_each(|id| unreached.called(id));
        callers.chain([99]).for_each(|id| unreached.keep(word(id, 1)));
        assert_eq!(unreached.take(3), None);
        assert!([1, 2, 4, 99].into_iter().all(|id| unreached.take(id).is_some()));
    }
}
