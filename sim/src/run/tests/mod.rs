//! Whole runs of scenarios that are made for one question each.

mod limits;
mod load;
mod moments;
mod operations;
