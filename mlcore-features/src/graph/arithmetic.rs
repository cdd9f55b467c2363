//! Arithmetic that ONNX has no operator for in `double`, made of operators that it has.

use mlcore::stats::norm;

use super::proto::Attribute;
use super::{Graph, Tensor};

impl Graph {
    pub(crate) fn is_missing(&mut self, value: Tensor) -> Tensor {
        self.node("IsNaN", &[value])
    }

    pub(crate) fn is_infinite(&mut self, value: Tensor) -> Tensor {
        self.node("IsInf", &[value])
    }

    /// Whether the number is missing or infinite.
    pub(crate) fn is_not_finite(&mut self, value: Tensor) -> Tensor {
        let (missing, infinite) = (self.is_missing(value), self.is_infinite(value));
        self.or(missing, infinite)
    }

    pub(crate) fn is_not(&mut self, truth: Tensor) -> Tensor {
        self.node("Not", &[truth])
    }

    /// The fill where the number is missing.
    pub(crate) fn impute(&mut self, value: Tensor, fill: Tensor) -> Tensor {
        let missing = self.is_missing(value);
        self.choose(missing, fill, value)
    }

    /// The number, but the bounds where it is beyond them. A missing number stays, and a missing bound bounds nothing.
    pub(crate) fn clip(&mut self, value: Tensor, low: Tensor, high: Tensor) -> Tensor {
        let below = self.less(value, low);
        let raised = self.choose(below, low, value);
        let above = self.greater(raised, high);
        self.choose(above, high, raised)
    }

    /// Number and factor, whose order is that of the constants here.
    pub(crate) fn scaled(&mut self, value: Tensor, factor: f64) -> Tensor {
        let factor = self.number(factor);
        self.multiply(value, factor)
    }

    pub(crate) fn negated(&mut self, value: Tensor) -> Tensor {
        self.node("Neg", &[value])
    }

    pub(crate) fn reciprocal(&mut self, value: Tensor) -> Tensor {
        let one = self.number(1.0);
        self.divide(one, value)
    }

    /// The polynomial with these coefficients, that of the constant first.
    pub(crate) fn polynomial(&mut self, coefficients: &[f64], value: Tensor) -> Tensor {
        let mut sum = None;
        for coefficient in coefficients.iter().rev() {
            let coefficient = self.number(*coefficient);
            sum = Some(match sum {
                None => coefficient,
                Some(sum) => {
                    let product = self.multiply(sum, value);
                    self.add(product, coefficient)
                }
            });
        }
        sum.unwrap_or_else(|| self.number(0.0))
    }

    /// The logarithm of 1 more, exact near 0: by W. Kahan's correction of the rounded sum.
    pub(crate) fn log1p(&mut self, value: Tensor) -> Tensor {
        let one = self.number(1.0);
        let sum = self.add(value, one);
        let logarithm = self.node("Log", &[sum]);
        let rounded = self.subtract(sum, one);
        let correction = self.divide(value, rounded);
        let corrected = self.multiply(logarithm, correction);
        let (is_one, is_infinite) = (self.equal(sum, one), self.is_infinite(sum));
        let corrected = self.choose(is_infinite, logarithm, corrected);
        self.choose(is_one, value, corrected)
    }

    /// The exponential less 1, exact near 0: by W. Kahan's correction, as [`Graph::log1p`].
    pub(crate) fn expm1(&mut self, value: Tensor) -> Tensor {
        let (one, minus_one) = (self.number(1.0), self.number(-1.0));
        let exponential = self.node("Exp", &[value]);
        let difference = self.subtract(exponential, one);
        let logarithm = self.node("Log", &[exponential]);
        let correction = self.divide(value, logarithm);
        let corrected = self.multiply(difference, correction);
        let is_one = self.equal(exponential, one);
        let is_all = self.equal(difference, minus_one);
        let is_infinite = self.is_infinite(exponential);
        let corrected = self.choose(is_infinite, exponential, corrected);
        let corrected = self.choose(is_all, minus_one, corrected);
        self.choose(is_one, value, corrected)
    }

