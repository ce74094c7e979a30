//! The core on trial: in stories told by golden scripts, and with random inputs.
//!
//! After a change that is meant, `UPDATE_GOLDENFILES=1 cargo test --lib proxy::core` writes the stories anew: read the
//! difference.

mod property;
mod show;
mod story;
