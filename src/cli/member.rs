//! `conclave member`.

use std::{collections::BTreeSet, time::Duration};

use anyhow::bail;
use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde_json::json;

use super::{
    connection::{Connection, parse_span},
    node::Peer,
    status,
};
use crate::{
    client::is_passing,
    wire::pb::v1::{
        ChangeMembersRequest, Configuration, MemberAddress, NewMember, NodeStatus, StatusResponse,
    },
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave member list
  conclave member add 4=10.0.0.4:23801                       it votes once it has learnt the log
      (on its machine: conclave node --join --id 4 --listen 0.0.0.0:23801 --data-dir DIR)
  conclave member add 4=10.0.0.4:23801 5=10.0.0.5:23801      two at once
  conclave member add --learner 6=10.0.0.6:23801             it never votes, until it is promoted
  conclave member promote 6
  conclave member remove 4 5
  conclave member move 3=10.0.1.3:23801                      it is reached elsewhere from now on
  conclave member replace 3 7=10.0.0.7:23801                 a dead node by a new one, in one step

A number is never used again: a node that was removed comes back under a new one, with an empty
--data-dir.";

/// Change who belongs to the cluster, or list who does
///
/// Any number of nodes may come and go in one change (joint consensus), and clients notice nothing of it. A command
/// returns when its change is done; given again, it goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the members, and how far each one is
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Add nodes; they vote as soon as they have caught up
    ///
    /// A node that turns out not to be there is taken back by 'conclave member remove'. A member that has moved is not
    /// added again: see 'conclave member move'.
    Add {
        /// The new nodes, as the others reach them
        #[arg(value_name = "N=HOST:PORT", required = true)]
        nodes: Vec<Peer>,
        /// They receive the log and have no say
        #[arg(long)]
        learner: bool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Remove nodes, for ever
    Remove {
        /// Which
        #[arg(value_name = "N", required = true)]
        nodes: Vec<u64>,
        #[command(flatten)]
        patience: Patience,
    },
    /// Let learners vote, as soon as they have caught up
    Promote {
        /// Which
        #[arg(value_name = "N", required = true)]
        nodes: Vec<u64>,
        #[command(flatten)]
        patience: Patience,
    },
    /// Say where members are reached from now on
    ///
    /// For a node that comes up with its data at another address, before or after it does: the other nodes dial it
    /// there as soon as the leader has stored the change, and so do the proxies. Move one node at a time, and start it at
    /// its new address before the next one moves: a node that nobody reaches counts as a failed one. When all addresses
    /// have changed at once nobody finds a leader to tell: start every node with --peers (all new addresses) and
    /// --peers-override, then give this command for all of them, and start them without it next time.
    Move {
        /// The members, as the others reach them
        #[arg(value_name = "N=HOST:PORT", required = true)]
        nodes: Vec<Peer>,
        #[command(flatten)]
        patience: Patience,
    },
    /// Put a new node in the place of another, in one step
    Replace {
        /// The node that goes, for ever
        #[arg(value_name = "OLD")]
        old: u64,
        /// The node that comes
        #[arg(value_name = "N=HOST:PORT")]
        new: Peer,
        #[command(flatten)]
        patience: Patience,
    },
}

#[derive(Debug, clap::Args)]
struct Patience {
    /// How long to wait for the change to be done, like 30s or 5m [default: --timeout if that is given, else 60s]
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    wait: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
}

/// How long a change may take when nobody says otherwise: a new node learns a log of some hundred MiB.
const WAIT: Duration = Duration::from_secs(60);

impl Patience {
    /// Whoever says how long a request may take does not want to wait longer for what an earlier change holds up.
    fn wait(&self) -> Duration {
        self.wait.or(self.connection.timeout).unwrap_or(WAIT)
    }
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        match self.action {
            Action::List { json, connection } => {
                let status = connection.client()?.status().await?;
                Ok(if json { format!("{:#}\n", as_json(&status)) } else { as_table(&status) })
            }
            Action::Add { nodes, learner, patience } => {
                let add = nodes.iter().map(|node| new_member(node, learner)).collect();
                change(ChangeMembersRequest { add, ..Default::default() }, patience).await
            }
            Action::Remove { nodes, patience } => {
                change(ChangeMembersRequest { remove: nodes, ..Default::default() }, patience).await
            }
            Action::Promote { nodes, patience } => {
                change(ChangeMembersRequest { promote: nodes, ..Default::default() }, patience).await
            }
            Action::Move { nodes, patience } => {
                let address =
                    |Peer { id, address }: &Peer| MemberAddress { id: *id, address: address.to_string() };
                let move_to = nodes.iter().map(address).collect();
                change(ChangeMembersRequest { move_to, ..Default::default() }, patience).await
            }
            Action::Replace { old, new, patience } => {
                let add = vec![new_member(&new, false)];
                change(ChangeMembersRequest { add, remove: vec![old], ..Default::default() }, patience).await
            }
        }
    }
}

fn new_member(Peer { id, address }: &Peer, learner: bool) -> NewMember {
    NewMember { id: *id, address: address.to_string(), learner }
}

