//! The reads of one proxy's stream, in their order and many at a time: those that are short are served here, the others
//! become long reads of their own. While the stream has no room for answers, no read is served.

use std::{collections::VecDeque, sync::Arc};

use prost::Message as _;

use super::{Read, ReadServer, long, read::LaneEnd, server::Tasks};
use crate::{
    env::{Knob, knob, sometimes},
    kv::{Header, KeyValue, RangeSummary},
    storage::StorageError,
    wire::{
        kv as wire,
        pb::{
            etcdserverpb::ResponseHeader,
            v1::{self, reply::Outcome},
        },
    },
};

/// Reads that are taken together.
const READS_PER_ROUND_MAX: usize = 1024;
/// Answers that leave together: as much as a batch on the stream. The next ones wait.
const ROUND_BYTES_MAX: usize = 512 << 10;
/// Reads of a round that turn out to be long: each took a whole step, and adds nothing to the answers that would end the round. It is as
/// many as may go on at the same time.
const ROUND_LONG_MAX: usize = 16;

/// Pairs that weigh more travel as a piece: a proxy counts what pieces hold, until their caller has taken them. Smaller
/// answers are bounded by the number of calls.
const WHOLE_BYTES_MAX: usize = 16 << 10;

pub(super) struct Lane {
    server: Arc<ReadServer>,
    end: LaneEnd,
    long_reads: Tasks,
}

/// What became of some reads.
#[derive(Default)]
struct Round {
    replies: Vec<v1::Reply>,
    /// Those that are not short.
    long: Vec<Read>,
    /// Those that have to wait until there is room for answers.
    left: VecDeque<Read>,
}

impl Lane {
    pub(super) fn new(server: Arc<ReadServer>, end: LaneEnd) -> Self {
        Self { server, end, long_reads: Tasks::default() }
    }

    /// Serves as long as there is the stream.
    pub(super) async fn run(mut self) {
        let mut taken = Vec::new();
        let count_max = knob(Knob::ReadsPerRound, READS_PER_ROUND_MAX);
        loop {
            tokio::select! { biased;
                () = self.end.replies.closed() => return,
                count = self.end.reads.recv_many(&mut taken, count_max) => if count == 0 { return },
            }
            let mut left: VecDeque<Read> = taken.drain(..).collect();
            while !left.is_empty() {
                let server = self.server.clone();
                let round = match self.server.run(move || serve(&server, left)).await {
                    Ok(round) => round,
                    Err(error) => return self.server.failed(error),
                };
                for read in round.long {
                    self.long_reads.spawn(long::serve(self.server.clone(), read, self.end.replies.clone()));
                }
                if !self.end.replies.send(round.replies).await {
                    return;
                }
                left = round.left;
            }
        }
    }
}

/// Serves as many reads as there is room for.
fn serve(server: &ReadServer, mut reads: VecDeque<Read>) -> Result<Round, StorageError> {
    let mut round = Round::default();
    let mut bytes = 0;
    let now = server.now();
    let bytes_max = knob(Knob::ReadRoundBytes, ROUND_BYTES_MAX);
    while bytes < bytes_max
        && round.long.len() < ROUND_LONG_MAX
        && let Some(mut read) = reads.pop_front()
    {
        if !read.is_awaited(now) {
            sometimes!(ReadLeft);
            continue;
        }
        let outcomes = serve_short(server, &read)?;
        if outcomes.is_empty() {
            round.long.push(read);
            continue;
        }
        for outcome in outcomes {
            let reply = v1::Reply { id: read.request, outcome: Some(outcome) };
            bytes += reply.encoded_len();
            round.replies.push(reply);
        }
    }
    round.left = reads;
    Ok(round)
}

