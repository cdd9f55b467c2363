//! What one row was found to be.

use std::collections::BTreeSet;

use mlcore::batch::{OwnedValue, Row, Value};
use mlcore::schema::{DType, Field, Schema};
use mlcore::time::{TimeUnit, TimeZone};
use mlcore_features::validate::{CompiledSuite, Expectation, Severity, Suite};
use pyo3::prelude::*;

use super::severity;
use crate::error::entry;

/// What :meth:`Suite.check_row` found. In a condition it is true where the row passes.
///
/// Examples
/// --------
/// >>> from mlcore.validate import Suite
/// >>> suite = Suite("people").column_values_to_be_between("age", 0, 120)
/// >>> verdict = suite.check_row({"age": -3})
/// >>> bool(verdict), verdict.failures
/// (False, ['column_values_to_be_between(age, at least 0 and at most 120)'])
#[pyclass(module = "mlcore.validate", frozen)]
#[derive(Debug)]
pub(crate) struct RowVerdict {
    /// The expectations that the row does not meet, as text, in the order of the suite.
    #[pyo3(get)]
    pub(super) failures: Vec<String>,
    pub(super) worst: Option<Severity>,
}

#[pymethods]
impl RowVerdict {
    /// Whether the row meets everything that a row can be asked.
    #[getter]
    fn passed(&self) -> bool {
        self.failures.is_empty()
    }

    /// Whether the row meets everything of this severity, or of a higher one.
    ///
    /// Parameters
    /// ----------
    /// severity : {"critical", "warning", "info"}
    #[pyo3(name = "passed_at")]
    fn passes_at(&self, py: Python<'_>, severity: &str) -> PyResult<bool> {
        entry(py, |py| {
            let severity = self::severity(py, severity)?;
            Ok(self.worst.is_none_or(|worst| worst < severity))
        })
    }

    fn __bool__(&self) -> bool {
        self.failures.is_empty()
    }

    fn __repr__(&self) -> String {
        match self.failures.len() {
            0 => "<mlcore.validate.RowVerdict: passed>".to_owned(),
            count => format!("<mlcore.validate.RowVerdict: {count} failures>"),
        }
    }
}

/// What rows are asked: a suite for the columns that it names, by the types of the values that come.
#[derive(Debug)]
pub(super) struct RowChecks {
    columns: Vec<String>,
    /// The type of a column whose value is missing: one that its expectations can be asked of.
    guessed: Vec<DType>,
    /// The expectations that a row can be asked by itself, by their places.
    asked: BTreeSet<usize>,
    compiled: Vec<(Vec<DType>, Schema, CompiledSuite)>,
}

/// So many combinations of types are kept compiled.
const MOST_COMPILED: usize = 64;

