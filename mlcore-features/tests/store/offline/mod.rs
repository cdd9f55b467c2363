//! The point-in-time join and the newest rows.

mod bad_input;
mod brute_force;
mod edges;
mod golden;
mod latest;
#[cfg(feature = "offline")]
mod lazy;
#[cfg(feature = "object-store")]
pub(crate) mod objects;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(all(feature = "postgres", unix))]
pub(crate) mod postgres;
#[cfg(feature = "spill")]
mod spill;
mod tables;
mod threads;