    /// Half the difference of the exponentials, exact near 0.
    pub(crate) fn sinh(&mut self, value: Tensor) -> Tensor {
        // expm1(x) + expm1(x) / (expm1(x) + 1) is twice it, where nothing overflows.
        let size = self.node("Abs", &[value]);
        let grown = self.expm1(size);
        let one = self.number(1.0);
        let whole = self.add(grown, one);
        let rest = self.divide(grown, whole);
        let infinite = self.is_infinite(grown);
        let rest = self.choose(infinite, one, rest);
        let twice = self.add(grown, rest);
        let half = self.scaled(twice, 0.5);
        self.with_sign_of(half, value)
    }

    pub(crate) fn cosh(&mut self, value: Tensor) -> Tensor {
        let opposite = self.negated(value);
        let (growing, shrinking) = (self.node("Exp", &[value]), self.node("Exp", &[opposite]));
        let sum = self.add(growing, shrinking);
        self.scaled(sum, 0.5)
    }

    /// The positive number with the sign of the other; 0 for 0.
    pub(crate) fn with_sign_of(&mut self, size: Tensor, of: Tensor) -> Tensor {
        let sign = self.node("Sign", &[of]);
        self.multiply(size, sign)
    }

    /// The inverse of [`Graph::sinh`].
    pub(crate) fn arcsinh(&mut self, value: Tensor) -> Tensor {
        // ln(x + sqrt(x^2 + 1)) as log1p(x + x^2 / (1 + sqrt(x^2 + 1))); of large numbers ln(2 x).
        let size = self.node("Abs", &[value]);
        let (one, large) = (self.number(1.0), self.number(1e100));
        let square = self.multiply(size, size);
        let above = self.add(square, one);
        let root = self.node("Sqrt", &[above]);
        let divisor = self.add(root, one);
        let share = self.divide(square, divisor);
        let sum = self.add(size, share);
        let small = self.log1p(sum);
        let logarithm = self.node("Log", &[size]);
        let twice = self.number(std::f64::consts::LN_2);
        let far = self.add(logarithm, twice);
        let is_far = self.greater(size, large);
        let result = self.choose(is_far, far, small);
        self.with_sign_of(result, value)
    }

    /// The inverse of [`Graph::cosh`].
    pub(crate) fn arccosh(&mut self, value: Tensor) -> Tensor {
        let (one, large) = (self.number(1.0), self.number(1e100));
        let above = self.subtract(value, one);
        let square = self.multiply(above, above);
        let twice = self.add(above, above);
        let sum = self.add(twice, square);
        let root = self.node("Sqrt", &[sum]);
        let sum = self.add(above, root);
        let near = self.log1p(sum);
        let logarithm = self.node("Log", &[value]);
        let ln_2 = self.number(std::f64::consts::LN_2);
        let far = self.add(logarithm, ln_2);
        let is_far = self.greater(value, large);
        self.choose(is_far, far, near)
    }

    pub(crate) fn arctanh(&mut self, value: Tensor) -> Tensor {
        let one = self.number(1.0);
        let (twice, below) = (self.add(value, value), self.subtract(one, value));
        let ratio = self.divide(twice, below);
        let logarithm = self.log1p(ratio);
        self.scaled(logarithm, 0.5)
    }

