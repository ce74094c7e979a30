//! `conclave status`.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde_json::json;

use crate::{
    client::Client,
    wire::{
        lacking,
        pb::v1::{NodeStatus, StatusResponse, node_status::Role},
    },
};

pub(super) const EXAMPLES: &str = "\
EXAMPLES
  conclave status
  conclave status --endpoints 10.0.0.5:2379 --json
  conclave status --watch           every second, with rates, until Ctrl+C
  conclave status --watch 5s --json an object a line, every five seconds";

/// Show how every node is and which one leads
///
/// The proxy asks each node; one that does not answer in time is shown as unreachable.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<String> {
        let status = client.status().await?;
        Ok(if self.json { format!("{:#}\n", as_json(&status)) } else { as_table(&status) })
    }
}

/// The id of the leader, if a node that can be reached says it leads.
pub(super) fn leader(status: &StatusResponse) -> Option<u64> {
    leading(status).map(|node| node.id)
}

/// What the leader says of itself, if a node that can be reached says it leads.
pub(super) fn leading(status: &StatusResponse) -> Option<&NodeStatus> {
    let leads = |node: &&NodeStatus| node.reachable && node.role() == Role::Leader;
    status.nodes.iter().filter(leads).max_by_key(|node| node.term)
}

/// The cluster's name and, once it is known, its id.
pub(super) fn cluster(status: &StatusResponse) -> String {
    match cluster_id(status) {
        Some(id) => format!("{} (id {id})", status.cluster),
        None => status.cluster.clone(),
    }
}

/// Written as error messages write it.
pub(super) fn cluster_id(status: &StatusResponse) -> Option<String> {
    (status.cluster_id != 0).then(|| format!("{:016x}", status.cluster_id))
}

const COLUMNS: [&str; 10] =
    ["node", "address", "role", "term", "commit", "applied", "leader", "revision", "priority", "reachable"];

pub(super) fn as_table(status: &StatusResponse) -> String {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        // Wrapped cells would break tools that read the table line by line.
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(COLUMNS);
    for node in &status.nodes {
        table.add_row(row(node));
    }
    let why = no_leader(status).map_or(String::new(), |why| format!("no leader: {why}\n"));
    format!("{}{table}\n{why}", headline(status))
}

/// Why nobody leads, if that is because too few voters answer: by the configuration of the node that knows most. `None` also if the
/// proxy alone does not reach a leader that a node of the latest term follows.
fn no_leader(status: &StatusResponse) -> Option<String> {
    if leader(status).is_some() {
        return None;
    }
    let reachable = || status.nodes.iter().filter(|node| node.reachable);
    let latest = reachable().max_by_key(|node| (node.term, node.last_index))?;
    if reachable().any(|node| node.term == latest.term && node.leader != 0) {
        return None;
    }
    let configuration = latest.configuration.as_ref()?;
    let answers = |id| reachable().any(|node| node.id == id);
    lacking(&configuration.voters, &configuration.outgoing, answers)
}

fn headline(status: &StatusResponse) -> String {
    match &status.proxy {
        Some(proxy) => format!(
            "cluster {}, through the proxy at {} ({} requests waiting)\n",
            cluster(status),
            proxy.address,
            proxy.outstanding
        ),
        None => format!("cluster {}\n", cluster(status)),
    }
}

fn row(node: &NodeStatus) -> [String; 10] {
    const NOTHING: &str = "-";
    let known = |value: String| if node.reachable { value } else { NOTHING.to_owned() };
    [
        // A node that was never reached has not told its number.
        if node.id == 0 { NOTHING.to_owned() } else { node.id.to_string() },
        node.address.clone(),
        known(role_name(node.role()).to_owned()),
        known(node.term.to_string()),
        known(node.commit_index.to_string()),
        known(node.applied_index.to_string()),
        known(if node.leader == 0 { "none".to_owned() } else { node.leader.to_string() }),
        known(node.revision.to_string()),
        known(node.priority.to_string()),
        if node.reachable { "yes" } else { "no" }.to_owned(),
    ]
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Unknown => "unknown",
        Role::Follower => "follower",
        Role::PreCandidate => "pre-candidate",
        Role::Candidate => "candidate",
        Role::Leader => "leader",
        Role::Learner => "learner",
    }
}

pub(super) fn as_json(status: &StatusResponse) -> serde_json::Value {
    let nodes: Vec<_> = status.nodes.iter().map(node_as_json).collect();
    let proxy = status.proxy.as_ref().map(|proxy| {
        json!({ "address": proxy.address, "session": proxy.session, "outstanding": proxy.outstanding })
    });
    json!({
        "cluster": status.cluster,
        "cluster_id": cluster_id(status),
        "leader": leader(status),
        "no_leader_because": no_leader(status),
        "nodes": nodes,
        "proxy": proxy,
    })
}

