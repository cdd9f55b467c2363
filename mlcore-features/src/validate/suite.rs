//! A list of expectations.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use mlcore::arrow::datatypes::{DataType, Field as ArrowField, Schema as ArrowSchema};
use mlcore::schema::{DType, Dim, Field, Schema};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::compile::{CompiledSuite, References, compile, pattern};
use super::literal::compare;
use super::{Bounds, Check, Expectation, Literal};

/// What is expected of a table: expectations under one name. As JSON it is what serde makes of it; as TOML it is edited.
///
/// See the [module](super) for an example.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    name: String,
    #[serde(default)]
    expectations: Vec<Expectation>,
}

impl Suite {
    /// A suite without an expectation.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), expectations: Vec::new() }
    }

    /// The same with another expectation.
    #[must_use]
    pub fn with(mut self, expectation: impl Into<Expectation>) -> Self {
        self.expectations.push(expectation.into());
        self
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The expectations in order.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The columns whose values or types its expectations and their conditions are about, each once, in the order of their names.
    #[must_use]
    pub fn columns(&self) -> BTreeSet<String> {
        let of = |expectation: &Expectation| {
            let clauses = expectation.condition.clauses().iter().map(|clause| clause.column.clone());
            expectation.columns().into_iter().chain(clauses).collect::<Vec<_>>()
        };
        let is_about_values = |expectation: &&Expectation| {
            !matches!(
                expectation.check,
                Check::TableColumnsToMatchOrderedList { .. } | Check::ColumnToExist { .. }
            )
        };
        self.expectations.iter().filter(is_about_values).flat_map(of).collect()
    }

    /// Compiles the suite for tables of this schema, without references.
    ///
    /// What is wrong with the suite is an error here. What is wrong with the schema, such as a column that is not there, fails
    /// the expectations about it when they are [run](CompiledSuite::start), so that the others are still answered;
    /// [`CompiledSuite::problems`] tells it beforehand.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the expectation: see [`check`](Self::check).
    pub fn compile(&self, schema: &Schema) -> Result<CompiledSuite> {
        self.compile_with(schema, &References::default())
    }

    /// Compiles the suite with references, which its expectations name.
    ///
    /// # Errors
    /// As [`compile`](Self::compile); a reference that was not handed in fails the expectation about it.
    pub fn compile_with(&self, schema: &Schema, references: &References) -> Result<CompiledSuite> {
        self.check()?;
        compile(self, schema, references)
    }

    /// Compiles the suite for tables of this Arrow schema. A column of a type that mlcore does not read, such as lists or bytes, stands
    /// in nobody's way: an expectation about its values is a [problem](CompiledSuite::problems).
    ///
    /// # Errors
    /// As [`compile_with`](Self::compile_with), and [`Error::InvalidInput`] for two columns of one name.
    pub fn compile_arrow(&self, schema: &ArrowSchema, references: &References) -> Result<CompiledSuite> {
        let field = |field: &Arc<ArrowField>| match DType::from_arrow(field.data_type()) {
            Some(dtype) => Field::column(field.name(), dtype).nullable(),
            // All of its values are missing.
            None if *field.data_type() == DataType::Null => {
                Field::column(field.name(), DType::Float64).nullable()
            }
            None => Field::tensor(field.name(), DType::UInt8, [Dim::Dynamic, Dim::Dynamic]),
        };
        let fields: Vec<Field> = schema.fields().iter().map(field).collect();
        self.compile_with(&Schema::new(fields)?, references)
    }

    /// Makes sure that the suite can be meant: shares within 0 and 1, ends in order, regular expressions that can be read.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] naming the first expectation that is wrong, by its place and text, and what is wrong with it.
    pub fn check(&self) -> Result<()> {
        let problem = |(place, expectation): (usize, &Expectation)| {
            let problem = problem(expectation)?;
            let subject = format!("suite {:?}, expectation {}, {expectation}", self.name, place + 1);
            Some(Error::invalid_input(CHECK, subject, problem).remedy("correct the suite"))
        };
        self.expectations.iter().enumerate().find_map(problem).map_or(Ok(()), Err)
    }
}

const CHECK: &str = "check suite";
/// A regular expression in a suite is written by people.
const LONGEST_REGEX: usize = 4096;

