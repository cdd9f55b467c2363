//! Samples in ascending order: sorted once, compared with many.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::interrupt;

/// A sample in ascending order, for the tests that depend on the order of two samples alone.
///
/// Such a test sorts both of its samples and passes over them once. A monitor compares one reference with every window: it
/// sorts the reference here, once, and hands it to the functions that end in `_sorted`, which answer what the functions
/// of plain slices answer. Cheap to clone; clones share the values.
///
/// ```
/// use mlcore::stats::{MannWhitneyOptions, SortedSample, mannwhitneyu, mannwhitneyu_sorted};
///
/// let (reference, current) = ([0.3, 0.1, 0.7, 0.2], [0.5, 0.9, 0.8]);
/// let options = MannWhitneyOptions::default();
/// let compiled = SortedSample::new(&reference)?;
/// assert_eq!(compiled.values(), Some(&[0.1, 0.2, 0.3, 0.7][..]));
/// let result = mannwhitneyu_sorted(&compiled, &SortedSample::new(&current)?, &options)?;
/// assert_eq!(result, mannwhitneyu(&reference, &current, &options)?);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct SortedSample {
    len: usize,
    /// `None` if a value is NaN, which every comparison propagates.
    values: Option<Arc<[f64]>>,
}

impl SortedSample {
    /// Sorts a copy of `values`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for an empty sample, [`Error::Unsupported`] for more than 2^30 values.
    pub fn new(values: &[f64]) -> Result<Self> {
        Self::of("sort sample", "values", values)
    }

    /// As [`new`](Self::new), for an operation and its argument.
    pub(super) fn of(operation: &'static str, subject: &'static str, values: &[f64]) -> Result<Self> {
        if values.is_empty() {
            return Err(Error::invalid_input(operation, subject, "the sample is empty")
                .remedy("pass at least one observation in each sample"));
        }
        if values.len() > MOST_VALUES {
            return Err(Error::unsupported(operation, subject, "it has more than 2^30 values")
                .remedy("compare a part of it"));
        }
        interrupt::check(operation)?;
        let is_nan = values.iter().fold(false, |missing, value| missing | value.is_nan());
        let sorted = (!is_nan).then(|| Arc::from(ascending(values)));
        interrupt::check(operation)?;
        Ok(Self { len: values.len(), values: sorted })
    }

    /// The number of values.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a sample of none is refused")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The values in ascending order; `None` if one is NaN.
    #[must_use]
    pub fn values(&self) -> Option<&[f64]> {
        self.values.as_deref()
    }
}

/// The values of both samples; `None` if either holds a NaN.
pub(super) fn both<'a>(x: &'a SortedSample, y: &'a SortedSample) -> Option<(&'a [f64], &'a [f64])> {
    x.values().zip(y.values())
}

/// All observations of one value in two sorted samples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tied {
    /// How many observations of each sample are smaller.
    pub(super) before: [usize; 2],
    /// How many observations of each sample are not larger.
    pub(super) upto: [usize; 2],
}

/// Visits the distinct values of two sorted samples, in ascending order.
///
/// Which sample the next value comes from cannot be predicted, so it is computed rather than branched on; where values
/// repeat is easy to predict, because they do seldom or most of the time.
#[inline(always)]
pub(super) fn visit_tied(x: &[f64], y: &[f64], mut visit: impl FnMut(Tied)) {
    let (mut i, mut j) = (0, 0);
    let mut before = [0, 0];
    while let (Some(&a), Some(&b)) = (x.get(i), y.get(j)) {
        let (of_x, of_y) = (a <= b, b <= a);
        i += usize::from(of_x);
        j += usize::from(of_y);
        let value = if of_x { a } else { b };
        let next_is_larger =
            x.get(i).is_none_or(|next| *next > value) & y.get(j).is_none_or(|next| *next > value);
        if next_is_larger {
            visit(Tied { before, upto: [i, j] });
            before = [i, j];
        }
    }
    // What is left lies in one sample, and its first values may equal the last ones that were seen.
    while let Some(&value) = x.get(i).or_else(|| y.get(j)) {
        while x.get(i).is_some_and(|next| *next <= value) {
            i += 1;
        }
        while y.get(j).is_some_and(|next| *next <= value) {
            j += 1;
        }
        visit(Tied { before, upto: [i, j] });
        before = [i, j];
    }
}

