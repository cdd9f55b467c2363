//! Reproducible random numbers.

use super::special::hypergeometric::Hypergeometric;

/// A seeded generator of reproducible numbers: SplitMix64 (Steele, Lea and Flood, 2014).
///
/// Equal seeds give equal numbers on every machine, in every version. 64 bits of state are enough for simulations, for
/// samples and for tests. One number gives all later ones away, so that secrets need another generator.
///
/// ```
/// use mlcore::stats::SplitMix64;
///
/// let mut random = SplitMix64::new(7);
/// let drawn: Vec<f64> = (0..1000).map(|_| random.uniform()).collect();
/// assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
/// assert_eq!(drawn[999], SplitMix64::at(7, 999).uniform());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// The generator of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator of this seed after `skipped` numbers, at once: threads that share a seed draw apart.
    #[must_use]
    pub const fn at(seed: u64, skipped: u64) -> Self {
        Self { state: seed.wrapping_add(skipped.wrapping_mul(STEP)) }
    }

    /// 64 uniform bits.
    #[inline]
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to below 1, of 53 bits.
    #[inline]
    pub const fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from 0 to below `end`; 0 where `end` is 0.
    #[inline]
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % (end as u64).max(1)) as usize
    }

    /// A number of the standard normal distribution, by Box and Muller from two uniform ones.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// How many of `nsample` that are drawn are good, of `ngood` that are and `nbad` that are not: numpy's `hypergeometric`,
    /// from one uniform number, looked for from the likeliest count outward. `None` where there are not as many to draw.
    ///
    /// ```
    /// use mlcore::stats::SplitMix64;
    ///
    /// let mut random = SplitMix64::new(1);
    /// let drawn = random.hypergeometric(30, 70, 50).unwrap();
    /// assert!(drawn <= 30 && random.hypergeometric(1, 1, 3).is_none());
    /// ```
    pub fn hypergeometric(&mut self, ngood: u64, nbad: u64, nsample: u64) -> Option<u64> {
        let of = Hypergeometric::new(ngood, nbad, nsample)?;
        Some(of.drawn_by(self.uniform()))
    }

    /// Puts the items into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The golden ratio of 2^64: any two states within reach lie far apart.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Moments;

    #[test]
    fn the_numbers_are_those_of_the_reference() {
        // Java's SplittableRandom and the C of S. Vigna, seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        let first = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([(); 3].map(|()| random.next_u64()), first);
        assert_eq!(SplitMix64::at(1_234_567, 2).next_u64(), first[2]);
    }

    #[test]
    fn normal_numbers_have_mean_0_and_variance_1() {
        let mut random = SplitMix64::new(3);
        let drawn: Moments = (0..100_000).map(|_| random.normal()).collect();
        assert!(drawn.mean().abs() < 0.015 && (drawn.variance() - 1.0).abs() < 0.02, "{drawn:?}");
    }

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::HashMap::new();
        let mut random = SplitMix64::new(4);
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            random.shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert!(counts.len() == 6 && counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
        assert_eq!(random.below(0), 0);
    }
}