    /// The angle of this tangent: halved three times, then by its series.
    pub(crate) fn arctan(&mut self, value: Tensor) -> Tensor {
        const HALVINGS: usize = 3;
        // After them the tangent is at most tan(pi / 32), and the eighth term of the series is below 1e-16.
        const TERMS: usize = 10;
        let one = self.number(1.0);
        let size = self.node("Abs", &[value]);
        let is_large = self.greater(size, one);
        let inverse = self.divide(one, size);
        let mut tangent = self.choose(is_large, inverse, size);
        for _ in 0..HALVINGS {
            let square = self.multiply(tangent, tangent);
            let sum = self.add(square, one);
            let root = self.node("Sqrt", &[sum]);
            let divisor = self.add(root, one);
            tangent = self.divide(tangent, divisor);
        }
        let series: Vec<f64> = (0..TERMS)
            .map(|term| {
                let sign = if term % 2 == 0 { 1.0 } else { -1.0 };
                sign / (2.0 * term as f64 + 1.0)
            })
            .collect();
        let square = self.multiply(tangent, tangent);
        let sum = self.polynomial(&series, square);
        let angle = self.multiply(tangent, sum);
        let angle = self.scaled(angle, f64::from(1 << HALVINGS));
        let right = self.number(std::f64::consts::FRAC_PI_2);
        let rest = self.subtract(right, angle);
        let angle = self.choose(is_large, rest, angle);
        self.with_sign_of(angle, value)
    }

    /// The angle of this sine; NaN beyond 1.
    pub(crate) fn arcsin(&mut self, value: Tensor) -> Tensor {
        // Of the half angle, the tangent is x / (1 + sqrt((1 - x) (1 + x))).
        let one = self.number(1.0);
        let (below, above) = (self.subtract(one, value), self.add(one, value));
        let product = self.multiply(below, above);
        let cosine = self.node("Sqrt", &[product]);
        let divisor = self.add(cosine, one);
        let tangent = self.divide(value, divisor);
        let half = self.arctan(tangent);
        self.scaled(half, 2.0)
    }

    /// The angle of this cosine; NaN beyond 1.
    pub(crate) fn arccos(&mut self, value: Tensor) -> Tensor {
        let sine = self.arcsin(value);
        let right = self.number(std::f64::consts::FRAC_PI_2);
        self.subtract(right, sine)
    }

    /// The remainder with the sign of the divisor.
    pub(crate) fn remainder(&mut self, left: Tensor, right: Tensor) -> Tensor {
        let zero = self.number(0.0);
        let rest = self.node_with(("", "Mod"), &[left, right], &[("fmod", Attribute::Int(1))]);
        let (below, divisor_below) = (self.less(rest, zero), self.less(right, zero));
        let differ = self.node("Xor", &[below, divisor_below]);
        let none = self.equal(rest, zero);
        let some = self.is_not(none);
        let moved = self.and(differ, some);
        let sum = self.add(rest, right);
        self.choose(moved, sum, rest)
    }

    /// The standard normal number below which this share lies, for shares from 1e-8 to 1 - 1e-8: those beyond count as these.
    pub(crate) fn normal_quantile(&mut self, share: Tensor) -> Tensor {
        let [[centre_top, centre_bottom], [tail_top, tail_bottom]] = norm::ppf_polynomials();
        let (one, half, low, high) =
            (self.number(1.0), self.number(0.5), self.number(1e-8), self.number(1.0 - 1e-8));
        let share = self.clip(share, low, high);
        let centred = self.subtract(share, half);
        let square = self.multiply(centred, centred);
        let bound = self.number(0.180_625);
        let place = self.subtract(bound, square);
        let (top, bottom) = (self.polynomial(centre_top, place), self.polynomial(centre_bottom, place));
        let ratio = self.divide(top, bottom);
        let near = self.multiply(centred, ratio);
        let below = self.less(share, half);
        let above = self.subtract(one, share);
        let tail = self.choose(below, share, above);
        let logarithm = self.node("Log", &[tail]);
        let logarithm = self.negated(logarithm);
        let root = self.node("Sqrt", &[logarithm]);
        let begin = self.number(1.6);
        let place = self.subtract(root, begin);
        let (top, bottom) = (self.polynomial(tail_top, place), self.polynomial(tail_bottom, place));
        let size = self.divide(top, bottom);
        let far = self.with_sign_of(size, centred);
        let distance = self.node("Abs", &[centred]);
        let edge = self.number(0.425);
        let is_far = self.greater(distance, edge);
        self.choose(is_far, far, near)
    }
}
