//! How two arms differ: by a test, by a posterior, and by ranks.

use mlcore::experiment::{
    self, BayesianOptions, BetaPrior, EffectOptions, GaussianPrior, Inference, NonInferiority,
    PreferredDirection,
};
use mlcore::stats::{self, ConfidenceInterval};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::estimate::Estimate;
use super::known;
use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid, raise};
use crate::stats::option;

const COMPARE: &str = "compare arms";

/// A difference between two arms, with an interval and a p-value.
///
/// Attributes
/// ----------
/// difference : str
///     ``relative`` to the control's mean, or ``absolute``.
/// estimate : float
///     Treatment less control; 0.05 is five percent where it is relative.
/// standard_error : float
/// low, high : float
///     The interval; one end is infinite where the test is one-sided.
/// pvalue : float
///     Valid at every look where the inference is sequential.
/// df : float
///     Degrees of freedom; infinite for all but Welch's t.
#[pyclass(module = "mlcore.experiment", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    pub(super) effect: experiment::Effect,
}

#[pymethods]
impl Effect {
    #[getter]
    fn difference(&self) -> &'static str {
        self.effect.difference.name()
    }

    #[getter]
    fn estimate(&self) -> f64 {
        self.effect.estimate
    }

    #[getter]
    fn standard_error(&self) -> f64 {
        self.effect.standard_error
    }

    #[getter]
    fn low(&self) -> f64 {
        self.effect.low
    }

    #[getter]
    fn high(&self) -> f64 {
        self.effect.high
    }

    #[getter]
    fn pvalue(&self) -> f64 {
        self.effect.pvalue
    }

    #[getter]
    fn df(&self) -> f64 {
        self.effect.df
    }

    /// The effect as totals over all traffic: gbstats' difference type ``scaled``.
    ///
    /// Parameters
    /// ----------
    /// count : int
    ///     Units of the treatment.
    /// traffic_proportion : float
    ///     The share of the traffic that the treatment had.
    /// phase_length_days : float
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a relative difference, and a share or days that are not positive.
    fn scaled(
        &self,
        py: Python<'_>,
        count: u64,
        traffic_proportion: f64,
        phase_length_days: f64,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let effect = self.effect.scaled(count, traffic_proportion, phase_length_days);
            Ok(Self { effect: effect.map_err(|error| raise(py, &error))? })
        })
    }

    fn __repr__(&self) -> String {
        let experiment::Effect { estimate, low, high, pvalue, difference, .. } = &self.effect;
        let difference = difference.name();
        format!("<{difference} effect {estimate:?}, from {low:?} to {high:?}, p = {pvalue:?}>")
    }
}

