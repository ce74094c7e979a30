//! `conclave status --watch`: the table again and again, with what changes between one time and the next.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
    time::Duration,
};

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{
    connection::parse_span,
    output::{describe, is_read, print, tell},
    status::{self, as_json, as_table, leading},
    stop,
};
use crate::{client::Client, wire::pb::v1::StatusResponse};

/// Home, and clear what follows: a screen that is cleared first flickers.
const HOME: &str = "\x1b[H";
const CLEAR_BELOW: &str = "\x1b[J";
const CLEAR_SCREEN: &str = "\x1b[2J";
const CLEAR_LINE_END: &str = "\x1b[K\n";

/// Show how every node is and which one leads
///
/// The proxy asks each node; one that does not answer in time is shown as unreachable.
#[derive(Debug, clap::Args)]
#[command(after_help = status::EXAMPLES)]
#[group(id = "watched_status")]
pub(super) struct Args {
    #[command(flatten)]
    status: status::Args,
    /// Show it again after TIME, like 5s or 1m (1s if none is named), with rates, until Ctrl+C: in place on a terminal
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "1s", value_parser = parse_span)]
    watch: Option<Duration>,
}

impl Args {
    pub(super) async fn run(&self, client: &Client) -> anyhow::Result<ExitCode> {
        match self.watch {
            Some(interval) => watch(client, interval, self.status.json).await,
            None => print(&self.status.run(client).await?),
        }
    }
}

/// Shows the status every `interval` until Ctrl+C: in place on a terminal, one below the other elsewhere.
async fn watch(client: &Client, interval: Duration, is_json: bool) -> anyhow::Result<ExitCode> {
    let signalled = stop::signalled()?;
    let is_terminal = stdout().is_terminal() && !is_json;
    if is_terminal {
        tell(CLEAR_SCREEN);
    }
    tokio::select! { biased;
        () = signalled => Ok(ExitCode::SUCCESS),
        shown = show(client, interval, is_json, is_terminal) => shown.map(|()| ExitCode::SUCCESS),
    }
}

/// Ends when nobody reads it any more.
async fn show(client: &Client, interval: Duration, is_json: bool, is_terminal: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut changes = Changes::default();
    loop {
        // A cluster that does not answer for a while is what one watches for.
        let text = match client.status().await {
            Ok(status) if is_json => format!("{}\n", as_json(&status)),
            Ok(status) => {
                let line = changes.line(&status, started.elapsed());
                format!("{}{line}\n", as_table(&status))
            }
            Err(error) if is_json => format!("{}\n", json!({ "error": describe(&error.into()) })),
            Err(error) => format!("{}\n", describe(&error.into())),
        };
        let screen = match is_terminal {
            true => format!("{HOME}{}{CLEAR_BELOW}", text.replace('\n', CLEAR_LINE_END)),
            false => text,
        };
        if !is_read(&screen)? {
            return Ok(());
        }
        sleep(interval).await;
    }
}

/// What has changed since the last look, and since the first.
#[derive(Debug, Default)]
struct Changes {
    before: Option<(Duration, u64)>,
    led: Option<(u64, u64)>,
    leader_changes: u64,
    first_term: Option<u64>,
}

impl Changes {
    /// One line about it. `at` is the time since the first look.
    fn line(&mut self, status: &StatusResponse, at: Duration) -> String {
        let reachable = || status.nodes.iter().filter(|node| node.reachable);
        let term = reachable().map(|node| node.term).max().unwrap_or_default();
        let commit = reachable().map(|node| node.commit_index).max().unwrap_or_default();
        // A node that stands for election is ahead of the leader's term.
        let leads = leading(status).map(|node| (node.term, node.id));
        if let Some(leads) = leads {
            let changed = self.led.replace(leads).is_some_and(|led| led != leads);
            self.leader_changes += u64::from(changed);
        }
        let terms = term.saturating_sub(*self.first_term.get_or_insert(term));
        let who =
            leads.map_or("nobody leads".to_owned(), |(term, id)| format!("node {id} leads in term {term}"));
        let pace = self.pace(commit, at);
        let (changes, seconds) = (self.leader_changes, at.as_secs());
        format!("{who} | {pace} | in {seconds} s: {changes} changes of leader, {terms} terms")
    }

    fn pace(&mut self, commit: u64, at: Duration) -> String {
        let Some((before_at, before)) = self.before.replace((at, commit)) else {
            return "- commits/s".into();
        };
        let seconds = at.saturating_sub(before_at).as_secs_f64();
        match commit.checked_sub(before) {
            Some(commits) if seconds > 0.0 => format!("{:.0} commits/s", commits as f64 / seconds),
            // The node that knew most is not reached any more.
            _ => "- commits/s".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pb::v1::{NodeStatus, node_status::Role};

    fn status(leader: u64, term: u64, commit_index: u64) -> StatusResponse {
        let node = |id| NodeStatus {
            id,
            reachable: true,
            role: if id == leader { Role::Leader } else { Role::Follower }.into(),
            term,
            commit_index,
            ..NodeStatus::default()
        };
        StatusResponse { nodes: vec![node(1), node(2)], ..StatusResponse::default() }
    }

    #[test]
    fn rates_and_changes_are_those_since_the_last_look() {
        let mut changes = Changes::default();
        let at = Duration::from_secs;
        assert_eq!(
            changes.line(&status(1, 4, 100), at(0)),
            "node 1 leads in term 4 | - commits/s | in 0 s: 0 changes of leader, 0 terms"
        );
        assert_eq!(
            changes.line(&status(1, 4, 300), at(2)),
            "node 1 leads in term 4 | 100 commits/s | in 2 s: 0 changes of leader, 0 terms"
        );
        assert_eq!(
            changes.line(&status(0, 5, 300), at(3)),
            "nobody leads | 0 commits/s | in 3 s: 0 changes of leader, 1 terms"
        );
        assert_eq!(
            changes.line(&status(2, 6, 200), at(4)),
            "node 2 leads in term 6 | - commits/s | in 4 s: 1 changes of leader, 2 terms"
        );
    }

    #[test]
    fn a_node_that_is_ahead_makes_no_other_leader() {
        let mut changes = Changes::default();
        changes.line(&status(1, 4, 100), Duration::ZERO);
        let mut ahead = status(1, 4, 100);
        ahead.nodes[1].term = 5;
        assert_eq!(
            changes.line(&ahead, Duration::from_secs(1)),
            "node 1 leads in term 4 | 0 commits/s | in 1 s: 0 changes of leader, 1 terms"
        );
    }
}