/// How often it is asked whether a change is done.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Asks for a change until it is done, and shows what it waits for.
async fn change(request: ChangeMembersRequest, patience: Patience) -> anyhow::Result<String> {
    let client = patience.connection.client()?;
    let began = tokio::time::Instant::now();
    let mut shown = String::new();
    loop {
        let waits_for = match client.change_members(request.clone()).await {
            Ok(answer) if answer.done => break,
            Ok(answer) => answer.waits_for,
            Err(error) if is_passing(error.code) => error.message,
            Err(error) => return Err(error.into()),
        };
        if began.elapsed() > patience.wait() {
            bail!(
                "not done after {:?}: {waits_for}; what has begun goes on: give the command again to see how it ends",
                patience.wait()
            );
        }
        if waits_for != shown {
            eprintln!("{waits_for}");
            shown = waits_for;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    // It is done, whether the members can be listed or not.
    Ok(match client.status().await {
        Ok(status) => as_table(&status),
        Err(error) => format!("done; 'conclave member list' shows the members (not now: {error})\n"),
    })
}

/// The node whose word on the members counts: the leader, or else whoever has seen the latest term.
fn witness(status: &StatusResponse) -> Option<&NodeStatus> {
    let leader = status::leader(status);
    let reachable = || status.nodes.iter().filter(|node| node.reachable);
    reachable().find(|node| Some(node.id) == leader).or_else(|| reachable().max_by_key(|node| node.term))
}

/// A member as the list shows it.
struct Row {
    id: u64,
    address: String,
    membership: &'static str,
    state: String,
}

fn rows(status: &StatusResponse) -> Vec<Row> {
    let Some(witness) = witness(status) else { return Vec::new() };
    let configuration = witness.configuration.clone().unwrap_or_default();
    let members: BTreeSet<u64> = [&configuration.voters, &configuration.outgoing, &configuration.learners]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    members
        .into_iter()
        .map(|id| Row {
            id,
            address: address(&configuration, id),
            membership: membership(&configuration, id),
            state: state(witness, status, id),
        })
        .collect()
}

fn address(configuration: &Configuration, id: u64) -> String {
    let found = configuration.addresses.iter().find(|member| member.id == id);
    found.map(|member| member.address.clone()).unwrap_or_default()
}

fn membership(configuration: &Configuration, id: u64) -> &'static str {
    let Configuration { voters, outgoing, wanted, .. } = configuration;
    let stays = if wanted.is_empty() { voters } else { wanted };
    match (voters.contains(&id) || outgoing.contains(&id), stays.contains(&id)) {
        (true, true) => "voter",
        (true, false) => "voter, leaving",
        (false, true) => "learner, will vote",
        (false, false) => "learner",
    }
}

/// How a member does, as the leader sees it.
fn state(witness: &NodeStatus, status: &StatusResponse, id: u64) -> String {
    let leader = status::leader(status);
    if leader == Some(id) {
        return "leads".to_owned();
    }
    let peer = witness.peers.iter().find(|peer| peer.id == id);
    match peer {
        None if leader.is_none() => "no leader knows".to_owned(),
        None => "unknown".to_owned(),
        Some(peer) if !peer.active => "does not answer".to_owned(),
        Some(peer) if peer.receives_snapshot => "receives a snapshot".to_owned(),
        Some(peer) => match witness.commit_index.saturating_sub(peer.matched_index) {
            0 => "up to date".to_owned(),
            behind => format!("{behind} entries behind"),
        },
    }
}

fn as_table(status: &StatusResponse) -> String {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(["node", "address", "member", "state"]);
    for Row { id, address, membership, state } in rows(status) {
        table.add_row([id.to_string(), address, membership.to_owned(), state]);
    }
    format!("cluster {}\n{table}\n", status::cluster(status))
}

fn as_json(status: &StatusResponse) -> serde_json::Value {
    let members: Vec<_> = rows(status)
        .into_iter()
        .map(|row| json!({ "node": row.id, "address": row.address, "member": row.membership, "state": row.state }))
        .collect();
    let gone = witness(status).and_then(|witness| witness.configuration.clone()).unwrap_or_default().gone;
    json!({
        "cluster": status.cluster,
        "cluster_id": status::cluster_id(status),
        "leader": status::leader(status),
        "members": members,
        "gone": gone,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::{PeerStatus, node_status::Role};

    fn example() -> StatusResponse {
        let peer = |id, matched_index, active, receives_snapshot| PeerStatus {
            id,
            matched_index,
            active,
            receives_snapshot,
            ..PeerStatus::default()
        };
        let leader = NodeStatus {
            id: 1,
            reachable: true,
            role: Role::Leader.into(),
            term: 4,
            commit_index: 20,
            configuration: Some(Configuration {
                voters: vec![1, 2, 3],
                learners: vec![4, 5],
                wanted: vec![1, 2, 4],
                addresses: (1..=5).map(|id| MemberAddress { id, address: format!("host-{id}:1") }).collect(),
                ..Configuration::default()
            }),
            peers: vec![
                peer(2, 20, true, false),
                peer(3, 0, false, false),
                peer(4, 13, true, false),
                peer(5, 0, true, true),
            ],
            ..NodeStatus::default()
        };
        StatusResponse { cluster: "test".into(), nodes: vec![leader], ..StatusResponse::default() }
    }

    #[test]
    fn the_list_tells_who_belongs_and_how_far_each_one_is() {
        let rows = rows(&example());
        let shown: Vec<_> = rows.iter().map(|row| (row.id, row.membership, row.state.as_str())).collect();
        assert_eq!(
            shown,
            [
                (1, "voter", "leads"),
                (2, "voter", "up to date"),
                (3, "voter, leaving", "does not answer"),
                (4, "learner, will vote", "7 entries behind"),
                (5, "learner", "receives a snapshot"),
            ]
        );
        assert_eq!(rows[3].address, "host-4:1");
    }
}
