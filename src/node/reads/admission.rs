//! How many reads may be under way, and how much they may hold: from their arrival to the end of their answer, whatever
//! they wait for meanwhile.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use prost::Message as _;

use crate::{
    env::{Buggify, Knob, buggify, knob},
    wire::pb::etcdserverpb::RangeRequest,
};

/// Reads that may be under way; the proxies of more hear at once that it is too much.
const READS_MAX: usize = 20_000;
/// Bytes of their requests: keys may be long.
const READS_BYTES_MAX: usize = 64 << 20;

/// The reads under way at a node.
#[derive(Debug, Default)]
pub(super) struct Load {
    count: AtomicUsize,
    bytes: AtomicUsize,
}

/// A read's place among those under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    load: Arc<Load>,
    bytes: usize,
}

impl Load {
    /// A place for a read, or why there is none. (Only the event loop admits, so nothing comes between look and step.)
    pub(super) fn admit(self: &Arc<Self>, range: &RangeRequest) -> Result<Permit, String> {
        let bytes = range.encoded_len();
        let (count, held) = (self.count.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        if count >= knob(Knob::Reads, READS_MAX) || buggify(Buggify::ReadsFull) {
            return Err(format!(
                "{count} reads are under way at this node, which is the most: try again later"
            ));
        }
        let bytes_max = knob(Knob::ReadsBytes, READS_BYTES_MAX);
        if held > 0 && held + bytes > bytes_max {
            return Err(format!(
                "the reads under way at this node take {held} bytes, at most {bytes_max}: try again later"
            ));
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Permit { load: self.clone(), bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.load.count.fetch_sub(1, Ordering::Relaxed);
        self.load.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_for_so_much() {
        let load = Arc::<Load>::default();
        let small = RangeRequest { key: "k".into(), ..RangeRequest::default() };
        let mut permits: Vec<Permit> =
            (0..READS_MAX).map(|_| load.admit(&small).expect("there is room")).collect();
        assert!(load.admit(&small).is_err_and(|why| why.starts_with("20000 reads")));
        permits.pop();
        permits.push(load.admit(&small).expect("one has left"));
        permits.clear();

        let large = RangeRequest { key: vec![1; READS_BYTES_MAX / 2].into(), ..RangeRequest::default() };
        let permit = load.admit(&large).expect("there is room");
        assert!(load.admit(&large).is_err_and(|why| why.contains("at most 67108864")));
        drop(permit);
        let larger = RangeRequest { key: vec![1; READS_BYTES_MAX + 1].into(), ..RangeRequest::default() };
        assert!(load.admit(&larger).is_ok(), "alone, anything has room");
    }
}
