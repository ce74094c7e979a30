//! Random inputs, in any order, also such as no node sends. Whatever comes: each call has one answer or its caller left;
//! no attempt is sent twice; no write is sent under another number while an attempt of it may have worked; the cluster
//! is never told to forget an answer that is waited for; and every index agrees with the calls.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::{
    proxy::core::{
        Call, CallId, DownReason, Effects, LinkId, Operation, Router,
        call::{Number, from_wire_id},
    },
    wire::{
        Leadership,
        pb::{
            etcdserverpb::{PutRequest, RangeRequest},
            v1::{self, command, refusal::Reason, reply, request},
        },
    },
};

/// What a node says only of a request that changed nothing and never will.
const DID_NOTHING: [Reason; 8] = [
    Reason::NotLeader,
    Reason::Overloaded,
    Reason::Dropped,
    Reason::SessionExpired,
    Reason::Invalid,
    Reason::Limit,
    Reason::Compacted,
    Reason::FutureRevision,
];

/// One input, as numbers that are read as one: so any list of them is a story, and any part of it.
type Input = (u8, u16, u16);

/// The core, and what is known of it from outside.
struct Trial {
    router: Router,
    now_us: u64,
    calls: u64,
    /// Requests to open a session: the attempt, and the session.
    openings: BTreeMap<u64, u64>,
    /// Links that are to be had, and whether their streams are open.
    links: BTreeMap<LinkId, bool>,
    /// Calls that wait for their answers.
    waiting: BTreeSet<CallId>,
    /// Every attempt that was sent, in order: its name, its link, and the number it bore.
    sent: Vec<(u64, LinkId, Option<Number>)>,
    /// Attempts that certainly did nothing.
    did_nothing: BTreeSet<u64>,
    numbers: BTreeMap<(u64, u64), CallId>,
}

impl Trial {
    fn new() -> Self {
        let mut ids = 1..;
        let session_ids = Box::new(move || ids.next().expect("they have no end"));
        let mut trial = Self {
            router: Router::new(None, ["a", "b", "c"], 3000, session_ids),
            now_us: 0,
            calls: 0,
            openings: BTreeMap::new(),
            links: BTreeMap::new(),
            waiting: BTreeSet::new(),
            sent: Vec::new(),
            did_nothing: BTreeSet::new(),
            numbers: BTreeMap::new(),
        };
        trial.check_effects();
        trial
    }

    fn input(&mut self, (kind, a, b): Input) {
        match kind % 16 {
            0..=3 => self.ask(a, b),
            4 => {
                let call = CallId::of_client(u64::from(a) % self.calls.max(1));
                self.waiting.remove(&call);
                self.router.cancel(call);
            }
            5 => {
                self.now_us += u64::from(b) * 10;
                self.router.set_time(self.now_us);
            }
            6 => self.stream(a, true),
            7 => self.stream(a, b % 4 != 0),
            8 | 9 => self.lead(a, b),
            10..=13 => self.reply_to_sent(a, b),
            14 => self.refuse_sent(a, b),
            _ => self.reply_at_random(a, b),
        }
        self.check_effects();
    }

    fn ask(&mut self, a: u16, b: u16) {
        let key = vec![b'k'].into();
        let operation = match a % 3 {
            0 => {
                Operation::Read(RangeRequest { key, serializable: b.is_multiple_of(2), ..Default::default() })
            }
            _ => Operation::Write(command::Operation::Put(PutRequest { key, ..Default::default() })),
        };
        let bytes = if a.is_multiple_of(5) { 1_000_000 + usize::from(b) * 10 } else { usize::from(b) % 4000 };
        let id = CallId::of_client(self.calls);
        self.calls += 1;
        self.waiting.insert(id);
        self.router.call(Call { id, operation, deadline_us: self.now_us + u64::from(b) * 100, bytes });
    }

    fn any_link(&self, a: u16) -> LinkId {
        LinkId(u64::from(a) % (self.links.len() as u64 + 2))
    }

    fn stream(&mut self, a: u16, up: bool) {
        let link = self.any_link(a);
        if let Some(is_up) = self.links.get_mut(&link) {
            *is_up = up;
        }
        match up {
            true => self.router.link_up(link),
            false => self.router.link_down(link, DownReason::Lost),
        }
    }

    fn lead(&mut self, a: u16, b: u16) {
        let link = self.any_link(a);
        let members = (1..=5u64).filter(|id| b >> id & 1 == 1).map(|id| (id, format!("m{id}"))).collect();
        let news = Leadership {
            node: 1 + u64::from(a) % 4,
            term: u64::from(b) / 4096,
            leader: (!b.is_multiple_of(3)).then_some(1 + u64::from(b) % 4),
            cluster: [Some(1), Some(1), Some(1), Some(2), None][usize::from(a) % 5],
            members,
            voters: Vec::new(),
            outgoing: Vec::new(),
        };
        self.router.leadership(link, news);
    }

    fn reply(&mut self, link: LinkId, id: u64, outcome: reply::Outcome) {
        if let reply::Outcome::Refusal(refusal) = &outcome
            && DID_NOTHING.contains(&refusal.reason())
            && self.sent.iter().any(|(sent, through, _)| (*sent, *through) == (id, link))
        {
            self.did_nothing.insert(id);
        }
        self.router.replies(link, [v1::Reply { id, outcome: Some(outcome) }]);
    }

