//! The tables of the file, their version and its migration.

use std::path::Path;

use rusqlite::Connection;

use super::proof::End;
use super::tables::SqlTables;
use super::{commitment, verify};
use crate::error::Result;
use crate::sql::Schema;

pub(super) const SCHEMA: Schema = Schema {
    // `mlcr`.
    application_id: 0x6d6c_6372,
    migrations: &[
        include_str!("migrations/0001_registry.sql"),
        include_str!("migrations/0002_metrics.sql"),
        include_str!("migrations/0003_commitment.sql"),
        include_str!("migrations/0004_external.sql"),
    ],
    open: "open registry",
    migrate: "migrate registry",
};

/// Makes the tables where the file is new, and brings those of an older version up to date.
pub(super) fn migrate(connection: &mut Connection, file: &Path) -> Result<()> {
    SCHEMA.migrate(connection, file, |transaction| {
        // Files of the versions before 3 have no commitments. What is committed to is what the log gives.
        let end = verify::replay(transaction, file)?;
        let root = commitment::build(transaction, file)?;
        if end.sequence > 0 {
            let end = End { sequence: end.sequence, hash: end.hash, root };
            SqlTables::unchecked(transaction, file).write_end(&end)?;
        }
        Ok(())
    })
}
