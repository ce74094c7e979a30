//! Whole runs of scenarios that are made for one question each.

mod load;
mod moments;
mod operations;
