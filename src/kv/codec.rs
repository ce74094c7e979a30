//! The bytes of stored records: big-endian integers and length-prefixed strings, every length checked.

use super::{Table, error::Corrupt, hash::Digest};

/// Appends the parts of a record to a buffer.
pub(crate) trait Encode {
    fn u8(&mut self, value: u8);
    fn u64(&mut self, value: u64);
    fn i64(&mut self, value: i64);
    fn bytes(&mut self, value: &[u8]);
    fn digest(&mut self, value: Digest);
}

impl Encode for Vec<u8> {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        let length = u32::try_from(value.len()).expect("keys and values are limited to far less than 4 GiB");
        self.extend_from_slice(&length.to_be_bytes());
        self.extend_from_slice(value);
    }

    fn digest(&mut self, value: Digest) {
        self.extend_from_slice(&value.hash.to_be_bytes());
        self.u64(value.bytes);
    }
}

/// Takes a record apart again.
pub(crate) struct Decoder<'a> {
    table: Table,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(table: Table, record: &'a [u8]) -> Self {
        Decoder { table, rest: record }
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> Corrupt {
        Corrupt { table: self.table, what }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Corrupt> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(self.corrupt("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Corrupt> {
        Ok(self.take(N)?.try_into().expect("take returns the length it was asked for"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Corrupt> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Corrupt> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, Corrupt> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Corrupt> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(length as usize)
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, Corrupt> {
        Ok(Digest { hash: u128::from_be_bytes(self.array()?), bytes: self.u64()? })
    }

    /// Asserts that the whole record was read: bytes left over are no record of ours.
    pub(crate) fn end(self) -> Result<(), Corrupt> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.corrupt("it is too long")) }
    }
}
