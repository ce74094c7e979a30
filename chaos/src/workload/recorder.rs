//! The history: what clients asked and were told, on one clock.

use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use conclave_checks::{
    Timed,
    history::{Answer, Call, Operation},
};
use serde::Serialize;

/// One operation of this many is falsified, when a run is sabotaged so: the first after so many.
const FALSIFIED_AFTER: u64 = 500;

/// Where everybody's operations are recorded. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Recorder {
    began: Instant,
    operations: Arc<Mutex<Vec<Operation>>>,
    /// How many reads are still to come until one is falsified; 0: none is.
    until_falsified: Arc<AtomicU64>,
}

impl Recorder {
    /// Begins; `falsifies`: one read is recorded as what it was not.
    pub(crate) fn start(began: Instant, falsifies: bool) -> Self {
        let until_falsified = if falsifies { FALSIFIED_AFTER } else { 0 };
        Self { began, operations: Arc::default(), until_falsified: Arc::new(until_falsified.into()) }
    }

    /// Nanoseconds since the run began.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).expect("a run is shorter than centuries")
    }

    /// A client asks. Returns the operation's number.
    pub(crate) fn called(&self, client: u64, call: Call) -> usize {
        let mut operations = self.operations();
        // Under the lock, so that numbers and times have one order.
        let called_ns = self.now_ns();
        operations.push(Operation { client, called_ns, call, answer: None });
        operations.len() - 1
    }

    /// It is told this.
    pub(crate) fn answered(&self, operation: usize, answer: Answer) {
        let at_ns = self.now_ns();
        let answer = self.falsified(answer);
        self.operations()[operation].answer = Some((at_ns, answer));
    }

    /// A key was read, together with others, by a question that was asked then.
    pub(crate) fn read_in_a_range(&self, called_ns: u64, key: &str, answer: Answer) {
        let answer = Some((self.now_ns(), answer));
        let call = Call::Get { key: key.to_owned() };
        self.operations().push(Operation { client: 0, called_ns, call, answer });
    }

    /// The keys that anybody named, in their order.
    pub(crate) fn keys(&self) -> Vec<String> {
        let operations = self.operations();
        let keys: BTreeSet<&str> = operations.iter().filter_map(|operation| operation.call.key()).collect();
        keys.into_iter().map(str::to_owned).collect()
    }

    /// All operations so far.
    pub(crate) fn take(&self) -> Vec<Operation> {
        std::mem::take(&mut self.operations())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.operations().len()
    }

    /// What a client was told, or of one read that a sabotaged run falsifies the opposite.
    fn falsified(&self, answer: Answer) -> Answer {
        let Answer::Got { revision, found: Some(found) } = &answer else { return answer };
        if self.until_falsified.load(Ordering::Relaxed) == 0
            || self.until_falsified.fetch_sub(1, Ordering::Relaxed) != 1
        {
            return answer;
        }
        let found =
            conclave_checks::history::Found { value: "nobody wrote this".to_owned(), ..found.clone() };
        Answer::Got { revision: *revision, found: Some(found) }
    }

    fn operations(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event as the simulation's trace has it: what 'cargo sim check --model kv' reads.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Event<'a> {
    Client { client: u64, operation: usize, event: ClientEvent<'a> },
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum ClientEvent<'a> {
    Called(&'a Call),
    Answered(&'a Answer),
}

/// Stores a history, an event a line in the order of time.
pub(crate) fn store(operations: &[Operation], path: &Path) -> io::Result<()> {
    let mut moments: Vec<(u64, usize, bool)> = Vec::with_capacity(2 * operations.len());
    for (number, operation) in operations.iter().enumerate() {
        moments.push((operation.called_ns, number, false));
        moments.extend(operation.answer.as_ref().map(|(at_ns, _)| (*at_ns, number, true)));
    }
    // Calls of one instant stay in the order of their numbers, and come before answers.
    moments.sort_unstable_by_key(|&(at_ns, number, is_answer)| (at_ns, is_answer, number));
    let mut file = BufWriter::new(File::create(path)?);
    for (at_ns, number, is_answer) in moments {
        let operation = &operations[number];
        let event = match &operation.answer {
            Some((_, answer)) if is_answer => ClientEvent::Answered(answer),
            _ => ClientEvent::Called(&operation.call),
        };
        let event = Event::Client { client: operation.client, operation: number, event };
        serde_json::to_writer(&mut file, &Timed { at_ns, event })?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_stored_as_the_simulation_reads_it() {
        let recorder = Recorder::start(Instant::now(), false);
        let put = recorder.called(3, Call::Put { key: "k".to_owned(), value: "c3-0".to_owned() });
        let get = recorder.called(4, Call::Get { key: "k".to_owned() });
        recorder.answered(get, Answer::Got { revision: 1, found: None });
        recorder.answered(put, Answer::Put { revision: 2 });
        let folder = std::env::temp_dir().join(format!("conclave-chaos-history-{}", std::process::id()));
        store(&recorder.take(), &folder).expect("it can be written");
        let text = std::fs::read_to_string(&folder).expect("it was written");
        std::fs::remove_file(&folder).expect("it is there");
        let lines: Vec<&str> =
            text.lines().map(|line| line.split_once("\"event\":").expect("an event").1).collect();
        assert_eq!(
            lines,
            [
                r#"{"client":{"client":3,"operation":0,"event":{"called":{"put":{"key":"k","value":"c3-0"}}}}}}"#,
                r#"{"client":{"client":4,"operation":1,"event":{"called":{"get":{"key":"k"}}}}}}"#,
                r#"{"client":{"client":4,"operation":1,"event":{"answered":{"got":{"revision":1,"found":null}}}}}}"#,
                r#"{"client":{"client":3,"operation":0,"event":{"answered":{"put":{"revision":2}}}}}}"#,
            ]
        );
        assert!(text.starts_with("{\"at_ns\""));
    }
}
