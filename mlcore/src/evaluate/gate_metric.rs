//! The metrics that a gate can ask for: one list.

use serde::{Deserialize, Serialize};

use super::comparison::Comparison;
use super::gate::OPERATION;
use super::paired::Difference;
use super::probability::{brier_loss_of, log_loss_within};
use super::regression::{absolute_error_of, relative_error_of, squared_error_of};
use super::requirement::{Requirement, Truth};
use super::verdict::{Check, Digits};
use crate::error::{Error, Result};

/// Makes the enum and all that is asked of its variants: the word, the default of an option, and how two models are
/// compared.
macro_rules! gate_metrics {
    ($(
        $(#[doc = $doc:literal])+
        $metric:ident $({ $(#[doc = $about:literal])+ $option:ident: $type:ty = $default:literal })? = $word:literal,
        $comparison:expr;
    )+) => {
        /// A metric that can be compared row by row, and the interval of its difference.
        ///
        /// Its words, in JSON and in Python, are those of [`name`](Self::name).
        #[non_exhaustive]
        #[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
        pub enum GateMetric {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $word)]
                $metric $({ $(#[doc = $about])+ $option: $type })?,
            )+
        }

        impl GateMetric {
            /// All of them, with the default of each option.
            pub const ALL: &'static [Self] = &[$(Self::$metric $({ $option: $default })?),+];

            /// The metric's name, as in a [`Check`].
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$metric { .. } => $word,)+
                }
            }

            fn comparison(self) -> Comparison {
                match self {
                    $(Self::$metric $({ $option })? => $comparison,)+
                }
            }
        }
    };
}

gate_metrics! {
    /// [`roc_auc_score`](super::roc_auc_score) of labels; DeLong's interval, which has no width where both models rank
    /// perfectly: there only the least numbers of rows speak.
    RocAuc = "roc_auc", Comparison::Ranking;
    /// [`log_loss`](super::log_loss) of labels; the paired t interval.
    LogLoss = "log_loss", Comparison::LossOfLabels(log_loss_within);
    /// [`brier_score_loss`](super::brier_score_loss) of labels; the paired t interval.
    BrierScore = "brier_score", Comparison::LossOfLabels(|label, probability, _| brier_loss_of(label, probability));
    /// [`accuracy_score`](super::accuracy_score) of labels; Agresti and Min's interval for matched proportions.
    Accuracy {
        /// A probability above it is a prediction of `true`.
        threshold: f64 = 0.5
    } = "accuracy", Comparison::Hits { threshold };
    /// [`f1_score`](super::f1_score) of labels; the interval of the delta method.
    F1 {
        /// A probability above it is a prediction of `true`.
        threshold: f64 = 0.5
    } = "f1", Comparison::F1 { threshold };
    /// [`mean_absolute_error`](super::mean_absolute_error) of values; the paired t interval.
    MeanAbsoluteError = "mean_absolute_error", Comparison::LossOfValues(absolute_error_of);
    /// [`mean_squared_error`](super::mean_squared_error) of values; the paired t interval.
    MeanSquaredError = "mean_squared_error", Comparison::LossOfValues(squared_error_of);
    /// [`mean_absolute_percentage_error`](super::mean_absolute_percentage_error) of values; the paired t interval.
    MeanAbsolutePercentageError =
        "mean_absolute_percentage_error", Comparison::LossOfValues(relative_error_of);
    /// [`root_mean_squared_error`](super::root_mean_squared_error) of values; the interval of the delta method.
    RootMeanSquaredError = "rmse", Comparison::RootMeanSquare;
    /// [`r2_score`](super::r2_score) of values; the interval of the delta method.
    R2 = "r2", Comparison::R2;
}

impl std::str::FromStr for GateMetric {
    type Err = Error;

    /// Reads a [`name`](Self::name), or that of scikit-learn's metric; options have their defaults.
    fn from_str(word: &str) -> Result<Self> {
        let name = match word {
            "root_mean_squared_error" => "rmse",
            "brier_score" | "brier_score_loss" => "brier_score",
            other => other.strip_suffix("_score").unwrap_or(other),
        };
        Self::ALL.iter().copied().find(|metric| metric.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|metric| metric.name()).collect();
            crate::words::unknown("metric", word, &known)
        })
    }
}

impl GateMetric {
    /// Whether more is better.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        self.comparison().higher_is_better()
    }

    /// Whether it compares values, as those of a regression, and no labels.
    #[must_use]
    pub fn compares_values(self) -> bool {
        self.comparison().of_values()
    }

    /// Refuses a truth of the other kind.
    pub(super) fn check(self, truth: Truth<'_>) -> Result<()> {
        let problem = match (truth, self.compares_values()) {
            (Truth::Labels(_), false) | (Truth::Values(_), true) => return Ok(()),
            (Truth::Labels(_), true) => "it compares values, and the truth is labels",
            (Truth::Values(_), false) => "it compares labels, and the truth is values",
        };
        Err(Error::invalid_input(OPERATION, self.name(), problem))
    }

    /// Why these predictions cannot be judged by it.
    pub(super) fn unusable(self, predictions: &[f64]) -> Option<String> {
        self.comparison().unusable(predictions)
    }

    /// Compares the champion's predictions with the challenger's.
    pub(super) fn judge(
        self,
        requirement: Requirement,
        truth: Truth<'_>,
        predictions: [&[f64]; 2],
        epsilon: f64,
        alpha: f64,
    ) -> Check {
        let [_, challenger] = predictions;
        if let Some(problem) = self.unusable(challenger) {
            return Check::plain(self.name(), false, format!("{}: {problem}", self.name()));
        }
        match self.comparison().compare(truth, predictions, epsilon, alpha) {
            Ok((values, difference)) => self.answer(requirement, values, difference, alpha),
            Err(error) => {
                let problem = error.context().problem();
                Check::plain(self.name(), false, format!("{}: {problem}", self.name()))
            }
        }
    }

    fn answer(self, requirement: Requirement, values: [f64; 2], difference: Difference, alpha: f64) -> Check {
        let [champion, challenger] = values;
        // From here on, more is better.
        let sign = if self.higher_is_better() { 1.0 } else { -1.0 };
        let gain = sign * difference.value;
        let (least, most) =
            if sign > 0.0 { (difference.low, difference.high) } else { (-difference.high, -difference.low) };
        let (margin, passed, asked) = match requirement {
            Requirement::NotWorseBy(margin) => {
                (margin, least > -margin, format!("may surely be worse by less than {}", Digits(margin)))
            }
            Requirement::BetterBy(margin) => {
                (margin, least > margin, format!("must surely be better by more than {}", Digits(margin)))
            }
            Requirement::Reaches(limit) => {
                let bound = if sign > 0.0 { "at least" } else { "at most" };
                (limit, sign * challenger >= sign * limit, format!("must be {bound} {}", Digits(limit)))
            }
        };
        let sentence = format!(
            "{} {} against {}: {} by {} ({} % interval {} to {}); it {asked}",
            self.name(),
            Digits(challenger),
            Digits(champion),
            if gain >= 0.0 { "better" } else { "worse" },
            Digits(gain.abs()),
            // The product of 1 - 0.05 and 100 is 95 only after rounding.
            ((1.0 - alpha) * 1e6).round() / 1e4,
            Digits(least),
            Digits(most),
        );
        Check {
            champion: finite(champion),
            challenger: finite(challenger),
            difference: finite(difference.value),
            interval: finite(difference.low).zip(finite(difference.high)).map(<[f64; 2]>::from),
            margin: Some(margin),
            ..Check::plain(self.name(), passed, sentence)
        }
    }
}

/// A number that JSON can carry.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
