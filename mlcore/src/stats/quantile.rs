//! Quantiles and the grids between them, with numpy's numbers.

/// Which of the nine definitions of Hyndman and Fan (1996) a quantile follows; numpy's names, in their order.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum QuantileMethod {
    /// H&F 1: the inverse of the empirical distribution function.
    InvertedCdf,
    /// H&F 2: the same, with the mean of two values where the function is flat.
    AveragedInvertedCdf,
    /// H&F 3: the value at the nearest even position.
    ClosestObservation,
    /// H&F 4: linear interpolation of the distribution function.
    InterpolatedInvertedCdf,
    /// H&F 5: the middles of the steps of the distribution function.
    Hazen,
    /// H&F 6: expected order statistics of the uniform distribution.
    Weibull,
    /// H&F 7: numpy's default.
    #[default]
    Linear,
    /// H&F 8: about unbiased for the median of any distribution.
    MedianUnbiased,
    /// H&F 9: about unbiased for a normal distribution.
    NormalUnbiased,
}

crate::words! {
    QuantileMethod, "quantile method":
    InvertedCdf = "inverted_cdf",
    AveragedInvertedCdf = "averaged_inverted_cdf",
    ClosestObservation = "closest_observation",
    InterpolatedInvertedCdf = "interpolated_inverted_cdf",
    Hazen = "hazen",
    Weibull = "weibull",
    Linear = "linear",
    MedianUnbiased = "median_unbiased",
    NormalUnbiased = "normal_unbiased",
}

impl QuantileMethod {
    /// The quantiles of values at these levels from 0 to 1: `numpy.quantile(values, levels, method=..)`.
    ///
    /// NaN of no values, and where one of them is NaN. Whoever calls it within a [`scope`](crate::interrupt::scope) asks
    /// [`check`](crate::interrupt::check) before the answer is used.
    ///
    /// ```
    /// use mlcore::stats::QuantileMethod;
    ///
    /// assert_eq!(QuantileMethod::Linear.of(vec![4.0, 1.0, 3.0, 2.0], &[0.0, 0.5]), [1.0, 2.5]);
    /// ```
    #[must_use]
    pub fn of(self, mut values: Vec<f64>, levels: &[f64]) -> Vec<f64> {
        if values.iter().any(|value| value.is_nan()) {
            return vec![f64::NAN; levels.len()];
        }
        if levels.len() > FEW {
            crate::interrupt::sort_unstable_by(&mut values, f64::total_cmp);
        } else {
            // A few places can be set in order for less than all of them.
            let mut wanted: Vec<usize> = Vec::new();
            for level in levels {
                self.of_ordered(values.len(), *level, |position| {
                    wanted.push(position);
                    0.0
                });
            }
            wanted.sort_unstable();
            wanted.dedup();
            set_in_order(&mut values, 0, &wanted);
        }
        levels.iter().map(|level| self.of_sorted(&values, *level)).collect()
    }

    /// The quantile of values in ascending order at a level from 0 to 1. NaN of no values.
    #[must_use]
    pub fn of_sorted(self, sorted: &[f64], level: f64) -> f64 {
        self.of_ordered(sorted.len(), level, |position| sorted.get(position).copied().unwrap_or(f64::NAN))
    }

    /// The same of so many values, of which `place` answers the one at a position of their order.
    fn of_ordered(self, count: usize, level: f64, mut place: impl FnMut(usize) -> f64) -> f64 {
        let last = count.saturating_sub(1);
        let count = count as f64;
        let mut value = |position: usize| place(position.min(last));
        let position = match self {
            Self::InvertedCdf => {
                let (below, rest) = split(count * level - 1.0);
                return value(whole(if rest == 0.0 { below } else { below + 1.0 }));
            }
            Self::ClosestObservation => {
                let (below, rest) = split(count * level - 1.0 - 0.5);
                let stays = rest == 0.0 && below.rem_euclid(2.0) == 1.0;
                return value(whole(if stays { below } else { below + 1.0 }));
            }
            Self::AveragedInvertedCdf => count * level - 1.0,
            Self::InterpolatedInvertedCdf => plotting(count, level, 0.0, 1.0),
            Self::Hazen => plotting(count, level, 0.5, 0.5),
            Self::Weibull => plotting(count, level, 0.0, 0.0),
            Self::Linear => (count - 1.0) * level,
            Self::MedianUnbiased => plotting(count, level, 1.0 / 3.0, 1.0 / 3.0),
            Self::NormalUnbiased => plotting(count, level, 3.0 / 8.0, 3.0 / 8.0),
        };
        if position >= count - 1.0 {
            return value(last);
        }
        if position < 0.0 {
            return value(0);
        }
        let (below, rest) = split(position);
        let share = match self {
            Self::AveragedInvertedCdf if rest == 0.0 => 0.5,
            Self::AveragedInvertedCdf => 1.0,
            _ => rest,
        };
        lerp(value(whole(below)), value(whole(below) + 1), share)
    }
}

/// So many quantiles are found by parting the values around their places; for more, sorting is as quick.
const FEW: usize = 32;

