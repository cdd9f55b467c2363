//! How good is a model, and is the challenger good enough?
//!
//! The metrics carry scikit-learn's names, argument order and numbers (1.9, checked against golden files to 1e-9). Where
//! scikit-learn warns and answers NaN, or answers a number that means nothing, these are errors that say why: a metric
//! decides about releases here, and must not be undefined in silence.
//!
//! ```
//! use mlcore::evaluate::{accuracy_score, log_loss, roc_auc_score};
//!
//! let y_true = [false, false, true, true];
//! let y_proba = [0.1, 0.4, 0.35, 0.8];
//! assert_eq!(roc_auc_score(&y_true, &y_proba, None)?, 0.75);
//! assert!((log_loss(&y_true, &y_proba, None)? - 0.472_287_953_809_176_15).abs() < 1e-12);
//! let y_pred: Vec<bool> = y_proba.iter().map(|p| *p > 0.5).collect();
//! assert_eq!(accuracy_score(&y_true, &y_pred, None)?, 0.75);
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! | the model answers | metrics, for example |
//! |---|---|
//! | labels | [`accuracy_score`], [`f1_score`], [`confusion_matrix`], [`precision_recall_fscore_support`] |
//! | probabilities | [`log_loss`], [`brier_score_loss`], [`multiclass_log_loss`] |
//! | scores that rank | [`roc_auc_score`], [`average_precision_score`], [`multiclass_roc_auc_score`] |
//! | numbers | [`mean_absolute_error`], [`r2_score`] |
//!
//! Every metric takes `sample_weight`: one weight of 0 or more for each row, or `None` for all alike. [`Metric`] finds one
//! by its name.
//!
//! [`off_policy_value`] says what another rollout policy would have earned, by the log of the one that ran.
//!
//! [`Gate`] compares two models on the same held-out rows and says, with reasons, whether the one may replace the other.

mod averaged;
mod classification;
mod comparison;
mod gate;
mod gate_metric;
mod input;
mod metric;
mod multiclass;
mod off_policy;
mod off_policy_requirement;
mod paired;
mod probability;
mod ranking;
mod regression;
mod requirement;
mod verdict;

pub use self::averaged::{Average, LabelScores, ScoresByLabel, precision_recall_fscore_support};
pub use self::classification::*;
pub use self::gate::{Contender, Gate, LatencyBudget};
pub use self::gate_metric::GateMetric;
pub use self::metric::{Metric, MetricFunction};
pub use self::multiclass::*;
pub use self::off_policy::{
    LoggedRewards, OffPolicyEstimate, OffPolicyEstimator, OffPolicyOptions, off_policy_value,
};
pub use self::off_policy_requirement::OffPolicyRequirement;
pub use self::probability::*;
pub use self::ranking::*;
pub use self::regression::*;
pub use self::requirement::{Requirement, Truth};
pub use self::verdict::{Check, GateVerdict};
