//! What applying depends on beside the code: two nodes of the same format must come to the same state by the same log.

use super::*;
use crate::kv::header::FORMAT;

/// Whoever changes any of these gives [`FORMAT`] a new number, and then the numbers here: nodes of two releases that share a format
/// and not these would apply the same entry to different states, while a cluster goes from one release to the next. (The texts of
/// rejections that are stored as such, beside a session's answers, are part of that.)
#[test]
fn what_applying_depends_on_changes_with_the_format() {
    assert_eq!(FORMAT, 3);
    assert_eq!((KEY_BYTES_MAX, VALUE_BYTES_MAX), (32_768, 1_572_864));
    assert_eq!((PREV_KVS_BYTES_MAX, SESSION_IDLE_MS_MAX), (8_388_608, 3_600_000));
    let put = Put { key: b"k".to_vec(), ..Put::default() };
    let delete = DeleteRange { key: b"k".to_vec(), ..DeleteRange::default() };
    let (long_key, long_value) = (vec![b'k'; KEY_BYTES_MAX + 2], vec![b'v'; VALUE_BYTES_MAX + 1]);
    let texts = [
        (Operation::Put(Put::default()), "etcdserver: key is not provided"),
        (Operation::DeleteRange(DeleteRange::default()), "etcdserver: key is not provided"),
        (
            Operation::Put(Put { value: b"v".to_vec(), ignore_value: true, ..put.clone() }),
            "etcdserver: value is provided",
        ),
        (
            Operation::Put(Put { lease: 7, ignore_lease: true, ..put.clone() }),
            "etcdserver: lease is provided",
        ),
        (Operation::Put(Put { lease: 7, ..put.clone() }), "etcdserver: requested lease not found"),
        (
            Operation::Put(Put { key: long_key.clone(), ..put.clone() }),
            "etcdserver: request is too large: the key has 32770 bytes, at most 32768 are allowed",
        ),
        (
            Operation::Put(Put { value: long_value, ..put }),
            "etcdserver: request is too large: the value has 1572865 bytes, at most 1572864 are allowed",
        ),
        (
            Operation::DeleteRange(DeleteRange { key: long_key.clone(), ..delete.clone() }),
            "etcdserver: request is too large: the key has 32770 bytes, at most 32769 are allowed",
        ),
        (
            Operation::DeleteRange(DeleteRange { range_end: long_key, ..delete }),
            "etcdserver: request is too large: the range end has 32770 bytes, at most 32769 are allowed",
        ),
        (Operation::OpenSession { id: 0 }, "a session that is to be opened has no id"),
    ];
    for (operation, text) in texts {
        let reply = Machine::default().run(None, operation);
        assert_eq!(reply, Reply::Rejected(Rejection::Invalid(text.to_owned())));
    }
}
