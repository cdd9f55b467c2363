//! Samples in ascending order: sorted once, compared with many.

use std::cell::Cell;
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
    values: Option<Arc<Vec<f64>>>,
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
        let sorted = (!is_nan).then(|| Arc::new(ascending(values)));
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
        self.values.as_deref().map(Vec::as_slice)
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
    pub(super) value: f64,
    /// The next larger observation of either sample; infinity if there is none.
    pub(super) next: f64,
}

/// Visits the distinct values of two sorted samples, in no order.
///
/// Which sample the next value comes from cannot be predicted, so it is computed rather than branched on; where values
/// repeat is easy to predict, because they do seldom or most of the time. A step waits for the one before it, so that two
/// halves are passed over side by side.
#[inline(always)]
pub(super) fn visit_tied(x: &[f64], y: &[f64], mut visit: impl FnMut(Tied)) {
    let middle = x.get(x.len() / 2).copied().unwrap_or(f64::INFINITY);
    let split = |sample: &'_ [f64]| sample.partition_point(|value| *value < middle);
    let ((lower_x, upper_x), (lower_y, upper_y)) = (x.split_at(split(x)), y.split_at(split(y)));
    let mut lower = Merge::new([lower_x, lower_y], [0, 0], middle);
    let mut upper = Merge::new([upper_x, upper_y], [lower_x.len(), lower_y.len()], f64::INFINITY);
    while lower.is_inside() && upper.is_inside() {
        lower.step(&mut visit);
        upper.step(&mut visit);
    }
    while lower.is_inside() {
        lower.step(&mut visit);
    }
    while upper.is_inside() {
        upper.step(&mut visit);
    }
    lower.finish(&mut visit);
    upper.finish(&mut visit);
}

/// Visits the distinct values of sorted samples in ascending order: how many observations of each sample are smaller, and
/// how many are not larger. Slower than [`visit_tied`].
pub(super) fn visit_in_order(samples: &[&[f64]], mut visit: impl FnMut(&[usize], &[usize])) {
    let mut upto = vec![0; samples.len()];
    let mut before = upto.clone();
    loop {
        let heads = samples.iter().zip(&upto).filter_map(|(sample, seen)| sample.get(*seen));
        let Some(value) = heads.copied().reduce(f64::min) else { return };
        for (sample, seen) in samples.iter().zip(&mut upto) {
            while sample.get(*seen).is_some_and(|next| *next <= value) {
                *seen += 1;
            }
        }
        visit(&before, &upto);
        before.copy_from_slice(&upto);
    }
}

/// A pass over two sorted runs.
struct Merge<'a> {
    x: &'a [f64],
    y: &'a [f64],
    /// How many observations lie before the runs.
    offset: [usize; 2],
    /// The first value after both runs.
    next: f64,
    at: [usize; 2],
    before: [usize; 2],
}

