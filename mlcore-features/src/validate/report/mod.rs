//! What came of a pass: the result of each expectation, in Great Expectations' terms.

mod html;
mod junit;
mod text;

use mlcore::batch::OwnedValue;
use mlcore::{Error, Result};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Expectation, Severity};

/// A value, or several of one row, that was not expected.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct Unexpected {
    /// Its row, counted from 0 over all batches; `None` for a distinct value, which stands in many.
    pub row: Option<u64>,
    /// The values, one for each column that was looked at.
    pub values: Vec<OwnedValue>,
}

impl Unexpected {
    /// The same so many rows later.
    pub(super) fn after(self, rows: u64) -> Self {
        Self { row: self.row.map(|row| rows + row), ..self }
    }
}

/// What a table was found to have.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub enum Observed {
    /// A number, a date, a text.
    Value(OwnedValue),
    /// Several of them.
    Values(Vec<OwnedValue>),
    /// Values that were expected and do not occur.
    Lacking(Vec<OwnedValue>),
    /// Columns, or the name of a type.
    Names(Vec<String>),
    /// Quantiles: the share and the value, which is `None` without any.
    Quantiles(Vec<(f64, Option<f64>)>),
}

impl Observed {
    /// A number of things.
    pub(super) fn count(count: u64) -> Self {
        Self::Value(i64::try_from(count).map_or(OwnedValue::UInt(count), OwnedValue::Int))
    }
}

/// The result of one expectation: Great Expectations' fields and numbers.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug)]
pub struct ExpectationResult {
    /// What was expected.
    pub expectation: Expectation,
    /// Whether it was met.
    pub success: bool,
    /// The rows that were looked at: those of the condition. `None` for what is asked of a column as a whole.
    pub element_count: Option<u64>,
    /// Those of them that were passed over, because a value is missing; `None` where missing values are asked for. Of a set, its
    /// values that do not occur.
    pub missing_count: Option<u64>,
    /// The rows that did not pass, or the distinct values.
    pub unexpected_count: Option<u64>,
    /// The first of them.
    pub unexpected: Vec<Unexpected>,
    /// What was found.
    pub observed_value: Option<Observed>,
    /// Why it could not be answered; it is not met then.
    pub problem: Option<String>,
}

impl ExpectationResult {
    pub(super) fn new(expectation: Expectation) -> Self {
        Self {
            expectation,
            success: false,
            element_count: None,
            missing_count: None,
            unexpected_count: None,
            unexpected: Vec::new(),
            observed_value: None,
            problem: None,
        }
    }

    /// Fills in counts of rows, and decides by `mostly`.
    pub(super) fn count(
        &mut self,
        elements: u64,
        missing: Option<u64>,
        unexpected: u64,
        examples: Vec<Unexpected>,
    ) {
        self.element_count = Some(elements);
        self.missing_count = missing;
        self.unexpected_count = Some(unexpected);
        self.unexpected = examples;
        let considered = elements - missing.unwrap_or(0);
        let passing = (considered as f64 - unexpected as f64) / considered as f64;
        self.success = considered == 0 || passing >= self.expectation.mostly;
    }

    /// The rows that were not passed over.
    fn considered(&self) -> Option<u64> {
        self.element_count.map(|elements| elements - self.missing_count.unwrap_or(0))
    }

    /// The rows passed over of those looked at, in percent; `None` where there is none.
    #[must_use]
    pub fn missing_percent(&self) -> Option<f64> {
        percent(self.missing_count?, self.element_count?)
    }

    /// The unexpected rows of those that were not passed over, in percent; `None` where there is none.
    #[must_use]
    pub fn unexpected_percent(&self) -> Option<f64> {
        percent(self.unexpected_count?, self.considered()?)
    }

    /// The unexpected rows of those looked at, in percent; `None` where there is none.
    #[must_use]
    pub fn unexpected_percent_total(&self) -> Option<f64> {
        percent(self.unexpected_count?, self.element_count?)
    }

    /// The result as one sentence.
    #[must_use]
    pub fn told(&self) -> String {
        text::told(self)
    }
}

fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64 * 100.0)
}

/// What came of a pass over a table.
///
/// It prints as text, and turns into JSON, JUnit's XML and HTML.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Int64Array, RecordBatch};
/// use mlcore::schema::Schema;
/// use mlcore_features::validate::{Check, RunOptions, Severity, Suite};
///
/// let table = RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1, 1])) as _)])?;
/// let suite = Suite::new("orders").with(Check::ColumnValuesToBeUnique { column: "id".into() });
/// let report = suite.compile(&Schema::from_arrow(table.schema_ref())?)?.validate(&table, &RunOptions::default())?;
/// assert_eq!(report.exit_code(Severity::Warning), 1);
/// assert!(report.to_junit(Severity::Warning).contains("failures=\"1\""));
/// assert!(report.to_html().starts_with("<!DOCTYPE html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Report {
    suite: String,
    rows: u64,
    results: Vec<ExpectationResult>,
}

