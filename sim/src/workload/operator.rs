//! What operators ask of a cluster in the middle of everything: other members, another leader.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use conclave::{
    client::{Client, ClientError},
    wire::pb::v1::{ChangeMembersRequest, MemberAddress, NewMember},
};
use madsim::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio::sync::Semaphore;
use tonic::Code;

use super::{Console, errands, mistaken};
use crate::trace::{Change, Event, Mistake, OperatorEvent, Recorder};

/// How long an operator waits for one answer.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(100);
/// An operator gives a transfer up after that, as `conclave transfer` does: nobody may be there, or the target no voter.
const TRANSFER_PATIENCE: Duration = Duration::from_secs(10);
/// And a mistake after so many attempts.
const ATTEMPTS: u32 = 10;

/// The operators of a run: each sits at the console and asks for one thing.
pub(crate) struct Operators {
    console: Console,
    recorder: Recorder,
    /// The changes of members that were asked for, as long as they last.
    changes: Vec<JoinHandle<Result<(), Unexpected>>>,
    /// So are these: they say where members are reached. A change may wait for them, for it needs members whom nobody reaches before.
    moves: Vec<JoinHandle<Result<(), Unexpected>>>,
    mistakes: Vec<JoinHandle<Result<(), Unexpected>>>,
    errands: Vec<JoinHandle<()>>,
    /// Of members that are out of space, until there is room again.
    alarms: Vec<JoinHandle<()>>,
    contested: Contested,
    waiting: Waiting,
    /// Closed when nothing goes unnoticed any more: that wakes those who wait in the order in which they came.
    all_is_noticed: Arc<Semaphore>,
}

/// What operators asked for who do not know of each other. Whoever adds a node that another removes, and asks again when he was not
/// answered, may be told that it has left for good; whoever adds a learner that another promotes, that it votes already; whoever
/// replaces one that another adds, that it is no member, for it is none yet.
#[derive(Clone, Debug, Default)]
struct Contested(Arc<Mutex<AskedFor>>);

#[derive(Debug, Default)]
struct AskedFor {
    added: BTreeSet<u64>,
    removed: BTreeSet<u64>,
    promoted: BTreeSet<u64>,
}

/// The changes of members that are not done yet, in the order in which they were asked for, each with what was answered last.
#[derive(Clone, Debug, Default)]
struct Waiting(Arc<Mutex<BTreeMap<usize, String>>>);

impl Waiting {
    /// One more is asked for: its number.
    fn begin(&self, change: &Change) -> usize {
        let mut waiting = self.0.lock().expect("nobody panics with it");
        let number = waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        waiting.insert(number, format!("{change}: was not answered"));
        number
    }

    fn answered(&self, number: usize, change: &Change, answer: &str) {
        self.0.lock().expect("nobody panics with it").insert(number, format!("{change}: {answer}"));
    }

    fn end(&self, number: usize) {
        self.0.lock().expect("nobody panics with it").remove(&number);
    }
}

impl Contested {
    fn ask(&self, add: &[NewNode], remove: &[u64]) {
        let AskedFor { added, removed, .. } = &mut *self.0.lock().expect("nobody panics with it");
        added.extend(add.iter().map(|new| new.id));
        removed.extend(remove);
    }

    fn promote(&self, node: u64) {
        self.0.lock().expect("nobody panics with it").promoted.insert(node);
    }

    fn is_about(&self, request: &ChangeMembersRequest) -> bool {
        let AskedFor { added, removed, promoted } = &*self.0.lock().expect("nobody panics with it");
        let is_contested =
            |new: &NewMember| removed.contains(&new.id) || new.learner && promoted.contains(&new.id);
        request.add.iter().any(is_contested) || request.remove.iter().any(|id| added.contains(id))
    }
}

/// A node that an operator adds.
#[derive(Clone, Debug)]
pub(crate) struct NewNode {
    pub(crate) id: u64,
    pub(crate) address: String,
    pub(crate) learner: bool,
}

/// What became of a request that another answer was due to.
#[derive(Debug)]
pub(crate) enum Unexpected {
    /// A change of members was refused that should have been made.
    Refused { change: Change, error: ClientError },
    /// A mistake was carried out.
    Done(Mistake),
}