impl RowChecks {
    pub(super) fn new(suite: &Suite) -> mlcore::Result<Self> {
        let columns: Vec<String> = suite.columns().into_iter().collect();
        let guessed: Vec<DType> = columns.iter().map(|name| guess(suite, name)).collect();
        let schema = schema(&columns, &guessed)?;
        let compiled = suite.compile(&schema)?;
        let asked = compiled.places_for_rows().collect();
        Ok(Self { compiled: vec![(guessed.clone(), schema, compiled)], columns, guessed, asked })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Checks the values of the [columns](Self::columns), in their order.
    pub(super) fn check(&mut self, suite: &Suite, values: &[OwnedValue]) -> mlcore::Result<RowVerdict> {
        let types = self.types(suite, values);
        let place = match self.compiled.iter().position(|(own, ..)| *own == types) {
            Some(place) => place,
            None => {
                if self.compiled.len() >= MOST_COMPILED {
                    self.compiled.truncate(1);
                }
                let schema = schema(&self.columns, &types)?;
                let compiled = suite.compile(&schema)?;
                self.compiled.push((types, schema, compiled));
                self.compiled.len() - 1
            }
        };
        let Some((_, schema, compiled)) = self.compiled.get(place) else {
            return Err(mlcore::Error::internal("check row", "row", "the suite was lost"));
        };
        // NaN is how pandas says that a value of any type is missing.
        let values: Vec<Value<'_>> = values
            .iter()
            .map(|value| if value.is_missing() { Value::Null } else { value.as_value() })
            .collect();
        let verdict = compiled.check_row(Row::new(&values, schema)?)?;
        // A value of another kind than an expectation is about does not meet it.
        let odd = compiled.problems().map(|(place, _)| place).filter(|place| self.asked.contains(place));
        let failed: BTreeSet<usize> = verdict.places().iter().copied().chain(odd).collect();
        let failed: Vec<_> = failed.iter().filter_map(|place| suite.expectations().get(*place)).collect();
        Ok(RowVerdict {
            failures: failed.iter().map(ToString::to_string).collect(),
            worst: failed.iter().map(|expectation| expectation.severity).max(),
        })
    }

    /// The types of values; of a missing one that of a column that it is compared with, or a type that can be asked.
    fn types(&self, suite: &Suite, values: &[OwnedValue]) -> Vec<DType> {
        let mut types: Vec<Option<DType>> = values.iter().map(type_of).collect();
        if types.contains(&None) {
            for expectation in suite.expectations() {
                let columns = expectation.columns();
                let place = |name: &String| self.columns.iter().position(|own| own == name);
                let known =
                    columns.iter().filter_map(place).find_map(|place| types.get(place).copied().flatten());
                for unknown in columns.iter().filter_map(place) {
                    if let Some(dtype) = types.get_mut(unknown)
                        && columns.len() > 1
                    {
                        *dtype = dtype.or(known);
                    }
                }
            }
        }
        types.iter().zip(&self.guessed).map(|(own, guessed)| own.unwrap_or(*guessed)).collect()
    }
}

fn schema(columns: &[String], types: &[DType]) -> mlcore::Result<Schema> {
    Schema::new(columns.iter().zip(types).map(|(name, dtype)| Field::column(name, *dtype).nullable()))
}

/// The type of a value; `None` of a missing one.
fn type_of(value: &OwnedValue) -> Option<DType> {
    match value {
        missing if missing.is_missing() => None,
        OwnedValue::Bool(_) => Some(DType::Bool),
        OwnedValue::Int(_) => Some(DType::Int64),
        OwnedValue::UInt(_) => Some(DType::UInt64),
        OwnedValue::Float(_) => Some(DType::Float64),
        OwnedValue::Text(_) => Some(DType::String),
        OwnedValue::Date(_) => Some(DType::Date),
        OwnedValue::Time(_) => Some(DType::Time(TimeUnit::Nanosecond)),
        OwnedValue::DateTime(shown) => Some(DType::Timestamp(shown.unit(), None)),
        OwnedValue::Timestamp(moment) => Some(DType::Timestamp(moment.unit(), Some(TimeZone::UTC))),
        _ => None,
    }
}

/// The first of some types of which most expectations about the column can be asked.
fn guess(suite: &Suite, column: &str) -> DType {
    let candidates = [
        DType::Float64,
        DType::String,
        DType::Bool,
        DType::Date,
        DType::Timestamp(TimeUnit::Microsecond, None),
        DType::Timestamp(TimeUnit::Microsecond, Some(TimeZone::UTC)),
    ];
    let problems = |dtype: &DType| {
        let own = suite.expectations().iter().filter(|expectation| expectation.columns() == [column]);
        let is_odd = |expectation: &&Expectation| {
            let alone = Suite::new("").with((*expectation).clone());
            let field = Field::column(column, *dtype).nullable();
            let compiled = Schema::new([field]).and_then(|schema| alone.compile(&schema));
            compiled.map_or(true, |compiled| compiled.problems().next().is_some())
        };
        own.filter(is_odd).count()
    };
    candidates.into_iter().min_by_key(problems).unwrap_or(DType::Float64)
}
