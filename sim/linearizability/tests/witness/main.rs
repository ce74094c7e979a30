//! The revision witness: each kind of violation alone, and random histories against the search and the definition.

mod agreement;
mod histories;
mod long;
mod violations;
