//! The functions that have a name.

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, Inexpressible, Tensor};
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

impl Function {
    /// What operators of ONNX make of these numbers; most have one for `float` alone.
    fn onnx(self, graph: &mut Graph, value: Tensor) -> Tensor {
        let quotient = |graph: &mut Graph, by: f64| {
            let logarithm = graph.node("Log", &[value]);
            let by = graph.number(by);
            graph.divide(logarithm, by)
        };
        match self {
            Self::Abs => graph.node("Abs", &[value]),
            Self::Arccos => graph.arccos(value),
            Self::Arccosh => graph.arccosh(value),
            Self::Arcsin => graph.arcsin(value),
            Self::Arcsinh => graph.arcsinh(value),
            Self::Arctan => graph.arctan(value),
            Self::Arctanh => graph.arctanh(value),
            Self::Cbrt => {
                let (size, third) = (graph.node("Abs", &[value]), graph.number(1.0 / 3.0));
                let root = graph.node("Pow", &[size, third]);
                graph.with_sign_of(root, value)
            }
            Self::Ceil => graph.node("Ceil", &[value]),
            Self::Cos => graph.node("Cos", &[value]),
            Self::Cosh => graph.cosh(value),
            Self::Deg2rad => graph.scaled(value, std::f64::consts::PI / 180.0),
            Self::Exp => graph.node("Exp", &[value]),
            Self::Exp2 => {
                let two = graph.number(2.0);
                graph.node("Pow", &[two, value])
            }
            Self::Expm1 => graph.expm1(value),
            Self::Floor => graph.node("Floor", &[value]),
            Self::Log => graph.node("Log", &[value]),
            Self::Log10 => quotient(graph, std::f64::consts::LN_10),
            Self::Log1p => graph.log1p(value),
            Self::Log2 => quotient(graph, std::f64::consts::LN_2),
            Self::Negative => graph.negated(value),
            Self::Rad2deg => graph.scaled(value, 180.0 / std::f64::consts::PI),
            Self::Reciprocal => graph.reciprocal(value),
            Self::Rint => graph.node("Round", &[value]),
            Self::Sign => {
                let (sign, missing) = (graph.node("Sign", &[value]), graph.is_missing(value));
                graph.choose(missing, value, sign)
            }
            Self::Sin => graph.node("Sin", &[value]),
            Self::Sinh => graph.sinh(value),
            Self::Sqrt => graph.node("Sqrt", &[value]),
            Self::Square => graph.multiply(value, value),
            Self::Tan => {
                let (sine, cosine) = (graph.node("Sin", &[value]), graph.node("Cos", &[value]));
                graph.divide(sine, cosine)
            }
            Self::Tanh => graph.node("Tanh", &[value]),
            Self::Trunc => {
                let size = graph.node("Abs", &[value]);
                let whole = graph.node("Floor", &[size]);
                graph.with_sign_of(whole, value)
            }
        }
    }
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
pub(super) struct Applied {
    /// `None` where a number is itself.
    pub(super) function: Option<Function>,
    pub(super) compute: fn(f64) -> f64,
}

impl NumberKernel for Applied {
    fn apply(&self, value: f64) -> f64 {
        (self.compute)(value)
    }

    fn onnx(&self, graph: &mut Graph, value: Tensor) -> Result<Tensor, Inexpressible> {
        Ok(self.function.map_or(value, |function| function.onnx(graph, value)))
    }
}