/// A sum of many terms of one sign or of like size: running sums of short blocks, and what these lose kept apart.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BlockSum {
    block: f64,
    terms: u32,
    whole: super::Sum,
}

impl BlockSum {
    #[inline(always)]
    pub(super) fn add(&mut self, term: f64) {
        self.block += term;
        self.terms += 1;
        if self.terms == 64 {
            self.whole.add(std::mem::take(&mut self.block));
            self.terms = 0;
        }
    }

    pub(super) fn value(mut self) -> f64 {
        self.whole.add(self.block);
        self.whole.value()
    }
}

/// A sorted copy of values none of which is NaN; in no order where the caller is to stop.
///
/// By their bits, eight at a time from the lowest (radix sort), which takes half the time of comparisons from some thousand
/// values on; bytes that all values share, as whole numbers do, cost nothing.
pub(super) fn ascending(values: &[f64]) -> Vec<f64> {
    let mut keys: Vec<u64> = values.iter().map(|value| key(*value)).collect();
    if keys.len() < RADIX_FROM {
        keys.sort_unstable();
    } else {
        radix_sort(&mut keys);
    }
    keys.into_iter().map(value_of).collect()
}

fn radix_sort(keys: &mut Vec<u64>) {
    const DIGITS: usize = size_of::<u64>();
    let digit = |key: u64, place: usize| usize::from(key.to_le_bytes()[place]);
    let mut counts = [[0_u32; 256]; DIGITS];
    for &key in keys.iter() {
        for (place, counts) in counts.iter_mut().enumerate() {
            counts[digit(key, place)] += 1;
        }
    }
    let all = keys.len() as u32;
    let mut moved = vec![0; keys.len()];
    for (place, counts) in counts.iter_mut().enumerate() {
        if interrupt::is_stopped() {
            return;
        }
        if counts.contains(&all) {
            continue;
        }
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &key in keys.iter() {
            let slot = &mut counts[digit(key, place)];
            moved[*slot as usize] = key;
            *slot += 1;
        }
        std::mem::swap(keys, &mut moved);
    }
}

/// A number that is ordered like the value; `-0.0` and `0.0` have the same one.
#[inline(always)]
fn key(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    // Negative numbers: all bits flip. Others: the sign bit.
    bits ^ (((bits as i64 >> 63) as u64) | SIGN)
}

#[inline(always)]
fn value_of(key: u64) -> f64 {
    f64::from_bits(key ^ if key & SIGN == 0 { u64::MAX } else { SIGN })
}

const SIGN: u64 = 1 << 63;
/// Counts of values fit into 32 bits, and products of two counts into 64.
const MOST_VALUES: usize = 1 << 30;
/// Below this comparisons are quicker.
const RADIX_FROM: usize = 8_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::SplitMix64;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tied_values_are_visited_once(
            mut x in prop::collection::vec(-3..3_i8, 0..40),
            mut y in prop::collection::vec(-3..3_i8, 0..40),
        ) {
            x.sort_unstable();
            y.sort_unstable();
            let [x, y] = [x, y].map(|values| values.into_iter().map(f64::from).collect::<Vec<f64>>());
            let mut distinct: Vec<f64> = x.iter().chain(&y).copied().collect();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            let mut found = Vec::new();
            visit_tied(&x, &y, |tied| found.push((tied.before, tied.upto)));
            let counts = |value: f64| {
                let of = |sample: &[f64]| {
                    (sample.iter().filter(|v| **v < value).count(), sample.iter().filter(|v| **v <= value).count())
                };
                ([of(&x).0, of(&y).0], [of(&x).1, of(&y).1])
            };
            prop_assert_eq!(found, distinct.into_iter().map(counts).collect::<Vec<_>>());
        }
    }

    #[test]
    fn every_float_is_sorted() {
        let mut random = SplitMix64::new(1);
        for count in [10, RADIX_FROM + 7, 50_000] {
            let mut values: Vec<f64> = (0..count)
                .map(|i| match i % 4 {
                    0 => f64::from_bits(random.next_u64()),
                    1 => (random.uniform() * 10.0).floor() - 5.0,
                    2 => random.normal(),
                    _ => [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MIN][random.below(6)],
                })
                .filter(|value| !value.is_nan())
                .collect();
            let sorted = ascending(&values);
            values.sort_by(|a, b| (a + 0.0).total_cmp(&(b + 0.0)));
            assert_eq!(sorted, values);
        }
    }
}
