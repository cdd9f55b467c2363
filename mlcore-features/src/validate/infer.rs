//! A suite from data: what may be expected of the next table, and not only of this one.

use mlcore::Result;
use mlcore::arrow::array::RecordBatch;
use mlcore::batch::OwnedValue;
use mlcore::profile::{ColumnKind, ColumnProfile, Profile};
use mlcore::schema::Schema;

use super::{Bounds, Check, Expectation, Literal, RunOptions, Severity, Suite};

/// A set is expected of so few distinct values: more are names rather than categories.
const MOST_CATEGORIES: u64 = 20;
/// Fewer values say nothing about their set or their uniqueness.
const LEAST_VALUES: u64 = 100;
/// A range is widened by this share of itself at each end: the extremes of another sample lie beyond those of this one.
const MARGIN: f64 = 0.1;
/// The share of values that must be within a range or a set that a sample told.
const MOSTLY: f64 = 0.99;
/// Where more rows than this may be missing, nothing is expected of missing values.
const MOST_MISSING: f64 = 0.5;

impl Suite {
    /// A suite of what a profile shows, to be edited: each expectation says in its notes why it is there. Nothing is expected that
    /// a second sample of the same source would often not meet:
    ///
    /// | expectation | severity | where | why not narrower |
    /// |---|---|---|---|
    /// | there is a row | critical | always | an empty table is most often an accident |
    /// | the columns are there, others may be | critical | always | what reads a table does not mind new columns |
    /// | no value is missing, mostly | critical where none was, else warning | at most half are missing | three standard errors and 3/n more may be missing |
    /// | numbers are within a range, mostly 0.99 | warning | finite numbers | a tenth of the range is added at both ends; what was never negative stays so |
    /// | values are of a set, mostly 0.99 | warning | at most 20 values, each seen twice or more, in 100 rows | values that were seen once tell of others that were not (Good and Turing) |
    /// | lengths of text are within a range, mostly 0.99 | warning | text without a set | from half the shortest to twice the longest |
    /// | values are unique | warning | 100 integers or texts or more, all different for certain: a profile is certain of few, a table of all | |
    ///
    /// # Errors
    /// None today; a suite that cannot be meant would be one.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use mlcore::arrow::array::{Int64Array, RecordBatch};
    /// use mlcore::profile::Profile;
    /// use mlcore_features::validate::Suite;
    ///
    /// let ages: Int64Array = (0..500).map(|row| Some(18 + row * 7 % 60)).collect();
    /// let mut profile = Profile::default();
    /// profile.add(&RecordBatch::try_from_iter([("age", Arc::new(ages) as _)])?)?;
    /// let suite = Suite::infer("people", &profile)?;
    /// assert!(suite.to_string().contains("column_values_to_be_between(age, at least 12 and at most 83), mostly 0.99"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn infer(name: impl Into<String>, profile: &Profile) -> Result<Self> {
        Self::of_profile(name.into(), profile, false)
    }

    /// With `candidates`, columns may be unique of which the profile is not certain, for a table to show.
    fn of_profile(name: String, profile: &Profile, candidates: bool) -> Result<Self> {
        let columns: Vec<String> = profile.columns().map(|(name, _)| name.to_owned()).collect();
        let mut suite = Self::new(name)
            .with(
                Expectation::new(Check::TableRowCountToBeBetween { bounds: Bounds::at_least(1) })
                    .with_notes("An empty table is most often an accident."),
            )
            .with(
                Expectation::new(Check::TableColumnsToMatchSet { column_set: columns, exact_match: false })
                    .with_notes("The columns that were there. What reads them does not mind others."),
            );
        for (name, column) in profile.columns() {
            let found = [missing(name, column), values(name, column), unique(name, column, candidates)];
            for expectation in found.into_iter().flatten() {
                suite = suite.with(expectation);
            }
        }
        suite.check().map(|()| suite)
    }

    /// A suite of what a table shows: as [`infer`](Self::infer), with the types of the columns, and without what the table itself
    /// does not meet.
    ///
    /// # Errors
    /// As [`Profile::add`] and [`Run::update`](super::Run::update).
    pub fn infer_table(name: impl Into<String>, table: &RecordBatch) -> Result<Self> {
        let mut profile = Profile::default();
        profile.add(table)?;
        let schema = Schema::from_arrow(table.schema_ref())?;
        let mut suite = Self::of_profile(name.into(), &profile, true)?;
        for field in schema.fields().iter().filter(|field| field.shape().len() == 1) {
            let check = Check::ColumnValuesToBeOfType {
                column: field.name().to_owned(),
                type_: field.dtype().to_string(),
            };
            suite = suite.with(Expectation::new(check).with_notes("The type that the column had."));
        }
        let report = suite.compile(&schema)?.validate(table, &RunOptions::default())?;
        let met = report.results().iter().filter(|result| result.success);
        Ok(met.fold(Self::new(suite.name()), |suite, result| suite.with(result.expectation.clone())))
    }
}

