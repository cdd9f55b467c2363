//! The power functions of Box and Cox (1964) and of Yeo and Johnson (2000), and their likeliest exponents.

use mlcore::stats::pairwise_sum;
use serde::{Deserialize, Serialize};

use super::minimize;
use crate::graph::{Graph, Inexpressible, Tensor};
use crate::program::number::NumberKernel;

/// The family of power functions that a [`PowerTransformer`](super::power_transformer::PowerTransformer) chooses from.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerMethod {
    /// That of Yeo and Johnson, for all numbers.
    #[default]
    YeoJohnson,
    /// That of Box and Cox, for positive numbers.
    BoxCox,
}

/// A power function of one column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Power {
    pub(super) method: PowerMethod,
    pub(super) lambda: f64,
}

impl Power {
    /// The number that becomes this one.
    pub(super) fn invert(self, value: f64) -> f64 {
        match self.method {
            PowerMethod::BoxCox => inverse_box_cox(value, self.lambda),
            PowerMethod::YeoJohnson => inverse_yeo_johnson(value, self.lambda),
        }
    }
}

impl NumberKernel for Power {
    fn takes(&self, value: f64) -> bool {
        match self.method {
            PowerMethod::YeoJohnson => true,
            PowerMethod::BoxCox => value.is_nan() || value > 0.0,
        }
    }

    fn apply(&self, value: f64) -> f64 {
        match self.method {
            PowerMethod::BoxCox => box_cox(value, self.lambda),
            PowerMethod::YeoJohnson => yeo_johnson(value, self.lambda),
        }
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        Ok(match self.method {
            PowerMethod::BoxCox => box_cox_onnx(graph, value, self.lambda),
            PowerMethod::YeoJohnson => yeo_johnson_onnx(graph, value, self.lambda),
        })
    }
}

/// [`box_cox`] by operators of ONNX. A logarithm that is nothing needs no branch of its own: the exponential of next to
/// nothing less 1 is the same.
fn box_cox_onnx(graph: &mut Graph, value: Tensor, lambda: f64) -> Tensor {
    let (zero, missing) = (graph.number(0.0), graph.is_missing(value));
    let positive = graph.greater(value, zero);
    let taken = graph.or(positive, missing);
    let refused = graph.is_not(taken);
    graph.refuse(refused, 1);
    let logarithm = graph.node("Log", &[value]);
    if lambda.abs() < NO_LAMBDA {
        return logarithm;
    }
    let exponent = graph.scaled(logarithm, lambda);
    let power = graph.expm1(exponent);
    let divisor = graph.number(lambda);
    let small = graph.divide(power, divisor);
    let (shift, offset) = (graph.number(lambda.abs().ln()), graph.number(1.0 / lambda));
    let shifted = graph.subtract(exponent, shift);
    let large = graph.node("Exp", &[shifted]);
    let large = graph.scaled(large, 1.0_f64.copysign(lambda));
    let large = graph.subtract(large, offset);
    let bound = graph.number(LARGEST_EXPONENT);
    let is_large = graph.at_least(exponent, bound);
    graph.choose(is_large, large, small)
}

/// [`yeo_johnson`] by operators of ONNX.
fn yeo_johnson_onnx(graph: &mut Graph, value: Tensor, lambda: f64) -> Tensor {
    let branch = |graph: &mut Graph, size: Tensor, lambda: f64| {
        let logarithm = graph.log1p(size);
        if lambda.abs() < f64::EPSILON {
            return logarithm;
        }
        let exponent = graph.scaled(logarithm, lambda);
        let power = graph.expm1(exponent);
        let divisor = graph.number(lambda);
        graph.divide(power, divisor)
    };
    let above = branch(graph, value, lambda);
    let opposite = graph.negated(value);
    let below = branch(graph, opposite, 2.0 - lambda);
    let below = graph.negated(below);
    let zero = graph.number(0.0);
    let is_above = graph.at_least(value, zero);
    graph.choose(is_above, above, below)
}

// Below, all terms of the series but one are nothing; above, the exponential overflows.
const NO_LAMBDA: f64 = 1e-19;
const LARGEST_EXPONENT: f64 = 709.78;

/// `scipy.special.boxcox`.
fn box_cox(value: f64, lambda: f64) -> f64 {
    // Below, all terms of the series but one are nothing, too.
    const NO_LOGARITHM: f64 = 1e-289;
    let logarithm = value.ln();
    let exponent = lambda * logarithm;
    if lambda.abs() < NO_LAMBDA || (logarithm.abs() < NO_LOGARITHM && lambda.abs() < 1e273) {
        logarithm
    } else if exponent < LARGEST_EXPONENT {
        exponent.exp_m1() / lambda
    } else {
        1.0_f64.copysign(lambda) * (exponent - lambda.abs().ln()).exp() - 1.0 / lambda
    }
}

/// `scipy.special.inv_boxcox`.
fn inverse_box_cox(value: f64, lambda: f64) -> f64 {
    // Above, the product overflows.
    const LARGEST: f64 = 1.79e308;
    if lambda == 0.0 {
        value.exp()
    } else if value * lambda < LARGEST {
        ((value * lambda).ln_1p() / lambda).exp()
    } else {
        (((1.0_f64.copysign(lambda) * (value + 1.0 / lambda)).ln() + lambda.abs().ln()) / lambda).exp()
    }
}

