//! What operators ask of a cluster in the middle of everything: other members, another leader.

use std::time::Duration;

use conclave::{
    client::{Client, ClientError},
    wire::pb::v1::{ChangeMembersRequest, NewMember},
};
use madsim::{task::JoinHandle, time::sleep};
use tonic::Code;

use super::Console;
use crate::trace::{Change, Event, OperatorEvent, Recorder};

/// How long an operator waits for one answer.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
/// An operator gives a transfer up after so many attempts: its target may be down, or no voter.
const TRANSFER_ATTEMPTS: u32 = 10;

/// The operators of a run: each sits at the console and asks for one thing.
pub(crate) struct Operators {
    console: Console,
    recorder: Recorder,
    /// The changes of members that were asked for, as long as they last.
    changes: Vec<JoinHandle<Result<(), Refused>>>,
}

/// A node that an operator adds.
#[derive(Clone, Debug)]
pub(crate) struct NewNode {
    pub(crate) id: u64,
    pub(crate) address: String,
    pub(crate) learner: bool,
}

/// A change of members that the cluster refused although it should have been made.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) change: Change,
    pub(crate) error: ClientError,
}

impl Operators {
    pub(crate) fn new(console: Console, recorder: Recorder) -> Self {
        Self { console, recorder, changes: Vec::new() }
    }

    /// An operator asks for other members, until that is done.
    pub(crate) fn change_members(&mut self, add: Vec<NewNode>, remove: Vec<u64>) {
        let (client, recorder) = (self.console.client(PATIENCE), self.recorder.clone());
        self.changes.push(self.console.spawn(change_members(client, recorder, add, remove)));
    }

    /// A change that was asked for is not done yet.
    pub(crate) fn are_changing_members(&self) -> bool {
        self.changes.iter().any(|change| !change.is_finished())
    }

    /// An operator asks for another leader, some times.
    pub(crate) fn transfer(&self, to: u64) {
        let client = self.console.client(PATIENCE);
        self.console.spawn(transfer(client, self.recorder.clone(), to));
    }

    /// Waits until all changes of members are done.
    ///
    /// # Errors
    /// The first that was refused.
    pub(crate) async fn finish_changes(&mut self) -> Result<(), Refused> {
        for change in std::mem::take(&mut self.changes) {
            change.await.expect("the console is never struck")?;
        }
        Ok(())
    }
}

/// Asks until the members are so. Only to remove may be refused: somebody has to be left.
async fn change_members(
    client: Client,
    recorder: Recorder,
    add: Vec<NewNode>,
    remove: Vec<u64>,
) -> Result<(), Refused> {
    let added = |learner| add.iter().filter(|new| new.learner == learner).map(|new| new.id).collect();
    let change = Change::Members { voters: added(false), learners: added(true), remove: remove.clone() };
    let tell = |event| recorder.record(Event::Operator { change: change.clone(), event });
    let add: Vec<NewMember> =
        add.into_iter().map(|NewNode { id, address, learner }| NewMember { id, address, learner }).collect();
    let request = ChangeMembersRequest { add, remove, ..ChangeMembersRequest::default() };
    tell(OperatorEvent::Asked);
    loop {
        match client.change_members(request.clone()).await {
            Ok(answer) if answer.done => {
                tell(OperatorEvent::Done);
                return Ok(());
            }
            Err(error) if error.code == Code::InvalidArgument => {
                tell(OperatorEvent::Refused { error: error.message.clone() });
                return if request.add.is_empty() { Ok(()) } else { Err(Refused { change, error }) };
            }
            Ok(_) | Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn transfer(client: Client, recorder: Recorder, to: u64) {
    let tell = |event| recorder.record(Event::Operator { change: Change::Transfer { to }, event });
    tell(OperatorEvent::Asked);
    for _ in 0..TRANSFER_ATTEMPTS {
        match client.transfer(to).await {
            Ok(answer) if answer.done => return tell(OperatorEvent::Done),
            _ => sleep(PAUSE).await,
        }
    }
    tell(OperatorEvent::GivenUp);
}
