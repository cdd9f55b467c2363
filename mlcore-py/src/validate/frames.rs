//! Where the rows come from: a table of any library, a stream of batches, a file of Parquet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use mlcore::arrow::array::RecordBatch;
use mlcore::arrow::datatypes::Schema;
use mlcore_features::validate::{CompiledSuite, References, Report, Run, RunOptions, Suite};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::door::{self, Asked, is_of};
use crate::error::{detached, raise};
use crate::profiles::ColumnProfile;

pub(super) const VALIDATE: Asked = Asked { operation: "validate", subject: "frame" };

/// Columns and profiles that expectations name, by name.
pub(super) fn references(
    py: Python<'_>,
    given: Option<BTreeMap<String, Bound<'_, PyAny>>>,
) -> PyResult<References> {
    let mut references = References::default();
    for (name, object) in given.into_iter().flatten() {
        references = match object.cast::<ColumnProfile>() {
            Ok(profile) => references.with_profile(name, &profile.get().column),
            Err(_) => {
                let column =
                    door::column(&object, Asked { operation: VALIDATE.operation, subject: "references" })?;
                references.with_column(name, &column).map_err(|error| raise(py, &error))?
            }
        };
    }
    Ok(references)
}

/// Runs a suite over whatever holds rows.
pub(super) fn validated(
    frame: &Bound<'_, PyAny>,
    suite: &Suite,
    references: &References,
    options: &RunOptions,
) -> PyResult<Report> {
    let py = frame.py();
    if frame.is_instance_of::<PyString>() || frame.hasattr("__fspath__")? {
        let path: PathBuf = frame.extract()?;
        return detached(py, || suite.validate_parquet(path, references, options));
    }
    if is_stream(frame)? {
        return of_stream(frame, suite, references, options);
    }
    let table = asked_table(frame, suite, VALIDATE)?;
    detached(py, || compiled(suite, &table, references)?.validate(&table, options))
}

/// A table, of whose columns those are read that the suite names: another one that no table can hold is in nobody's way.
pub(super) fn asked_table(frame: &Bound<'_, PyAny>, suite: &Suite, asked: Asked) -> PyResult<RecordBatch> {
    let named = suite.columns();
    door::columns(frame, None, asked)?.batch_of(frame.py(), asked, |name| named.contains(name))
}

/// Whether batches can be read from it one by one, without any of the tables that lie in memory as a whole.
fn is_stream(frame: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_whole = is_of(frame, "pandas", &["DataFrame", "Series", "Index"])
        || is_of(frame, "polars", &["DataFrame", "LazyFrame", "Series"])
        || is_of(frame, "pyarrow", &["Table", "RecordBatch"])
        || is_of(frame, "numpy", &["ndarray"])
        || is_of(frame, "mlcore", &["Table"]);
    Ok(!is_whole && frame.hasattr("__arrow_c_stream__")?)
}

fn of_stream(
    frame: &Bound<'_, PyAny>,
    suite: &Suite,
    references: &References,
    options: &RunOptions,
) -> PyResult<Report> {
    let py = frame.py();
    let (mut tables, named) = (door::Tables::open(frame, VALIDATE)?, suite.columns());
    let mut run = None;
    while let Some(columns) = tables.next(py, VALIDATE)? {
        let table = columns.batch_of(py, VALIDATE, |name| named.contains(name))?;
        let begun = run.take();
        run = Some(detached(py, move || {
            let mut own: Run = match begun {
                Some(own) => own,
                None => compiled(suite, &table, references)?.start(options),
            };
            own.update(&table)?;
            Ok(own)
        })?);
    }
    let schema = tables.schema().unwrap_or_else(Schema::empty);
    detached(py, || match run {
        Some(run) => run.finish(),
        None => suite.compile_arrow(&schema, references)?.start(options).finish(),
    })
}

/// The suite for the columns of a table.
pub(super) fn compiled(
    suite: &Suite,
    table: &RecordBatch,
    references: &References,
) -> mlcore::Result<CompiledSuite> {
    suite.compile_arrow(table.schema_ref(), references)
}
