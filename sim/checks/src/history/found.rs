//! A pair of the store, as an answer shows it.

use serde::{Deserialize, Serialize};

/// A pair as a read saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Found {
    pub value: String,
    /// Revision of its latest write.
    pub mod_revision: i64,
    /// Writes since it was created.
    pub version: i64,
    /// Revision of the first of them; 0 if that was not recorded.
    #[serde(default)]
    pub create_revision: i64,
}
