//! Thousands of buckets of roughly equal mass, and which observation falls into which: what replaces a sort.
//!
//! A first scale divides the range of a small sample into [`CELLS`] cells of equal width, a second divides each cell
//! into as many buckets as its share of the sample asks for. Both steps are monotone in floating point, so that the
//! buckets are ordered like the values, whatever the sample missed. The first scale is linear in the value, or, where
//! that would crowd most values into few buckets (heavy tails, clusters far apart), linear in its bits, which is
//! roughly its logarithm.

/// Cells of the first scale.
const CELLS: usize = 1 << CELL_BITS;
const CELL_BITS: u32 = 10;
/// Steps within a cell.
const FRACTION_BITS: u32 = 16;
const LAST_STEP: u32 = (1 << (CELL_BITS + FRACTION_BITS)) - 1;
/// Adding this to a double in `0 ..= LAST_STEP` leaves its nearest integer in the lowest bits.
const ROUNDER: f64 = 4_503_599_627_370_496.0;
/// Values mapped at once, so that the arithmetic runs on vectors.
const CHUNK: usize = 64;
/// Identifiers are 16 bits wide.
const MOST_BUCKETS: usize = 1 << 16;
/// Linear buckets are preferred, because they are cheaper, until they are this much more crowded.
const TOLERATED_CROWDING: f64 = 2.0;

/// From a value to a step of the first scale.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Linear { low: f64, steps_per_unit: f64 },
    Bits { low: u64, shift: u32 },
}

impl Scale {
    /// `None` if the range is empty, or so wide or narrow that the arithmetic would leave the doubles.
    fn linear(low: f64, high: f64) -> Option<Self> {
        let steps_per_unit = f64::from(LAST_STEP) / (high - low);
        steps_per_unit.is_normal().then_some(Self::Linear { low, steps_per_unit })
    }

    fn bits(low: f64, high: f64) -> Self {
        let (low, high) = (ordered_bits(low), ordered_bits(high));
        let shift = (u64::BITS - (high - low).leading_zeros()).saturating_sub(CELL_BITS + FRACTION_BITS);
        Self::Bits { low, shift }
    }
}

/// A number that is ordered like the value; `-0.0` and `0.0` have the same one.
#[inline(always)]
fn ordered_bits(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    // Negative numbers: all bits flip. Others: the sign bit.
    bits ^ (((bits as i64 >> 63) as u64) | (1 << 63))
}

#[inline(always)]
fn linear_step(value: f64, low: f64, steps_per_unit: f64) -> u32 {
    let step = (value - low) * steps_per_unit;
    // Written so that NaN, which the caller looks for itself, becomes zero.
    let step = if step > 0.0 { step } else { 0.0 };
    let step = if step < f64::from(LAST_STEP) { step } else { f64::from(LAST_STEP) };
    (step + ROUNDER).to_bits() as u32
}

#[inline(always)]
fn bits_step(value: f64, low: u64, shift: u32) -> u32 {
    (ordered_bits(value).saturating_sub(low) >> shift).min(u64::from(LAST_STEP)) as u32
}

/// A cell of the first scale: the number of its first bucket and how many it has.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    first: u16,
    width: u16,
}

/// A monotone map from values to buckets.
#[derive(Debug, Clone)]
pub(super) struct Buckets {
    scale: Scale,
    cells: Box<[Cell; CELLS]>,
    len: usize,
}

/// The bucket of each observation of a column, and how many lie before each bucket; at the end, how many there are.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) identifiers: Vec<u16>,
    pub(super) starts: Vec<u32>,
}

impl Buckets {
    /// About `len` buckets that hold about equal shares of a sorted sample; `None` if it has no two different finite
    /// values.
    pub(super) fn of_sorted_sample(sample: &[f64], len: usize) -> Option<Self> {
        let low = sample.iter().copied().find(|value| value.is_finite())?;
        let high = sample.iter().rev().copied().find(|value| value.is_finite())?;
        if low >= high {
            return None;
        }
        let len = len.clamp(2 * CELLS, MOST_BUCKETS);
        let by_bits = Self::with_scale(Scale::bits(low, high), sample, len);
        let Some(linear) = Scale::linear(low, high) else { return Some(by_bits) };
        let by_value = Self::with_scale(linear, sample, len);
        let preferred = by_value.crowding(sample) <= TOLERATED_CROWDING * by_bits.crowding(sample);
        Some(if preferred { by_value } else { by_bits })
    }

    fn with_scale(scale: Scale, sample: &[f64], len: usize) -> Self {
        let mut buckets = Self { scale, cells: Box::new([Cell::default(); CELLS]), len };
        let mut shares = [0usize; CELLS];
        for &value in sample {
            shares[buckets.step(value) as usize >> FRACTION_BITS] += 1;
        }
        let mut first = 0;
        for (cell, share) in buckets.cells.iter_mut().zip(shares) {
            // One for every cell, the rest by share, where each cell gets one observation as a present, because a
            // small sample misses some cells that are not empty: together never more than `len`.
            let width = 1 + (share + 1) * (len - CELLS - 1) / (sample.len() + CELLS);
            *cell = Cell { first: first as u16, width: width as u16 };
            first += width;
        }
        buckets.len = first;
        buckets
    }

    fn step(&self, value: f64) -> u32 {
        match self.scale {
            Scale::Linear { low, steps_per_unit } => linear_step(value, low, steps_per_unit),
            Scale::Bits { low, shift } => bits_step(value, low, shift),
        }
    }