    /// Mostly one of the latest attempts.
    fn any_sent(&self, a: u16) -> Option<(u64, LinkId)> {
        let back = usize::from(a) % self.sent.len().clamp(1, 20);
        self.sent.iter().rev().nth(back).map(|(id, link, _)| (*id, *link))
    }

    fn reply_to_sent(&mut self, a: u16, b: u16) {
        let Some((id, link)) = self.any_sent(a) else { return };
        // What did nothing is not answered as if it had.
        if self.did_nothing.contains(&id) {
            return;
        }
        let outcome = match b % 4 {
            0 => reply::Outcome::SessionOpened(self.openings.get(&id).copied().unwrap_or(b.into())),
            1 => reply::Outcome::Piece(vec![0; usize::from(a) % 1000].into()),
            _ => reply::Outcome::Put(Default::default()),
        };
        self.reply(link, id, outcome);
    }

    fn refuse_sent(&mut self, a: u16, b: u16) {
        let Some((id, link)) = self.any_sent(a) else { return };
        let refusal = v1::Refusal { reason: i32::from(b % 11), message: String::new() };
        self.reply(link, id, reply::Outcome::Refusal(refusal));
    }

    fn reply_at_random(&mut self, a: u16, b: u16) {
        let link = self.any_link(a);
        let refusal = v1::Refusal { reason: Reason::NotLeader.into(), message: String::new() };
        self.reply(link, u64::from(b) << 16 | u64::from(a), reply::Outcome::Refusal(refusal));
    }

    fn check_effects(&mut self) {
        let Effects { dial, hang_up, send, answer, .. } = self.router.effects();
        for (link, _) in dial {
            assert!(self.links.insert(link, false).is_none(), "{link} is dialled twice");
        }
        for link in hang_up {
            assert!(self.links.remove(&link).is_some(), "{link} is hung up and was not to be had");
        }
        for (call, _) in answer {
            assert!(self.waiting.remove(&call), "{call} is answered, and nobody waits for it");
        }
        for (link, request) in send {
            self.check_sent(link, request);
        }
        self.router.check_indexes();
    }

    fn check_sent(&mut self, link: LinkId, request: v1::Request) {
        assert_eq!(self.links.get(&link), Some(&true), "{link} has no stream");
        let (call, _) = from_wire_id(request.id);
        if let Some(request::Kind::Cancel(_)) = request.kind {
            let is_known = self.sent.iter().any(|(id, through, _)| (*id, *through) == (request.id, link));
            assert!(is_known, "an attempt of {call} is cancelled that was not sent");
            return;
        }
        assert!(self.sent.iter().all(|(id, ..)| *id != request.id), "an attempt of {call} is sent twice");
        let stamp = match request.kind {
            Some(request::Kind::Write(command)) => {
                if let Some(command::Operation::OpenSession(v1::OpenSession { id })) = command.operation {
                    self.check_opening(request.id, id);
                }
                command.stamp
            }
            _ => None,
        };
        let number = stamp.map(|stamp| Number { session: stamp.session, sequence: stamp.sequence });
        if let (Some(stamp), Some(number)) = (stamp, number) {
            assert!(self.waiting.contains(&call), "{call} is sent, and nobody waits for it");
            self.check_number(call, number);
            let awaited = self.numbers.iter().filter(|(_, call)| self.waiting.contains(call));
            for ((session, sequence), call) in awaited {
                let is_forgotten = *session == stamp.session && *sequence < stamp.acknowledged_below;
                let is_current =
                    self.number_of(*call) == Some(Number { session: *session, sequence: *sequence });
                assert!(!is_forgotten || !is_current, "the answer to {call} is forgotten while it waits");
            }
        }
        self.sent.push((request.id, link, number));
    }

    fn number_of(&self, call: CallId) -> Option<Number> {
        self.sent.iter().rev().find(|(id, ..)| from_wire_id(*id).0 == call).and_then(|(.., number)| *number)
    }

    /// A session keeps its id until it is open, and no other has it.
    fn check_opening(&mut self, attempt: u64, session: u64) {
        let call = from_wire_id(attempt).0;
        for (other, id) in &self.openings {
            let is_same = from_wire_id(*other).0 == call;
            assert_eq!(
                is_same,
                *id == session,
                "{call} opens {session}, an attempt of the same or another {id}"
            );
        }
        self.openings.insert(attempt, session);
    }

    fn check_number(&mut self, call: CallId, number: Number) {
        let earlier = self.sent.iter().filter(|(id, ..)| from_wire_id(*id).0 == call);
        for (id, _, bore) in earlier {
            assert!(
                *bore == Some(number) || self.did_nothing.contains(id),
                "{call} is sent as {number:?}, and an attempt as {bore:?} may have worked"
            );
        }
        let owner = *self.numbers.entry((number.session, number.sequence)).or_insert(call);
        assert_eq!(owner, call, "{number:?} is used twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn every_call_has_one_answer_whatever_comes(inputs in prop::collection::vec(any::<Input>(), 1..300)) {
        let mut trial = Trial::new();
        for input in inputs {
            trial.input(input);
        }
        trial.now_us += 10_000_000;
        trial.router.set_time(trial.now_us);
        trial.check_effects();
        prop_assert!(trial.waiting.is_empty(), "{:?} wait for ever", trial.waiting);
    }
}
