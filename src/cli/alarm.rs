//! `conclave alarm`.

use super::connection::Connection;
use crate::{
    client::Client,
    wire::pb::etcdserverpb::{AlarmMember, AlarmRequest, alarm_request::AlarmAction},
};

const EXAMPLES: &str = "\
EXAMPLES
  conclave alarm list
  conclave alarm disarm

NOSPACE means that the state has outgrown --quota-backend-bytes of a node: nothing is put. To make
room, delete keys and give up the past ('conclave compact REVISION'); then disarm. It is raised
again if the state is still too large.";

/// Show and clear alarms
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show every alarm that is raised
    List(Connection),
    /// Clear every alarm that is raised, and show them
    Disarm(Connection),
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<String> {
        let (Action::List(connection) | Action::Disarm(connection)) = &self.action;
        let client = connection.client()?;
        let raised = client.alarm(request(AlarmAction::Get, &AlarmMember::default())).await?.alarms;
        if matches!(self.action, Action::Disarm(_)) {
            disarm(&client, &raised).await?;
        }
        Ok(raised.iter().map(line).collect())
    }
}

async fn disarm(client: &Client, raised: &[AlarmMember]) -> anyhow::Result<()> {
    for alarm in raised {
        client.alarm(request(AlarmAction::Deactivate, alarm)).await?;
    }
    Ok(())
}

fn request(action: AlarmAction, alarm: &AlarmMember) -> AlarmRequest {
    AlarmRequest { action: action.into(), member_id: alarm.member_id, alarm: alarm.alarm }
}

fn line(alarm: &AlarmMember) -> String {
    format!("node {} raised {}\n", alarm.member_id, alarm.alarm().as_str_name())
}
