//! Whole runs of scenarios that are made for one question each.

mod leases;
mod limits;
mod load;
mod moments;
mod operations;
mod rules;
