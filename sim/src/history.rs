//! What clients asked and what they were told: the only thing that linearizability is judged by.

use std::sync::{Arc, Mutex};

/// One operation of a client on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Writes a value that no other put writes.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// Reads the key.
    Get {
        /// The key.
        key: String,
    },
    /// Deletes the key.
    Delete {
        /// The key.
        key: String,
    },
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The put took place.
    Put {
        /// Its revision.
        revision: i64,
    },
    /// The read saw this.
    Got {
        /// Revision of the store.
        revision: i64,
        /// The pair, if the key was there.
        found: Option<Found>,
    },
    /// The delete took place.
    Deleted {
        /// Revision of the store after it.
        revision: i64,
        /// How many keys went.
        count: i64,
    },
    /// It did not happen and will not.
    DidNotHappen(String),
    /// It may have happened, or may yet.
    Unknown(String),
}

/// A pair as a read saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its value.
    pub value: String,
    /// Revision of its latest write.
    pub mod_revision: i64,
    /// Writes since it was created.
    pub version: i64,
}

/// One operation from call to answer, in nanoseconds of simulated time.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Who asked.
    pub client: u64,
    /// When.
    pub called_ns: u64,
    /// What.
    pub call: Call,
    /// The answer and its time. None: the client died waiting.
    pub answer: Option<(u64, Answer)>,
}

/// The operations of all clients. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Vec<Operation>>>);

impl History {
    /// A client asks. Returns the operation's number.
    pub fn called(&self, client: u64, called_ns: u64, call: Call) -> usize {
        let mut operations = self.0.lock().expect("a history does not panic");
        operations.push(Operation { client, called_ns, call, answer: None });
        operations.len() - 1
    }

    /// A client is told.
    pub fn answered(&self, number: usize, at_ns: u64, answer: Answer) {
        self.0.lock().expect("a history does not panic")[number].answer = Some((at_ns, answer));
    }

    /// Everything so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.0.lock().expect("a history does not panic").clone()
    }
}
