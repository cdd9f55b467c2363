//! What can be asked of the profile of a column.

use std::cmp::Reverse;

use super::column::{ColumnProfile, Values};
use super::distinct::STANDARD_ERROR;
use super::kind::ColumnKind;
use super::number::{Number, float_of};
use crate::batch::OwnedValue;
use crate::time::{Date, DateTime, Time, Timestamp};

/// How many distinct values a column has.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Distinct {
    /// So many, or about so many.
    pub estimate: u64,
    /// Whether the number is certain: up to 1,024 distinct values, and for truth values.
    pub is_exact: bool,
    /// The standard error of the estimate, relative to it; 0 where it is certain.
    pub relative_error: f64,
}

/// A value that occurs often.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct FrequentItem {
    /// The value; of a text of more than 256 bytes the beginning and a digest of the whole.
    pub value: OwnedValue,
    /// It occurs at least so often.
    pub count: u64,
    /// It occurs at most so often.
    pub at_most: u64,
}

/// Counts of values between edges.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Histogram {
    /// In ascending order.
    pub edges: Vec<f64>,
    /// One more than edges: the values below the first, from each edge to below the next, and from the last on.
    pub counts: Vec<u64>,
}

/// How long texts are, in characters.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub struct Lengths {
    /// Characters of the shortest text.
    pub shortest: u64,
    /// Characters of the longest text.
    pub longest: u64,
    /// The mean number of characters.
    pub mean: f64,
    /// The unbiased standard deviation; `None` for a single text.
    pub standard_deviation: Option<f64>,
}

/// Categories of which the counts are certain.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct CategoryCounts {
    /// Each category that is known with its count, in the order of the text.
    pub counts: Vec<(String, u64)>,
    /// The rows of all other categories; 0 where every category is known.
    pub others: u64,
}

impl ColumnProfile {
    /// What the values are.
    #[must_use]
    pub fn kind(&self) -> &ColumnKind {
        &self.kind
    }

    /// The rows, missing ones included.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The rows that were null.
    #[must_use]
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// The rows that were NaN.
    #[must_use]
    pub fn nans(&self) -> u64 {
        self.nans
    }

    /// The rows with a value: neither null nor NaN.
    #[must_use]
    pub fn values(&self) -> u64 {
        self.rows.saturating_sub(self.nulls).saturating_sub(self.nans)
    }

    /// The share of rows without a value: null or NaN; 0 of no rows.
    #[must_use]
    pub fn missing_rate(&self) -> f64 {
        if self.rows == 0 { 0.0 } else { (self.rows - self.values()) as f64 / self.rows as f64 }
    }

    /// The values that are infinity.
    #[must_use]
    pub fn positive_infinities(&self) -> u64 {
        if let Values::Numbers(numbers) = &self.values { numbers.infinities().1 } else { 0 }
    }

    /// The values that are minus infinity.
    #[must_use]
    pub fn negative_infinities(&self) -> u64 {
        if let Values::Numbers(numbers) = &self.values { numbers.infinities().0 } else { 0 }
    }

    /// The smallest finite number, date or time, with every digit of a large integer.
    #[must_use]
    pub fn min(&self) -> Option<OwnedValue> {
        if let Values::Numbers(numbers) = &self.values { self.value(numbers.range()?.0) } else { None }
    }

    /// The largest finite number, date or time, with every digit of a large integer.
    #[must_use]
    pub fn max(&self) -> Option<OwnedValue> {
        if let Values::Numbers(numbers) = &self.values { self.value(numbers.range()?.1) } else { None }
    }

