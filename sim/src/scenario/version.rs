//! Versions of the generator: whether a seed is the same scenario here as where it was printed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A version of the generator: a hash of what some seeds mean to it. Two programs that have the same one make the same scenario of a
/// seed, however else they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(u32);

impl Version {
    /// That of a generator whose scenarios have this hash.
    pub(super) fn of(hash: u64) -> Self {
        Self((hash >> 32) as u32)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_written_so = text.len() == 8 && text.chars().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(text, 16).ok().filter(|_| is_written_so);
        number.map(Self).ok_or_else(|| "a version has eight digits of 0 to 9 and a to f".to_owned())
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let version = Version::of(u64::MAX / 3);
        assert_eq!(version.to_string().parse(), Ok(version));
        assert_eq!("0000002a".parse(), Ok(Version(42)));
        for mistake in ["", "2a", "0000002g", "+000002a", "0000000002a"] {
            assert!(mistake.parse::<Version>().is_err(), "{mistake}");
        }
    }
}
