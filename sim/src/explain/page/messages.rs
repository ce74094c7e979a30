//! The messages between nodes in columns, in the order in which they left.

use serde::Serialize;

use super::{lanes::Lanes, words::Words};
use crate::trace::{MessageKind, Sent};

#[derive(Debug, Default, Serialize)]
pub(super) struct Messages {
    from: Vec<usize>,
    to: Vec<usize>,
    sent: Vec<u64>,
    /// How long each took; -1: it never arrived.
    took: Vec<i64>,
    kind: Vec<usize>,
    term: Vec<u64>,
    words: Vec<usize>,
    /// Those that arrived before, by their places here.
    copies: Vec<usize>,
}

pub(super) fn messages(messages: &[Sent], lanes: &Lanes, table: &mut Words) -> Messages {
    let mut in_order: Vec<&Sent> = messages.iter().collect();
    in_order.sort_by_key(|sent| sent.sent_ns);
    let mut columns = Messages::default();
    for sent in in_order {
        let (Some(from), Some(to)) = (lanes.node(sent.from), lanes.node(sent.to)) else { continue };
        if sent.is_copy {
            columns.copies.push(columns.from.len());
        }
        columns.from.push(from);
        columns.to.push(to);
        columns.sent.push(sent.sent_ns);
        columns.took.push(sent.arrived_ns.map_or(-1, |arrived| arrived.saturating_sub(sent.sent_ns) as i64));
        let kind = MessageKind::ALL.iter().position(|(kind, _)| *kind == sent.kind);
        columns.kind.push(kind.expect("all kinds are listed"));
        columns.term.push(sent.term);
        columns.words.push(table.place(&*sent.words));
    }
    columns
}
