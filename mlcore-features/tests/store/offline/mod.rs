//! The point-in-time join and the newest rows.

mod bad_input;
mod brute_force;
mod edges;
mod golden;
mod latest;
#[cfg(feature = "parquet")]
mod parquet;
mod tables;
