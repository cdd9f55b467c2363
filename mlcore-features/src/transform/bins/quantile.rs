use serde::{Deserialize, Serialize};

/// Which of the nine definitions of Hyndman and Fan (1996) a quantile follows; numpy's names, in their order.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantileMethod {
    /// H&F 1: the inverse of the empirical distribution function.
    InvertedCdf,
    /// H&F 2: the same, with the mean of two values where the function is flat.
    #[default]
    AveragedInvertedCdf,
    /// H&F 3: the value at the nearest even position.
    ClosestObservation,
    /// H&F 4: linear interpolation of the distribution function.
    InterpolatedInvertedCdf,
    /// H&F 5: the middles of the steps of the distribution function.
    Hazen,
    /// H&F 6: expected order statistics of the uniform distribution.
    Weibull,
    /// H&F 7: numpy's default for `quantile`.
    Linear,
    /// H&F 8: about unbiased for the median of any distribution.
    MedianUnbiased,
    /// H&F 9: about unbiased for a normal distribution.
    NormalUnbiased,
}

impl QuantileMethod {
    /// The quantiles of finite values, of which there is at least one, at these levels between 0 and 1.
    pub(super) fn of(self, mut values: Vec<f64>, levels: &[f64]) -> Vec<f64> {
        values.sort_unstable_by(f64::total_cmp);
        levels.iter().map(|level| self.at(&values, *level)).collect()
    }

    fn at(self, sorted: &[f64], level: f64) -> f64 {
        let count = sorted.len() as f64;
        let last = sorted.len().saturating_sub(1);
        let value = |position: usize| sorted.get(position.min(last)).copied().unwrap_or(f64::NAN);
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
        interpolate(value(whole(below)), value(whole(below) + 1), share)
    }
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

/// Between two values, from the nearer one: numpy's `_lerp`.
fn interpolate(low: f64, high: f64, share: f64) -> f64 {
    let span = high - low;
    if share >= 0.5 { high - span * (1.0 - share) } else { low + span * share }
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
        }
    }
}
