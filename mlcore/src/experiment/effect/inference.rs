//! How interval and p-value are made.

use serde::{Deserialize, Serialize};

use super::difference::Contrast;
use super::{EffectOptions, OPERATION};
use crate::error::{Error, Result};
use crate::experiment::NoVerdict;
use crate::experiment::sequential::NormalMixture;
use crate::stats::{Alternative, ConfidenceSequence, norm, t};

/// How the interval and the p-value of an effect are made, and with it when they may be looked at.
///
/// | inference | may be looked at | numbers of |
/// |---|---|---|
/// | [`Welch`](Self::Welch) | once, at the sample size that was planned | gbstats' `TwoSidedTTest` and its one-sided tests |
/// | [`Normal`](Self::Normal) | once, at the sample size that was planned | spotify-confidence's `ZTest` |
/// | [`Sequential`](Self::Sequential) | always | gbstats' `SequentialTwoSidedTTest` |
/// | [`Mixture`](Self::Mixture) | always | the mixture sequential probability ratio test (mSPRT) |
///
/// ```
/// use mlcore::experiment::Inference;
///
/// assert_eq!(serde_json::to_string(&Inference::sequential())?, r#"{"sequential":{"tuning_parameter":5000.0}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Inference {
    /// Student's t with the degrees of freedom of Welch and Satterthwaite.
    #[default]
    Welch,
    /// The normal distribution.
    Normal,
    /// An asymptotic confidence sequence.
    Sequential {
        /// The units of both arms at which it is narrowest; gbstats' default is 5,000. Tuned for fewer than 500 it finds too much in the
        /// first looks, because it takes variances for known.
        tuning_parameter: f64,
    },
    /// A normal mixture over effects. It takes variances for known: before there are 58 degrees of freedom, by Welch and Satterthwaite
    /// (30 units in each of two arms alike), it says nothing, because looks at a handful of units would find too much.
    Mixture {
        /// The standard deviation of the effects that are expected, in the units of the difference.
        effect_scale: f64,
    },
}

/// What [`Inference`] makes of a difference.
pub(super) struct Inferred {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) pvalue: f64,
    pub(super) df: f64,
}

impl Inference {
    /// The asymptotic confidence sequence that is tuned for 5,000 units.
    #[must_use]
    pub fn sequential() -> Self {
        Self::Sequential { tuning_parameter: ConfidenceSequence::DEFAULT_TUNING }
    }

    pub(super) fn check(self) -> Result<()> {
        let (subject, parameter) = match self {
            Self::Welch | Self::Normal => return Ok(()),
            Self::Sequential { tuning_parameter } => ("tuning_parameter", tuning_parameter),
            Self::Mixture { effect_scale } => ("effect_scale", effect_scale),
        };
        if parameter > 0.0 && parameter.is_finite() {
            return Ok(());
        }
        Err(Error::invalid_input(OPERATION, subject, format!("{parameter} is not positive and finite")))
    }

    pub(super) fn of(self, contrast: &Contrast, options: &EffectOptions) -> Result<Inferred, NoVerdict> {
        match self {
            Self::Welch => Ok(fixed(contrast, options, contrast.df)),
            Self::Normal => Ok(fixed(contrast, options, f64::INFINITY)),
            Self::Sequential { tuning_parameter } => {
                let sequence = ConfidenceSequence::tuned_for(options.alpha, tuning_parameter)
                    .map_err(|_| NoVerdict::NotFinite)?;
                let variance = contrast.squared_error * contrast.count;
                let above = contrast.estimate - options.value;
                Ok(match options.alternative {
                    Alternative::TwoSided => {
                        let width = sequence.half_width(contrast.count, variance);
                        let pvalue = sequence.pvalue(above, contrast.count, variance);
                        around(contrast, [width, width], pvalue)
                    }
                    Alternative::Greater => {
                        let width = sequence.one_sided_width(contrast.count, variance);
                        let pvalue = sequence.one_sided_pvalue(above, contrast.count, variance);
                        around(contrast, [width, f64::INFINITY], pvalue)
                    }
                    Alternative::Less => {
                        let width = sequence.one_sided_width(contrast.count, variance);
                        let pvalue = sequence.one_sided_pvalue(-above, contrast.count, variance);
                        around(contrast, [f64::INFINITY, width], pvalue)
                    }
                })
            }
            Self::Mixture { .. } if contrast.df < LEAST_DF => Err(NoVerdict::TooFewForTest),
            Self::Mixture { effect_scale } => {
                let mixture = NormalMixture::of(effect_scale, contrast.squared_error);
                let above = contrast.estimate - options.value;
                Ok(match options.alternative {
                    Alternative::TwoSided => {
                        let width = mixture.half_width(options.alpha);
                        around(contrast, [width, width], mixture.pvalue(above))
                    }
                    // Half of the two-sided error on the side that counts.
                    Alternative::Greater => {
                        let pvalue = if above > 0.0 { mixture.pvalue(above) } else { 1.0 };
                        around(contrast, [mixture.half_width(options.alpha), f64::INFINITY], pvalue)
                    }
                    Alternative::Less => {
                        let pvalue = if above < 0.0 { mixture.pvalue(above) } else { 1.0 };
                        around(contrast, [f64::INFINITY, mixture.half_width(options.alpha)], pvalue)
                    }
                })
            }
        }
    }
}

/// The degrees of freedom from which on a variance counts as known: the mixture's error under looks after each unit, measured by
/// `mlcore-benches simulations`, is below its alpha from here on, for effects up to a standard deviation.
const LEAST_DF: f64 = 58.0;

fn around(contrast: &Contrast, [below, above]: [f64; 2], pvalue: f64) -> Inferred {
    Inferred { low: contrast.estimate - below, high: contrast.estimate + above, pvalue, df: f64::INFINITY }
}

/// A test at one look, by the t distribution or by the normal one where the degrees of freedom are infinite.
fn fixed(contrast: &Contrast, options: &EffectOptions, df: f64) -> Inferred {
    let is_normal = df == f64::INFINITY;
    let error = contrast.squared_error.sqrt();
    let statistic = (contrast.estimate - options.value) / error;
    let sf = |x: f64| if is_normal { norm::sf(x) } else { t::sf(x, df) };
    let width = |tail: f64| error * if is_normal { norm::isf(tail) } else { -t::ppf(tail, df) };
    let (widths, pvalue) = match options.alternative {
        Alternative::TwoSided => ([width(options.alpha / 2.0); 2], 2.0 * sf(statistic.abs())),
        Alternative::Greater => ([width(options.alpha), f64::INFINITY], sf(statistic)),
        Alternative::Less => ([f64::INFINITY, width(options.alpha)], sf(-statistic)),
    };
    Inferred { df, ..around(contrast, widths, pvalue) }
}
