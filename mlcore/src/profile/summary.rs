//! A profile as people read it.

use std::fmt;

use serde::{Serialize, Serializer};

use super::answers::{Histogram, Lengths};
use super::column::ColumnProfile;
use super::table::Profile;
use crate::batch::OwnedValue;

/// A profile in numbers for people, which serialises as JSON; what [`Profile`] holds beyond is not in it.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::arrow::array::{Int64Array, RecordBatch};
/// use mlcore::profile::Profile;
///
/// let visits = Int64Array::from(vec![3, 1, 1, 7]);
/// let mut profile = Profile::default();
/// profile.add(&RecordBatch::try_from_iter([("visits", Arc::new(visits) as _)])?)?;
/// let summary = profile.summary();
/// assert_eq!((summary.columns[0].mean, summary.columns[0].max.as_deref()), (Some(3.0), Some("7")));
/// assert!(summary.to_string().contains("visits"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The number of rows.
    pub rows: u64,
    /// One for each column, in the order of their names.
    pub columns: Vec<ColumnSummary>,
}

/// A column in numbers for people.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[non_exhaustive]
pub struct ColumnSummary {
    /// The column.
    pub name: String,
    /// What the values are: `number`, `text`, `boolean`, `date`, `timestamp[us]`, the name of a type that is not looked at.
    pub kind: String,
    /// The rows that have the column.
    pub rows: u64,
    /// The rows that do not.
    pub absent: u64,
    /// The rows that were null.
    pub nulls: u64,
    /// The rows that were NaN.
    pub nans: u64,
    /// The values that are infinite, of either sign.
    pub infinities: u64,
    /// The share of rows that were null or NaN.
    pub missing_rate: f64,
    /// The smallest finite value, as text.
    pub min: Option<String>,
    /// The largest finite value, as text.
    pub max: Option<String>,
    /// The mean; of truth values the share that is true.
    pub mean: Option<f64>,
    /// The unbiased standard deviation; `None` also where it is infinite.
    pub standard_deviation: Option<f64>,
    /// The skewness.
    pub skewness: Option<f64>,
    /// The excess kurtosis.
    pub kurtosis: Option<f64>,
    /// Quantiles: shares and values that are finite.
    pub quantiles: Vec<(f64, f64)>,
    /// The share of the rows by which a quantile may be off.
    pub rank_error: Option<f64>,
    /// How many distinct values there are, or about so many.
    pub distinct: Option<u64>,
    /// Whether the number of distinct values is certain.
    pub distinct_is_exact: bool,
    /// The most frequent values, each with its least count.
    pub frequent: Vec<(Plain, u64)>,
    /// The counts between given edges.
    pub histogram: Option<(Vec<f64>, Vec<u64>)>,
    /// Characters of the shortest and of the longest text, and their mean.
    pub lengths: Option<(u64, u64, f64)>,
}

/// A value as JSON has it: a number, a truth value, or text.
#[derive(Clone, PartialEq, Debug)]
pub struct Plain(pub OwnedValue);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_value().serialize(serializer)
    }
}

impl Profile {
    /// The profile in numbers for people.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let column = |(name, column): (&str, &ColumnProfile)| column.summary(name, self.absent(name));
        Summary { rows: self.rows(), columns: self.columns().map(column).collect() }
    }
}

impl ColumnProfile {
    fn summary(&self, name: &str, absent: u64) -> ColumnSummary {
        let ranks = self.ranks();
        let quantile = |share: &f64| Some((*share, ranks.as_ref()?.quantile(*share)?));
        let finite = |(_, value): &(f64, f64)| value.is_finite();
        let distinct = self.distinct();
        let text = |value: OwnedValue| value.to_string();
        ColumnSummary {
            name: name.to_owned(),
            kind: self.kind().to_string(),
            rows: self.rows(),
            absent,
            nulls: self.nulls(),
            nans: self.nans(),
            infinities: self.positive_infinities() + self.negative_infinities(),
            missing_rate: self.missing_rate(),
            min: self.min().map(text),
            max: self.max().map(text),
            mean: self.mean(),
            standard_deviation: self.standard_deviation().filter(|value| value.is_finite()),
            skewness: self.skewness(),
            kurtosis: self.kurtosis(),
            quantiles: SHARES.iter().filter_map(quantile).filter(finite).collect(),
            rank_error: ranks.as_ref().map(|ranks| ranks.rank_error()),
            distinct: distinct.map(|distinct| distinct.estimate),
            distinct_is_exact: distinct.is_some_and(|distinct| distinct.is_exact),
            frequent: self
                .frequent_items(SHOWN)
                .into_iter()
                .map(|item| (Plain(item.value), item.count))
                .collect(),
            histogram: self.histogram().map(|Histogram { edges, counts }| (edges, counts)),
            lengths: self.lengths().map(|Lengths { shortest, longest, mean, .. }| (shortest, longest, mean)),
        }
    }
}

/// The shares whose quantiles are shown.
const SHARES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
/// So many frequent values are shown.
const SHOWN: usize = 10;

impl fmt::Display for Summary {
    /// A line for each column.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            self.columns.iter().map(|column| column.name.chars().count()).max().unwrap_or(0).clamp(6, 40);
        writeln!(f, "{} rows, {} columns", self.rows, self.columns.len())?;
        let titles = ["kind", "missing", "distinct", "min", "median", "max", "mean"];
        write!(f, "{:width$}", "column")?;
        titles.iter().try_for_each(|title| write!(f, "  {title:>12}"))?;
        for column in &self.columns {
            let name: String = column.name.escape_default().take(width).collect();
            let number =
                |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.6}"));
            let about = if column.distinct_is_exact { "" } else { "~" };
            let median = column.quantiles.iter().find(|(share, _)| *share == 0.5).map(|(_, value)| *value);
            let cells = [
                column.kind.clone(),
                format!("{:.2} %", column.missing_rate * 100.0),
                column.distinct.map_or_else(|| "-".to_owned(), |count| format!("{about}{count}")),
                column.min.clone().unwrap_or_else(|| "-".to_owned()),
                number(median),
                column.max.clone().unwrap_or_else(|| "-".to_owned()),
                number(column.mean),
            ];
            write!(f, "\n{name:width$}")?;
            cells.iter().try_for_each(|cell| write!(f, "  {cell:>12}"))?;
        }
        Ok(())
    }
}
