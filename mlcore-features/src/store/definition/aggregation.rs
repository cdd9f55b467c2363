use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use mlcore::schema::DType;
use mlcore::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ValueType, duration, name};

/// What an [`Aggregation`] computes of the values of a window. It prints, and is stored, as `mean`, `last_n(10)` and `approx_quantile(0.95)`.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AggregationFunction {
    /// The number of values that are not null; of rows, without a column.
    Count,
    /// The sum.
    Sum,
    /// The arithmetic mean.
    Mean,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The standard deviation of a sample, with `n - 1` below the line, as pandas computes it.
    Std,
    /// The last values, the latest first, at most so many.
    LastN(u32),
    /// The number of distinct values, approximately.
    ApproxCountDistinct,
    /// A quantile between 0 and 1, approximately.
    ApproxQuantile(f64),
}

impl AggregationFunction {
    /// What a feature of it is called before the column's name.
    fn label(self) -> String {
        match self {
            Self::LastN(count) => format!("last_{count}"),
            Self::ApproxQuantile(quantile) => format!("approx_quantile_{quantile}"),
            other => other.to_string(),
        }
    }

    fn check(self) -> Result<()> {
        let problem = match self {
            Self::LastN(0) => "it keeps no value".to_owned(),
            Self::LastN(count) if count > MOST_LAST => {
                format!("it keeps {count} values, and at most {MOST_LAST} are kept")
            }
            Self::ApproxQuantile(quantile) if !(0.0..=1.0).contains(&quantile) => {
                format!("the quantile {quantile} is not between 0 and 1")
            }
            _ => return Ok(()),
        };
        Err(Error::invalid_input(OPERATION, self.to_string(), problem)
            .remedy("write last_n(10) or approx_quantile(0.95)"))
    }

    /// The type of the result for a column of this type; none for a type that it cannot take.
    fn output(self, input: Option<ValueType>) -> Option<ValueType> {
        let Some(input) = input else {
            return matches!(self, Self::Count).then_some(DType::Int64.into());
        };
        let dtype = input.dtype();
        match self {
            Self::Count => Some(DType::Int64.into()),
            _ if input.is_list() => None,
            Self::ApproxCountDistinct => Some(DType::Int64.into()),
            Self::LastN(_) => Some(ValueType::List(dtype)),
            Self::Sum if dtype.is_float() => Some(DType::Float64.into()),
            Self::Sum if dtype.is_numeric() => Some(DType::Int64.into()),
            Self::Mean | Self::Std | Self::ApproxQuantile(_) if dtype.is_numeric() => {
                Some(DType::Float64.into())
            }
            Self::Min | Self::Max if dtype.is_numeric() || dtype.is_temporal() => Some(dtype.into()),
            Self::Sum | Self::Mean | Self::Std | Self::ApproxQuantile(_) | Self::Min | Self::Max => None,
        }
    }
}

/// As many values as a list of one entity may have and still be read in microseconds.
const MOST_LAST: u32 = 10_000;
/// As many tiles as a window may be made of.
const MOST_SLIDES: u128 = 100_000;
const OPERATION: &str = "define aggregation";

impl fmt::Display for AggregationFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Sum => f.write_str("sum"),
            Self::Mean => f.write_str("mean"),
            Self::Min => f.write_str("min"),
            Self::Max => f.write_str("max"),
            Self::Std => f.write_str("std"),
            Self::LastN(count) => write!(f, "last_n({count})"),
            Self::ApproxCountDistinct => f.write_str("approx_count_distinct"),
            Self::ApproxQuantile(quantile) => write!(f, "approx_quantile({quantile})"),
        }
    }
}

impl FromStr for AggregationFunction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (word, argument) = match text.split_once('(') {
            Some((word, rest)) => (word, rest.strip_suffix(')')),
            None => (text, Some("")),
        };
        let plain =
            [Self::Count, Self::Sum, Self::Mean, Self::Min, Self::Max, Self::Std, Self::ApproxCountDistinct];
        let parsed = match (word, argument) {
            ("last_n", Some(count)) => count.parse().ok().map(Self::LastN),
            ("approx_quantile", Some(quantile)) => quantile.parse().ok().map(Self::ApproxQuantile),
            (_, Some("")) if !text.contains('(') => plain.into_iter().find(|known| known.to_string() == word),
            _ => None,
        };
        let function = parsed.ok_or_else(|| {
            Error::invalid_input(OPERATION, format!("{text:?}"), "there is no such function").remedy(
                "use count, sum, mean, min, max, std, last_n(10), approx_count_distinct or approx_quantile(0.95)",
            )
        })?;
        function.check()?;
        Ok(function)
    }
}

