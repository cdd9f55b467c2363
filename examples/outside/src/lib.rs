//! Every open trait of mlcore, implemented by a crate that knows its published API only: in each module a whole
//! implementation, as short as its contract allows. `tests/conformance.rs` proves them with the suites that mlcore
//! publishes. Take one as the beginning of your own.

pub mod drift;
pub mod policy;
pub mod serving;
pub mod storage;