/// Compares two arms.
///
/// Parameters
/// ----------
/// control, treatment : Estimate
/// difference : {"relative", "absolute"}
/// alpha : float
///     The interval covers the effect with probability ``1 - alpha``.
/// alternative : {"two-sided", "less", "greater"}
/// value : float
///     What the effect is compared with.
/// inference : {"welch", "normal", "sequential", "mixture"}
///     ``welch`` and ``normal`` are for one look; ``sequential`` (an asymptotic confidence sequence) and ``mixture`` (mSPRT) may be
///     looked at always.
/// tuning_parameter : float, optional
///     Of ``sequential``: the number of units at which the interval is narrowest. gbstats' default, 5000.
/// effect_scale : float, optional
///     Of ``mixture``, which needs it: how large effects are, in the units of the difference.
/// margin : float, optional
///     Asks whether the treatment is worse by less than this share of the control's mean; the test is one-sided then.
/// preferred_direction : {"increase", "decrease"}
///     Which way is better, where there is a margin.
///
/// Returns
/// -------
/// Effect
///
/// Raises
/// ------
/// InvalidInputError
///     For options that cannot be meant, and data that say too little; it says why.
///
/// Notes
/// -----
/// gbstats 0.8, ``frequentist/tests.py``; margins: spotify-confidence 4.1.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import Estimate, compare
/// >>> effect = compare(Estimate.of_proportion(200, 2000), Estimate.of_proportion(260, 2000))
/// >>> round(effect.estimate, 12), effect.low > 0, effect.pvalue < 0.01
/// (0.3, True, True)
#[pyfunction]
#[pyo3(signature = (
    control, treatment, *, difference = "relative", alpha = 0.05, alternative = "two-sided", value = 0.0,
    inference = "welch", tuning_parameter = None, effect_scale = None, margin = None,
    preferred_direction = "increase"
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn compare(
    py: Python<'_>,
    control: &Estimate,
    treatment: &Estimate,
    difference: &str,
    alpha: f64,
    alternative: &str,
    value: f64,
    inference: &str,
    tuning_parameter: Option<f64>,
    effect_scale: Option<f64>,
    margin: Option<f64>,
    preferred_direction: &str,
) -> PyResult<Effect> {
    entry(py, |py| {
        let inference = self::inference(py, COMPARE, inference, tuning_parameter, effect_scale)?;
        let mut options = EffectOptions::default()
            .with_difference(option(py, COMPARE, "difference", difference)?)
            .with_alpha(alpha)
            .with_alternative(option(py, COMPARE, "alternative", alternative)?)
            .with_value(value)
            .with_inference(inference);
        let preferred: PreferredDirection = option(py, COMPARE, "preferred_direction", preferred_direction)?;
        if let Some(margin) = margin {
            let margin = NonInferiority::new(margin, preferred).map_err(|error| raise(py, &error))?;
            options = margin.options(&options, &control.estimate);
        }
        let effect = experiment::Effect::between(control.answer(), treatment.answer(), &options);
        let effect = effect.map_err(|error| raise(py, &error))?;
        Ok(Effect { effect: known(py, COMPARE, "effect", effect)? })
    })
}

/// The inference that a word and its parameter name.
pub(super) fn inference(
    py: Python<'_>,
    operation: &'static str,
    word: &str,
    tuning_parameter: Option<f64>,
    effect_scale: Option<f64>,
) -> PyResult<Inference> {
    let inference = match word {
        "welch" => Inference::Welch,
        "normal" => Inference::Normal,
        "sequential" => match tuning_parameter {
            Some(tuning_parameter) => Inference::Sequential { tuning_parameter },
            None => Inference::sequential(),
        },
        "mixture" => match effect_scale {
            Some(effect_scale) => Inference::Mixture { effect_scale },
            None => {
                let remedy = "pass effect_scale=, how large effects are, such as 0.05";
                return Err(invalid(py, operation, "effect_scale", "a mixture needs it", remedy));
            }
        },
        word => {
            let known = "welch, normal, sequential, mixture";
            return Err(crate::stats::unknown(py, operation, "inference", word, known));
        }
    };
    let unused = [
        ("tuning_parameter", tuning_parameter.is_some(), "sequential"),
        ("effect_scale", effect_scale.is_some(), "mixture"),
    ];
    for (name, is_given, of) in unused {
        if is_given && word != of {
            let problem = format!("it is one of inference=\"{of}\", and inference is {word:?}");
            return Err(invalid(py, operation, name, problem, "leave it out, or choose that inference"));
        }
    }
    Ok(inference)
}

/// The posterior of a difference: its mean ``estimate``, its ``standard_deviation``, the credible interval ``low`` to ``high``,
/// ``chance_to_win``, and ``risk``: what is lost on average by the choice of the control, and by that of the treatment.
#[pyclass(module = "mlcore.experiment", frozen, eq, get_all)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BayesianEffect {
    estimate: f64,
    standard_deviation: f64,
    low: f64,
    high: f64,
    chance_to_win: f64,
    risk: (f64, f64),
}