impl fmt::Display for Suite {
    /// A line for each expectation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "suite {:?}, {} expectations", self.name, self.expectations.len())?;
        self.expectations
            .iter()
            .try_for_each(|expectation| write!(f, "\n{}: {expectation}", expectation.severity))
    }
}

/// What is wrong with an expectation, whatever table it is asked of.
fn problem(expectation: &Expectation) -> Option<String> {
    if !(0.0..=1.0).contains(&expectation.mostly) {
        return Some(format!("mostly is {}, which is no share between 0 and 1", expectation.mostly));
    }
    let clauses = expectation.condition.clauses();
    if let Some(problem) = clauses.iter().find_map(super::Clause::problem) {
        return Some(problem);
    }
    if let Some(value) = clauses.iter().flat_map(|clause| &clause.values).find(|value| !value.is_finite()) {
        return Some(not_finite(value));
    }
    in_check(&expectation.check)
}

fn in_check(check: &Check) -> Option<String> {
    match check {
        Check::TableColumnCountToBeBetween { bounds }
        | Check::TableRowCountToBeBetween { bounds }
        | Check::ColumnValueLengthsToBeBetween { bounds, .. }
        | Check::ColumnMeanToBeBetween { bounds, .. }
        | Check::ColumnMedianToBeBetween { bounds, .. }
        | Check::ColumnStdevToBeBetween { bounds, .. }
        | Check::ColumnSumToBeBetween { bounds, .. }
        | Check::ColumnUniqueValueCountToBeBetween { bounds, .. }
        | Check::ColumnProportionOfUniqueValuesToBeBetween { bounds, .. }
        | Check::ColumnProportionOfNonNullValuesToBeBetween { bounds, .. } => {
            let is_number = |end: &Literal| !matches!(end, Literal::Bool(_) | Literal::Text(_));
            let odd =
                bounds.ends().find(|end| !is_number(end)).map(|end| format!("the end {end} is no number"));
            odd.or_else(|| in_bounds(bounds))
        }
        Check::ColumnValuesToBeBetween { bounds, .. }
        | Check::ColumnMinToBeBetween { bounds, .. }
        | Check::ColumnMaxToBeBetween { bounds, .. } => in_bounds(bounds),
        Check::ColumnValuesToBeInSet { value_set, .. }
        | Check::ColumnValuesToNotBeInSet { value_set, .. }
        | Check::ColumnDistinctValuesToBeInSet { value_set, .. }
        | Check::ColumnDistinctValuesToContainSet { value_set, .. }
        | Check::ColumnDistinctValuesToEqualSet { value_set, .. }
        | Check::ColumnMostCommonValueToBeInSet { value_set, .. } => {
            value_set.iter().find(|value| !value.is_finite()).map(not_finite)
        }
        Check::ColumnPairValuesToBeInSet { value_pairs_set, .. } => {
            let values = value_pairs_set.iter().flat_map(|(a, b)| [a, b]);
            values.into_iter().find(|value| !value.is_finite()).map(not_finite)
        }
        Check::ColumnValuesToMatchRegex { regex, .. } | Check::ColumnValuesToNotMatchRegex { regex, .. } => {
            in_regex(regex)
        }
        Check::ColumnValuesToMatchRegexList { regex_list, .. }
        | Check::ColumnValuesToNotMatchRegexList { regex_list, .. } => {
            let none = regex_list.is_empty().then(|| "regex_list is empty".to_owned());
            none.or_else(|| regex_list.iter().find_map(|regex| in_regex(regex)))
        }
        Check::ColumnValuesToBeOfType { type_, .. } => in_type(type_),
        Check::ColumnValuesToBeInTypeList { type_list, .. } => {
            type_list.iter().find_map(|name| in_type(name))
        }
        Check::ColumnValueZScoresToBeLessThan { threshold, .. } => {
            threshold.is_nan().then(|| "threshold is no number".to_owned())
        }
        Check::ColumnQuantileValuesToBeBetween { quantile_ranges, .. } => {
            let none = quantile_ranges.is_empty().then(|| "quantile_ranges is empty".to_owned());
            none.or_else(|| quantile_ranges.iter().find_map(in_range))
        }
        Check::ColumnNewestValueToBeWithin { max_age_seconds, .. } => {
            let fits = max_age_seconds.is_finite() && *max_age_seconds >= 0.0;
            (!fits).then(|| format!("max_age_seconds is {max_age_seconds}, which is no age"))
        }
        Check::ColumnDistributionToMatchReference { threshold, .. } => {
            let odd = threshold.filter(|threshold| !(threshold.is_finite() && *threshold >= 0.0));
            odd.map(|threshold| format!("threshold is {threshold}, and must be finite and not negative"))
        }
        Check::MulticolumnSumToEqual { column_list, sum_total, .. } if sum_total.is_finite() => {
            few(column_list, 1)
        }
        Check::MulticolumnSumToEqual { sum_total, .. } => Some(format!("sum_total is {sum_total}")),
        Check::MulticolumnValuesToBeEqual { column_list, .. }
        | Check::SelectColumnValuesToBeUniqueWithinRecord { column_list, .. } => few(column_list, 2),
        Check::CompoundColumnsToBeUnique { column_list, .. } => few(column_list, 1),
        Check::ColumnToExist { .. }
        | Check::TableColumnsToMatchSet { .. }
        | Check::TableColumnsToMatchOrderedList { .. }
        | Check::TableColumnCountToEqual { .. }
        | Check::TableRowCountToEqual { .. }
        | Check::ColumnValuesToBeNull { .. }
        | Check::ColumnValuesToNotBeNull { .. }
        | Check::ColumnValueLengthsToEqual { .. }
        | Check::ColumnValuesToBeInReference { .. }
        | Check::ColumnValuesToBeUnique { .. }
        | Check::ColumnValuesToBeIncreasing { .. }
        | Check::ColumnValuesToBeDecreasing { .. }
        | Check::ColumnPairValuesToBeEqual { .. }
        | Check::ColumnPairValuesAToBeGreaterThanB { .. } => None,
    }
}

