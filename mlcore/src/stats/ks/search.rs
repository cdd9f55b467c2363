//! The running extremes of `F - G` over sorted runs of two samples.

use super::super::Alternative;

/// Deviations are differences of two quotients up to one; computed in another way they differ by less than this.
pub(super) const ROUNDING: f64 = 4e-15;

/// A deviation and the observation at which it is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Deviation {
    pub(super) size: f64,
    pub(super) location: f64,
}

/// `max (F - G)` and `max (G - F)` over all observations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extremes {
    pub(super) above: Deviation,
    pub(super) below: Deviation,
}

/// The running extremes of `F - G`.
///
/// Of equal deviations scipy reports the first one in the order "all of x ascending, then all of y ascending"; so the
/// best are kept apart for observations of x and of y, and of equal ones the smaller observation wins.
#[derive(Debug)]
pub(super) struct Search {
    n1: f64,
    n2: f64,
    highest: [Deviation; 2],
    lowest: [Deviation; 2],
}

impl Search {
    pub(super) fn new(n1: usize, n2: usize) -> Self {
        let highest = Deviation { size: f64::NEG_INFINITY, location: f64::NAN };
        let lowest = Deviation { size: f64::INFINITY, location: f64::NAN };
        Self { n1: n1 as f64, n2: n2 as f64, highest: [highest; 2], lowest: [lowest; 2] }
    }

    /// Visits the observations of two sorted runs, before which `count1` and `count2` observations lie.
    ///
    /// Which run the next value comes from cannot be predicted, so it is computed rather than branched on; and the
    /// deviation is kept in whole numbers, in units of `1 / (n1 n2)`, so that only record ones are worth a division.
    pub(super) fn scan(&mut self, x: &[f64], y: &[f64], count1: usize, count2: usize) {
        let [weight1, weight2] = self.weights();
        let mut level =
            (count1 as i64).wrapping_mul(weight1).wrapping_sub((count2 as i64).wrapping_mul(weight2));
        let (mut high, mut low) = self.thresholds();
        let (mut i, mut j) = (0, 0);
        while let (Some(&a), Some(&b)) = (x.get(i), y.get(j)) {
            let (of_x, of_y) = (a <= b, b <= a);
            i += usize::from(of_x);
            j += usize::from(of_y);
            level = level.wrapping_add(if of_x { weight1 } else { 0 });
            level = level.wrapping_sub(if of_y { weight2 } else { 0 });
            if level >= high || level <= low {
                self.visit_if_last(if of_x { a } else { b }, x, y, [i, j], [count1, count2]);
                (high, low) = self.thresholds();
            }
        }
        // Of what is left in one run, only the ends can be extreme; the first may still be equal to what was seen.
        while let Some(&value) = x.get(i).or_else(|| y.get(j)) {
            i += x.get(i..).map_or(0, |rest| rest.partition_point(|&other| other <= value));
            j += y.get(j..).map_or(0, |rest| rest.partition_point(|&other| other <= value));
            self.visit_if_last(value, x, y, [i, j], [count1, count2]);
            if i < x.len() {
                i = x.len() - 1;
            }
            if j < y.len() {
                j = y.len() - 1;
            }
        }
    }

    /// One observation of x and one of y, in units of `1 / (n1 n2)`.
    pub(super) fn weights(&self) -> [i64; 2] {
        [self.n2 as i64, self.n1 as i64]
    }

    /// `1 / (n1 n2)`.
    pub(super) fn unit(&self) -> f64 {
        1.0 / (self.n1 * self.n2)
    }

    /// Whether deviations in units of `1 / (n1 n2)` are exact in 64 bits, with room for sums of a few.
    pub(super) fn units_fit(&self) -> bool {
        self.n1 * self.n2 < (1u64 << 60) as f64 && self.n1.max(self.n2) < f64::from(u32::MAX)
    }

    /// What a deviation has to reach to matter, in units of `1 / (n1 n2)`, with some roundings to spare.
    fn thresholds(&self) -> (i64, i64) {
        if !self.units_fit() {
            // Every deviation is looked at.
            return (i64::MIN, i64::MAX);
        }
        let units = self.n1 * self.n2;
        let high = self.highest[0].size.max(self.highest[1].size);
        let low = self.lowest[0].size.min(self.lowest[1].size);
        (((high - ROUNDING) * units).floor() as i64, ((low + ROUNDING) * units).ceil() as i64)
    }

    /// Takes in a value, unless more of the same follow.
    #[cold]
    fn visit_if_last(&mut self, value: f64, x: &[f64], y: &[f64], [i, j]: [usize; 2], before: [usize; 2]) {
        let more = |sample: &[f64], place: usize| sample.get(place).is_some_and(|&next| next <= value);
        let seen = |sample: &[f64], place: usize| {
            place.checked_sub(1).and_then(|last| sample.get(last)).is_some_and(|&last| last == value)
        };
        if !more(x, i) && !more(y, j) {
            self.visit(value, [before[0] + i, before[1] + j], seen(x, i), seen(y, j));
        }
    }

    /// Takes in `F - G` at an observation of x, of y, or of both, from the counts up to and including it.
    #[inline]
    pub(super) fn visit(&mut self, value: f64, counts: [usize; 2], of_x: bool, of_y: bool) {
        let size = counts[0] as f64 / self.n1 - counts[1] as f64 / self.n2;
        if of_x {
            self.offer(0, size, value);
        }
        if of_y {
            self.offer(1, size, value);
        }
    }

    #[inline]
    fn offer(&mut self, sample: usize, size: f64, location: f64) {
        let here = Deviation { size, location };
        let (highest, lowest) = (&mut self.highest[sample % 2], &mut self.lowest[sample % 2]);
        if size > highest.size || (size == highest.size && location < highest.location) {
            *highest = here;
        }
        if size < lowest.size || (size == lowest.size && location < lowest.location) {
            *lowest = here;
        }
    }

    /// The largest deviation so far that the alternative asks about.
    pub(super) fn best(&self, alternative: Alternative) -> f64 {
        let above = self.highest[0].size.max(self.highest[1].size);
        let below = -self.lowest[0].size.min(self.lowest[1].size);
        match alternative {
            Alternative::Greater => above,
            Alternative::Less => below,
            Alternative::TwoSided => above.max(below),
        }
    }

    pub(super) fn extremes(&self) -> Extremes {
        let [x_highest, y_highest] = self.highest;
        let [x_lowest, y_lowest] = self.lowest;
        let above = if y_highest.size > x_highest.size { y_highest } else { x_highest };
        let below = if y_lowest.size < x_lowest.size { y_lowest } else { x_lowest };
        Extremes { above, below: Deviation { size: -below.size, ..below } }
    }
}
