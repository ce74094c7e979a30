//! `conclave up`: a whole cluster on this machine, one child process a part.

mod args;
mod child;
mod dashboard;
mod plan;
mod tls;

use std::{process::ExitCode, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

pub(super) use self::args::Args;
use self::{
    child::{Child, Ended},
    plan::Plan,
};
use super::{output::tell, status, stop};

/// How often the new cluster is asked who leads.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// A cluster on one machine has a leader long before; then the user learns where to look.
const LEADER_PATIENCE: Duration = Duration::from_secs(10);

/// Starts the cluster, and stops it when told to.
pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let signalled = stop::signalled()?;
    let mut plan = Plan::new(&args)?;
    plan.check_ports()?;
    plan.prepare_directories()?;
    tell(&plan.warning());
    if args.tls {
        plan.prepare_tls()?;
    }

    let page = match (plan.dashboard, plan.metrics()) {
        (Some(address), Some(metrics)) => {
            Some(dashboard::start(address, plan.client(dashboard::PATIENCE)?, metrics)?)
        }
        _ => None,
    };

    let (ended_tx, ended_rx) = mpsc::unbounded_channel();
    let (stop_tx, stop_rx) = watch::channel(());
    let mut children = JoinSet::new();
    for part in plan.parts() {
        let child = Child::start(part)?;
        tell(&child.introduction());
        children.spawn(child.watch(stop_rx.clone(), ended_tx.clone()));
    }
    drop(ended_tx);

    let result = tokio::select! { biased;
        () = signalled => Ok(ExitCode::SUCCESS),
        error = report_ends(ended_rx) => Err(error),
        error = announce(&plan) => Err(error),
        () = shown(page) => Ok(ExitCode::SUCCESS),
    };
    tell("stopping\n");
    drop(stop_tx);
    children.join_all().await;
    result
}

/// Tells of every child that ends before it is told to. Returns when none is left.
async fn report_ends(mut ended: mpsc::UnboundedReceiver<Ended>) -> anyhow::Error {
    while let Some(child) = ended.recv().await {
        tell(&child.obituary());
    }
    anyhow::anyhow!("every process of the cluster has ended; see above")
}

/// Says when there is a leader, and what to do next. Returns only if it cannot find out.
async fn announce(plan: &Plan) -> anyhow::Error {
    match wait_for_leader(plan).await {
        Ok(leader) => {
            tell(&plan.welcome(leader));
            std::future::pending().await
        }
        Err(error) => error,
    }
}

async fn wait_for_leader(plan: &Plan) -> anyhow::Result<u64> {
    let client = plan.client(Duration::from_secs(1))?;
    let started = Instant::now();
    let mut complained = false;
    loop {
        // Until the proxy listens there is an error, and it says nothing that the user should know.
        if let Ok(status) = client.status().await
            && let Some(leader) = status::leader(&status)
        {
            return Ok(leader);
        }
        if !complained && started.elapsed() > LEADER_PATIENCE {
            complained = true;
            tell(&format!("no leader after {LEADER_PATIENCE:?}, still waiting: see the log files\n"));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Shows the page, if there is one; never ends.
async fn shown(page: Option<impl Future<Output = ()>>) {
    if let Some(page) = page {
        page.await;
    }
    std::future::pending().await
}
