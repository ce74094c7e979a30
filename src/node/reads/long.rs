//! A read that is not short: it takes turns with the others, slice by slice, over a view that stands still, and its
//! answer leaves in pieces as there is room on the stream. It ends as soon as nobody waits for it.

use std::sync::Arc;

use bytes::Bytes;

use super::{super::reply::ReadReplies, Read, ReadServer};
use crate::{
    env::sometimes,
    kv::{Header, RangeScan, StepBudget},
    raft::{Index, Term},
    storage::{StateView, StorageError},
    wire::{
        kv as wire,
        pb::{
            etcdserverpb::RangeRequest,
            v1::{self, reply::Outcome},
        },
    },
};

/// Serves a read, as long as its answer is awaited.
pub(super) async fn serve(server: Arc<ReadServer>, mut read: Read, replies: ReadReplies) {
    sometimes!(LongRead);
    let (request, range) = (read.request, read.range.clone());
    let long = LongRead { server: server.clone(), request, index: read.index, term: read.term, replies };
    tokio::select! { biased;
        () = read.left(&server.clock) => sometimes!(LongReadLeft),
        served = long.serve(range) => if let Err(error) = served { server.failed(error) },
    }
}

struct LongRead {
    server: Arc<ReadServer>,
    request: u64,
    index: Index,
    term: Term,
    replies: ReadReplies,
}

/// How far it has come: it travels to the disk's thread and back.
struct Progress {
    scan: RangeScan,
    /// Pairs that were found and not sent yet, encoded.
    piece: Vec<u8>,
}

impl LongRead {
    async fn serve(self, range: RangeRequest) -> Result<(), StorageError> {
        let _place = self.server.place().await;
        let view = self.server.view(self.index).await?;
        if let Some(end) = self.send_pairs(&view, range).await? {
            self.send(end).await;
        }
        Ok(())
    }

    /// Sends pairs, piece by piece. Returns what ends the answer; `None`: the stream has ended.
    async fn send_pairs(
        &self,
        view: &Arc<StateView>,
        range: RangeRequest,
    ) -> Result<Option<Outcome>, StorageError> {
        let revision = range.revision;
        let mut progress = match self.begin(view, range).await? {
            Ok(progress) => progress,
            Err(refusal) => return Ok(Some(refusal)),
        };
        loop {
            let turn = self.server.turn().await;
            let (view, budget) = (view.clone(), self.server.slice_budget());
            let work = move || {
                let _turn = turn;
                progress.go_on(&view, budget)
            };
            progress = match self.server.run(work).await? {
                Ok(progress) => progress,
                Err(refusal) => return Ok(Some(refusal)),
            };
            let is_done = progress.scan.is_done();
            if progress.piece.len() >= self.server.limits.piece_bytes || is_done && !progress.piece.is_empty()
            {
                let piece = Bytes::from(std::mem::take(&mut progress.piece));
                if !self.send(Outcome::Piece(piece)).await {
                    return Ok(None);
                }
            }
            if is_done {
                sometimes!(self.is_compacted(revision), CompactedUnderReader);
                let header = self.server.header(self.term);
                return Ok(Some(wire::range_to_pb(progress.scan.summary(), Vec::new(), header)));
            }
        }
    }

    async fn begin(
        &self,
        view: &Arc<StateView>,
        range: RangeRequest,
    ) -> Result<Result<Progress, Outcome>, StorageError> {
        let view = view.clone();
        let begun = self.server.run(move || wire::begin_range(&*view, &range)).await?;
        Ok(begun.map(|scan| Progress { scan, piece: Vec::new() }))
    }

    /// What was the present at this revision could not be read any more.
    fn is_compacted(&self, revision: i64) -> bool {
        let header = Header::load(&self.server.reader.slice());
        revision > 0 && header.is_ok_and(|header| header.compacted_revision > revision)
    }

    /// False: the stream has ended.
    async fn send(&self, outcome: Outcome) -> bool {
        self.replies.send_piece(v1::Reply { id: self.request, outcome: Some(outcome) }).await
    }
}

impl Progress {
    fn go_on(mut self, view: &StateView, budget: StepBudget) -> Result<Result<Self, Outcome>, StorageError> {
        Ok(match self.scan.step(view, budget)? {
            Ok(pairs) => {
                wire::encode_pairs(pairs, &mut self.piece);
                Ok(self)
            }
            Err(rejection) => Err(wire::range_rejected(&rejection)),
        })
    }
}