impl Operators {
    pub(crate) fn new(console: Console, recorder: Recorder) -> Self {
        let (changes, moves, mistakes, errands, alarms) = Default::default();
        let (contested, waiting) = Default::default();
        let all_is_noticed = Arc::new(Semaphore::new(0));
        Self {
            console,
            recorder,
            changes,
            moves,
            mistakes,
            errands,
            alarms,
            contested,
            waiting,
            all_is_noticed,
        }
    }

    /// An operator asks for other members, until that is done. What is the reason for it he notices after so long, or when
    /// [`Operators::notice_everything`] is called.
    pub(crate) fn change_members(&mut self, add: Vec<NewNode>, remove: Vec<u64>, noticed: Duration) {
        self.contested.ask(&add, &remove);
        let (asking, all_is_noticed) = (self.asking(), self.all_is_noticed.clone());
        self.changes.push(self.console.spawn(async move {
            if !noticed.is_zero() {
                let _ = timeout(noticed, all_is_noticed.acquire()).await;
            }
            asking.change_members(add, remove).await
        }));
    }

    /// The faults are over: operators look after what is left of them.
    pub(crate) fn notice_everything(&self) {
        self.all_is_noticed.close();
    }

    /// An operator says where members are reached, until the cluster knows it.
    pub(crate) fn move_members(&mut self, addresses: Vec<(u64, String)>) {
        let change = Change::Move { members: addresses.iter().map(|(id, _)| *id).collect() };
        let move_to = addresses.into_iter().map(|(id, address)| MemberAddress { id, address }).collect();
        let request = ChangeMembersRequest { move_to, ..ChangeMembersRequest::default() };
        self.moves.push(self.console.spawn(self.asking().ask_for(change, request)));
    }

    /// An operator lets a learner vote, until it does.
    pub(crate) fn promote(&mut self, node: u64) {
        let request = ChangeMembersRequest { promote: vec![node], ..ChangeMembersRequest::default() };
        let change = Change::Promote { node };
        self.contested.promote(node);
        self.changes.push(self.console.spawn(self.asking().ask_for(change, request)));
    }

    fn asking(&self) -> Asking {
        Asking {
            client: self.console.client(PATIENCE),
            recorder: self.recorder.clone(),
            contested: self.contested.clone(),
            waiting: self.waiting.clone(),
        }
    }

    /// An operator takes a backup.
    pub(crate) fn back_up(&mut self) {
        let backup = errands::back_up(self.console.client(PATIENCE), self.recorder.clone());
        self.errands.push(self.console.spawn(backup));
    }

    /// An operator gives up all of the past.
    pub(crate) fn compact_everything(&mut self) {
        let compaction = errands::compact_everything(self.console.client(PATIENCE), self.recorder.clone());
        self.errands.push(self.console.spawn(compaction));
    }

    /// A member is out of space: the alarm is raised, until an operator has made room, which takes so long.
    pub(crate) fn run_out_of_space(&mut self, member: u64, room_after: Duration) {
        let (client, recorder) = (self.console.client(PATIENCE), self.recorder.clone());
        let all_is_noticed = self.all_is_noticed.clone();
        let alarm = errands::run_out_of_space(client, recorder, member, room_after, all_is_noticed);
        self.alarms.push(self.console.spawn(alarm));
    }

    /// A member is out of space, or may be yet.
    pub(crate) fn are_making_room(&self) -> bool {
        self.alarms.iter().any(|alarm| !alarm.is_finished())
    }

    /// A change that was asked for is not done yet.
    pub(crate) fn are_changing_members(&self) -> bool {
        self.changes.iter().any(|change| !change.is_finished()) || self.are_moving_members()
    }

