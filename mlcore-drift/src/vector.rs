//! The few loops over whole columns that decide how fast the crate is, on the widest vectors the processor has.
//!
//! Each kernel is plain Rust that the compiler turns into vector instructions. Builds are made for every processor of
//! an architecture; where this one has AVX2, the same code runs from a second copy compiled for it. Both copies do the
//! same operations in the same order, so that they answer the same bits.

/// How many values are placed at a time.
pub(crate) const BLOCK: usize = 128;

/// So many values stay in the fastest cache while several loops pass over them.
const PART: usize = 1024;

/// Adding this to a small non-negative float leaves its nearest integer in the low bits.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

macro_rules! kernels {
    ($($(#[doc = $doc:literal])+ fn $name:ident($($argument:ident: $type:ty),+) $(-> $answer:ty)? $body:block)+) => {$(
        $(#[doc = $doc])+
        #[cfg_attr(
            target_arch = "x86_64",
            expect(unsafe_code, reason = "the border to instructions that not every processor has")
        )]
        pub(crate) fn $name($($argument: $type),+) $(-> $answer)? {
            #[inline(always)]
            fn plain($($argument: $type),+) $(-> $answer)? $body

            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                #[target_feature(enable = "avx2")]
                fn wide($($argument: $type),+) $(-> $answer)? {
                    plain($($argument),+)
                }
                // SAFETY: the processor has AVX2, which is all that `wide` needs.
                return unsafe { wide($($argument),+) };
            }
            plain($($argument),+)
        }
    )+};
}

/// The ends of a column and its gaps.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Extent {
    /// The smallest value; infinity if there is none.
    pub(crate) low: f64,
    /// The largest value; minus infinity if there is none.
    pub(crate) high: f64,
    /// How many are NaN.
    pub(crate) nans: u64,
}

/// Points at equal distance: point `i` is `i step + low`, rounded twice.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Grid {
    pub(crate) low: f64,
    pub(crate) step: f64,
    pub(crate) scale: f64,
    pub(crate) last: f64,
}