/// The answer to a read, unless that is long: then there is none.
fn serve_short(server: &ReadServer, read: &Read) -> Result<Vec<Outcome>, StorageError> {
    let state = server.reader.slice();
    debug_assert!(
        Header::load(&state)?.applied_index >= read.index,
        "a read waits until the state stands there"
    );
    let mut scan = match wire::begin_range(&state, &read.range)? {
        Ok(scan) => scan,
        Err(refusal) => return Ok(vec![refusal]),
    };
    match scan.step(&state, server.short_budget())? {
        Ok(pairs) if scan.is_done() => Ok(answer(scan.summary(), pairs, server.header(read.term))),
        Ok(_) => Ok(Vec::new()),
        Err(rejection) => Ok(vec![wire::range_rejected(&rejection)]),
    }
}

/// Pairs that weigh much go ahead of the answer, as those of a long read do.
fn answer(summary: RangeSummary, pairs: Vec<KeyValue>, header: ResponseHeader) -> Vec<Outcome> {
    let bytes: usize = pairs.iter().map(|pair| pair.key.len() + pair.value.len()).sum();
    if bytes <= knob(Knob::WholeAnswerBytes, WHOLE_BYTES_MAX) {
        return vec![wire::range_to_pb(summary, pairs, header)];
    }
    let mut piece = Vec::with_capacity(bytes + bytes / 8);
    wire::encode_pairs(pairs, &mut piece);
    vec![Outcome::Piece(piece.into()), wire::range_to_pb(summary, Vec::new(), header)]
}

#[cfg(all(test, not(madsim)))]
pub(super) mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::{
        super::{admission::Load, read::Caller},
        *,
    };
    use crate::{
        env::Clock,
        kv::{Applier, Command, Operation, Put},
        node::{
            config::{Config, ReadLimits},
            reply,
        },
        raft::Configuration,
        storage::{Disk, Founding, Identity, MemoryDisk, Opened, open},
        wire::pb::etcdserverpb::RangeRequest,
    };

    /// Over a state of ten pairs; a read of more than two is long.
    /// It reads by this disk what another one holds.
    pub(in super::super) fn server_on(disk: Arc<dyn Disk>) -> Arc<ReadServer> {
        let identity = Identity { cluster: "test".to_owned(), node: 1 };
        let founding = Founding { identity, bootstrap: Configuration::of([1]), incarnation: 5 };
        let Opened { state, .. } =
            open(&MemoryDisk::default(), &founding).unwrap_or_else(|error| panic!("{error}"));
        let mut tables = state.tables();
        let mut applier = Applier::begin(&mut tables).expect("the disk works");
        for number in 0..10 {
            let put = Put { key: vec![b'a' + number], ..Put::default() };
            let command = Command { timestamp_ms: 1, stamp: None, operation: Operation::Put(put) };
            applier.apply((1, u64::from(number) + 1), &command).expect("the disk works");
        }
        applier.finish().expect("the disk works");
        tables.finish().expect("the disk works");
        let reads = ReadLimits { short_records: 2, ..ReadLimits::default() };
        let config = Config { reads, ..Config::plain(1) };
        let (reports, _) = mpsc::unbounded_channel();
        ReadServer::new(&config, state.reader(), &Clock::new(Duration::ZERO), disk, reports)
    }

    #[test]
    fn a_round_ends_with_so_many_long_reads_though_they_add_nothing_to_its_answers() {
        let server = server_on(Arc::new(MemoryDisk::default()));
        let (replies, read_replies, _receiver) = reply::channel();
        let (caller, _end) = Caller::new(replies, read_replies);
        let load = Arc::<Load>::default();
        let short = RangeRequest { key: "a".into(), ..RangeRequest::default() };
        let long = RangeRequest { range_end: "z".into(), ..short.clone() };
        let reads = (0..80).map(|request| {
            let range = if request % 2 == 0 { short.clone() } else { long.clone() };
            let permit = load.admit(&range).expect("there is room");
            Read::new(caller.clone(), request, range, None, permit)
        });
        let mut left: VecDeque<Read> = reads.collect();
        let mut rounds = Vec::new();
        while !left.is_empty() {
            let round = serve(&server, left).expect("the disk works");
            rounds.push((round.replies.len(), round.long.len()));
            left = round.left;
        }
        assert_eq!(rounds, [(16, 16), (16, 16), (8, 8)]);
    }
}
