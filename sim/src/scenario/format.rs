//! The number of the form that a scenario has in a file. A field that may be missing needs no other number; a field that means
//! something else does.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The form that this program writes. Scenarios without a number are of the first one.
const LATEST: u64 = 1;

/// Stands first in a file, so that a later form is refused before its fields are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Format;

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(LATEST)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            0 => Err(D::Error::custom("format: 0 is not allowed: formats begin with 1")),
            format if format > LATEST => Err(D::Error::custom(format!(
                "format: {format} is newer than {LATEST}, the latest that this program reads: a later one wrote it"
            ))),
            _ => Ok(Self),
        }
    }
}
