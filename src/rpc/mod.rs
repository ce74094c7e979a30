//! The one place that builds tonic servers and channels: the real and the simulated transport differ here, nowhere else.
pub mod pb;
