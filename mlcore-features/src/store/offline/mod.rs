//! Features as they were known at a time: for training, and to fill an online store.
//!
//! A [`PointInTimeJoin`] gives each *entity row* (keys and a time: a label, a decision, a request) the features that were known
//! then. Of a view it takes the row of the same keys
//!
//! 1. whose event time is not after the entity row's time (equal counts),
//! 2. which was created by then, where the view has a created time ([`View::with_late_rows`] turns this off),
//! 3. with the greatest event time of those; of several, the one that was created last; of several of these, the last one in the
//!    source;
//! 4. whose event time is not more than the time to live before the entity row's time (exactly as long counts). Where the newest is
//!    too old, there is none: an older one is never taken instead.
//!
//! The features of an entity row without such a row are null.
//!
//! A view of [sliding windows](super::window) takes all rows of its windows instead ([`View::with_windows`]).
//!
//! # As Feast, and not
//!
//! Edges of times and of the time to live, and what no time to live means, are Feast's (0.67, `get_historical_features`). On
//! purpose, it differs in this:
//!
//! | | here | Feast 0.67 |
//! |---|---|---|
//! | created after the entity row's time | not used; used on request | used; not used on request (`filter_by_created_timestamp`) |
//! | equal event times | the row that was created last | the same (DuckDB), any (Dask) |
//! | equal event and created times | the last row of the source | any |
//! | several entity rows of the same keys and time | each is answered | one is left (Dask) |
//! | order of the answer | that of the entity rows | by time (Dask), any (DuckDB) |
//! | null and NaN keys | equal nothing | null equals null (Dask) |
//! | nothing known within the time to live | the entity row stays, with nulls | the entity row is left out (Dask) |
//!
//! # What is taken
//!
//! Keys are compared by value: integers of any width, and floats that are integers; text in any of Arrow's layouts; bytes; dates;
//! bools; timestamps of one unit. An integer and a text do not compare, and are refused by name. Times are timestamps of any unit or
//! dates, which begin at midnight; without a time zone they are UTC. Units may differ between tables: comparisons are exact.
//! An entity row without a time is refused; a row of a view without one is left out, and counted in its [`ViewReport`].
//!
//! # Cost
//!
//! The entity rows are put in order by key and time, and the rows of a view stream past them once, in whatever order they are: nothing
//! is sorted that is as large as the view. Entity rows that are larger than memory are joined [in
//! parts](PointInTimeJoin::run_in_parts).

mod gather;
mod join;
mod kept;
mod keys;
mod latest;
mod parts;
mod pass;
mod report;
mod slots;
mod source;
#[cfg(feature = "spill")]
mod spill;
mod threads;
mod times;
mod view;
mod windowed;

pub use self::join::PointInTimeJoin;
pub use self::latest::{Latest, LatestRows};
pub use self::parts::Parts;
pub use self::report::{Joined, ViewReport};
#[cfg(feature = "offline")]
pub use self::source::LazyTable;
#[cfg(feature = "parquet")]
pub use self::source::ParquetTable;
#[cfg(feature = "postgres")]
pub use self::source::PostgresQuery;
pub use self::source::{Found, Piece, Pieces, Scan, Source, Streamed};
pub use self::view::{Feature, JoinKey, View};

const OPERATION: &str = "join features";
