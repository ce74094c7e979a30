//! The arithmetic of majorities, plain and joint. Pure leaves: they know sets and numbers, no roles.

use std::collections::BTreeSet;

use super::{Configuration, NodeId};

/// The smallest number that is more than half.
pub(super) fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// Where a ballot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tally {
    Won,
    Lost,
    Open,
}

/// Whether enough members satisfy a condition: a majority of each half of the configuration (section 6).
pub(super) fn is_quorum(configuration: &Configuration, agrees: impl Fn(NodeId) -> bool) -> bool {
    halves(configuration).all(|half| is_majority(half, &agrees))
}

/// Whether more than half of these nodes satisfy a condition.
pub(super) fn is_majority(half: &BTreeSet<NodeId>, agrees: impl Fn(NodeId) -> bool) -> bool {
    half.iter().filter(|&&id| agrees(id)).count() >= majority(half.len())
}

/// Counts a ballot. `vote` tells how a member voted, if it did.
pub(super) fn tally(configuration: &Configuration, vote: impl Fn(NodeId) -> Option<bool>) -> Tally {
    if is_quorum(configuration, |id| vote(id) == Some(true)) {
        return Tally::Won;
    }
    match is_quorum(configuration, |id| vote(id) != Some(false)) {
        true => Tally::Open,
        false => Tally::Lost,
    }
}

/// The highest value that a quorum has reached, given the one that each member has: the index that is committed, for
/// one (section 5.3).
pub(super) fn quorum_value(configuration: &Configuration, reached: impl Fn(NodeId) -> u64) -> u64 {
    halves(configuration).map(|half| majority_value(half, &reached)).min().unwrap_or(0)
}

fn majority_value(half: &BTreeSet<NodeId>, reached: &impl Fn(NodeId) -> u64) -> u64 {
    let mut held: Vec<u64> = half.iter().map(|&id| reached(id)).collect();
    held.sort_unstable_by(|a, b| b.cmp(a));
    held[majority(half.len()) - 1]
}

/// The sets that must each agree. An empty half does not count; a configuration without voters has no quorum of
/// anything, so its one (empty) half is kept.
fn halves(configuration: &Configuration) -> impl Iterator<Item = &BTreeSet<NodeId>> {
    assert!(!configuration.voters.is_empty(), "a configuration has voters");
    [&configuration.voters, &configuration.outgoing].into_iter().filter(|half| !half.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joint(voters: &[NodeId], outgoing: &[NodeId]) -> Configuration {
        Configuration {
            outgoing: outgoing.iter().copied().collect(),
            ..Configuration::of(voters.iter().copied())
        }
    }

    #[test]
    fn an_even_cluster_needs_more_than_half() {
        let four = joint(&[1, 2, 3, 4], &[]);
        assert!(!is_quorum(&four, |id| id <= 2));
        assert!(is_quorum(&four, |id| id <= 3));
        assert_eq!(quorum_value(&four, |id| if id <= 2 { 9 } else { 3 }), 3);
    }

    #[test]
    fn a_joint_configuration_needs_both_halves() {
        let configuration = joint(&[1], &[1, 2, 3]);
        assert_eq!(quorum_value(&configuration, |id| if id == 1 { 5 } else { 2 }), 2);
        assert!(!is_quorum(&configuration, |id| id == 1));
        assert!(!is_quorum(&configuration, |id| id != 1));
        assert!(is_quorum(&configuration, |id| id != 3));
    }

    #[test]
    fn a_ballot_is_lost_as_soon_as_it_cannot_be_won() {
        let three = joint(&[1, 2, 3], &[]);
        assert_eq!(tally(&three, |id| (id == 1).then_some(true)), Tally::Open);
        assert_eq!(tally(&three, |id| Some(id == 1)), Tally::Lost);
        assert_eq!(tally(&three, |id| (id != 3).then_some(true)), Tally::Won);
    }
}