/// `scipy.stats.yeojohnson`. NaN takes the branch of the negative numbers and stays NaN.
fn yeo_johnson(value: f64, lambda: f64) -> f64 {
    if value >= 0.0 {
        if lambda.abs() < f64::EPSILON { value.ln_1p() } else { (lambda * value.ln_1p()).exp_m1() / lambda }
    } else if (lambda - 2.0).abs() > f64::EPSILON {
        -((2.0 - lambda) * (-value).ln_1p()).exp_m1() / (2.0 - lambda)
    } else {
        -(-value).ln_1p()
    }
}

/// scikit-learn's inverse of it.
fn inverse_yeo_johnson(value: f64, lambda: f64) -> f64 {
    if value >= 0.0 {
        if lambda.abs() < f64::EPSILON {
            value.exp() - 1.0
        } else {
            (value * lambda + 1.0).powf(1.0 / lambda) - 1.0
        }
    } else if (lambda - 2.0).abs() > f64::EPSILON {
        1.0 - (-(2.0 - lambda) * value + 1.0).powf(1.0 / (2.0 - lambda))
    } else {
        1.0 - (-value).exp()
    }
}

/// The likeliest exponent of Yeo and Johnson for these finite numbers: `scipy.stats.yeojohnson_normmax`.
pub(super) fn yeo_johnson_lambda(values: &[f64]) -> f64 {
    if values.iter().all(|value| *value == 0.0) {
        return 1.0;
    }
    let logarithms = sum(values.len(), |row| {
        let value = values[row];
        if value == 0.0 { 0.0 } else { value.abs().ln_1p().copysign(value) }
    });
    let count = values.len() as f64;
    let cost = |lambda: f64| {
        let transformed: Vec<f64> = values.iter().map(|value| yeo_johnson(*value, lambda)).collect();
        let variance = variance(&transformed);
        let logarithm = if variance >= f64::MIN_POSITIVE { variance.ln() } else { f64::NEG_INFINITY };
        let likelihood = -count / 2.0 * logarithm + (lambda - 1.0) * logarithms;
        // An infinite likelihood comes of a variance that was lost, and is none.
        if likelihood.is_infinite() { f64::INFINITY } else { -likelihood }
    };
    let (low, high) = yeo_johnson_bounds(values);
    minimize::between(low, high, cost)
}

/// Between which exponents the variance neither overflows nor underflows, for numbers up to twenty times the largest here.
fn yeo_johnson_bounds(values: &[f64]) -> (f64, f64) {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let logarithm = (20.0 * largest).ln_1p();
    let precision = f64::EPSILON.ln();
    let low = (f64::MIN_POSITIVE.ln() - precision) / 2.0 / logarithm;
    let high = (f64::MAX.ln() + precision) / 2.0 / logarithm;
    if values.iter().all(|value| *value < 0.0) {
        (2.0 - high, 2.0 - low)
    } else if values.iter().any(|value| *value < 0.0) {
        (low.max(2.0 - high), high.min(2.0 - low))
    } else {
        (low, high)
    }
}

/// The likeliest exponent of Box and Cox for these positive numbers, not all of them equal: `scipy.stats.boxcox_normmax` by
/// `mle`. `None` where the likelihood has no greatest value.
pub(super) fn box_cox_lambda(values: &[f64]) -> Option<f64> {
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    let count = values.len() as f64;
    let total = sum(logarithms.len(), |row| logarithms[row]);
    let cost = |lambda: f64| {
        let log_variance = if lambda == 0.0 {
            variance(&logarithms).ln()
        } else {
            log_variance_of_powers(&logarithms, lambda) - 2.0 * lambda.abs().ln()
        };
        -((lambda - 1.0) * total - count / 2.0 * log_variance)
    };
    // scipy's first two points.
    let lambda = minimize::downhill(-2.0, 2.0, cost)?;
    Some(within_range(lambda, values))
}

/// The logarithm of the variance of `exp(lambda * logarithm)`, computed among logarithms, where nothing overflows.
fn log_variance_of_powers(logarithms: &[f64], lambda: f64) -> f64 {
    let count = (logarithms.len() as f64).ln();
    let powers: Vec<f64> = logarithms.iter().map(|logarithm| lambda * logarithm).collect();
    let mean = log_sum(&powers) - count;
    let squares: Vec<f64> = powers.iter().map(|power| 2.0 * log_difference(*power, mean)).collect();
    log_sum(&squares) - count
}

/// The logarithm of the sum of the exponentials.
fn log_sum(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + sum(values.len(), |row| (values[row] - largest).exp()).ln()
}

/// The logarithm of the distance of two exponentials.
fn log_difference(left: f64, right: f64) -> f64 {
    let (larger, smaller) = (left.max(right), left.min(right));
    larger + (-(smaller - larger).exp_m1()).ln()
}

/// The exponent, or the nearest that lets no number of these overflow.
fn within_range(lambda: f64, values: &[f64]) -> f64 {
    // scipy's bound on what the largest may become.
    let most = f64::MAX / 10_000.0;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let extreme = if least >= 1.0 {
        greatest
    } else if greatest <= 1.0 || box_cox(greatest, lambda) <= box_cox(least, lambda).abs() {
        least
    } else {
        greatest
    };
    if box_cox(extreme, lambda).abs() <= most || extreme == 1.0 {
        return lambda;
    }
    // exp(lambda * logarithm) / lambda = most, by iteration: the other terms are nothing beside these.
    let logarithm = extreme.ln();
    (0..100).fold(lambda, |lambda, _| (most.ln() + lambda.abs().ln()) / logarithm)
}

/// The population variance, in numpy's order.
pub(super) fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = sum(values.len(), |row| values[row]) / count;
    sum(values.len(), |row| (values[row] - mean) * (values[row] - mean)) / count
}

fn sum(count: usize, term: impl Fn(usize) -> f64) -> f64 {
    pairwise_sum(count, &term)
}
