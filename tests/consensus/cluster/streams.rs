//! Snapshots on their way between the nodes: piece by piece, in full, broken off, and heard of late.

use std::mem;

use conclave::raft::{NodeId, Position, StreamId};
use conclave_checks::host::Stream;

use super::Cluster;

impl Cluster {
    pub(super) fn cancel_stream(&mut self, id: NodeId, cancelled: StreamId) {
        for streams in [&mut self.streams, &mut self.arrived] {
            for stream in streams.extract_if(.., |stream| stream.from == id && stream.id == cancelled) {
                self.told.push(format!("n{id} cancels its stream to n{}", stream.to));
                self.ended_streams.push(stream);
            }
        }
    }

    /// The snapshots being streamed send a piece each, which their receivers take or refuse.
    pub(crate) fn send_pieces(&mut self) {
        let streams: Vec<_> = self.streams.iter().chain(&self.arrived).map(piece).collect();
        streams.into_iter().for_each(|piece| self.send_piece(piece));
    }

    /// A piece of each stream that ended arrives late.
    pub(crate) fn send_late_pieces(&mut self) {
        let streams: Vec<_> = self.ended_streams.iter().map(piece).collect();
        streams.into_iter().for_each(|piece| self.send_piece(piece));
    }

    fn send_piece(&mut self, (from, to, id, last): (NodeId, NodeId, StreamId, Position)) {
        let fate = match self.with(to, |raft| raft.admit_piece(from, id, last)) {
            None => return,
            Some(Ok(())) => "takes".to_owned(),
            Some(Err(refusal)) => format!("refuses ({refusal:?})"),
        };
        self.tell(format!("n{to} {fate} a piece of {last}, stream {id} of n{from}"));
    }

    /// The snapshots being streamed arrive in full.
    pub(crate) fn bring_streams_in(&mut self) {
        for stream in mem::take(&mut self.streams) {
            self.send(stream.end());
            self.arrived.push(stream);
        }
    }

    /// They arrive or break off, and their senders hear of it.
    pub(crate) fn end_streams(&mut self, well: bool) -> bool {
        if well {
            self.bring_streams_in();
        }
        let mut ended = mem::take(&mut self.arrived);
        ended.append(&mut self.streams);
        for Stream { from, to, id, snapshot, .. } in &ended {
            self.with(*from, |raft| raft.snapshot_sent(*to, *id, well.then_some(snapshot.last.index)));
        }
        let any = !ended.is_empty();
        self.ended_streams.extend(ended);
        any
    }

    /// The senders of streams that they do not want any more hear that these ended.
    pub(crate) fn report_late(&mut self) {
        for stream in mem::take(&mut self.ended_streams) {
            let index = stream.snapshot.last.index;
            self.with(stream.from, |raft| raft.snapshot_sent(stream.to, stream.id, Some(index)));
        }
    }
}

fn piece(stream: &Stream) -> (NodeId, NodeId, StreamId, Position) {
    (stream.from, stream.to, stream.id, stream.snapshot.last)
}