    /// The mean of the finite numbers, of a sum without any rounding; dates and times as the integers that they are stored by. Of
    /// truth values the share that is true.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        match &self.values {
            Values::Numbers(numbers) => numbers.moments().mean(),
            Values::Booleans(falses, trues) if falses + trues > 0 => {
                Some(*trues as f64 / (falses + trues) as f64)
            }
            Values::Nothing | Values::Booleans(..) | Values::Texts(_) | Values::Other => None,
        }
    }

    /// The unbiased variance of the finite numbers, of sums without any rounding; infinite beyond the largest float, and `None`
    /// of fewer than two.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        if let Values::Numbers(numbers) = &self.values { numbers.moments().variance() } else { None }
    }

    /// The square root of [`variance`](Self::variance).
    #[must_use]
    pub fn standard_deviation(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// The skewness of the finite numbers, `scipy.stats.skew`; `None` of a constant, and where a power leaves the range of
    /// floats.
    #[must_use]
    pub fn skewness(&self) -> Option<f64> {
        if let Values::Numbers(numbers) = &self.values { numbers.moments().skewness() } else { None }
    }

    /// The excess kurtosis of the finite numbers, `scipy.stats.kurtosis`; `None` as for [`skewness`](Self::skewness).
    #[must_use]
    pub fn kurtosis(&self) -> Option<f64> {
        if let Values::Numbers(numbers) = &self.values { numbers.moments().kurtosis() } else { None }
    }

    /// How many distinct values there are; `None` for a type that is not looked at.
    #[must_use]
    pub fn distinct(&self) -> Option<Distinct> {
        let (estimate, is_exact) = match &self.values {
            Values::Numbers(numbers) => numbers.distinct(),
            Values::Texts(texts) => texts.distinct(),
            Values::Booleans(falses, trues) => {
                (f64::from(u8::from(*falses > 0) + u8::from(*trues > 0)), true)
            }
            Values::Nothing => (0.0, true),
            Values::Other => return None,
        };
        let estimate = (estimate.round() as u64).min(self.values());
        Some(Distinct { estimate, is_exact, relative_error: if is_exact { 0.0 } else { STANDARD_ERROR } })
    }

    /// The most frequent values, at most `most` of them, the most frequent first: all values where they are few, and otherwise
    /// those that occur more often than anything that is not listed could.
    #[must_use]
    pub fn frequent_items(&self, most: usize) -> Vec<FrequentItem> {
        let item = |value, count, missed| FrequentItem { value, count, at_most: count + missed };
        let mut items: Vec<FrequentItem> = match &self.values {
            Values::Numbers(numbers) => match numbers.spread() {
                Ok(few) => few
                    .into_iter()
                    .filter_map(|(number, count)| Some(item(self.value(number)?, count, 0)))
                    .collect(),
                Err(many) => {
                    let (counts, missed) = many.frequent.items(many.quantiles.buffer());
                    let frequent = counts.into_iter().filter(|(_, count)| *count > missed.max(1));
                    let number = |key| self.value(Number { key, remainder: 0 });
                    frequent.filter_map(|(key, count)| Some(item(number(key)?, count, missed))).collect()
                }
            },
            Values::Texts(texts) => {
                let frequent = texts.items().into_iter().filter(|item| item.count > item.missed);
                frequent.map(|found| item(found.text.into(), found.count, found.missed)).collect()
            }
            Values::Booleans(falses, trues) => {
                let both = [(false, *falses), (true, *trues)].into_iter().filter(|(_, count)| *count > 0);
                both.map(|(flag, count)| item(flag.into(), count, 0)).collect()
            }
            Values::Nothing | Values::Other => Vec::new(),
        };
        items.sort_by_key(|item| Reverse(item.count));
        items.truncate(most);
        items
    }

    /// The counts between the edges that the profile was [given](super::ProfileOptions::with_edges), exactly; `None` without
    /// edges, and for a column of anything but numbers, dates and times.
    #[must_use]
    pub fn histogram(&self) -> Option<Histogram> {
        let edges = self.bins.edges();
        let below = match &self.values {
            Values::Numbers(numbers) if !edges.is_empty() => numbers.below(edges),
            Values::Nothing if !edges.is_empty() => vec![0; edges.len()],
            _ => return None,
        };
        let mut counted = 0;
        let between = below.into_iter().chain([self.values()]).map(|below| {
            let between = below.saturating_sub(counted);
            counted = below;
            between
        });
        let counts = between.collect();
        Some(Histogram { edges: edges.to_vec(), counts })
    }

    /// The categories whose counts are certain: of truth values, of text and numbers with few distinct values, and those that the
    /// profile was [given](super::ProfileOptions::with_categories). `None` where there is no such category.
    #[must_use]
    pub fn categories(&self) -> Option<CategoryCounts> {
        let all = |counts| Some(CategoryCounts { counts, others: 0 });
        match &self.values {
            Values::Booleans(falses, trues) => {
                let both = [("false", *falses), ("true", *trues)].into_iter().filter(|(_, count)| *count > 0);
                all(both.map(|(text, count)| (text.to_owned(), count)).collect())
            }
            Values::Texts(texts) if texts.is_exact() => {
                all(texts.items().iter().map(|item| (item.text.to_owned(), item.count)).collect())
            }
            Values::Texts(texts) if !self.bins.categories().is_empty() => {
                let given = texts.given_items();
                let counted: u64 = given.iter().map(|(_, count)| count).sum();
                let counts = given.into_iter().filter(|(_, count)| *count > 0);
                let counts = counts.map(|(text, count)| (text.to_owned(), count)).collect();
                Some(CategoryCounts { counts, others: self.values().saturating_sub(counted) })
            }
            Values::Nothing | Values::Numbers(_) | Values::Texts(_) | Values::Other => None,
        }
    }

    /// The distinct numbers with their counts in ascending order, an integer past 2^53 with all its digits; `None` where there
    /// are more than 1,024, and for a column of anything but numbers.
    #[must_use]
    pub fn distinct_numbers(&self) -> Option<Vec<(OwnedValue, u64)>> {
        let Values::Numbers(numbers) = &self.values else { return None };
        let few = numbers.spread().ok()?;
        few.into_iter().map(|(number, count)| Some((self.value(number)?, count))).collect()
    }

    /// How long texts are; `None` without any text.
    #[must_use]
    pub fn lengths(&self) -> Option<Lengths> {
        let Values::Texts(texts) = &self.values else { return None };
        let lengths = texts.lengths();
        let count = lengths.count as f64;
        let mean = lengths.sum as f64 / count;
        let deviations = (lengths.squares as f64 - lengths.sum as f64 * mean).max(0.0);
        let variance = (lengths.count > 1).then(|| deviations / (count - 1.0));
        (lengths.count > 0).then(|| Lengths {
            shortest: lengths.least,
            longest: lengths.most,
            mean,
            standard_deviation: variance.map(f64::sqrt),
        })
    }

    /// A number of the column as the value that it stands for.
    fn value(&self, number: Number) -> Option<OwnedValue> {
        let Values::Numbers(numbers) = &self.values else { return None };
        let integer = || number.integer().map(|integer| i64::try_from(integer).map_err(|_| integer));
        match self.kind {
            ColumnKind::Date => {
                let days = i32::try_from(number.integer()?).ok()?;
                Some(OwnedValue::Date(Date::from_days(days)))
            }
            ColumnKind::Time(unit) => Time::new(integer()?.ok()?, unit).ok().map(OwnedValue::Time),
            ColumnKind::DateTime(unit) => Some(OwnedValue::DateTime(DateTime::new(integer()?.ok()?, unit))),
            ColumnKind::Timestamp(unit) => {
                Some(OwnedValue::Timestamp(Timestamp::new(integer()?.ok()?, unit)))
            }
            _ if numbers.has_floats && number.remainder == 0 => Some(OwnedValue::Float(float_of(number.key))),
            _ => Some(match integer() {
                Some(Ok(integer)) => OwnedValue::Int(integer),
                Some(Err(large)) => {
                    u64::try_from(large).map_or_else(|_| OwnedValue::Float(number.float()), OwnedValue::UInt)
                }
                None => OwnedValue::Float(number.float()),
            }),
        }
    }

    /// The smallest and the largest value as floats, infinities included.
    pub(super) fn extremes(&self) -> (f64, f64) {
        let Values::Numbers(numbers) = &self.values else { return (f64::INFINITY, f64::NEG_INFINITY) };
        let (below, above) = numbers.infinities();
        let finite = numbers.range().map(|(low, high)| (low.float(), high.float()));
        let (low, high) = finite.unwrap_or(match (below > 0, above > 0) {
            (false, false) => (f64::INFINITY, f64::NEG_INFINITY),
            (true, false) => (f64::NEG_INFINITY, f64::NEG_INFINITY),
            _ => (f64::INFINITY, f64::INFINITY),
        });
        (if below > 0 { f64::NEG_INFINITY } else { low }, if above > 0 { f64::INFINITY } else { high })
    }
}