impl Serialize for AggregationFunction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AggregationFunction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A feature that is computed of the rows of a sliding window, the latest `time_window` before the moment that is asked about. Feast's
/// `Aggregation`.
///
/// The window moves on by its slide interval, which it is a multiple of. As in Feast the slide interval is the window where none is said,
/// and the feature is called by function, column and seconds.
///
/// ```
/// use std::time::Duration;
///
/// use mlcore_features::store::definition::{Aggregation, AggregationFunction};
///
/// let hour = Duration::from_secs(3600);
/// let mean = Aggregation::new(AggregationFunction::Mean, "trips", hour).with_slide_interval(hour / 60);
/// assert_eq!(mean.resolved_name(), "mean_trips_3600s");
/// let last = Aggregation::new("last_n(5)".parse()?, "city", hour).with_name("last_cities");
/// assert_eq!(last.resolved_name(), "last_cities");
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregation {
    /// What is computed.
    pub function: AggregationFunction,
    /// The column of the view's schema; empty for a count of rows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub column: String,
    /// How far the window reaches back.
    #[serde(with = "duration::text")]
    pub time_window: Duration,
    /// By how much it moves on; the window where none is said.
    #[serde(default, with = "duration::option", skip_serializing_if = "Option::is_none")]
    pub slide_interval: Option<Duration>,
    /// What the feature is called, where it is not what [`resolved_name`](Self::resolved_name) makes up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Aggregation {
    /// An aggregation of a column over a window.
    #[must_use]
    pub fn new(function: AggregationFunction, column: impl Into<String>, time_window: Duration) -> Self {
        Self { function, column: column.into(), time_window, slide_interval: None, name: None }
    }

    /// Says by how much the window moves on.
    #[must_use]
    pub fn with_slide_interval(mut self, interval: Duration) -> Self {
        self.slide_interval = Some(interval);
        self
    }

    /// Names the feature.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// By how much the window moves on.
    #[must_use]
    pub fn slide(&self) -> Duration {
        self.slide_interval.unwrap_or(self.time_window)
    }

    /// What the feature is called: its name, or function, column and the window's whole seconds, as Feast's `resolved_name`.
    #[must_use]
    pub fn resolved_name(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None if self.column.is_empty() => {
                format!("{}_{}s", self.function.label(), self.time_window.as_secs())
            }
            None => format!("{}_{}_{}s", self.function.label(), self.column, self.time_window.as_secs()),
        }
    }

    /// The type of the feature, for a column of this type, or without a column.
    ///
    /// # Errors
    /// [`SchemaMismatch`](Error::SchemaMismatch) for a type that the function does not take.
    pub fn output_type(&self, column: Option<ValueType>) -> Result<ValueType> {
        self.function.output(column).ok_or_else(|| {
            let got = column.map_or_else(|| "no column".to_owned(), |column| column.to_string());
            let problem = format!("{} cannot be computed of {got}", self.function);
            Error::schema_mismatch(OPERATION, self.resolved_name(), problem)
                .remedy("name a column that the function takes, or use another function")
        })
    }

    /// Checks it by itself.
    pub(super) fn check(&self) -> Result<()> {
        self.function.check()?;
        let name = self.resolved_name();
        name::check_column(OPERATION, "feature", &name)?;
        let refuse = |problem: String| {
            Err(Error::invalid_input(OPERATION, name.as_str(), problem)
                .remedy("use a positive window that is a multiple of its slide interval"))
        };
        let (window, slide) = (self.time_window.as_nanos(), self.slide().as_nanos());
        if window == 0 || slide == 0 {
            return refuse("its window or its slide interval is zero".to_owned());
        }
        if self.time_window > duration::LONGEST {
            return refuse("its window is longer than 292 years".to_owned());
        }
        if !window.is_multiple_of(slide) {
            let (window, slide) = (duration::write(self.time_window), duration::write(self.slide()));
            return refuse(format!("its window of {window} is no multiple of its slide interval of {slide}"));
        }
        if window / slide > MOST_SLIDES {
            return refuse(format!(
                "its window has {} slides, and at most {MOST_SLIDES} are taken",
                window / slide
            ));
        }
        Ok(())
    }
}
