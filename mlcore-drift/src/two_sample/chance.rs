//! What chance makes of a statistic that adds up over categories, some of which are rare.

use mlcore::interrupt;

use crate::tail::upper_tail;

/// Mean, spread and skewness of `sum(term(a, b))` over categories with `a` rows in one sample and `b` in the other, if
/// nothing changed: if each row of both samples together had fallen into either by chance.
///
/// The counts of a category are then hypergeometric: binomial with the share of the second sample, given that these add
/// up to its size. Moments of independent binomial counts are added up value by value, and the condition is allowed for
/// to the second order. They hold at any cardinality and however rare the categories are, where neither the chi-square
/// distribution nor its degrees of freedom do. A p-value comes from the gamma distribution with the same three moments
/// (Pearson's type III). The variance is a little too large for a handful of categories, which errs on the side of no change.
///
/// Sources: L. Holst, "Asymptotic normality and efficiency for certain goodness-of-fit tests", Biometrika 59 (1972);
/// K. J. Koehler and K. Larntz, "An empirical investigation of goodness-of-fit statistics for sparse multinomials",
/// Journal of the American Statistical Association 75 (1980); T. Lewis, I. W. Saunders and M. Westcott, "The moments of
/// the Pearson chi-squared statistic and the minimum expected value in two-way tables", Biometrika 71 (1984).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Chance {
    mean: f64,
    variance: f64,
    skewness: f64,
    /// The least distance of two values that the statistic can have, where these are few; otherwise 0.
    step: f64,
}

impl Chance {
    /// Of these counts; `None` where a sample has no row, so that nothing could have fallen otherwise. Whoever asks for it checks
    /// whether it was to stop.
    pub(super) fn of(counts: &[(u64, u64)], term: impl Fn(f64, f64) -> f64) -> Option<Self> {
        let (n, m) = totals(counts);
        if n == 0 || m == 0 {
            return None;
        }
        let share = m as f64 / (n + m) as f64;
        let mut sizes: Vec<u64> = counts.iter().map(|(a, b)| a + b).filter(|size| *size > 0).collect();
        interrupt::sort_unstable_by(&mut sizes, u64::cmp);
        let states: Vec<States> = sizes
            .chunk_by(|a, b| a == b)
            .take_while(|_| !interrupt::is_stopped())
            .filter_map(|equal| Some(States::new(*equal.first()?, equal.len() as f64, share, &term)))
            .collect();
        let sum =
            |of: fn(&State) -> f64| states.iter().map(|states| states.mean(of) * states.times).sum::<f64>();
        let (term_variance, variance) = (sum(|s| s.term * s.term), sum(|s| s.count * s.count));
        let covariance = sum(|s| s.term * s.count);
        let (mixed, third) = (sum(|s| s.term * s.count * s.count), sum(|s| s.count * s.count * s.count));
        let slope = covariance / variance;
        // The rest of the term, which the size of the sample does not explain.
        let rest = |power: i32| {
            let of_states =
                |states: &States| states.times * states.mean(|s| (s.term - slope * s.count).powi(power));
            states.iter().map(of_states).sum::<f64>()
        };
        let (left, cubes) = (rest(2), rest(3));
        let squares = states.iter().map(|states| states.times * states.centre * states.centre).sum::<f64>();
        let is_fixed = left <= ROUNDING * term_variance || left <= ROUNDING * ROUNDING * squares;
        let conditional = 0.5 * (mixed - covariance * third / variance) / variance;
        Some(Self {
            mean: states.iter().map(|states| states.centre * states.times).sum::<f64>() - conditional,
            variance: if is_fixed { 0.0 } else { left },
            skewness: if is_fixed { 0.0 } else { cubes / left.powf(1.5) },
            step: step(&states),
        })
    }

    /// What the statistic is on average.
    pub(super) fn mean(&self) -> f64 {
        self.mean
    }

    /// Whether the statistic is the same however rows fall: there is nothing to test.
    pub(super) fn is_fixed(&self) -> bool {
        self.variance == 0.0
    }

    /// The probability of such a statistic, or a larger one; 1 for one that chance does not move.
    pub(super) fn pvalue(&self, statistic: f64) -> f64 {
        if self.is_fixed() {
            return 1.0;
        }
        // A statistic of few values is as likely as all that rounds to it.
        let distance = (statistic - self.step / 2.0 - self.mean) / self.variance.sqrt();
        let pvalue = upper_tail(distance, self.skewness);
        // The gamma distribution is none of events so rare that there are none on average.
        if distance <= 0.0 { pvalue.max(0.5) } else { pvalue }
    }
}

/// The rows of either sample.
pub(super) fn totals(counts: &[(u64, u64)]) -> (u64, u64) {
    counts.iter().fold((0, 0), |(n, m), (a, b)| (n + a, m + b))
}

/// The same rows, had every category of the second sample been replaced by another one.
pub(super) fn replaced(counts: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let both = counts.iter().flat_map(|(a, b)| [(*a, 0), (0, *b)]);
    both.filter(|count| *count != (0, 0)).collect()
}

/// A number of rows of the second sample that a category may have, less its mean.
struct State {
    probability: f64,
    count: f64,
    /// The term less its mean.
    term: f64,
}

/// What the categories of one size may have.
struct States {
    times: f64,
    /// The mean of the term.
    centre: f64,
    of: Vec<State>,
}

