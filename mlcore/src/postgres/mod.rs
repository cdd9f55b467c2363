//! Connections to a PostgreSQL server, for what keeps its rows there.
//!
//! The client beneath has a runtime of its own, which may not run inside another one. So each connection belongs to a thread,
//! and a caller hands its work to that thread and waits: a host that calls from inside its own runtime is no different from
//! one that has none.

mod cursor;
mod error;
mod options;
mod pool;
mod schema;
mod session;
mod tls;

pub use self::cursor::{Column, Cursor, Database, Kind, Rows, Type};
pub(crate) use self::error::damaged;
pub use self::options::PostgresOptions;
pub(crate) use self::pool::{Access, Pool};
pub(crate) use self::schema::{Part, lock_of};
pub(crate) use self::session::Statements;
