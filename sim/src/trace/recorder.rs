//! The one recorder of a run: every event passes here, with its time.

use std::sync::{Arc, Mutex, MutexGuard};

use conclave::raft::{Effects, Message, NodeId, Raft, Term};
use conclave_checks::Trace;

use super::{Answer, Call, ClientEvent, Event, History, Notes, Operation, history};

/// Records the events of a run. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Records>>);

struct Records {
    now_ns: fn() -> u64,
    trace: Trace<Event>,
    history: History,
    watchers: Vec<Watcher>,
    notes: Option<Notes>,
}

/// Who sees every event.
type Watcher = Box<dyn FnMut(&Event) + Send>;

impl Recorder {
    /// A recorder of a run whose time is `now_ns`.
    pub fn new(now_ns: fn() -> u64, trace: Trace<Event>) -> Self {
        Self(Arc::new(Mutex::new(Records {
            now_ns,
            trace,
            history: History::default(),
            watchers: Vec::new(),
            notes: None,
        })))
    }

    /// Shows every event from now on to one more watcher, who must not record any.
    pub fn show_to(&self, watcher: impl FnMut(&Event) + Send + 'static) {
        self.records().watchers.push(Box::new(watcher));
    }

    /// Notes are taken beside the trace from now on.
    pub fn take_notes(&self) {
        self.records().notes = Some(Notes::default());
    }

    /// The time of the run.
    pub fn now_ns(&self) -> u64 {
        (self.records().now_ns)()
    }

    /// Records an event of the present moment.
    pub fn record(&self, event: Event) {
        self.records().record(event);
    }

    /// A client asks. Returns the operation's number.
    pub fn called(&self, client: u64, call: Call) -> usize {
        let mut records = self.records();
        let operation = records.history.operations.len();
        records.record(Event::Client { client, operation, event: ClientEvent::Called(call) });
        operation
    }

    /// A client is told.
    pub fn answered(&self, client: u64, operation: usize, answer: Answer) {
        self.record(Event::Client { client, operation, event: ClientEvent::Answered(answer) });
    }

    /// What clients asked and were told so far.
    pub fn history(&self) -> History {
        self.records().history.clone()
    }

    /// The operations that were asked from this moment on, latest first, are shown to `look`.
    pub fn look_since(&self, began_ns: u64, look: impl FnMut(&Operation)) {
        let records = self.records();
        let operations = records.history.operations.iter().rev();
        operations.take_while(|operation| operation.called_ns >= began_ns).for_each(look);
    }

    /// The trace so far. The recorder begins another one.
    pub fn take_trace(&self) -> Trace<Event> {
        std::mem::take(&mut self.records().trace)
    }

    /// The notes so far; none if none were taken.
    pub fn notes(&self) -> Notes {
        std::mem::take(&mut self.records().notes).unwrap_or_default()
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().expect("a recorder does not panic")
    }
}

/// What is noted beside the trace.
impl Recorder {
    pub(crate) fn takes_notes(&self) -> bool {
        self.records().notes.is_some()
    }

    /// A core stepped, and its messages leave.
    pub(crate) fn stepped(&self, core: &Raft, effects: &Effects) {
        self.note(|notes, now_ns| notes.stepped(now_ns, core, effects));
    }

    /// These messages leave.
    pub(crate) fn left(&self, messages: &[Message]) {
        self.note(|notes, now_ns| notes.left(now_ns, messages));
    }

    pub(crate) fn arrived(&self, message: &Message) {
        self.note(|notes, now_ns| notes.arrived(now_ns, message));
    }

    /// The last piece of a snapshot arrived.
    pub(crate) fn snapshot_arrived(&self, ends: (NodeId, NodeId), term: Term, stream: u64) {
        self.note(|notes, now_ns| notes.snapshot_arrived(now_ns, ends, term, stream));
    }

    /// A rule is broken: the first time counts.
    pub(crate) fn broke(&self) {
        self.note(|notes, now_ns| {
            notes.broke_at_ns.get_or_insert(now_ns);
        });
    }

    fn note(&self, note: impl FnOnce(&mut Notes, u64)) {
        let records = &mut *self.records();
        if let Some(notes) = &mut records.notes {
            note(notes, (records.now_ns)());
        }
    }
}

impl Records {
    fn record(&mut self, event: Event) {
        let at_ns = (self.now_ns)();
        history::take(&mut self.history, at_ns, &event).expect("operations are numbered here");
        self.watchers.iter_mut().for_each(|watcher| watcher(&event));
        self.trace.push(at_ns, event);
    }
}