fn missing(name: &str, column: &ColumnProfile) -> Option<Expectation> {
    let (rows, rate) = (column.rows() as f64, column.missing_rate());
    let error = (rate * (1.0 - rate) / rows).sqrt();
    let most = rate + 3.0 * error + 3.0 / rows;
    if column.rows() == 0 || most > MOST_MISSING || most.is_nan() {
        return None;
    }
    let missing = column.nulls() + column.nans();
    let severity = if missing == 0 { Severity::Critical } else { Severity::Warning };
    // Rounded down, so that the text of the suite is short.
    let mostly = ((1.0 - most) * 1e4).floor() / 1e4;
    let notes = format!("{missing} of {} values were missing.", column.rows());
    let check = Check::ColumnValuesToNotBeNull { column: name.to_owned() };
    Some(Expectation::new(check).with_mostly(mostly).with_severity(severity).with_notes(notes))
}

fn values(name: &str, column: &ColumnProfile) -> Option<Expectation> {
    let is_number = matches!(column.kind(), ColumnKind::Number);
    let is_text = matches!(column.kind(), ColumnKind::Text);
    if !is_number && !is_text {
        return None;
    }
    let (check, notes) =
        set(name, column).or_else(|| if is_number { range(name, column) } else { lengths(name, column) })?;
    Some(Expectation::new(check).with_mostly(MOSTLY).with_severity(Severity::Warning).with_notes(notes))
}

/// A set, of texts or integers that all were seen more than once.
fn set(name: &str, column: &ColumnProfile) -> Option<(Check, String)> {
    let distinct =
        column.distinct().filter(|distinct| distinct.is_exact && distinct.estimate <= MOST_CATEGORIES)?;
    if column.values() < LEAST_VALUES || distinct.estimate < 2 {
        return None;
    }
    let mut counts: Vec<(OwnedValue, u64)> = match column.distinct_numbers() {
        Some(numbers) => numbers,
        None => column.categories()?.counts.into_iter().map(|(text, count)| (text.into(), count)).collect(),
    };
    let is_category = |value: &OwnedValue| match value {
        OwnedValue::Text(_) | OwnedValue::Int(_) | OwnedValue::UInt(_) => true,
        OwnedValue::Float(value) => value.fract() == 0.0,
        _ => false,
    };
    if counts.iter().any(|(value, count)| *count < 2 || !is_category(value)) {
        return None;
    }
    counts.sort_by(|(a, _), (b, _)| super::compile::order(a, b));
    let value_set: Vec<Literal> = counts.into_iter().map(|(value, _)| value.into()).collect();
    let notes =
        format!("The {} values that {} rows held, each more than once.", value_set.len(), column.values());
    Some((Check::ColumnValuesToBeInSet { column: name.to_owned(), value_set }, notes))
}

fn range(name: &str, column: &ColumnProfile) -> Option<(Check, String)> {
    let (low, high) = (column.min()?, column.max()?);
    let is_whole =
        [&low, &high].into_iter().all(|end| matches!(end, OwnedValue::Int(_) | OwnedValue::UInt(_)));
    let (low, high) = (low.as_f64()?, high.as_f64()?);
    let margin = (high - low) * MARGIN;
    if !margin.is_finite() {
        return None;
    }
    let (mut least, mut most) = (low - margin, high + margin);
    if low >= 0.0 {
        least = least.max(0.0);
    }
    if high <= 0.0 {
        most = most.min(0.0);
    }
    let notes = format!("{low} to {high} were seen; a tenth of it was added at both ends.");
    let bounds = if is_whole && least.abs() < 9e15 && most.abs() < 9e15 {
        Bounds::at_least(least.floor() as i64).and_at_most(most.ceil() as i64)
    } else {
        Bounds::at_least(rounded(least, f64::floor)).and_at_most(rounded(most, f64::ceil))
    };
    Some((Check::ColumnValuesToBeBetween { column: name.to_owned(), bounds }, notes))
}

/// A number with four digits that count, rounded outwards.
fn rounded(value: f64, round: fn(f64) -> f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(3 - value.abs().log10().floor() as i32);
    let rounded = round(value * scale) / scale;
    if rounded.is_finite() { rounded } else { value }
}

fn lengths(name: &str, column: &ColumnProfile) -> Option<(Check, String)> {
    let lengths = column.lengths()?;
    let bounds = Bounds::at_least(lengths.shortest / 2).and_at_most(lengths.longest.saturating_mul(2));
    let notes = format!(
        "Texts of {} to {} characters were seen; half as short and twice as long may come.",
        lengths.shortest, lengths.longest
    );
    Some((Check::ColumnValueLengthsToBeBetween { column: name.to_owned(), bounds }, notes))
}

fn unique(name: &str, column: &ColumnProfile, candidates: bool) -> Option<Expectation> {
    let distinct = column.distinct()?;
    let may_be = if distinct.is_exact {
        distinct.estimate == column.values()
    } else {
        // An estimate is off by three standard errors at most, nearly always; a table shows whether it holds.
        candidates
            && distinct.estimate as f64 >= column.values() as f64 * (1.0 - 3.0 * distinct.relative_error)
    };
    let is_key = match column.kind() {
        ColumnKind::Text => true,
        ColumnKind::Number => {
            let is_whole =
                |end: Option<OwnedValue>| matches!(end, Some(OwnedValue::Int(_) | OwnedValue::UInt(_)));
            is_whole(column.min()) && is_whole(column.max())
        }
        _ => false,
    };
    if !may_be || !is_key || column.values() < LEAST_VALUES {
        return None;
    }
    let notes = format!("All of {} values were different.", column.values());
    let check = Check::ColumnValuesToBeUnique { column: name.to_owned() };
    Some(Expectation::new(check).with_severity(Severity::Warning).with_notes(notes))
}
