//! `mlcore.experiment`: how many units an experiment needs, what it found, and how sure that is.

mod daily;
mod effect;
mod estimate;
mod labels;
mod power;
mod ratio;
mod report;
mod sequential;
mod state;
mod streaming;
mod study;

use mlcore::experiment::{Answer, NoVerdict};
use pyo3::prelude::*;

pub(crate) use self::labels::Labels;
use crate::error::invalid;

#[pymodule(submodule, module = "mlcore", name = "experiment")]
pub(crate) mod native {
    #[pymodule_export]
    use super::daily::{carry_over, heterogeneity, interference, novelty};
    #[pymodule_export]
    use super::effect::{
        BayesianEffect, BetaBinomial, Effect, bayesian_compare, compare, rank_compare_2indep,
    };
    #[pymodule_export]
    use super::estimate::{Estimate, cuped, regression_adjusted};
    #[pymodule_export]
    use super::power::{
        minimum_detectable_effect, power, power_proportions_2indep, proportion_effectsize,
        required_sample_size, sample_size, samplesize_proportions_2indep_onetail, tt_ind_solve_power,
        zt_ind_solve_power,
    };
    #[pymodule_export]
    use super::ratio::{SequentialSrm, srm_test};
    #[pymodule_export]
    use super::report::Report;
    #[pymodule_export]
    use super::sequential::{AlwaysValid, BettingSequence, EmpiricalBernstein, group_sequential_bounds};
    #[pymodule_export]
    use super::study::{Experiment, arm_names};
}

/// The answer, or the exception that says why the data cannot give it.
fn known<T>(py: Python<'_>, operation: &'static str, subject: &str, answer: Answer<T>) -> PyResult<T> {
    answer.into_result().map_err(|reason| {
        let remedy = match reason {
            NoVerdict::TooFewUnits | NoVerdict::QuantileOutOfReach | NoVerdict::TooFewDays => {
                "wait for more data"
            }
            NoVerdict::ControlIsZero => "compare by difference=\"absolute\"",
            NoVerdict::CollinearCovariates => "leave one of the covariates out",
            NoVerdict::NotFinite => "leave such units out, or say what they are worth",
            // Also reasons that are newer than this binding.
            _ => "look whether the metric is the one that is meant",
        };
        invalid(py, operation, subject, reason.sentence(), remedy)
    })
}
