use mlcore::arrow::array::RecordBatch;
use mlcore::batch::Value;
use mlcore::schema::{DType, Schema};
use mlcore::time::{Date, DateTime, Time, Timestamp};
use mlcore::{Error, Result};
use serde::{Deserialize, Serialize};

use super::datetime_features::{MISSING, MissingValues};
use crate::program::Lower;
use crate::program::builder::{Column, ProgramBuilder};
use crate::program::moment::{Moment, MomentKernel};
use crate::program::text::Refused;
use crate::transform::input::FitColumn;
use crate::transform::{Attributes, Fit, Training, Transform, input, inverse};

/// What a [`TimeSince`] counts.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum OutputUnit {
    /// Weeks of seven days.
    #[serde(rename = "W")]
    Weeks,
    /// Days of 24 hours.
    #[default]
    #[serde(rename = "D")]
    Days,
    /// Hours.
    #[serde(rename = "h")]
    Hours,
    /// Minutes.
    #[serde(rename = "m")]
    Minutes,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
}

impl OutputUnit {
    const fn nanoseconds(self) -> f64 {
        match self {
            Self::Weeks => 7.0 * 86_400e9,
            Self::Days => 86_400e9,
            Self::Hours => 3600e9,
            Self::Minutes => 60e9,
            Self::Seconds => 1e9,
            Self::Milliseconds => 1e6,
            Self::Microseconds => 1e3,
            Self::Nanoseconds => 1.0,
        }
    }
}

/// How long dates and times are after another column, or after a fixed moment: negative where they are before it.
///
/// Either `reference` or `moment` is to be said. Every other column is compared with it, and its feature is named by the column,
/// `_since_` and the reference; with a moment, by the column and `_since`. Timestamps with a time zone are compared with such
/// alone, by the moment; dates are taken for their midnights where the other side has none.
///
/// Source: feature-engine, `DatetimeSubtraction`, with the numbers of pandas; names, the fixed moment and a missing value that is refused by
/// default are this library's.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{AsArray, Date32Array, RecordBatch};
/// use mlcore::arrow::datatypes::Float64Type;
/// use mlcore_features::transform::{Fit, TimeSince, Transform};
///
/// let table = RecordBatch::try_from_iter([
///     ("ordered", Arc::new(Date32Array::from(vec![19_782, 19_790])) as _),
///     ("joined", Arc::new(Date32Array::from(vec![19_700, 19_791])) as _),
/// ]).unwrap();
/// let (fitted, days) = TimeSince::default().reference("joined").fit_transform(&table)?;
/// assert_eq!(fitted.feature_names_out()?, ["ordered_since_joined"]);
/// assert_eq!(days.column(0).as_primitive::<Float64Type>().values(), &[82.0, -1.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeSince {
    reference: Option<String>,
    moment: Option<String>,
    output_unit: OutputUnit,
    drop_original: bool,
    missing_values: MissingValues,
}

impl Default for TimeSince {
    fn default() -> Self {
        Self {
            reference: None,
            moment: None,
            output_unit: OutputUnit::Days,
            drop_original: true,
            missing_values: MissingValues::Raise,
        }
    }
}

impl TimeSince {
    /// The column that the others are compared with.
    #[must_use]
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// The moment that all columns are compared with, as ISO 8601 writes it: with an offset for columns that have a time zone.
    #[must_use]
    pub fn moment(mut self, moment: impl Into<String>) -> Self {
        self.moment = Some(moment.into());
        self
    }

    /// What is counted. Default: days.
    #[must_use]
    pub fn output_unit(mut self, output_unit: OutputUnit) -> Self {
        self.output_unit = output_unit;
        self
    }

    /// Whether the dates and times themselves are left out. Default: true.
    #[must_use]
    pub fn drop_original(mut self, drop_original: bool) -> Self {
        self.drop_original = drop_original;
        self
    }

    /// What becomes of a missing date or time, on either side. Default: it is refused.
    #[must_use]
    pub fn missing_values(mut self, missing_values: MissingValues) -> Self {
        self.missing_values = missing_values;
        self
    }

    /// The moment as a column of this type would hold it.
    fn fixed(&self, dtype: DType) -> Result<Option<Moment>> {
        let Some(text) = &self.moment else { return Ok(None) };
        let value = match dtype {
            DType::Timestamp(_, Some(_)) => Value::Timestamp(text.parse::<Timestamp>()?),
            DType::Time(_) => Value::Time(text.parse::<Time>()?),
            _ => match text.parse::<Date>() {
                Ok(date) => Value::Date(date),
                Err(_) => Value::DateTime(text.parse::<DateTime>()?),
            },
        };
        Ok(Moment::of(value))
    }
}

const OPERATION: &str = "fit TimeSince";

/// What is compared with what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    OfDay,
    Shown,
    Instant,
}

fn kind(column: &FitColumn) -> Result<Kind> {
    match column.dtype() {
        DType::Date | DType::Timestamp(_, None) => Ok(Kind::Shown),
        DType::Timestamp(_, Some(_)) => Ok(Kind::Instant),
        DType::Time(_) => Ok(Kind::OfDay),
        _ => Err(column.unfit("dates or times")),
    }
}

impl Fit for TimeSince {
    type Fitted = FittedTimeSince;

