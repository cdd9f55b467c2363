//! A sample as it is stored: a description, and its numbers beside it in ascending order.

use mlcore::{Error, Result, interrupt};
use serde::{Deserialize, Serialize};

use super::remainders::order;
use super::{Categories, MOST_ROWS, Numbers, Precision, Remainders, Sample, Spelling, Values};
use crate::vector::extent;

/// What is stored of a [`Sample`] but its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredSample {
    nulls: u64,
    nans: u64,
    values: StoredValues,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StoredValues {
    Numeric {
        len: u64,
        precision: Precision,
        #[serde(default, skip_serializing_if = "Remainders::is_empty")]
        remainders: Remainders,
    },
    Categorical {
        spelling: Spelling,
        counts: Vec<(Box<str>, u64)>,
        #[serde(default)]
        overflow: u64,
    },
}

impl StoredSample {
    /// The description of a sample; `None` for one of which only a summary is left.
    pub(crate) fn of(sample: &Sample) -> Option<Self> {
        let values = match &sample.values {
            Values::Numeric(numbers) => StoredValues::Numeric {
                len: numbers.values.len() as u64,
                precision: numbers.precision,
                remainders: Remainders::clone(&numbers.remainders),
            },
            Values::Categorical(categories) => StoredValues::Categorical {
                spelling: categories.spelling(),
                counts: categories.iter().map(|(text, count)| (text.into(), count)).collect(),
                overflow: categories.overflow(),
            },
            Values::Sketched(_) => return None,
        };
        Some(Self { nulls: sample.nulls, nans: sample.nans, values })
    }

    /// How many numbers lie beside the description.
    pub(crate) fn numbers(&self) -> u64 {
        match self.values {
            StoredValues::Numeric { len, .. } => len,
            StoredValues::Categorical { .. } => 0,
        }
    }

    /// The sample, with the numbers that lie beside it.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for what no sample looks like: numbers out of order, NaN, more than [`MOST_ROWS`] rows.
    pub(crate) fn sample(self, values: Vec<f64>) -> Result<Sample> {
        let missing = self.nulls.checked_add(self.nans);
        let sample = match self.values {
            StoredValues::Numeric { len, precision, remainders } => {
                let is_sound = len == values.len() as u64
                    && values.iter().all(|value| !value.is_nan())
                    && values.is_sorted_by(|a, b| a.total_cmp(b).is_le())
                    && remainders.fit(values.len());
                if !is_sound {
                    return Err(damaged("its numbers are not in ascending order"));
                }
                let ends = extent(&values);
                let numbers = Numbers {
                    values: values.into(),
                    precision,
                    range: Some((ends.low, ends.high)),
                    remainders: remainders.into(),
                };
                Values::Numeric(numbers)
            }
            StoredValues::Categorical { spelling, counts, overflow } => {
                let total = counts.iter().try_fold(overflow, |sum, (_, count)| sum.checked_add(*count));
                if total.is_none() {
                    return Err(damaged(TOO_MANY));
                }
                Values::Categorical(Categories::with_overflow(counts, overflow).spelled(spelling))
            }
        };
        let sample = Sample { values: sample, nulls: self.nulls, nans: self.nans };
        match missing.and_then(|missing| missing.checked_add(sample.len())) {
            Some(rows) if rows <= MOST_ROWS => Ok(sample),
            _ => Err(damaged(TOO_MANY)),
        }
    }
}

impl Sample {
    /// The sample with its numbers in ascending order, which no test can tell from any other order, and without anything
    /// that tells how rows followed each other.
    pub(crate) fn in_ascending_order(&self) -> Self {
        let values = match &self.values {
            Values::Numeric(numbers) => {
                let mut both: Vec<(f64, i16)> = numbers.remainders.beside(&numbers.values).collect();
                interrupt::sort_unstable_by(&mut both, order);
                let remainders = Remainders::of_ascending(&both);
                let values: Vec<f64> = both.into_iter().map(|(value, _)| value).collect();
                Values::Numeric(Numbers {
                    values: values.into(),
                    remainders: remainders.into(),
                    ..numbers.clone()
                })
            }
            Values::Categorical(categories) => Values::Categorical(categories.unordered()),
            Values::Sketched(sketch) => Values::Sketched(sketch.clone()),
        };
        Self { values, nulls: self.nulls, nans: self.nans }
    }

    /// At most `most` of the numbers of a sample in ascending order, evenly spaced among them, and as many of its missing rows
    /// in proportion; categories stay as they are.
    pub(crate) fn thinned_to(&self, most: usize) -> Self {
        let Values::Numeric(numbers) = &self.values else { return self.clone() };
        let len = numbers.values.len();
        if len <= most {
            return self.clone();
        }
        // The middle of each of `most` equal stretches, in 128 bits because the product may exceed 64.
        let place = |i: usize| ((2 * i as u128 + 1) * len as u128 / (2 * most as u128)) as usize;
        let both: Vec<(f64, i16)> = numbers.remainders.beside(&numbers.values).collect();
        let kept: Vec<(f64, i16)> = (0..most).filter_map(|i| both.get(place(i)).copied()).collect();
        let remainders = Remainders::of_ascending(&kept);
        let values: Vec<f64> = kept.into_iter().map(|(value, _)| value).collect();
        let ends = extent(&values);
        let numbers = Numbers {
            values: values.into(),
            remainders: remainders.into(),
            range: Some((ends.low, ends.high)),
            precision: numbers.precision,
        };
        let in_proportion = |rows: u64| (rows as f64 * most as f64 / len as f64).round() as u64;
        let (nulls, nans) = (in_proportion(self.nulls), in_proportion(self.nans));
        Self { values: Values::Numeric(numbers), nulls, nans }
    }
}

const TOO_MANY: &str = "it has more rows than anybody counts: beyond 2^53";

fn damaged(problem: &str) -> Error {
    Error::corrupt("read monitor reference", "column", problem).remedy("store the reference again")
}