fn node_as_json(node: &NodeStatus) -> serde_json::Value {
    let refused: BTreeMap<&str, u64> =
        node.refused.iter().map(|refused| (refused.kind.as_str(), refused.count)).collect();
    let scrubbed = (node.scrubbed_at_ms != 0)
        .then(|| json!({ "at_unix_ms": node.scrubbed_at_ms, "records": node.scrubbed_records }));
    json!({
        "node": (node.id != 0).then_some(node.id),
        "address": node.address,
        "reachable": node.reachable,
        "role": role_name(node.role()),
        "term": node.term,
        "leader": (node.leader != 0).then_some(node.leader),
        "compacted": node.compacted_index,
        "last": node.last_index,
        "commit": node.commit_index,
        "applied": node.applied_index,
        "state_hash": format!("{:016x}", node.state_hash),
        "revision": node.revision,
        "compacted_revision": node.compacted_revision,
        "state_bytes": node.state_bytes,
        "out_of_space": node.out_of_space,
        "priority": node.priority,
        "refused": refused,
        "scrubbed": scrubbed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::Configuration;

    fn example() -> StatusResponse {
        let leader = NodeStatus {
            id: 1,
            address: "10.0.0.1:23801".into(),
            reachable: true,
            role: Role::Leader.into(),
            term: 4,
            leader: 1,
            commit_index: 20,
            applied_index: 19,
            revision: 18,
            priority: 7,
            ..NodeStatus::default()
        };
        let lost = NodeStatus {
            id: 2,
            address: "10.0.0.2:23801".into(),
            role: Role::Leader.into(),
            term: 9,
            ..NodeStatus::default()
        };
        StatusResponse { cluster: "test".into(), nodes: vec![leader, lost], ..StatusResponse::default() }
    }

    fn words(line: &str) -> Vec<&str> {
        line.split_whitespace().collect()
    }

    #[test]
    fn the_table_has_a_row_for_every_node() {
        let table = as_table(&example());
        let rows: Vec<_> = table.lines().map(words).filter(|words| words.len() == COLUMNS.len()).collect();
        assert_eq!(rows[0], COLUMNS);
        assert_eq!(rows[1], ["1", "10.0.0.1:23801", "leader", "4", "20", "19", "1", "18", "7", "yes"]);
    }

    #[test]
    fn nothing_is_claimed_of_an_unreachable_node() {
        let table = as_table(&example());
        let lost = table.lines().find(|line| line.contains("10.0.0.2")).expect("it has a row");
        assert_eq!(words(lost), ["2", "10.0.0.2:23801", "-", "-", "-", "-", "-", "-", "-", "no"]);
        assert_eq!(leader(&example()), Some(1));
    }

    #[test]
    fn without_a_leader_there_is_none() {
        let nodes =
            vec![NodeStatus { id: 1, reachable: true, role: Role::Follower.into(), ..NodeStatus::default() }];
        let status = StatusResponse { nodes, ..StatusResponse::default() };
        assert_eq!(leader(&status), None);
        assert!(as_table(&status).contains("none"));
        assert!(as_json(&status)["leader"].is_null());
    }

    /// Of three nodes only the second is reached, which names this leader.
    fn cut_off_from_all_but_one(leader: u64) -> StatusResponse {
        let follower = NodeStatus {
            id: 2,
            reachable: true,
            role: Role::Follower.into(),
            term: 4,
            leader,
            configuration: Some(Configuration { voters: vec![1, 2, 3], ..Configuration::default() }),
            ..NodeStatus::default()
        };
        let lost = |id| NodeStatus { id, ..NodeStatus::default() };
        StatusResponse { nodes: vec![lost(1), follower, lost(3)], ..StatusResponse::default() }
    }

    #[test]
    fn a_leader_that_this_proxy_alone_does_not_reach_is_not_denied() {
        let status = cut_off_from_all_but_one(3);
        assert!(!as_table(&status).contains("no leader:"), "{}", as_table(&status));
        let json = as_json(&status);
        assert!(json["no_leader_because"].is_null(), "{json}");
        assert_eq!(json["nodes"][1]["leader"], 3);

        let status = cut_off_from_all_but_one(0);
        assert!(as_table(&status).contains("nodes 1, 3 do not answer"), "{}", as_table(&status));
        // Who led in an earlier term leads no more.
        let mut status = cut_off_from_all_but_one(3);
        let voters = vec![1, 2, 3, 4, 5];
        let configuration = Some(Configuration { voters, ..Configuration::default() });
        status.nodes[0] = NodeStatus { id: 1, term: 5, leader: 0, configuration, ..status.nodes[1].clone() };
        assert!(as_json(&status)["no_leader_because"].is_string());
    }

    #[test]
    fn what_a_change_of_members_waits_for_is_told() {
        let node = |id, reachable| NodeStatus {
            id,
            reachable,
            role: Role::PreCandidate.into(),
            configuration: Some(Configuration {
                voters: vec![1, 4],
                outgoing: vec![1, 2, 4],
                ..Configuration::default()
            }),
            ..NodeStatus::default()
        };
        let nodes = vec![node(1, false), node(2, true), node(4, true)];
        let status = StatusResponse { nodes, ..StatusResponse::default() };
        let expected =
            "the members are being changed, and a leader needs a majority of the new voters 1, 4 and";
        let last = as_table(&status).lines().last().expect("a line").to_owned();
        assert!(last.starts_with(&format!("no leader: {expected}")), "{last}");
        assert!(as_json(&status)["no_leader_because"].as_str().is_some_and(|why| why.starts_with(expected)));
    }
}
