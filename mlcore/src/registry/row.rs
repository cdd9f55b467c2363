//! How SQL backends store a row: as JSON beside its digest, under keys of 64 bits.

use serde::Serialize;

use crate::artifact::Digest;
use crate::error::{Error, Result};

/// The body and the digest of a row of a table.
pub(super) fn stored(table: &'static str, row: &impl Serialize) -> Result<(String, Digest)> {
    let body = serde_json::to_string(row)
        .map_err(|cause| Error::internal("change registry", table, cause.to_string()).caused_by(cause))?;
    let digest = row_digest(table, &body);
    Ok((body, digest))
}

/// The table's name is part of it, so that a row cannot pass for one of another table.
pub(super) fn row_digest(table: &str, body: &str) -> Digest {
    Digest::of(format!("{table}\n{body}"))
}

/// SQL counts to 2^63 - 1; what lies beyond is the last number, which no row reaches.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
