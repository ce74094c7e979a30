//! What the clients of a benchmark ask for: a stream of requests for each, all drawn from one seed.

use bytes::Bytes;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::args::Args;

/// What is measured.
#[derive(Clone, Debug)]
pub(super) struct Workload {
    keys: u64,
    value_bytes: usize,
    reads_percent: u32,
    serializable: bool,
    seed: u64,
}

/// One client's requests.
pub(super) struct Stream {
    workload: Workload,
    random: ChaCha8Rng,
}

/// One request.
pub(super) enum Operation {
    Put { key: Bytes, value: Bytes },
    Get { key: Bytes, serializable: bool },
}

/// Which request it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Put,
    Get,
}

impl Workload {
    pub(super) fn new(args: &Args) -> Self {
        Self {
            keys: args.keys,
            value_bytes: args.value_size as usize,
            reads_percent: args.reads_percent(),
            serializable: args.serializable,
            seed: args.seed,
        }
    }

    /// Whether any request reads.
    pub(super) fn reads(&self) -> bool {
        self.reads_percent > 0
    }

    /// The requests of one client.
    pub(super) fn stream(&self, client: u32) -> Stream {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(client.into());
        Stream { workload: self.clone(), random }
    }
}

impl Stream {
    /// The next request.
    pub(super) fn next(&mut self) -> Operation {
        let key = key(self.random.random_range(0..self.workload.keys));
        if self.random.random_range(0..100) < self.workload.reads_percent {
            Operation::Get { key, serializable: self.workload.serializable }
        } else {
            Operation::Put { key, value: self.value() }
        }
    }

    /// A random value.
    pub(super) fn value(&mut self) -> Bytes {
        let mut value = vec![0; self.workload.value_bytes];
        self.random.fill_bytes(&mut value);
        value.into()
    }
}

impl Operation {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Put { .. } => Kind::Put,
            Self::Get { .. } => Kind::Get,
        }
    }
}

/// The name of a key.
pub(super) fn key(number: u64) -> Bytes {
    format!("bench/{number:08}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(reads_percent: u32) -> Workload {
        Workload { keys: 10, value_bytes: 16, reads_percent, serializable: false, seed: 7 }
    }

    fn requests(stream: &mut Stream) -> Vec<(Kind, Bytes)> {
        let key_of = |operation: Operation| match operation {
            Operation::Put { key, .. } => (Kind::Put, key),
            Operation::Get { key, .. } => (Kind::Get, key),
        };
        (0..1_000).map(|_| key_of(stream.next())).collect()
    }

    #[test]
    fn the_same_seed_asks_the_same_and_every_client_something_else() {
        let workload = workload(50);
        assert_eq!(requests(&mut workload.stream(1)), requests(&mut workload.stream(1)));
        assert_ne!(requests(&mut workload.stream(1)), requests(&mut workload.stream(2)));
    }

    #[test]
    fn the_mix_is_what_was_asked_for() {
        for (percent, least, most) in [(0, 0, 0), (100, 1_000, 1_000), (30, 250, 350)] {
            let requests = requests(&mut workload(percent).stream(0));
            let gets = requests.iter().filter(|(kind, _)| *kind == Kind::Get).count();
            assert!((least..=most).contains(&gets), "{percent} %: {gets}");
        }
    }

    #[test]
    fn values_are_random_and_of_the_size_asked_for() {
        let mut stream = workload(0).stream(0);
        let (one, other) = (stream.value(), stream.value());
        assert_eq!((one.len(), other.len()), (16, 16));
        assert_ne!(one, other);
    }
}
