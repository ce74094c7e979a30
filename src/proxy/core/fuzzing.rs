//! Answers of a hostile node, or of what listens where a node was.

use super::{Call, CallId, Effects, LinkId, Operation, Router};
use crate::wire::pb::{
    etcdserverpb::{PutRequest, RangeRequest},
    v1::{self, command},
};

const CALLS: u64 = 12;

/// Batches of answers over three links in turn. Every call has its one answer in the end.
///
/// # Panics
/// A call has no answer, or two.
pub(crate) fn replies(batches: Vec<v1::ReplyBatch>) {
    let session_ids = Box::new(|| 7);
    let mut router = Router::new(None, ["a", "b", "c"], 3000, session_ids);
    let mut answered = [0; CALLS as usize];
    let mut links: Vec<LinkId> = router.effects().dial.into_iter().map(|(link, _)| link).collect();
    links.iter().for_each(|&link| router.link_up(link));
    for number in 0..CALLS {
        let key = vec![b'k'].into();
        let operation = match number % 3 {
            0 => Operation::Read(RangeRequest { key, serializable: number % 2 == 0, ..Default::default() }),
            _ => Operation::Write(command::Operation::Put(PutRequest { key, ..Default::default() })),
        };
        router.call(Call { id: CallId::of_client(number), operation, deadline_us: 1_000_000, bytes: 100 });
    }
    let mut carry_out = |router: &mut Router, links: &mut Vec<LinkId>| {
        let Effects { dial, hang_up, answer, .. } = router.effects();
        links.retain(|link| !hang_up.contains(link));
        for (link, _) in dial {
            router.link_up(link);
            links.push(link);
        }
        for (call, _) in answer {
            let at = (0..CALLS).position(|number| CallId::of_client(number) == call);
            answered[at.expect("it was asked")] += 1;
        }
    };
    carry_out(&mut router, &mut links);
    for (turn, batch) in batches.into_iter().enumerate() {
        let Some(&link) = links.get(turn % links.len().max(1)) else { break };
        if let Some(leadership) = batch.leadership {
            router.leadership(link, leadership.into());
        }
        router.replies(link, batch.replies);
        router.set_time(turn as u64 * 5_000);
        carry_out(&mut router, &mut links);
    }
    router.set_time(2_000_000);
    carry_out(&mut router, &mut links);
    assert!(answered.iter().all(|&count| count == 1), "each call has one answer: {answered:?}");
}
