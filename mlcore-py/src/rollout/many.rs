//! Whole columns of units, assigned at once: arrays in, a frame out.

use std::sync::Arc;

use mlcore::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use mlcore::batch::{ColumnView, Value};
use mlcore::interrupt::Pace;
use mlcore::name::UnitId;
use mlcore::rollout::{Ask, Context, Draw};
use mlcore::stats::SplitMix64;
use mlcore::{Error, Result};
use pyo3::prelude::*;

use super::asked::candidates;
use super::policy::Policy;
use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid, raise};
use crate::experiment::Labels;
use crate::table::Table;

#[pymethods]
impl Policy {
    /// Which of the arms answers each of many units: :meth:`assign` for each row, at once.
    ///
    /// Parameters
    /// ----------
    /// units : array_like of str
    ///     Of shape ``(n,)``; whole numbers count as their digits.
    /// arms : list of str or dict of str to int, optional
    ///     As :meth:`assign` takes them.
    /// seed : int, optional
    ///     Row ``i`` has the draw number ``i`` that follows from it. Equal seeds give equal draws.
    /// context : frame, optional
    ///     A row for each unit, and a column for each attribute.
    /// features : array_like, optional
    ///     Of shape ``(n, k)``: the numbers that a bandit with a context looks at.
    /// library : {"pandas", "polars", "arrow"}, optional
    ///     What makes the frame; "arrow" is a table that every library of Arrow takes. Default: pandas if it is installed, otherwise
    ///     polars.
    ///
    /// Returns
    /// -------
    /// frame
    ///     With the columns ``unit``, ``arm``, ``propensity`` (of the arm, in ``(0, 1]``) and ``epoch``, in the order of the units.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     As :meth:`assign`, with the row; for a unit that is missing, and for another number of rows.
    #[pyo3(signature = (units, arms = None, *, seed = 0, context = None, features = None, library = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn assign_many<'py>(
        &self,
        py: Python<'py>,
        units: &Bound<'_, PyAny>,
        arms: Option<&Bound<'_, PyAny>>,
        seed: u64,
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
        library: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let candidates = candidates(py, self.asked(), arms, OPERATION)?;
            let asked = Many::read(py, units, context, features)?;
            let table = detached(py, || {
                let mut draws = SplitMix64::new(seed);
                let rows = asked.units.codes.len();
                let (mut names, mut propensities) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
                let mut epochs = Vec::with_capacity(rows);
                asked.each(|unit, context| {
                    let ask = Ask::new(unit, &candidates, Draw::new(draws.next_u64())).with_context(context);
                    let assignment = self.asked().assign(&ask);
                    names.push(candidates.at(assignment.position).arm.as_str());
                    propensities.push(assignment.propensity);
                    epochs.push(i64::from(assignment.epoch));
                })?;
                batch([
                    ("unit", asked.unit_column()),
                    ("arm", Arc::new(StringArray::from(names))),
                    ("propensity", Arc::new(Float64Array::from(propensities))),
                    ("epoch", Arc::new(Int64Array::from(epochs))),
                ])
            })?;
            framed(py, &table, library)
        })
    }
}

/// Many units, with what their requests say of themselves.
pub(super) struct Many {
    units: Labels,
    ids: Vec<UnitId>,
    context: Option<RecordBatch>,
    features: Option<Vec<Vec<f64>>>,
}

impl Many {
    pub(super) fn read(
        py: Python<'_>,
        units: &Bound<'_, PyAny>,
        context: Option<&Bound<'_, PyAny>>,
        features: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let asked = |subject| Asked { operation: OPERATION, subject };
        let units = Labels::read(py, "units", &door::column(units, asked("units"))?, asked("units"))?;
        let ids = units.names.iter().map(UnitId::new).collect::<Result<Vec<_>>>();
        let ids = ids.map_err(|error| raise(py, &error))?;
        let context = context.map(|context| door::nullable_table(context, asked("context"))).transpose()?;
        let features = features.map(|features| door::matrix(features, asked("features"))).transpose()?;
        let rows = units.codes.len();
        let beside = |subject: &str, found: Option<usize>| match found {
            Some(found) if found != rows => {
                let problem = format!("{found} rows for {rows} units");
                Err(invalid(py, OPERATION, subject, problem, "pass a row for each unit"))
            }
            _ => Ok(()),
        };
        beside("context", context.as_ref().map(RecordBatch::num_rows))?;
        beside("features", features.as_ref().map(Vec::len))?;
        Ok(Self { units, ids, context, features })
    }

    /// Asks about each unit, in their order.
    pub(super) fn each(&self, mut ask: impl FnMut(&UnitId, Context<'_>)) -> Result<()> {
        let mut plain: Vec<(&str, ArrayRef)> = Vec::new();
        for (field, array) in
            self.context.iter().flat_map(|table| table.schema_ref().fields().iter().zip(table.columns()))
        {
            plain.push((field.name(), ColumnView::plain(field.name(), array)?));
        }
        let mut columns: Vec<(&str, ColumnView<'_>)> = Vec::with_capacity(plain.len());
        for (name, array) in &plain {
            columns.push((name, ColumnView::new(name, array.as_ref())?));
        }
        let mut pace = Pace::default();
        let mut attributes: Vec<(&str, Value<'_>)> = Vec::with_capacity(columns.len());
        for (row, code) in self.units.codes.iter().enumerate() {
            pace.check(OPERATION, 1)?;
            attributes.clear();
            attributes.extend(columns.iter().map(|(name, column)| (*name, column.value(row))));
            let features = self.features.as_ref().and_then(|features| features.get(row));
            let context = Context::EMPTY
                .with_attributes(&attributes)
                .with_features(features.map_or(&[], Vec::as_slice));
            if let Some(unit) = self.ids.get(*code as usize) {
                ask(unit, context);
            }
        }
        Ok(())
    }

    /// The units as a column.
    pub(super) fn unit_column(&self) -> ArrayRef {
        let name = |code: &u32| self.units.names.get(*code as usize).map(String::as_str);
        Arc::new(self.units.codes.iter().map(name).collect::<StringArray>())
    }
}

/// A table of these columns, which may have nulls.
pub(crate) fn batch<'a>(columns: impl IntoIterator<Item = (&'a str, ArrayRef)>) -> Result<RecordBatch> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns)
        .map_err(|cause| Error::internal("make frame", "columns", cause.to_string()).caused_by(cause))
}

/// The table as a frame of this library, or as the table of Arrow that it is.
pub(crate) fn framed<'py>(
    py: Python<'py>,
    batch: &RecordBatch,
    library: Option<&str>,
) -> PyResult<Bound<'py, PyAny>> {
    let table = Bound::new(py, Table::new(batch))?;
    if library == Some("arrow") {
        return Ok(table.into_any());
    }
    let chosen: String = py.import("mlcore._frame")?.call_method1("_chosen", (library,))?.extract()?;
    let output = py.import("mlcore.features._output")?;
    match chosen.as_str() {
        "pandas" => output.call_method1("as_pandas", (table, py.None())),
        _ => output.call_method1("as_polars", (table,)),
    }
}

const OPERATION: &str = "assign";