    /// Which these are, and what each waits for.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.waiting.0.lock().expect("nobody panics with it").values().cloned().collect()
    }

    /// Of these, one that says where members are reached.
    pub(crate) fn are_moving_members(&self) -> bool {
        self.moves.iter().any(|change| !change.is_finished())
    }

    /// An operator asks for another leader, some times.
    pub(crate) fn transfer(&self, to: u64) {
        let client = self.console.client(PATIENCE);
        self.console.spawn(transfer(client, self.recorder.clone(), to));
    }

    /// An operator asks for what cannot be. `nodes` are those that it is about, where it is about some: all that may ever be members,
    /// or one that left.
    pub(crate) fn mistake(&mut self, mistake: Mistake, nodes: Vec<u64>) {
        let client = self.console.client(PATIENCE);
        self.mistakes.push(self.console.spawn(ask_by_mistake(client, self.recorder.clone(), mistake, nodes)));
    }

    /// Waits until there is room everywhere, for good.
    pub(crate) async fn finish_alarms(&mut self) {
        for alarm in std::mem::take(&mut self.alarms) {
            alarm.await.expect("the console is never struck");
        }
    }

    /// Waits until all changes of members are done, and all mistakes refused.
    ///
    /// # Errors
    /// The first of which something else became.
    pub(crate) async fn finish_changes(&mut self) -> Result<(), Unexpected> {
        let (changes, moves) = (std::mem::take(&mut self.changes), std::mem::take(&mut self.moves));
        for asked in changes.into_iter().chain(moves).chain(std::mem::take(&mut self.mistakes)) {
            asked.await.expect("the console is never struck")?;
        }
        for errand in std::mem::take(&mut self.errands) {
            errand.await.expect("the console is never struck");
        }
        Ok(())
    }
}

/// An operator who asks for other members.
struct Asking {
    client: Client,
    recorder: Recorder,
    contested: Contested,
    waiting: Waiting,
}

impl Asking {
    async fn change_members(self, add: Vec<NewNode>, remove: Vec<u64>) -> Result<(), Unexpected> {
        let added = |learner| add.iter().filter(|new| new.learner == learner).map(|new| new.id).collect();
        let change = Change::Members { voters: added(false), learners: added(true), remove: remove.clone() };
        let add: Vec<NewMember> = add
            .into_iter()
            .map(|NewNode { id, address, learner }| NewMember { id, address, learner })
            .collect();
        let request = ChangeMembersRequest { add, remove, ..ChangeMembersRequest::default() };
        self.ask_for(change, request).await
    }

    /// Asks until the members are so. To remove may be refused, for somebody has to be left, and to move or add who has left meanwhile.
    async fn ask_for(self, change: Change, request: ChangeMembersRequest) -> Result<(), Unexpected> {
        let tell = |event| self.recorder.record(Event::Operator { change: change.clone(), event });
        tell(OperatorEvent::Asked);
        let number = self.waiting.begin(&change);
        loop {
            match self.client.change_members(request.clone()).await {
                Ok(answer) if answer.done => {
                    tell(OperatorEvent::Done);
                    self.waiting.end(number);
                    return Ok(());
                }
                Err(error) if error.code == Code::InvalidArgument => {
                    tell(OperatorEvent::Refused { error: error.message.clone() });
                    self.waiting.end(number);
                    let may_be_refused = request.add.is_empty() || self.contested.is_about(&request);
                    return if may_be_refused { Ok(()) } else { Err(Unexpected::Refused { change, error }) };
                }
                Ok(answer) => self.waiting.answered(number, &change, &answer.waits_for),
                Err(error) => self.waiting.answered(number, &change, &error.message),
            }
            sleep(PAUSE).await;
        }
    }
}

async fn transfer(client: Client, recorder: Recorder, to: u64) {
    let tell = |event| recorder.record(Event::Operator { change: Change::Transfer { to }, event });
    tell(OperatorEvent::Asked);
    let asking = Box::pin(async {
        while !client.transfer(0, to).await.is_ok_and(|answer| answer.done) {
            sleep(PAUSE).await;
        }
    });
    let is_done = timeout(TRANSFER_PATIENCE, asking).await.is_ok();
    tell(if is_done { OperatorEvent::Done } else { OperatorEvent::GivenUp });
}

/// Asks until it is refused. What is begun counts as done, but for what may wait.
async fn ask_by_mistake(
    client: Client,
    recorder: Recorder,
    mistake: Mistake,
    nodes: Vec<u64>,
) -> Result<(), Unexpected> {
    let tell = |event| recorder.record(Event::Operator { change: Change::Mistaken(mistake), event });
    tell(OperatorEvent::Asked);
    for _ in 0..ATTEMPTS {
        match mistaken::ask(&client, mistake, &nodes).await {
            Ok(is_done) if is_done || !mistake.may_wait() => {
                tell(OperatorEvent::Done);
                return Err(Unexpected::Done(mistake));
            }
            Err(error) if error.code == Code::InvalidArgument => {
                tell(OperatorEvent::Refused { error: error.message });
                return Ok(());
            }
            Ok(_) | Err(_) => sleep(PAUSE).await,
        }
    }
    tell(OperatorEvent::GivenUp);
    Ok(())
}
