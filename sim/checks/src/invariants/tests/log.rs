//! One log against another, and against its disk.

use super::{
    Cluster, Story, Version,
    cluster::{append, at},
    node::{command, entry, node},
};

pub(super) const LOG_MATCHING: &[Story] = &[
    Story { nodes: &[2], term: 1, history: a_node_writes_what_another_has_in_that_place },
    Story { nodes: &[2], term: 2, history: a_node_writes_an_entry_after_another_term },
    Story { nodes: &[2], term: 1, history: a_node_comes_up_with_what_another_has_in_that_place },
];

fn a_node_writes_what_another_has_in_that_place(cluster: &Cluster, version: Version) {
    cluster.boots(&node(1).term(1).log(&[1, 1]));
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![version.of(command(2, 1), entry(2, 1))], 0));
    cluster.steps(&mut core);
}

fn a_node_writes_an_entry_after_another_term(cluster: &Cluster, version: Version) {
    cluster.boots(&node(1).term(2).log(&[1, 1, 2]));
    let term = version.of(2, 1);
    let mut core = cluster.boots(&node(2).term(2).log(&[1, term]));
    core.step(append(1, 2, at(2, term), vec![entry(3, 2)], 0));
    cluster.steps(&mut core);
}

fn a_node_comes_up_with_what_another_has_in_that_place(cluster: &Cluster, version: Version) {
    cluster.boots(&node(1).term(1).log(&[1, 1]));
    cluster.boots(&node(2).term(1).entries(vec![entry(1, 1), version.of(command(2, 1), entry(2, 1))]));
}

pub(super) const WRITES_FORM_THE_LOG: &[Story] = &[
    Story { nodes: &[2], term: 1, history: an_entry_is_appended_and_perhaps_not_written },
    Story { nodes: &[2], term: 1, history: the_first_of_two_entries_is_perhaps_not_written },
];

fn an_entry_is_appended_and_perhaps_not_written(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![entry(2, 1)], 0));
    let mut effects = core.effects();
    effects.persist = version.of(None, effects.persist.take());
    cluster.oracle.stepped(&core, &effects);
}

fn the_first_of_two_entries_is_perhaps_not_written(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![entry(2, 1), entry(3, 1)], 0));
    let mut effects = core.effects();
    let write = effects.persist.as_mut().expect("two entries");
    drop(write.entries.drain(..version.of(1, 0)));
    cluster.oracle.stepped(&core, &effects);
}

pub(super) const DURABLE_IS_ON_DISK: &[Story] =
    &[Story { nodes: &[2], term: 1, history: a_core_hears_that_its_write_is_done }];

fn a_core_hears_that_its_write_is_done(cluster: &Cluster, version: Version) {
    let mut core = cluster.boots(&node(2).term(1).log(&[1]));
    core.step(append(1, 2, at(1, 1), vec![entry(2, 1)], 0));
    let write = cluster.steps(&mut core).persist.expect("an entry");
    if !version.is_broken() {
        cluster.stores(2, &write);
    }
    core.persisted(write.ticket);
    cluster.steps(&mut core);
}
