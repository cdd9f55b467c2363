//! The bytes of a reference: a description in JSON, and the numbers behind it.

use std::collections::BTreeSet;

use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::MonitorReference;
use crate::catalog::Catalog;
use crate::monitor::plan::ReferenceColumn;
use crate::monitor::sealed::Seal;
use crate::monitor::{MonitorOptions, SkippedColumn};
use crate::sample::{MOST_ROWS, StoredSample};

/// The version of the bytes of a [`MonitorReference`]: raised when an older mlcore could not read them.
pub const MONITOR_REFERENCE_VERSION: u32 = 1;

const SEAL: Seal = Seal {
    magic: b"mlcore-monitor\n\0",
    version: MONITOR_REFERENCE_VERSION,
    operation: "read monitor reference",
    subject: "bytes",
};

/// Everything but the numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    options: MonitorOptions,
    rows: u64,
    names: Vec<String>,
    skipped: Vec<SkippedColumn>,
    columns: Vec<Column>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    name: String,
    sample: StoredSample,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
}

impl MonitorReference {
    /// The reference as bytes, which are equal for equal rows in any order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for options that do not serialise: a test of your own that does not name its options.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for ReferenceColumn { name, sample, threshold } in &self.columns {
            let sample = StoredSample::of(sample).ok_or_else(|| {
                Error::internal(WRITE, name.as_str(), "only a summary of the column is left")
            })?;
            columns.push(Column { name: name.clone(), sample, threshold: *threshold });
        }
        let description = Description {
            options: self.options.clone(),
            rows: self.rows,
            names: self.names.clone(),
            skipped: self.skipped.clone(),
            columns,
        };
        let description = serde_json::to_vec(&description)
            .map_err(|cause| Error::invalid_input(WRITE, "options", cause.to_string()).caused_by(cause))?;
        SEAL.close(|bytes| {
            bytes.extend_from_slice(&(description.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&description);
            for ReferenceColumn { sample, .. } in &self.columns {
                interrupt::check(WRITE)?;
                let values = sample.values().unwrap_or_default();
                bytes.reserve(values.len() * 8);
                bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
            Ok(())
        })
    }

    /// The reference of such bytes, whose tests are those of this crate.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for other bytes, [`Error::Unsupported`] for those of a later version, [`Error::NotFound`] for a test
    /// that is not one of this crate, [`Error::InvalidInput`] for options that no monitor takes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_bytes_with(bytes, Catalog::default())
    }

    /// The reference of such bytes, whose tests are found in `catalog`.
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_bytes_with(bytes: &[u8], catalog: Catalog) -> Result<Self> {
        let (description, mut numbers) = SEAL
            .open(bytes)?
            .split_first_chunk::<8>()
            .and_then(|(length, rest)| {
                let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
                rest.split_at_checked(length)
            })
            .ok_or_else(|| SEAL.damaged("they end too soon"))?;
        let Description { options, rows, names, skipped, columns: described } =
            serde_json::from_slice(description)
                .map_err(|cause| SEAL.damaged(&cause.to_string()).caused_by(cause))?;
        let mut columns = Vec::new();
        for Column { name, sample: stored, threshold } in described {
            interrupt::check(SEAL.operation)?;
            let size = usize::try_from(stored.numbers()).ok().and_then(|len| len.checked_mul(8));
            let (own, rest) = size
                .and_then(|size| numbers.split_at_checked(size))
                .ok_or_else(|| SEAL.damaged("they have fewer numbers than they say"))?;
            numbers = rest;
            let values = own.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            columns.push(ReferenceColumn { name, sample: stored.sample(values)?, threshold });
        }
        if !numbers.is_empty() {
            return Err(SEAL.damaged("they have more numbers than they say"));
        }
        let reference = Self::of_parts(columns, skipped, names, options.with_catalog(catalog), rows);
        reference.options.check()?;
        if rows > MOST_ROWS || !reference.is_of_a_table() {
            return Err(SEAL.damaged("they describe a table that nobody has"));
        }
        // What loads can be watched; the compiled columns are kept for the monitor that is asked for next.
        reference.monitor()?;
        Ok(reference)
    }

    /// Whether every watched column is one of the table's, whose names are all different.
    fn is_of_a_table(&self) -> bool {
        let names: BTreeSet<&str> = self.names().collect();
        let columns: BTreeSet<&str> = self.columns().collect();
        names.len() == self.names.len() && columns.len() == self.columns.len() && columns.is_subset(&names)
    }
}

const WRITE: &str = "write monitor reference";
