//! A read that is not short: it takes turns with the others, slice by slice, over a view that stands still, and its
//! answer leaves in pieces as there is room on the stream. It ends as soon as nobody waits for it.

use std::sync::Arc;

use bytes::Bytes;

use super::{super::reply::ReadReplies, Read, ReadServer};
use crate::{
    kv::{RangeScan, StepBudget},
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
    let (request, range) = (read.request, read.range.clone());
    let long = LongRead { server: server.clone(), request, index: read.index, term: read.term, replies };
    tokio::select! { biased;
        () = read.left(&server.clock) => {}
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
        let Some(mut progress) = self.begin(&view, range).await? else { return Ok(()) };
        loop {
            let turn = self.server.turn().await;
            let (view, budget) = (view.clone(), self.server.slice_budget());
            let work = move || {
                let _turn = turn;
                progress.go_on(&view, budget)
            };
            match self.server.run(work).await? {
                Ok(went_on) => progress = went_on,
                Err(refusal) => {
                    self.send(refusal).await;
                    return Ok(());
                }
            }
            let is_done = progress.scan.is_done();
            if progress.piece.len() >= self.server.limits.piece_bytes || is_done && !progress.piece.is_empty()
            {
                let piece = Bytes::from(std::mem::take(&mut progress.piece));
                if !self.send(Outcome::Piece(piece)).await {
                    return Ok(());
                }
            }
            if is_done {
                let header = self.server.header(self.term);
                self.send(wire::range_to_pb(progress.scan.summary(), Vec::new(), header)).await;
                return Ok(());
            }
        }
    }

    /// `None`: it was refused.
    async fn begin(
        &self,
        view: &Arc<StateView>,
        range: RangeRequest,
    ) -> Result<Option<Progress>, StorageError> {
        let refusal = match wire::range_from_pb(&range) {
            Ok(request) => {
                let view = view.clone();
                match self.server.run(move || RangeScan::begin(&*view, request)).await? {
                    Ok(scan) => return Ok(Some(Progress { scan, piece: Vec::new() })),
                    Err(rejection) => wire::range_rejected(&rejection),
                }
            }
            Err(error) => wire::range_invalid(&error),
        };
        self.send(refusal).await;
        Ok(None)
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
