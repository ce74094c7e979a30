//! A backup, passed on from a node that can make one, as fast as the client takes it.

use std::{pin::Pin, time::Duration};

use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Code, Status, Streaming};

use crate::{
    env::Clock,
    proxy::{config::Config, view::View},
    rpc,
    wire::{
        CallError, WithLimits,
        pb::{
            etcdserverpb::SnapshotResponse,
            v1::{BackupRequest, backup_client::BackupClient},
        },
    },
};

/// So long a node may take to begin: a little longer than it waits to know what is committed. And so long the proxy waits to know its
/// cluster.
const BEGIN_PATIENCE: Duration = Duration::from_secs(4);
/// How often it is looked whether it does.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// A node that sends nothing for so long is gone: its disk is read for each piece.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);

pub(super) type BackupStream = Pin<Box<dyn Stream<Item = Result<SnapshotResponse, Status>> + Send>>;

/// Where backups come from.
pub(super) struct BackupSource {
    config: Config,
    clock: Clock,
    view: watch::Receiver<View>,
}

impl BackupSource {
    pub(super) fn new(config: &Config, clock: &Clock, view: watch::Receiver<View>) -> Self {
        Self { config: config.clone(), clock: clock.clone(), view }
    }

    /// Begins a backup at the first node that can make one. Until it is known which cluster this proxy works for, a node of any
    /// cluster would do.
    pub(super) async fn begin(&self) -> Result<BackupStream, Status> {
        if self.clock.timeout(BEGIN_PATIENCE, self.know_cluster()).await.is_err() {
            return Err(self.view.borrow().no_leader().into());
        }
        let mut last = None;
        for address in self.candidates() {
            let asked = self.clock.timeout(BEGIN_PATIENCE, self.ask(&address)).await;
            match asked.unwrap_or_else(|_| Err(Status::unavailable("it does not answer"))) {
                Ok(pieces) => return Ok(Box::pin(passed_on(pieces, address, self.clock.clone()))),
                Err(status) => last = Some(format!("{address}: {}", status.message())),
            }
        }
        Err(match last {
            Some(why) => CallError::other(Code::Unavailable, format!("no node can make a backup now: {why}")),
            None => self.view.borrow().no_leader(),
        }
        .into())
    }

    /// Completes when it is known which cluster this proxy works for. (The channel of the view would wake those who wait in an order that
    /// no simulation repeats.)
    async fn know_cluster(&self) {
        while self.view.borrow().cluster_id == 0 {
            self.clock.sleep(LOOK_INTERVAL).await;
        }
    }

    /// The nodes in the order in which they are asked: who is not linked may not answer, and takes the time of the others; the leader has
    /// most to do.
    fn candidates(&self) -> Vec<String> {
        let view = self.view.borrow();
        let leader = view.leader.as_ref().map(|leader| leader.id);
        let mut nodes = view.nodes.clone();
        nodes.sort_by_key(|node| (!node.is_linked, leader.is_some() && node.id == leader, node.id));
        nodes.into_iter().map(|node| node.address).collect()
    }

    async fn ask(&self, address: &str) -> Result<Streaming<SnapshotResponse>, Status> {
        let target = self.config.node_at(address);
        let channel = rpc::connect(&target, &self.clock)
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let cluster_id = self.view.borrow().cluster_id;
        let request = BackupRequest { cluster: self.config.cluster.clone(), cluster_id };
        Ok(BackupClient::new(channel).with_limits().take(request).await?.into_inner())
    }
}

/// What broke off is to be begun again: another node's state stands elsewhere.
fn passed_on(
    mut pieces: Streaming<SnapshotResponse>,
    address: String,
    clock: Clock,
) -> impl Stream<Item = Result<SnapshotResponse, Status>> + Send {
    async_stream::try_stream! {
        loop {
            let next = clock.timeout(PIECE_PATIENCE, pieces.message()).await;
            let next = next.unwrap_or_else(|_| Err(Status::unavailable("it sends nothing any more")));
            match next {
                Ok(Some(piece)) => yield piece,
                Ok(None) => break,
                Err(status) => {
                    let why = format!("the backup from {address} broke off: {}", status.message());
                    Err(Status::from(CallError::other(Code::Unavailable, why)))?;
                }
            }
        }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::{
        proxy::core::KnownNode,
        rpc::{Security, ServerLimits},
    };

    #[tokio::test]
    async fn no_node_is_asked_before_it_is_known_whose_it_is() {
        let node = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = node.local_addr().expect("it is bound").to_string();
        let config = Config {
            cluster: "a".to_owned(),
            cluster_id: None,
            listen: ([127, 0, 0, 1], 0).into(),
            nodes: vec![address.clone()],
            patience: Duration::from_secs(5),
            answers_bytes_max: Config::ANSWERS_BYTES_MAX,
            security: Security::default(),
            server_limits: ServerLimits::default(),
        };
        let undecided =
            View { nodes: vec![KnownNode { id: None, address, is_linked: false }], ..View::default() };
        let (_view, view) = watch::channel(undecided);
        let clock = Clock::new(Duration::ZERO);
        let source = BackupSource::new(&config, &clock, view);
        let asked =
            async { clock.timeout(Duration::from_millis(200), Box::pin(source.begin())).await.is_ok() };
        tokio::select! { biased;
            _ = node.accept() => panic!("a node was asked that may be another cluster's"),
            is_answered = asked => assert!(!is_answered, "it waits until it knows"),
        }
    }
}