/// Sets each of the `wanted` places, in ascending order, to the value that stands there when all are sorted; `first` is the place of
/// the first value.
fn set_in_order(values: &mut [f64], first: usize, wanted: &[usize]) {
    let (before, after) = wanted.split_at(wanted.len() / 2);
    let Some((place, after)) = after.split_first() else { return };
    let within = place.saturating_sub(first);
    if within >= values.len() || crate::interrupt::is_stopped() {
        return;
    }
    let (less, _, more) = values.select_nth_unstable_by(within, f64::total_cmp);
    set_in_order(less, first, before);
    set_in_order(more, place + 1, after);
}

/// The position of a quantile for the plotting positions `alpha` and `beta`.
fn plotting(count: f64, level: f64, alpha: f64, beta: f64) -> f64 {
    count * level + (alpha + level * (1.0 - alpha - beta)) - 1.0
}

fn split(position: f64) -> (f64, f64) {
    (position.floor(), position - position.floor())
}

/// A position as an index; those below the first are the first.
fn whole(position: f64) -> usize {
    position.max(0.0) as usize
}

/// The number at a share of the way from `low` to `high`, reckoned from the nearer of the two: numpy's `_lerp`.
///
/// Where the two are infinitely far apart it is the nearer of them, and no NaN.
#[inline]
#[must_use]
pub fn lerp(low: f64, high: f64, share: f64) -> f64 {
    let span = high - low;
    if span == 0.0 || low == high {
        low
    } else if !span.is_finite() {
        if share < 0.5 { low } else { high }
    } else if share < 0.5 {
        low + span * share
    } else {
        high - span * (1.0 - share)
    }
}

/// `count` numbers at equal distances from `start` to `stop`, both included: `numpy.linspace`.
#[must_use]
pub fn linspace(start: f64, stop: f64, count: usize) -> Vec<f64> {
    let intervals = count.saturating_sub(1) as f64;
    let span = stop - start;
    let step = span / intervals;
    (0..count)
        .map(|index| {
            if index + 1 == count && count > 1 {
                return stop;
            }
            // A step that underflows to zero is applied in the other order, as numpy does.
            let offset = if step == 0.0 { index as f64 / intervals * span } else { index as f64 * step };
            offset + start
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_four_is_each_definitions_own() {
        let values = vec![4.0, 1.0, 3.0, 2.0];
        for (method, expected) in [
            (QuantileMethod::InvertedCdf, 2.0),
            (QuantileMethod::AveragedInvertedCdf, 2.5),
            (QuantileMethod::ClosestObservation, 2.0),
            (QuantileMethod::InterpolatedInvertedCdf, 2.0),
            (QuantileMethod::Hazen, 2.5),
            (QuantileMethod::Weibull, 2.5),
            (QuantileMethod::Linear, 2.5),
            (QuantileMethod::MedianUnbiased, 2.5),
            (QuantileMethod::NormalUnbiased, 2.5),
        ] {
            assert_eq!(method.of(values.clone(), &[0.5]), [expected], "{method:?}");
            assert_eq!(method.of(values.clone(), &[0.0, 1.0]), [1.0, 4.0], "{method:?}");
            assert_eq!(method.of(vec![7.0], &[0.3]), [7.0], "{method:?}");
            assert!(
                method.of(vec![7.0, f64::NAN], &[0.0])[0].is_nan() && method.of(vec![], &[0.5])[0].is_nan()
            );
        }
    }

    #[test]
    fn parting_and_sorting_agree() {
        let mut random = crate::stats::SplitMix64::new(5);
        for count in [1, 2, 3, 10, 100, 5000] {
            let values: Vec<f64> = (0..count).map(|_| (random.normal() * 8.0).round()).collect();
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            for method in [QuantileMethod::Linear, QuantileMethod::AveragedInvertedCdf, QuantileMethod::Hazen]
            {
                for levels in [1_usize, 2, 5, 31] {
                    let levels: Vec<f64> = (0..levels).map(|_| random.uniform()).collect();
                    let expected: Vec<f64> =
                        levels.iter().map(|level| method.of_sorted(&sorted, *level)).collect();
                    assert_eq!(method.of(values.clone(), &levels), expected, "{count} {method:?}");
                }
            }
        }
    }

    #[test]
    fn between_infinities_is_the_nearer_one() {
        let inf = f64::INFINITY;
        assert_eq!((lerp(1.0, inf, 0.4), lerp(1.0, inf, 0.5), lerp(inf, inf, 0.3)), (1.0, inf, inf));
        assert_eq!(lerp(f64::MIN, f64::MAX, 0.5), f64::MAX);
        assert_eq!(QuantileMethod::Linear.of(vec![-inf, 0.0, inf], &[0.25, 0.5, 1.0]), [0.0, 0.0, inf]);
    }

    #[test]
    fn linspace_ends_where_it_is_told() {
        assert_eq!(linspace(0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(linspace(0.1, 0.7, 3)[2], 0.7);
        assert_eq!(linspace(2.0, 2.0, 2), [2.0, 2.0]);
        let subnormal = linspace(0.0, 5e-324, 3);
        assert_eq!((subnormal[0], subnormal[2]), (0.0, 5e-324));
    }
}