impl Report {
    pub(super) fn new(suite: &str, rows: u64, results: Vec<ExpectationResult>) -> Self {
        Self { suite: suite.to_owned(), rows, results }
    }

    /// The name of the suite.
    #[must_use]
    pub fn suite(&self) -> &str {
        &self.suite
    }

    /// The rows of the table.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// One for each expectation, in the order of the suite.
    #[must_use]
    pub fn results(&self) -> &[ExpectationResult] {
        &self.results
    }

    /// The expectations that were not met.
    pub fn failures(&self) -> impl Iterator<Item = &ExpectationResult> {
        self.results.iter().filter(|result| !result.success)
    }

    /// Whether every expectation was met, whatever its severity.
    #[must_use]
    pub fn success(&self) -> bool {
        self.results.iter().all(|result| result.success)
    }

    /// Whether every expectation of this severity, or of a higher one, was met.
    #[must_use]
    pub fn success_at(&self, severity: Severity) -> bool {
        self.worst().is_none_or(|worst| worst < severity)
    }

    /// The highest severity of those that were not met.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.failures().map(|result| result.expectation.severity).max()
    }

    /// The exit code of a program that checks data: 0 where every expectation of this severity or a higher one was met, 1 where
    /// one was not, and 2 where one could not be answered.
    #[must_use]
    pub fn exit_code(&self, severity: Severity) -> u8 {
        let failures = || self.failures().filter(|result| result.expectation.severity >= severity);
        if failures().any(|result| result.problem.is_some()) {
            2
        } else {
            u8::from(failures().next().is_some())
        }
    }

    /// The report as JSON, with Great Expectations' names.
    ///
    /// # Errors
    /// [`Error::Internal`], which is a fault of this library.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|cause| {
            Error::internal("write report", self.suite.as_str(), cause.to_string()).caused_by(cause)
        })
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let met = self.results.iter().filter(|result| result.success).count();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("success", &self.success())?;
        map.serialize_entry("suite_name", &self.suite)?;
        map.serialize_entry("row_count", &self.rows)?;
        map.serialize_entry("max_severity_failure", &self.worst())?;
        let all = self.results.len();
        map.serialize_entry(
            "statistics",
            &Statistics {
                evaluated_expectations: all,
                successful_expectations: met,
                unsuccessful_expectations: all - met,
                success_percent: percent(met as u64, all as u64),
            },
        )?;
        map.serialize_entry("results", &self.results)?;
        map.end()
    }
}

#[derive(Serialize)]
struct Statistics {
    evaluated_expectations: usize,
    successful_expectations: usize,
    unsuccessful_expectations: usize,
    success_percent: Option<f64>,
}

impl Serialize for ExpectationResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("success", &self.success)?;
        map.serialize_entry("expectation", &self.expectation)?;
        if let Some(problem) = &self.problem {
            map.serialize_entry("problem", problem)?;
        }
        if let Some(elements) = self.element_count {
            map.serialize_entry("element_count", &elements)?;
        }
        if let Some(missing) = self.missing_count {
            map.serialize_entry("missing_count", &missing)?;
        }
        if let Some(unexpected) = self.unexpected_count {
            map.serialize_entry("unexpected_count", &unexpected)?;
            let values: Vec<Row<'_>> = self.unexpected.iter().map(|example| Row(&example.values)).collect();
            map.serialize_entry("partial_unexpected_list", &values)?;
        }
        if self.element_count.is_some() {
            map.serialize_entry("unexpected_percent", &self.unexpected_percent())?;
            map.serialize_entry("unexpected_percent_total", &self.unexpected_percent_total())?;
            if self.missing_count.is_some() {
                map.serialize_entry("missing_percent", &self.missing_percent())?;
                map.serialize_entry("unexpected_percent_nonmissing", &self.unexpected_percent())?;
            }
            let rows: Vec<Option<u64>> = self.unexpected.iter().map(|example| example.row).collect();
            map.serialize_entry("partial_unexpected_index_list", &rows)?;
        }
        if let Some(observed) = &self.observed_value {
            map.serialize_entry("observed_value", observed)?;
        }
        map.end()
    }
}

/// The values of a row: one by itself, several as a list.
struct Row<'a>(&'a [OwnedValue]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            [value] => value.as_value().serialize(serializer),
            values => serializer.collect_seq(values.iter().map(OwnedValue::as_value)),
        }
    }
}

impl Serialize for Observed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.as_value().serialize(serializer),
            Self::Values(values) => serializer.collect_seq(values.iter().map(OwnedValue::as_value)),
            Self::Lacking(values) => {
                let values: Vec<_> = values.iter().map(OwnedValue::as_value).collect();
                serializer.collect_map([("partial_missing_list", values)])
            }
            Self::Names(names) => names.serialize(serializer),
            Self::Quantiles(quantiles) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry(
                    "quantiles",
                    &quantiles.iter().map(|(share, _)| share).collect::<Vec<_>>(),
                )?;
                map.serialize_entry("values", &quantiles.iter().map(|(_, value)| value).collect::<Vec<_>>())?;
                map.end()
            }
        }
    }
}