fn in_bounds(bounds: &Bounds) -> Option<String> {
    if let Some(value) = bounds.ends().find(|value| !value.is_finite()) {
        return Some(not_finite(value));
    }
    match (&bounds.min_value, &bounds.max_value) {
        (None, None) => Some("min_value and max_value are both left away".to_owned()),
        (Some(min), Some(max)) => {
            let is_above = match (value_of(min), value_of(max)) {
                (Some(low), Some(high)) => compare(low, high) == Some(Ordering::Greater),
                _ => false,
            };
            is_above.then(|| format!("min_value {min} is above max_value {max}"))
        }
        _ => None,
    }
}

/// The value of a number; text may be a date, whose order is not that of its letters.
fn value_of(literal: &Literal) -> Option<mlcore::batch::Value<'static>> {
    match literal {
        Literal::Int(value) => Some((*value).into()),
        Literal::UInt(value) => Some((*value).into()),
        Literal::Float(value) => Some((*value).into()),
        Literal::Bool(_) | Literal::Text(_) => None,
    }
}

fn in_range(range: &super::QuantileRange) -> Option<String> {
    let super::QuantileRange { quantile, min_value, max_value } = *range;
    if !(0.0..=1.0).contains(&quantile) {
        return Some(format!("the quantile {quantile} is no share between 0 and 1"));
    }
    let ends = [min_value, max_value].into_iter().flatten();
    if ends.into_iter().any(f64::is_nan) {
        return Some(format!("an end of the range of quantile {quantile} is no number"));
    }
    let is_above = min_value.zip(max_value).is_some_and(|(min, max)| min > max);
    is_above.then(|| format!("the range of quantile {quantile} ends below its beginning"))
}

fn in_regex(regex: &str) -> Option<String> {
    if regex.len() > LONGEST_REGEX {
        return Some(format!("a regular expression has {} bytes, more than {LONGEST_REGEX}", regex.len()));
    }
    pattern(regex).err()
}

fn in_type(name: &str) -> Option<String> {
    name.parse::<mlcore::schema::DType>().err().map(|error| error.to_string())
}

fn few(columns: &[String], least: usize) -> Option<String> {
    (columns.len() < least).then(|| format!("column_list has {} columns; {least} are needed", columns.len()))
}

fn not_finite(value: &Literal) -> String {
    format!("{value} is not finite; leave the end away where there is none")
}
