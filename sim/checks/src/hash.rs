//! A hash that is the same in every process, on every machine and in every release of the standard library.

use std::hash::Hasher;

/// FNV-1a on words of 64 bits with a final mix. Every integer is hashed as one word of 64 bits, whatever its width: so
/// neither the width of `usize` nor that of an enum's discriminant (an `isize` to `derive(Hash)`) makes a difference.
#[derive(Clone, Debug)]
pub struct StableHash(u64);

impl Default for StableHash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for StableHash {
    /// The length goes last, so that padding is never taken for content.
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u128(&mut self, value: u128) {
        self.write_u64(value as u64);
        self.write_u64((value >> 64) as u64);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_i8(&mut self, value: i8) {
        self.write_i64(value.into());
    }

    fn write_i16(&mut self, value: i16) {
        self.write_i64(value.into());
    }

    fn write_i32(&mut self, value: i32) {
        self.write_i64(value.into());
    }

    fn write_i64(&mut self, value: i64) {
        self.write_u64(value as u64);
    }

    fn write_i128(&mut self, value: i128) {
        self.write_u128(value as u128);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_i64(value as i64);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    fn hash(value: impl Hash) -> u64 {
        let mut hash = StableHash::default();
        value.hash(&mut hash);
        hash.finish()
    }

    /// Verdicts and corpora name traces by their hashes: a change here is a change of all of them.
    #[test]
    fn hashes_do_not_change() {
        assert_eq!(hash(1_u64), hash(1_usize));
        assert_eq!(hash((7_u8, "text", Some(vec![1_u64, 2]))), 10_400_326_465_231_534_185);
    }

    #[test]
    fn padding_is_not_content() {
        assert_ne!(hash("a"), hash("a\0"));
        assert_ne!(hash([1_u8; 8]), hash([1_u8; 9]));
    }
}
