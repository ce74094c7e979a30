//! Texts of a page, each stored once.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// A table of texts; what refers to one holds its place.
#[derive(Default)]
pub(super) struct Words {
    places: BTreeMap<String, usize>,
}

impl Words {
    pub(super) fn place(&mut self, text: impl Into<String>) -> usize {
        let next = self.places.len();
        *self.places.entry(text.into()).or_insert(next)
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut texts = vec![""; self.places.len()];
        for (text, &place) in &self.places {
            texts[place] = text;
        }
        texts.serialize(serializer)
    }
}