kernels! {
    /// The smallest and the largest value, and how many are NaN.
    fn extent(values: &[f64]) -> Extent {
        const LANES: usize = 8;
        let (mut low, mut high, mut nans) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES], 0);
        for part in values.chunks(PART) {
            nans += part.iter().map(|value| u64::from(value.is_nan())).sum::<u64>();
            let (blocks, rest) = part.as_chunks::<LANES>();
            for block in blocks {
                for ((low, high), value) in low.iter_mut().zip(&mut high).zip(block) {
                    // A comparison with NaN is false and keeps what is there.
                    *low = if value < low { *value } else { *low };
                    *high = if value > high { *value } else { *high };
                }
            }
            for value in rest {
                low[0] = low[0].min(*value);
                high[0] = high[0].max(*value);
            }
        }
        let low = low.into_iter().fold(f64::INFINITY, f64::min);
        let high = high.into_iter().fold(f64::NEG_INFINITY, f64::max);
        Extent { low, high, nans }
    }

    /// The sum of `values`, each less `origin`; in eight partial sums.
    fn sum_from(values: &[f64], origin: f64) -> f64 {
        const LANES: usize = 8;
        let mut sums = [0.0; LANES];
        let (blocks, rest) = values.as_chunks::<LANES>();
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += value - origin;
            }
        }
        sums.into_iter().chain(rest.iter().map(|value| value - origin)).sum()
    }

    /// The sum of the squares of `values`, each less `origin`; in eight partial sums.
    fn squares_from(values: &[f64], origin: f64) -> f64 {
        const LANES: usize = 8;
        let mut sums = [0.0; LANES];
        let (blocks, rest) = values.as_chunks::<LANES>();
        for block in blocks {
            for (sum, value) in sums.iter_mut().zip(block) {
                *sum += (value - origin) * (value - origin);
            }
        }
        sums.into_iter().chain(rest.iter().map(|value| (value - origin) * (value - origin))).sum()
    }

    /// How many of `values` are larger than `threshold`.
    fn count_above(values: &[f64], threshold: f64) -> u64 {
        let in_part = |part: &[f64]| part.iter().map(|value| u64::from(*value > threshold)).sum::<u64>();
        values.chunks(PART).map(in_part).sum()
    }

    /// How many of `values` are larger than `threshold` and follow one that is.
    fn count_above_twice(values: &[f64], threshold: f64) -> u64 {
        let next = values.get(1..).unwrap_or_default();
        let in_part = |(first, second): (&[f64], &[f64])| {
            let pairs = first.iter().zip(second);
            pairs.map(|(a, b)| u64::from((*a > threshold) & (*b > threshold))).sum::<u64>()
        };
        values.chunks(PART).zip(next.chunks(PART)).map(in_part).sum()
    }

    /// Adds to each of `below` how many of `values` are less than the edge of the same position.
    fn count_below(values: &[f64], edges: &[f64], below: &mut [u64]) {
        for part in values.chunks(PART) {
            for (edge, below) in edges.iter().zip(below.iter_mut()) {
                *below += part.iter().map(|value| u64::from(value < edge)).sum::<u64>();
            }
        }
    }

    /// For each of up to [`BLOCK`] values, how many points of the grid are at or below it; points beyond the last one
    /// do not count.
    fn points_below(values: &[f64], grid: Grid, places: &mut [u32; BLOCK]) {
        for (value, place) in values.iter().zip(places) {
            let near = (value - grid.low) * grid.scale;
            // NaN becomes 0 here: whatever comes in, the place is one of the grid.
            let near = if near > 0.0 { near } else { 0.0 };
            let near = if near < grid.last { near } else { grid.last };
            let near = (near + ROUNDING) - ROUNDING;
            // The nearest point is the only one that rounding leaves in doubt.
            let point = near * grid.step + grid.low;
            let count = near + if *value < point { 0.0 } else { 1.0 };
            *place = (count + ROUNDING).to_bits() as u32;
        }
    }

    /// For each of up to [`BLOCK`] values from `low` on, the integer nearest to `(value - low) scale`.
    fn nearest(values: &[f64], low: f64, scale: f64, places: &mut [u32; BLOCK]) {
        for (value, place) in values.iter().zip(places) {
            *place = ((value - low) * scale + ROUNDING).to_bits() as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn extents_are_those_of_every_value(
            values in prop::collection::vec(prop_oneof![any::<f64>(), Just(f64::NAN), -1.0..1.0], 0..70),
        ) {
            let found = extent(&values);
            let known = || values.iter().copied().filter(|value| !value.is_nan());
            prop_assert_eq!(found.low, known().fold(f64::INFINITY, f64::min));
            prop_assert_eq!(found.high, known().fold(f64::NEG_INFINITY, f64::max));
            prop_assert_eq!(found.nans, values.iter().filter(|value| value.is_nan()).count() as u64);
        }

        #[test]
        fn counts_and_sums_are_those_of_plain_loops(
            values in prop::collection::vec(prop_oneof![-1.0..1.0, Just(0.25), Just(f64::INFINITY)], 0..3000),
            threshold in prop_oneof![Just(0.25), -1.0..1.0],
        ) {
            let above = |value: &f64| *value > threshold;
            prop_assert_eq!(count_above(&values, threshold), values.iter().filter(|v| above(v)).count() as u64);
            let twice = values.windows(2).filter(|pair| above(&pair[0]) && above(&pair[1])).count();
            prop_assert_eq!(count_above_twice(&values, threshold), twice as u64);
            let finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
            let sum: f64 = finite.iter().map(|value| value - threshold).sum();
            let squares: f64 = finite.iter().map(|value| (value - threshold).powi(2)).sum();
            prop_assert!((sum_from(&finite, threshold) - sum).abs() <= 1e-10);
            prop_assert!((squares_from(&finite, threshold) - squares).abs() <= 1e-10);
        }
    }
}
