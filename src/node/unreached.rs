//! Nodes that were removed, call, and are not reached: they do not know their own address yet, or say one where they are not any more.
//! They ask for pre-votes, for they hear from no leader. The answer to each waits here, until it is said on the stream that it has opened.

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
    /// A node calls that there is no way to. If there are too many, who has not called for longest is forgotten.
    pub(super) fn called(&mut self, caller: NodeId) {
        let before = self.0.iter().position(|(id, _)| *id == caller).and_then(|at| self.0.remove(at));
        self.0.push_back(before.unwrap_or((caller, None)));
        if self.0.len() > knob(Knob::Strangers, CALLERS_MAX) {
            self.0.pop_front();
        }
    }

    /// Something is to be said to a node that there is no way to.
    pub(super) fn keep(&mut self, message: Message) {
        let caller = self.0.iter_mut().find(|(id, _)| *id == message.to);
        if let Some((_, answer)) = caller.filter(|_| is_answer(&message)) {
            *answer = Some(message);
        }
    }

    /// What is to be said on the stream that a node has opened.
    pub(super) fn take(&mut self, caller: NodeId) -> Option<Message> {
        let (_, answer) = self.0.iter_mut().find(|(id, _)| *id == caller)?;
        sometimes!(answer.is_some(), AnsweredOnItsStream);
        answer.take()
    }
}

/// Whether this is what a node needs to hear that asks for pre-votes: that it was removed, or before that in which term to ask.
pub(super) fn is_answer(message: &Message) -> bool {
    matches!(message.body, Body::Removed { .. } | Body::PreVoteResponse { .. })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::raft::{Configuration, Origin};

    fn answer(to: NodeId, term: u64) -> Message {
        let body = Body::PreVoteResponse { granted: false };
        Message { from: 9, to, origin: Origin::default(), term, body }
    }

    #[test]
    fn the_last_answer_is_given_once_to_who_has_called() {
        let mut unreached = Unreached::default();
        unreached.keep(answer(3, 1));
        assert_eq!(unreached.take(3), None, "it has not called");
        unreached.called(3);
        unreached.keep(answer(3, 2));
        let configuration = Arc::new(Configuration { gone: [3].into(), ..Configuration::of([9]) });
        let removed = Message { body: Body::Removed { configuration }, ..answer(3, 3) };
        unreached.keep(removed.clone());
        unreached.keep(Message { body: Body::TimeoutNow, ..answer(3, 4) });
        unreached.called(3);
        assert_eq!(unreached.take(3), Some(removed));
        assert_eq!(unreached.take(3), None);
    }

    #[test]
    fn who_has_not_called_for_longest_is_forgotten_first() {
        let mut unreached = Unreached::default();
        let callers = 1..=CALLERS_MAX as NodeId;
        callers.clone().chain([1, 99]).for_each(|id| unreached.called(id));
        callers.chain([99]).for_each(|id| unreached.keep(answer(id, 1)));
        assert_eq!(unreached.take(2), None);
        assert!([1, 3, 99].into_iter().all(|id| unreached.take(id).is_some()));
    }
}