#[pymethods]
impl BayesianEffect {
    fn __repr__(&self) -> String {
        let Self { estimate, low, high, chance_to_win, .. } = self;
        format!("<posterior effect {estimate:?}, from {low:?} to {high:?}, chance to win {chance_to_win:?}>")
    }
}

/// A normal posterior of the effect, with gbstats' priors and numbers (``EffectBayesianABTest``).
///
/// Parameters
/// ----------
/// control, treatment : Estimate
/// difference : {"relative", "absolute"}
/// alpha : float
///     The credible interval holds all but this of the posterior.
/// prior : tuple of float, optional
///     Mean and variance of what is believed of the effect beforehand. Default: nothing.
/// prior_type : {"relative", "absolute"}
///     What the prior is relative to.
/// preferred_direction : {"increase", "decrease"}
///
/// Returns
/// -------
/// BayesianEffect
///
/// Raises
/// ------
/// InvalidInputError
///     For options that cannot be meant, and data that say too little.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import Estimate, bayesian_compare
/// >>> effect = bayesian_compare(Estimate.of_proportion(100, 1000), Estimate.of_proportion(130, 1000))
/// >>> effect.chance_to_win > 0.95, effect.risk[1] < effect.risk[0]
/// (True, True)
#[pyfunction]
#[pyo3(signature = (
    control, treatment, *, difference = "relative", alpha = 0.05, prior = None, prior_type = "relative",
    preferred_direction = "increase"
))]
#[expect(clippy::too_many_arguments, reason = "they are keywords in Python")]
pub(super) fn bayesian_compare(
    py: Python<'_>,
    control: &Estimate,
    treatment: &Estimate,
    difference: &str,
    alpha: f64,
    prior: Option<(f64, f64)>,
    prior_type: &str,
    preferred_direction: &str,
) -> PyResult<BayesianEffect> {
    entry(py, |py| {
        let prior = match prior {
            Some((mean, variance)) => {
                GaussianPrior::new(mean, variance).map_err(|error| raise(py, &error))?
            }
            None => GaussianPrior::default(),
        };
        let options = BayesianOptions::default()
            .with_difference(option(py, COMPARE, "difference", difference)?)
            .with_alpha(alpha)
            .with_prior(prior, option(py, COMPARE, "prior_type", prior_type)?)
            .with_preferred_direction(option(py, COMPARE, "preferred_direction", preferred_direction)?);
        let found = experiment::BayesianEffect::between(control.answer(), treatment.answer(), &options);
        let found = known(py, COMPARE, "effect", found.map_err(|error| raise(py, &error))?)?;
        Ok(BayesianEffect {
            estimate: found.estimate,
            standard_deviation: found.standard_deviation,
            low: found.low,
            high: found.high,
            chance_to_win: found.chance_to_win,
            risk: found.risk.into(),
        })
    })
}

/// The posteriors of two proportions, whose priors are Beta distributions.
///
/// Parameters
/// ----------
/// successes, counts : tuple of int
///     Of the control and the treatment.
/// prior : tuple of float
///     ``alpha`` and ``beta``; the default is uniform.
///
/// Raises
/// ------
/// InvalidInputError
///     For more successes than units, and a prior that is not positive.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import BetaBinomial
/// >>> posterior = BetaBinomial((100, 130), (1000, 1000))
/// >>> round(posterior.chance_to_win, 3), posterior.expected_loss[1] < posterior.expected_loss[0]
/// (0.982, True)
#[pyclass(module = "mlcore.experiment", frozen, eq)]
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BetaBinomial {
    posterior: experiment::BetaBinomial,
}