    #[inline(always)]
    fn bucket_of_step(cells: &[Cell; CELLS], step: u32) -> u16 {
        let cell = cells[(step >> FRACTION_BITS) as usize % CELLS];
        let fraction = step & ((1 << FRACTION_BITS) - 1);
        cell.first + ((fraction * u32::from(cell.width)) >> FRACTION_BITS) as u16
    }

    /// The bucket of one value that is not NaN.
    pub(super) fn bucket(&self, value: f64) -> usize {
        usize::from(Self::bucket_of_step(&self.cells, self.step(value)))
    }

    /// The chance that two values of a sorted sample share a bucket without being equal.
    fn crowding(&self, sample: &[f64]) -> f64 {
        let mut crowded = 0.0;
        let (mut bucket, mut together, mut distinct) = (usize::MAX, 0.0, 0.0);
        let mut last = f64::NAN;
        for &value in sample {
            let here = self.bucket(value);
            if here != bucket {
                crowded += together * (distinct - 1.0f64).max(0.0);
                (bucket, together, distinct) = (here, 0.0, 0.0);
            }
            together += 1.0;
            distinct += f64::from(u8::from(value != last));
            last = value;
        }
        // One more, so that two good maps are not told apart by a handful of collisions.
        1.0 + (crowded + together * (distinct - 1.0).max(0.0)) / sample.len().max(1) as f64
    }

    /// Puts a column into the buckets, `2^merged` neighbours taken as one; `None` if a value is NaN.
    pub(super) fn count(&self, values: &[f64], merged: u32) -> Option<Counted> {
        match self.scale {
            Scale::Linear { low, steps_per_unit } => {
                self.count_by(values, merged, |value| linear_step(value, low, steps_per_unit))
            }
            Scale::Bits { low, shift } => self.count_by(values, merged, |value| bits_step(value, low, shift)),
        }
    }

    #[inline(always)]
    fn count_by(&self, values: &[f64], merged: u32, step: impl Fn(f64) -> u32) -> Option<Counted> {
        let mut identifiers = vec![0u16; values.len()];
        // One more at either end: the bucket that the last, incomplete one may be, and the start of the first.
        let mut starts = vec![0u32; (self.len >> merged) + 2];
        let mut missing = false;
        for (values, identifiers) in values.chunks(CHUNK).zip(identifiers.chunks_mut(CHUNK)) {
            let mut steps = [0u32; CHUNK];
            for (slot, &value) in steps.iter_mut().zip(values) {
                *slot = step(value);
                missing |= value.is_nan();
            }
            for (identifier, &step) in identifiers.iter_mut().zip(&steps) {
                *identifier = Self::bucket_of_step(&self.cells, step) >> merged;
                starts[usize::from(*identifier) + 1] += 1;
            }
        }
        if missing {
            return None;
        }
        starts.truncate(self.len.div_ceil(1 << merged) + 1);
        let mut start = 0;
        for count in &mut starts {
            start += *count;
            *count = start;
        }
        Some(Counted { identifiers, starts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finite_or_infinite() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>().prop_filter("NaN", |value| !value.is_nan()),
            -1e3..1e3f64,
            prop::sample::select(vec![
                0.0,
                -0.0,
                f64::MAX,
                f64::MIN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                5e-324
            ])
        ]
    }

    proptest! {
        #[test]
        fn buckets_are_ordered_like_values(
            mut sample in prop::collection::vec(finite_or_infinite(), 2..300),
            mut values in prop::collection::vec(finite_or_infinite(), 2..300),
            len in 0usize..100_000,
        ) {
            sample.sort_by(f64::total_cmp);
            values.sort_by(f64::total_cmp);
            let Some(buckets) = Buckets::of_sorted_sample(&sample, len) else { return Ok(()) };
            for scale in [buckets.scale, Scale::bits(-1.0, 1e300)] {
                let buckets = Buckets::with_scale(scale, &sample, len.clamp(2 * CELLS, MOST_BUCKETS));
                let counted = buckets.count(&values, 0).unwrap();
                prop_assert!(counted.identifiers.is_sorted());
                prop_assert!(counted.identifiers.iter().all(|&bucket| usize::from(bucket) < buckets.len));
                prop_assert_eq!(counted.starts.len(), buckets.len + 1);
                for (bucket, start) in counted.starts.iter().enumerate() {
                    let before = counted.identifiers.partition_point(|&identifier| usize::from(identifier) < bucket);
                    prop_assert_eq!(*start as usize, before);
                }
                for (value, &bucket) in values.iter().zip(&counted.identifiers) {
                    prop_assert_eq!(buckets.bucket(*value), usize::from(bucket));
                    prop_assert_eq!(buckets.bucket(-value), buckets.bucket(0.0 - value));
                }
            }
        }
    }

    #[test]
    fn heavy_tails_and_far_clusters_are_spread() {
        let pareto: Vec<f64> = (1..2000).map(|i| (2000.0 / f64::from(i)).powi(4)).rev().collect();
        let clusters: Vec<f64> = (0..2000).map(|i| f64::from(i - 1000) * 1e300 + f64::from(i)).collect();
        for sample in [pareto, clusters] {
            let buckets = Buckets::of_sorted_sample(&sample, 16_384).unwrap();
            assert!(buckets.crowding(&sample) < 2.0, "{}", buckets.crowding(&sample));
        }
    }

    #[test]
    fn a_nan_is_found() {
        let buckets = Buckets::of_sorted_sample(&[0.0, 1.0], 100).unwrap();
        assert!(buckets.count(&[0.5, f64::NAN], 0).is_none());
        assert!(Buckets::of_sorted_sample(&[1.0, 1.0, f64::INFINITY], 100).is_none());
    }
}
