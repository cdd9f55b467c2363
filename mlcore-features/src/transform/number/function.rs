//! The functions that have a name.

use serde::{Deserialize, Serialize};

use crate::program::number::NumberKernel;

/// From a variant, numpy's name and what it computes: the enum, its words and its arithmetic.
macro_rules! functions {
    ($($variant:ident: $name:literal $(or $alias:literal)? = $compute:expr, $doc:literal;)+) => {
        /// A function of one number, by numpy's name.
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub enum Function {$(
            #[doc = $doc]
            #[serde(rename = $name $(, alias = $alias)?)]
            $variant,
        )+}

        impl Function {
            /// Every function.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// numpy's name of it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {$( Self::$variant => $name, )+}
            }

            pub(super) fn of(self) -> fn(f64) -> f64 {
                match self {$( Self::$variant => $compute, )+}
            }
        }
    };
}

functions! {
    Abs: "abs" or "absolute" = f64::abs, "The absolute value.";
    Arccos: "arccos" = f64::acos, "The angle of this cosine.";
    Arccosh: "arccosh" = arccosh, "The inverse hyperbolic cosine.";
    Arcsin: "arcsin" = f64::asin, "The angle of this sine.";
    Arcsinh: "arcsinh" = f64::asinh, "The inverse hyperbolic sine.";
    Arctan: "arctan" = f64::atan, "The angle of this tangent.";
    Arctanh: "arctanh" = f64::atanh, "The inverse hyperbolic tangent.";
    Cbrt: "cbrt" = f64::cbrt, "The cube root.";
    Ceil: "ceil" = f64::ceil, "The whole number that is not below.";
    Cos: "cos" = f64::cos, "The cosine of an angle in radians.";
    Cosh: "cosh" = f64::cosh, "The hyperbolic cosine.";
    Deg2rad: "deg2rad" or "radians" = f64::to_radians, "Degrees as radians.";
    Exp: "exp" = f64::exp, "The exponential.";
    Exp2: "exp2" = f64::exp2, "The power of 2.";
    Expm1: "expm1" = f64::exp_m1, "The exponential less 1, exact near 0.";
    Floor: "floor" = f64::floor, "The whole number that is not above.";
    Log: "log" = f64::ln, "The natural logarithm.";
    Log10: "log10" = f64::log10, "The logarithm to base 10.";
    Log1p: "log1p" = f64::ln_1p, "The natural logarithm of 1 more, exact near 0.";
    Log2: "log2" = f64::log2, "The logarithm to base 2.";
    Negative: "negative" = |value| -value, "The number of the other sign.";
    Rad2deg: "rad2deg" or "degrees" = f64::to_degrees, "Radians as degrees.";
    Reciprocal: "reciprocal" = f64::recip, "1 divided by the number.";
    Rint: "rint" = f64::round_ties_even, "The nearest whole number, the even one of two.";
    Sign: "sign" = sign, "-1, 0 or 1.";
    Sin: "sin" = f64::sin, "The sine of an angle in radians.";
    Sinh: "sinh" = f64::sinh, "The hyperbolic sine.";
    Sqrt: "sqrt" = f64::sqrt, "The square root.";
    Square: "square" = |value| value * value, "The square.";
    Tan: "tan" = f64::tan, "The tangent of an angle in radians.";
    Tanh: "tanh" = f64::tanh, "The hyperbolic tangent.";
    Trunc: "trunc" = f64::trunc, "The number without its fraction.";
}

/// Exact near 1, where the standard library's loses its digits.
fn arccosh(value: f64) -> f64 {
    let above = value - 1.0;
    // The square of a larger number may overflow, and 1 is nothing beside it.
    if above > 1e100 {
        return value.ln() + std::f64::consts::LN_2;
    }
    (above + (2.0 * above + above * above).sqrt()).ln_1p()
}

/// NaN stays NaN, and 0 is its own sign.
fn sign(value: f64) -> f64 {
    if value == 0.0 || value.is_nan() { value } else { 1.0_f64.copysign(value) }
}

/// A function, ready to run.
#[derive(Debug)]
pub(super) struct Applied(pub(super) fn(f64) -> f64);

impl NumberKernel for Applied {
    fn apply(&self, value: f64) -> f64 {
        (self.0)(value)
    }
}