#[pymethods]
impl BetaBinomial {
    #[new]
    #[pyo3(
        signature = (successes, counts, prior = (1.0, 1.0)),
        text_signature = "(successes, counts, prior=(1.0, 1.0))"
    )]
    fn new(py: Python<'_>, successes: [u64; 2], counts: [u64; 2], prior: (f64, f64)) -> PyResult<Self> {
        entry(py, |py| {
            let made = BetaPrior::new(prior.0, prior.1)
                .and_then(|prior| experiment::BetaBinomial::of(successes, counts, prior));
            Ok(Self { posterior: made.map_err(|error| raise(py, &error))? })
        })
    }

    /// The posterior means of control and treatment.
    #[getter]
    fn means(&self) -> (f64, f64) {
        self.posterior.means().into()
    }

    /// The probability that the treatment's proportion is the larger one.
    #[getter]
    fn chance_to_win(&self, py: Python<'_>) -> PyResult<f64> {
        entry(py, |py| detached(py, || Ok(self.posterior.chance_to_win())))
    }

    /// What is lost of the proportion on average by the choice of the control, and by that of the treatment.
    #[getter]
    fn expected_loss(&self, py: Python<'_>) -> PyResult<(f64, f64)> {
        entry(py, |py| detached(py, || Ok(self.posterior.expected_loss().into())))
    }

    /// The interval of the difference, treatment less control, that holds all but ``alpha`` of the posterior.
    #[pyo3(signature = (alpha = 0.05))]
    fn credible_interval(&self, py: Python<'_>, alpha: f64) -> PyResult<(f64, f64)> {
        entry(py, |py| {
            let ConfidenceInterval { low, high, .. } =
                detached(py, || self.posterior.credible_interval(alpha))?;
            Ok((low, high))
        })
    }

    fn __repr__(&self) -> String {
        let [control, treatment] = self.posterior.means();
        format!("<posterior proportions {control:?} and {treatment:?}>")
    }
}

/// The probability that a unit of the first sample is above one of the second, ties counting half (Brunner and Munzel).
///
/// Parameters
/// ----------
/// x1, x2 : array_like
/// use_t : bool
///     Whether p-value and interval are of Student's t.
/// alpha : float
///     Of the interval.
///
/// Returns
/// -------
/// dict
///     ``statistic``, ``pvalue``, ``prob1``, ``var_prob``, ``df``, ``low``, ``high``, as in
///     ``statsmodels.stats.nonparametric.rank_compare_2indep``.
///
/// Raises
/// ------
/// InvalidInputError
///     For an empty sample.
///
/// Examples
/// --------
/// >>> from mlcore.experiment import rank_compare_2indep
/// >>> rank_compare_2indep([3.0, 4.0, 5.0], [1.0, 2.0, 4.0])["prob1"]
/// 0.8333333333333334
#[pyfunction]
#[pyo3(signature = (x1, x2, use_t = true, alpha = 0.05))]
pub(super) fn rank_compare_2indep<'py>(
    py: Python<'py>,
    x1: &Bound<'py, PyAny>,
    x2: &Bound<'py, PyAny>,
    use_t: bool,
    alpha: f64,
) -> PyResult<Bound<'py, PyDict>> {
    const OPERATION: &str = "rank_compare_2indep";
    entry(py, |py| {
        if !(alpha > 0.0 && alpha < 1.0) {
            let problem = format!("{alpha} is not inside (0, 1)");
            return Err(invalid(py, OPERATION, "alpha", problem, "pass an error rate, such as 0.05"));
        }
        let x1 = door::numbers(x1, Asked { operation: OPERATION, subject: "x1" })?;
        let x2 = door::numbers(x2, Asked { operation: OPERATION, subject: "x2" })?;
        let (x1, x2) = (x1.as_slice(), x2.as_slice());
        let found = detached(py, || stats::rank_compare_2indep(x1, x2, use_t))?;
        let interval = found.conf_int(alpha, stats::Alternative::TwoSided);
        let answer = PyDict::new(py);
        for (name, value) in [
            ("statistic", found.statistic),
            ("pvalue", found.pvalue),
            ("prob1", found.prob1),
            ("var_prob", found.var_prob),
            ("df", found.df),
            ("low", interval.low),
            ("high", interval.high),
        ] {
            answer.set_item(name, value)?;
        }
        Ok(answer)
    })
}
