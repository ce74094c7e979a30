//! Why there is no leader, as far as it can be seen from who answers.

use super::NodeId;

/// In words, that those who answer are no majority of the voters; `None` if they are one. While a change of members is joint there are
/// outgoing voters too, and a leader needs a majority of both.
pub(crate) fn lacking(
    voters: &[NodeId],
    outgoing: &[NodeId],
    answers: impl Fn(NodeId) -> bool,
) -> Option<String> {
    let halves = || [voters, outgoing].into_iter().filter(|half| !half.is_empty());
    let is_majority = |half: &[NodeId]| 2 * half.iter().filter(|id| answers(**id)).count() > half.len();
    if halves().all(is_majority) {
        return None;
    }
    let mut silent: Vec<NodeId> = halves().flatten().copied().filter(|id| !answers(*id)).collect();
    silent.sort_unstable();
    silent.dedup();
    let silent = match silent[..] {
        [one] => format!("node {one} does not answer"),
        _ => format!("nodes {} do not answer", listed(&silent)),
    };
    Some(match outgoing {
        [] => format!("a leader needs a majority of the voters {}, and {silent}", listed(voters)),
        _ => format!(
            "the members are being changed, and a leader needs a majority of the new voters {} and one of the old ones {}: {silent}",
            listed(voters),
            listed(outgoing)
        ),
    })
}

fn listed(ids: &[NodeId]) -> String {
    ids.iter().map(NodeId::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_counted_in_each_half() {
        let of = |voters: &[NodeId], outgoing: &[NodeId], up: &[NodeId]| {
            lacking(voters, outgoing, |id| up.contains(&id))
        };
        assert_eq!(of(&[1, 2, 3], &[], &[2, 3]), None);
        let one = of(&[1, 2, 3], &[], &[2]).expect("one of three");
        assert_eq!(one, "a leader needs a majority of the voters 1, 2, 3, and nodes 1, 3 do not answer");
        let joint = of(&[1, 4], &[1, 2, 4], &[2, 4]).expect("one of two");
        assert_eq!(
            joint,
            "the members are being changed, and a leader needs a majority of the new voters 1, 4 and one of the old ones 1, 2, 4: \
             node 1 does not answer"
        );
        assert_eq!(of(&[], &[], &[]), None, "nothing is known");
    }
}
