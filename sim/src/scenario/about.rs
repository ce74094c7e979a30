//! What a stored scenario tells a reader of itself. Nothing of it changes the run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::version::Version;

/// Where it comes from, and what it showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// The version of the generator whose seed it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The rule that it broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What happens in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
    /// What was changed, so that the rule holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl About {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = [("broke", &self.rule), ("story", &self.story), ("mend", &self.mend)];
        let told = told.iter().filter_map(|(what, words)| Some(format!("{what}: {}", words.as_ref()?)));
        f.write_str(&told.collect::<Vec<_>>().join("; "))
    }
}