    fn learn(&self, training: &Training<'_>) -> Result<FittedTimeSince> {
        let columns = input::columns(training, OPERATION)?;
        let kinds = columns.iter().map(kind).collect::<Result<Vec<_>>>()?;
        match (&self.reference, &self.moment) {
            (Some(name), None) => {
                let Some(place) = columns.iter().position(|column| column.field.name() == name) else {
                    let problem = format!("the table has no column {name:?}");
                    return Err(Error::invalid_input(OPERATION, "reference", problem)
                        .remedy("name the column that the others are compared with"));
                };
                let own = kinds.get(place);
                if let Some((column, _)) = columns.iter().zip(&kinds).find(|(_, kind)| Some(*kind) != own) {
                    let problem = format!("{} is not compared with {name:?}", column.dtype());
                    return Err(column.error(problem).remedy(
                        "give both a time zone, or neither; times of day are compared with their like",
                    ));
                }
                if columns.len() == 1 {
                    return Err(Error::invalid_input(OPERATION, "reference", "no other column is there"));
                }
            }
            (None, Some(_)) => {
                for column in &columns {
                    self.fixed(column.dtype()).map_err(|cause| {
                        Error::invalid_input(OPERATION, "moment", format!("{}: {cause}", column.field.name()))
                    })?;
                }
            }
            (None, None) | (Some(_), Some(_)) => {
                let problem = "one of reference and moment is needed, and not both";
                return Err(Error::invalid_input(OPERATION, "reference", problem)
                    .remedy("name a column, or write a moment such as 2024-02-29T12:30:00Z"));
            }
        }
        if self.missing_values == MissingValues::Ignore {
            let input = input::nullable_schema(&columns)?;
            return Ok(FittedTimeSince { parameters: self.clone(), input });
        }
        for column in &columns {
            if let Some(row) = column.view()?.first_null(0, column.len()) {
                let problem = format!("row {row}: a missing value {}", MISSING.problem);
                return Err(column.error(problem).remedy(MISSING.remedy));
            }
        }
        Ok(FittedTimeSince { parameters: self.clone(), input: input::schema(&columns)? })
    }
}

crate::transform::parts::columns_only!(TimeSince, FittedTimeSince);

/// A [`TimeSince`] that has seen its columns.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedTimeSince {
    parameters: TimeSince,
    input: Schema,
}

impl FittedTimeSince {
    /// The specification that was fitted.
    #[must_use]
    pub fn parameters(&self) -> &TimeSince {
        &self.parameters
    }
}

impl Transform for FittedTimeSince {
    fn attributes(&self) -> Attributes {
        Attributes::new()
    }

    fn inverse_transform(&self, _: &RecordBatch) -> Result<RecordBatch> {
        Err(Error::unsupported(
            inverse::OPERATION,
            "TimeSince",
            "a difference does not tell both of its sides",
        )
        .remedy("set drop_original to False, or keep the columns with a ColumnTransformer"))
    }
}

impl Lower for FittedTimeSince {
    fn schema(&self) -> &Schema {
        &self.input
    }

    fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
        let own = &self.parameters;
        let corrupt = |problem: String| Error::corrupt("compile plan", "TimeSince", problem);
        let reference = columns.iter().find(|column| Some(&column.name) == own.reference.as_ref());
        if reference.is_none() && own.moment.is_none() {
            return Err(corrupt("the column that it compares with is missing".to_owned()));
        }
        let mut outputs = if own.drop_original { Vec::new() } else { columns.clone() };
        for column in columns.iter().filter(|column| Some(&column.name) != own.reference.as_ref()) {
            let fixed = own.fixed(column.dtype).map_err(|cause| corrupt(cause.to_string()))?;
            let name = match &own.reference {
                Some(reference) => format!("{}_since_{reference}", column.name),
                None => format!("{}_since", column.name),
            };
            let read: Vec<Column> = [Some(column), reference].into_iter().flatten().cloned().collect();
            let kernel =
                Difference { fixed, per_unit: own.output_unit.nanoseconds(), missing: own.missing_values };
            outputs.extend(builder.read_moments("TimeSince", &read, kernel, vec![name])?);
        }
        Ok(outputs)
    }
}

/// The time from one moment, the second or a fixed one, to another.
#[derive(Debug)]
struct Difference {
    fixed: Option<Moment>,
    /// The nanoseconds of the unit.
    per_unit: f64,
    missing: MissingValues,
}

impl MomentKernel for Difference {
    fn apply(&self, moments: &[Option<Moment>], outputs: &mut [f64]) -> Result<(), Refused> {
        let cell = |place: usize| moments.get(place).copied().flatten();
        let (until, since) = (cell(0), self.fixed.or_else(|| cell(1)));
        let number = match (until, since) {
            (Some(until), Some(since)) => {
                // Both are within 2^64 seconds, whose nanoseconds 128 bits hold many times over.
                (nanoseconds(until) - nanoseconds(since)) as f64 / self.per_unit
            }
            (until, _) if self.missing == MissingValues::Raise => {
                return Err(Refused { input: usize::from(until.is_some()), ..MISSING });
            }
            _ => f64::NAN,
        };
        outputs.fill(number);
        Ok(())
    }
}

/// The nanoseconds since 1970, or since midnight.
pub(in crate::transform) fn nanoseconds(moment: Moment) -> i128 {
    match moment {
        Moment::Date(days) => i128::from(days) * 86_400_000_000_000,
        Moment::Time(nanoseconds) => nanoseconds.into(),
        Moment::Shown(nanoseconds) | Moment::Instant(nanoseconds) => nanoseconds,
    }
}
