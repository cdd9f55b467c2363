//! The few loops over blocks of numbers that decide how fast a profile is, on the widest vectors the processor has.
//!
//! Each kernel is plain Rust that the compiler turns into vector instructions, compiled once for every processor and again
//! for those with AVX2 and with AVX-512. All copies do the same operations in the same order, so that they answer the same
//! bits; products are exact with and without fused instructions.

/// How many numbers are read at a time: they stay in the fastest cache while every part of a profile passes over them.
pub(super) const BLOCK: usize = 1024;

const LANES: usize = 8;

macro_rules! kernels {
    ($($(#[doc = $doc:literal])+ fn $name:ident<$fused:ident>($($argument:ident: $type:ty),+) $(-> $answer:ty)? $body:block)+) => {$(
        $(#[doc = $doc])+
        #[cfg_attr(
            target_arch = "x86_64",
            expect(unsafe_code, reason = "the border to instructions that not every processor has")
        )]
        pub(super) fn $name($($argument: $type),+) $(-> $answer)? {
            #[inline(always)]
            fn plain<const $fused: bool>($($argument: $type),+) $(-> $answer)? $body

            #[cfg(target_arch = "x86_64")]
            {
                use std::arch::is_x86_feature_detected as has;

                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                fn widest($($argument: $type),+) $(-> $answer)? {
                    plain::<true>($($argument),+)
                }
                #[target_feature(enable = "avx2,fma")]
                fn wide($($argument: $type),+) $(-> $answer)? {
                    plain::<true>($($argument),+)
                }
                let has_wide = has!("avx2") && has!("fma");
                if has_wide && has!("avx512f") && has!("avx512dq") && has!("avx512vl") {
                    // SAFETY: the processor has what `widest` needs.
                    return unsafe { widest($($argument),+) };
                }
                if has_wide {
                    // SAFETY: the processor has what `wide` needs.
                    return unsafe { wide($($argument),+) };
                }
            }
            plain::<false>($($argument),+)
        }
    )+};
}

/// The ends of a block, and whether it has anything but finite numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// The smallest value; infinity if there is none.
    pub(super) low: f64,
    /// The largest value; minus infinity if there is none.
    pub(super) high: f64,
    /// How many are NaN or infinite.
    pub(super) odd: u64,
}

/// Mean and sums of powers of deviations from it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Powers {
    pub(super) mean: f64,
    /// What the mean lacks: far from zero a float near it is coarse beside the deviations.
    pub(super) rest: f64,
    pub(super) squares: f64,
    pub(super) cubes: f64,
    pub(super) fourths: f64,
}

impl Powers {
    /// Of the sums of powers of deviations from a number near the mean.
    pub(super) fn about(mean: f64, count: f64, [first, second, third, fourth]: [f64; 4]) -> Self {
        let rest = first / count;
        Self {
            mean,
            rest,
            squares: second - rest * first,
            cubes: third - 3.0 * rest * second + 2.0 * rest * rest * first,
            fourths: fourth - 4.0 * rest * third + 6.0 * rest * rest * second
                - 3.0 * rest * rest * rest * first,
        }
    }
}

/// Numbers that add up to the sum of a block, and others that add up to the sum of its squares, without any rounding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slices {
    pub(super) sum: [f64; 3],
    pub(super) squares: [f64; 6],
    /// Whether nothing was lost: some block spans too wide a range of magnitudes.
    pub(super) is_exact: bool,
}

/// Smaller numbers may have squares of which digits are lost.
const TINY: f64 = f64::from_bits(0x21f0_0000_0000_0000); // 2^-480