impl States {
    fn new(size: u64, times: f64, share: f64, term: &impl Fn(f64, f64) -> f64) -> Self {
        let size = size as f64;
        let mode = ((size + 1.0) * share).floor().min(size);
        let mut of = Vec::new();
        let mut probability = 1.0;
        let mut count = mode;
        while probability > NEGLIGIBLE && count <= size {
            of.push(State { probability, count, term: term(size - count, count) });
            probability *= (size - count) / (count + 1.0) * share / (1.0 - share);
            count += 1.0;
        }
        (count, probability) = (mode, 1.0);
        while count > 0.0 && probability > NEGLIGIBLE {
            probability *= count / (size - count + 1.0) * (1.0 - share) / share;
            count -= 1.0;
            of.push(State { probability, count, term: term(size - count, count) });
        }
        let mut states = Self { times, centre: 0.0, of };
        let total: f64 = states.of.iter().map(|state| state.probability).sum();
        states.of.iter_mut().for_each(|state| state.probability /= total);
        let (centre, expected) = (states.mean(|state| state.term), states.mean(|state| state.count));
        states.centre = centre;
        for state in &mut states.of {
            state.term -= centre;
            state.count -= expected;
        }
        states
    }

    fn mean(&self, of: impl Fn(&State) -> f64) -> f64 {
        self.of.iter().map(|state| state.probability * of(state)).sum()
    }
}

/// The least change of the statistic when one row of each sample change places; 0 where so many are possible that it is
/// as good as continuous.
fn step(states: &[States]) -> f64 {
    if states.iter().map(|states| states.of.len()).sum::<usize>() > FEW_STATES {
        return 0.0;
    }
    // One row more, for categories of every size.
    let gains: Vec<f64> = states
        .iter()
        .flat_map(|states| {
            let mut ordered: Vec<&State> = states.of.iter().collect();
            ordered.sort_unstable_by(|a, b| a.count.total_cmp(&b.count));
            ordered.windows(2).map(|pair| pair[1].term - pair[0].term).collect::<Vec<f64>>()
        })
        .collect();
    let largest = gains.iter().fold(0.0_f64, |largest, gain| largest.max(gain.abs()));
    let changes = gains.iter().flat_map(|gain| gains.iter().map(move |other| (gain - other).abs()));
    let least = changes.filter(|change| *change > 1e-9 * largest).fold(f64::INFINITY, f64::min);
    if least.is_finite() { least } else { 0.0 }
}

/// What is left of a variance of 1 by rounding alone.
const ROUNDING: f64 = 1e-12;
/// Of the probability of the likeliest count.
const NEGLIGIBLE: f64 = 1e-18;
/// So many counts are compared with each other.
const FEW_STATES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn pearson(n: f64, m: f64) -> impl Fn(f64, f64) -> f64 {
        let share = m / (n + m);
        move |a, b| {
            let expected = (a + b) * share;
            (b - expected).powi(2) / (expected * (1.0 - share))
        }
    }

    /// The exact moments of Pearson's statistic (Lewis, Saunders and Westcott 1984, equations 2 and 3).
    fn exact(sizes: &[u64], n: f64, m: f64) -> (f64, f64) {
        let (rows, columns, total) = (2.0, sizes.len() as f64, n + m);
        let v = |classes: f64| (classes - 1.0) * (total - classes) / (total - 1.0);
        let w = |inverse: f64, classes: f64| (total * inverse - classes * classes) / (total - 2.0);
        let inverse: f64 = sizes.iter().map(|size| 1.0 / *size as f64).sum();
        let (w1, w2) = (w(1.0 / n + 1.0 / m, rows), w(inverse, columns));
        let variance = 2.0 * total / (total - 3.0) * (v(rows) - w1) * (v(columns) - w2)
            + total * total / (total - 1.0) * w1 * w2;
        (total * (rows - 1.0) * (columns - 1.0) / (total - 1.0), variance)
    }

    #[test]
    fn the_moments_of_pearsons_statistic_are_the_exact_ones() {
        let halves = |counts: &[(u64, usize)]| -> Vec<u64> {
            counts.iter().flat_map(|(size, times)| vec![*size; *times]).collect()
        };
        for (sizes, second) in [
            (halves(&[(1, 300), (2, 200), (3, 100)]), 500),
            (halves(&[(2, 1000), (40, 50)]), 200),
            (halves(&[(10, 500)]), 2500),
        ] {
            let total: u64 = sizes.iter().sum();
            let (n, m) = ((total - second) as f64, second as f64);
            // How rows fell does not matter: only their sums do.
            let mut left = second;
            let counts: Vec<(u64, u64)> = sizes
                .iter()
                .map(|size| {
                    let taken = left.min(*size);
                    left -= taken;
                    (size - taken, taken)
                })
                .collect();
            let chance = Chance::of(&counts, pearson(n, m)).unwrap();
            let (mean, variance) = exact(&sizes, n, m);
            assert!((chance.mean / mean - 1.0).abs() < 2e-3, "{chance:?} {mean}");
            assert!((chance.variance / variance - 1.0).abs() < 0.02, "{chance:?} {variance}");
        }
    }

    #[test]
    fn rows_that_are_all_different_have_nothing_to_test() {
        let counts: Vec<(u64, u64)> = (0..100).map(|i| if i % 3 == 0 { (1, 0) } else { (0, 1) }).collect();
        let chance = Chance::of(&counts, pearson(34.0, 66.0)).unwrap();
        assert!(chance.is_fixed() && chance.pvalue(1e9) == 1.0);
        assert!(Chance::of(&[(3, 0), (2, 0)], |a, _| a).is_none());
        // Of many rows the likeliest counts alone are looked at.
        let large = Chance::of(&[(900_000, 100_000), (1_800_000, 200_000)], pearson(2.7e6, 3e5)).unwrap();
        assert!((large.mean - 1.0).abs() < 1e-3 && large.variance < 4.001, "{large:?}");
    }
}
