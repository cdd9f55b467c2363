//! The largest deviations between two empirical distribution functions, both ways.

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

/// The extremes of `F - G` for two non-empty samples; `None` if either holds a NaN.
pub(super) fn extremes(x: &[f64], y: &[f64]) -> Option<Extremes> {
    let (x, y) = (sorted(x)?, sorted(y)?);
    let mut search = Search::new(x.len(), y.len());
    search.scan(&x, &y, 0, 0);
    Some(search.extremes())
}

/// A sorted copy; `None` if a value is NaN.
pub(super) fn sorted(sample: &[f64]) -> Option<Vec<f64>> {
    if sample.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    Some(sorted)
}

/// The running extremes of `F - G`.
///
/// Of equal deviations scipy reports the first one in the order "all of x ascending, then all of y ascending"; so the
/// best are kept apart for observations of x and of y.
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
    pub(super) fn scan(&mut self, x: &[f64], y: &[f64], count1: usize, count2: usize) {
        let (mut i, mut j) = (0, 0);
        loop {
            let value = match (x.get(i), y.get(j)) {
                (Some(&a), Some(&b)) => a.min(b),
                (Some(&a), None) => a,
                (None, Some(&b)) => b,
                (None, None) => return,
            };
            let (from_i, from_j) = (i, j);
            while x.get(i).is_some_and(|&a| a == value) {
                i += 1;
            }
            while y.get(j).is_some_and(|&b| b == value) {
                j += 1;
            }
            let size = (count1 + i) as f64 / self.n1 - (count2 + j) as f64 / self.n2;
            self.offer(usize::from(i == from_i), size, value);
            if j > from_j {
                self.offer(1, size, value);
            }
        }
    }

    #[inline]
    fn offer(&mut self, sample: usize, size: f64, location: f64) {
        let here = Deviation { size, location };
        if let Some(highest) = self.highest.get_mut(sample).filter(|highest| size > highest.size) {
            *highest = here;
        }
        if let Some(lowest) = self.lowest.get_mut(sample).filter(|lowest| size < lowest.size) {
            *lowest = here;
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