kernels! {
    /// The smallest and the largest value, and how many are not finite.
    fn ends<FUSED>(values: &[f64]) -> Ends {
        let (mut low, mut high, mut odd) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES], [0_u64; LANES]);
        let (groups, rest) = values.as_chunks::<LANES>();
        let mut take = |lane: usize, value: f64| {
            // A comparison with NaN is false and keeps what is there.
            low[lane] = if value < low[lane] { value } else { low[lane] };
            high[lane] = if value > high[lane] { value } else { high[lane] };
            odd[lane] += u64::from(!value.is_finite());
        };
        for group in groups {
            for (lane, value) in group.iter().enumerate() {
                take(lane, *value);
            }
        }
        for value in rest {
            take(0, *value);
        }
        Ends {
            low: low.into_iter().fold(f64::INFINITY, f64::min),
            high: high.into_iter().fold(f64::NEG_INFINITY, f64::max),
            odd: odd.into_iter().sum(),
        }
    }

    /// Mean and sums of powers of deviations of finite numbers, in two passes.
    fn powers<FUSED>(values: &[f64]) -> Powers {
        if values.is_empty() {
            return Powers::default();
        }
        let (groups, rest) = values.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for group in groups {
            for (sum, value) in sums.iter_mut().zip(group) {
                *sum += value;
            }
        }
        let mean = sums.iter().chain(rest).sum::<f64>() / values.len() as f64;
        let mut lanes = [[0.0; LANES]; 4];
        let mut take = |lane: usize, value: f64| {
            let deviation = value - mean;
            let square = deviation * deviation;
            lanes[0][lane] += deviation;
            lanes[1][lane] += square;
            lanes[2][lane] += square * deviation;
            lanes[3][lane] += square * square;
        };
        for group in groups {
            for (lane, value) in group.iter().enumerate() {
                take(lane, *value);
            }
        }
        for value in rest {
            take(0, *value);
        }
        let sums = lanes.map(|lane| lane.into_iter().sum());
        Powers::about(mean, values.len() as f64, sums)
    }

    /// The sum of up to [`BLOCK`] numbers of at most `2^exponent`, and that of their squares, in parts that are exact.
    ///
    /// A number is cut into slices of 42 bits at places that all numbers of the block share: adding a large constant and
    /// taking it away again leaves the upper slice. So many slices as a block has add up within the 53 bits of a float.
    fn slices<FUSED>(values: &[f64], exponent: i32) -> Slices {
        /// The constants that leave the slices of numbers of at most `2^exponent`.
        fn cuts(exponent: i32) -> [f64; 3] {
            let power = |exponent: i32| f64::from_bits(((exponent + 1023) as u64) << 52);
            [0, 43, 86].map(|below| 1.5 * power(exponent + 10 - below))
        }
        let cuts = [cuts(exponent), cuts(2 * exponent), cuts(2 * exponent - 53)];
        let mut sums = [[[0.0; LANES]; 3]; 3];
        let (mut lost, mut tiny) = ([0.0_f64; LANES], [0_u64; LANES]);
        let mut take = |lane: usize, value: f64| {
            let square = value * value;
            let rest = if FUSED { value.mul_add(value, -square) } else { rest_of_square(value, square) };
            for ((sums, cuts), part) in sums.iter_mut().zip(&cuts).zip([value, square, rest]) {
                let mut left = part;
                for (sum, cut) in sums.iter_mut().zip(cuts) {
                    let slice = (left + cut) - cut;
                    sum[lane] += slice;
                    left -= slice;
                }
                lost[lane] += left.abs();
            }
            tiny[lane] += u64::from((value.abs() < TINY) & (value != 0.0));
        };
        let (groups, rest) = values.as_chunks::<LANES>();
        for group in groups {
            for (lane, value) in group.iter().enumerate() {
                take(lane, *value);
            }
        }
        for value in rest {
            take(0, *value);
        }
        let [sum, squares, rests] = sums.map(|sums| sums.map(|lanes| lanes.into_iter().sum::<f64>()));
        let [a, b, c] = squares;
        let [d, e, f] = rests;
        let is_exact = lost.into_iter().sum::<f64>() == 0.0 && tiny.into_iter().sum::<u64>() == 0;
        Slices { sum, squares: [a, b, c, d, e, f], is_exact }
    }

    /// Adds to each of `below` how many of `values` are less than the edge of the same position.
    fn count_below<FUSED>(values: &[f64], edges: &[f64], below: &mut [u64]) {
        for (edge, below) in edges.iter().zip(below.iter_mut()) {
            *below += values.iter().map(|value| u64::from(value < edge)).sum::<u64>();
        }
    }

    /// Writes for each value the integer that orders it among others: see [`Number`](super::number::Number).
    fn keys<FUSED>(values: &[f64], keys: &mut [u64; BLOCK]) {
        for (value, key) in values.iter().zip(keys) {
            *key = key_of(*value);
        }
    }

    /// The largest magnitude of integers.
    fn largest<FUSED>(values: &[i64]) -> u64 {
        values.iter().fold(0, |largest, value| largest.max(value.unsigned_abs()))
    }
}

/// The integer that orders a float among others; -0 is 0.
#[inline(always)]
pub(super) fn key_of(value: f64) -> u64 {
    // Adding zero turns -0 into 0 and nothing else.
    let bits = (value + 0.0).to_bits();
    bits ^ (((bits as i64) >> 63) as u64 | 1 << 63)
}

/// What a rounded square lacks of the exact one (T. J. Dekker, 1971).
#[inline(always)]
fn rest_of_square(value: f64, square: f64) -> f64 {
    let scaled = value * 134_217_729.0;
    let high = scaled - (scaled - value);
    let low = value - high;
    ((high * high - square) + 2.0 * high * low) + low * low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_exact_with_and_without_fused_instructions() {
        let mut random = crate::stats::SplitMix64::new(5);
        for _ in 0..10_000 {
            let value = random.normal() * 10_f64.powi(random.below(120) as i32 - 60);
            let square = value * value;
            assert_eq!(rest_of_square(value, square), value.mul_add(value, -square), "{value:e}");
        }
    }

    #[test]
    fn keys_order_as_floats_do() {
        let values = [f64::NEG_INFINITY, -1e300, -1.0, -f64::MIN_POSITIVE, 0.0, 5e-324, 1.0, f64::INFINITY];
        assert!(values.map(key_of).windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(key_of(-0.0), key_of(0.0));
    }
}