impl<'a> Merge<'a> {
    fn new([x, y]: [&'a [f64]; 2], offset: [usize; 2], next: f64) -> Self {
        Self { x, y, offset, next, at: [0, 0], before: [0, 0] }
    }

    /// Whether both runs have a value and one after it.
    #[inline(always)]
    fn is_inside(&self) -> bool {
        self.at[0] + 1 < self.x.len() && self.at[1] + 1 < self.y.len()
    }

    /// Passes the smaller of the two next values, or both where they are equal; only [inside](Self::is_inside).
    #[inline(always)]
    fn step(&mut self, visit: &mut impl FnMut(Tied)) {
        let (a, b) = (self.x[self.at[0]], self.y[self.at[1]]);
        let (of_x, of_y) = (a <= b, b <= a);
        self.at[0] += usize::from(of_x);
        self.at[1] += usize::from(of_y);
        let value = if of_x { a } else { b };
        let (next_a, next_b) = (self.x[self.at[0]], self.y[self.at[1]]);
        if (next_a > value) & (next_b > value) {
            self.visit(value, if next_a < next_b { next_a } else { next_b }, visit);
        }
    }

    #[inline(always)]
    fn visit(&mut self, value: f64, next: f64, visit: &mut impl FnMut(Tied)) {
        let [before, upto] =
            [self.before, self.at].map(|places| [places[0] + self.offset[0], places[1] + self.offset[1]]);
        visit(Tied { before, upto, value, next });
        self.before = self.at;
    }

    /// Visits what is left, whose first values may equal the last ones that were passed.
    fn finish(mut self, visit: &mut impl FnMut(Tied)) {
        let head = |sample: &[f64], place: usize| sample.get(place).copied().unwrap_or(f64::INFINITY);
        while self.at[0] < self.x.len() || self.at[1] < self.y.len() {
            let value = head(self.x, self.at[0]).min(head(self.y, self.at[1]));
            while self.x.get(self.at[0]).is_some_and(|next| *next <= value) {
                self.at[0] += 1;
            }
            while self.y.get(self.at[1]).is_some_and(|next| *next <= value) {
                self.at[1] += 1;
            }
            let next = head(self.x, self.at[0]).min(head(self.y, self.at[1])).min(self.next);
            self.visit(value, next, visit);
        }
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
/// By their bits. In a range of sizes by the highest of the bits in which they differ, eleven at a time (radix sort): that is
/// quicker than comparisons as long as the second array that it needs is kept between calls, because memory that is new to
/// the process costs more than sorting.
pub(super) fn ascending(values: &[f64]) -> Vec<f64> {
    let mut keys: Vec<u64> = values.iter().map(|value| key(*value)).collect();
    match keys.len() {
        0..RADIX_FROM => keys.sort_unstable(),
        RADIX_FROM..=RADIX_UPTO => radix_sort(&mut keys),
        _ => interrupt::sort_unstable_by(&mut keys, u64::cmp),
    }
    // In the same memory.
    keys.into_iter().map(value_of).collect()
}

thread_local! {
    /// The second array of [`radix_sort`], at most 1 MB of it.
    static MOVED: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

fn radix_sort(keys: &mut [u64]) {
    const BITS: u32 = 11;
    const DIGITS: u32 = 4;
    let first = keys.first().copied().unwrap_or_default();
    let varying = keys.iter().fold(0, |varying, key| varying | (key ^ first));
    let lowest = (u64::BITS - varying.leading_zeros()).saturating_sub(DIGITS * BITS);
    let digit = |key: u64, place: u32| (key >> (lowest + place * BITS)) as usize % (1 << BITS);
    let mut counts = [[0_u32; 1 << BITS]; DIGITS as usize];
    for &key in keys.iter() {
        for (place, counts) in (0..DIGITS).zip(&mut counts) {
            counts[digit(key, place)] += 1;
        }
    }
    let mut kept = MOVED.take();
    let len = keys.len();
    kept.resize(len.max(kept.len()), 0);
    let (mut from, mut to) = (&mut *keys, &mut kept[..len]);
    for (place, counts) in (0..DIGITS).zip(&mut counts) {
        let mut start = 0;
        for count in counts.iter_mut() {
            start += std::mem::replace(count, start);
        }
        for &key in from.iter() {
            let slot = &mut counts[digit(key, place)];
            to[*slot as usize] = key;
            *slot += 1;
        }
        // After an even number of digits the keys are where they were.
        (from, to) = (to, from);
    }
    MOVED.set(kept);
    settle(keys);
}

/// Sorts keys that are in order but for their lowest bits.
fn settle(keys: &mut [u64]) {
    let mut left = keys.len();
    for place in 1..keys.len() {
        let key = keys[place];
        let mut to = place;
        while to > 0 && keys[to - 1] > key {
            keys[to] = keys[to - 1];
            to -= 1;
        }
        keys[to] = key;
        left = left.saturating_sub(place - to);
        if left == 0 {
            // Many values differ in the lowest bits alone.
            keys.sort_unstable();
            return;
        }
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
/// Below this comparisons are quicker, and above that new memory is dearer.
const RADIX_FROM: usize = 8_000;
const RADIX_UPTO: usize = 1 << 17;

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
            found.sort_unstable();
            prop_assert_eq!(found, distinct.into_iter().map(counts).collect::<Vec<_>>());
            let mut values = Vec::new();
            visit_tied(&x, &y, |tied| values.push((tied.value, tied.next)));
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            let nexts = values.iter().skip(1).map(|pair| pair.0).chain([f64::INFINITY]);
            prop_assert!(values.iter().zip(nexts).all(|(pair, next)| pair.1 == next), "{values:?}");
        }
    }

    #[test]
    fn values_that_differ_in_their_lowest_bits_are_sorted() {
        let mut random = SplitMix64::new(2);
        for outliers in [0, 64] {
            let mut values: Vec<f64> = (0..20_000)
                .map(|i| match outliers > 0 && i % outliers == 0 {
                    true => random.normal() * 1e15,
                    false => 1.0 + random.uniform() * 1e-12,
                })
                .collect();
            let sorted = ascending(&values);
            values.sort_by(f64::total_cmp);
            assert_eq!(sorted, values);
        }
    }

    #[test]
    fn every_float_is_sorted() {
        let mut random = SplitMix64::new(1);
        for count in [10, RADIX_FROM + 7, 50_000, RADIX_UPTO + 9, 9_000] {
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
