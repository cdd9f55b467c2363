//! Experiments: how many units they need, what they found, and how sure that is.
//!
//! ```
//! use mlcore::experiment::{Arm, Experiment, Inference, JointMoments, Metric, PreferredDirection};
//!
//! // What each user spent, and what the same user spent before the experiment.
//! let spent = |more: f64| (0..4_000).map(|i| (f64::from(i % 40) + more, f64::from(i % 40))).collect::<JointMoments>();
//! let (control, treatment) = (spent(0.0), spent(0.5));
//! let mut experiment = Experiment::new("checkout", [Arm::new("old", 1.0, 4_000), Arm::new("new", 1.0, 4_000)])?;
//! experiment.add(Metric::new("spent", PreferredDirection::Increase).cuped([control, treatment]))?;
//! let report = experiment.report()?;
//! assert!(report.to_text().contains("spent"));
//! # Ok::<(), mlcore::Error>(())
//! ```
//!
//! | question | answer |
//! |---|---|
//! | What does a metric look like, in constant memory and from many machines? | [`Moments`](crate::stats::Moments), [`WeightedMoments`], [`JointMoments`], [`RegressionMoments`], [`ClusterMoments`], [`WinsorisedMoments`], [`QuantileSummary`] |
//! | What does one arm say? | [`Estimate`]: a mean, a proportion, a ratio, an adjusted mean, a quantile |
//! | How do two arms differ? | [`Effect`], by [`EffectOptions`]; [`cuped`]; [`NonInferiority`]; of ranks, [`rank_compare_2indep`](crate::stats::rank_compare_2indep) |
//! | How many units are needed, what can be seen? | [`Design`], [`PowerAnalysis`], [`power_proportions_2indep`], [`required_sample_size`] |
//! | May it be looked at before the end? | always: [`Inference::Sequential`], [`Inference::Mixture`], [`AlwaysValid`], [`EmpiricalBernstein`], [`BettingSequence`]; at planned looks: [`GroupSequentialBounds`] |
//! | How likely is the treatment better, and what is lost if not? | [`BayesianEffect`], [`BetaBinomial`] |
//! | Were units assigned as they should be? | [`srm_test`], [`SequentialSrm`] |
//! | Does it last, do arms feel each other? | [`novelty`], [`carry_over`], [`interference`], [`heterogeneity`] |
//! | What came out, in all metrics and segments? | [`Experiment`], [`Report`] |
//! | How often would it alarm for nothing? | [`Simulation`] |
//!
//! Everything is pure: no clock, no randomness but that of a seed. Names, defaults and numbers are those of gbstats,
//! spotify-confidence, statsmodels, ssrm-test and confseq, proved by golden files; what differs on purpose is said at the type. Where data say
//! too little, an [`Answer`] says why, and never NaN.

mod answer;
mod bayes;
mod daily;
mod effect;
mod estimate;
mod group_sequential;
mod moments;
mod power;
mod quadrature;
mod quantile;
mod report;
mod root;
mod sequential;
mod simulation;
mod srm;

pub use self::answer::{Answer, NoVerdict};
pub use self::bayes::{BayesianEffect, BayesianOptions, BetaBinomial, BetaPrior, GaussianPrior};
pub use self::daily::{Heterogeneity, Trend, carry_over, heterogeneity, interference, novelty};
pub use self::effect::{
    Difference, Effect, EffectOptions, Inference, NonInferiority, PreferredDirection, cuped,
};
pub use self::estimate::Estimate;
pub use self::group_sequential::{
    Boundary, GroupSequentialBounds, GroupSequentialOptions, Sides, SpendingFunction,
};
pub use self::moments::{
    Caps, ClusterMoments, JointMoments, RegressionMoments, WeightedMoments, WinsorisedMoments,
};
pub use self::power::{
    Design, PowerAnalysis, PowerDistribution, SampleSize, power_proportions_2indep, proportion_effectsize,
    required_sample_size, samplesize_proportions_2indep_onetail,
};
pub use self::quantile::QuantileSummary;
pub use self::report::{Arm, Daily, Decision, Experiment, Finding, Metric, Report, Warning};
pub use self::sequential::{AlwaysValid, BettingSequence, EmpiricalBernstein, NormalMixture};
pub use self::simulation::{Alarms, Simulation};
pub use self::srm::{SequentialSrm, srm_test};
