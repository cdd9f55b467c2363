//! What would another policy have earned, by the log of the one that ran?

use super::input::Call;
use crate::error::Result;
use crate::interrupt;
use crate::stats::norm;

/// The rows of a log: for each the arm that answered, the propensity that it had, and what it earned; beside them what the policy in
/// question would have done.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct LoggedRewards<'a> {
    /// How many arms there are.
    pub arms: usize,
    /// The position of the arm that answered.
    pub action: &'a [usize],
    /// The probability with which it was chosen, above 0.
    pub propensity: &'a [f64],
    /// What it earned.
    pub reward: &'a [f64],
    /// The probability of each arm under the policy in question: row after row, `arms` numbers for each.
    pub target: &'a [f64],
}

impl<'a> LoggedRewards<'a> {
    /// A log of so many arms; `target` has `arms` numbers for each row.
    #[must_use]
    pub fn new(
        arms: usize,
        action: &'a [usize],
        propensity: &'a [f64],
        reward: &'a [f64],
        target: &'a [f64],
    ) -> Self {
        Self { arms, action, propensity, reward, target }
    }
}

/// How the value of a policy is estimated, by obp's names.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum OffPolicyEstimator<'a> {
    /// Inverse propensity scores: the mean of `weight * reward`. Without a bias.
    Ips,
    /// The same over the mean weight: a little bias for less variance, and a value within the range of the rewards.
    Snips,
    /// Doubly robust: what a model expects, and inverse propensity scores of what it missed. The model's reward of each arm, row after
    /// row.
    Dr(&'a [f64]),
    /// The same, leaving out what was missed where the weight is above `tau`.
    SwitchDr {
        /// The model's reward of each arm, row after row.
        model: &'a [f64],
        /// The largest weight that counts, 0 or more.
        tau: f64,
    },
}

/// How surely it is said.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OffPolicyOptions {
    /// One less the level of intervals.
    pub alpha: f64,
    /// The largest weight: larger ones count as this, which adds a bias and takes variance away. (obp's `lambda_`.)
    pub clip: Option<f64>,
    /// The smallest and the largest reward, for the interval that holds for any number of rows.
    pub reward_range: Option<(f64, f64)>,
}

impl Default for OffPolicyOptions {
    fn default() -> Self {
        Self { alpha: 0.05, clip: None, reward_range: None }
    }
}

impl OffPolicyOptions {
    /// The same with intervals of the level `1 - alpha`.
    #[must_use]
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// The same with weights of at most `clip`.
    #[must_use]
    pub fn with_clip(mut self, clip: f64) -> Self {
        self.clip = Some(clip);
        self
    }

    /// The same for rewards from `smallest` to `largest`.
    #[must_use]
    pub fn with_reward_range(mut self, smallest: f64, largest: f64) -> Self {
        self.reward_range = Some((smallest, largest));
        self
    }
}

/// The value of a policy: its mean reward, as an estimate.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OffPolicyEstimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The interval of the normal approximation.
    pub interval: (f64, f64),
    /// The empirical Bernstein interval (Maurer and Pontil 2009), which holds for any number of rows; of IPS alone, where the range of
    /// the rewards is known.
    pub bernstein: Option<(f64, f64)>,
    /// How many rows of the policy in question would tell as much: `(sum of weights)^2 / sum of squared weights`. Where it is small the
    /// normal interval is not to be trusted.
    pub effective_sample_size: f64,
    /// What the policy that ran earned: the mean reward of the log.
    pub logged_value: f64,
    /// How much more the policy in question earns than the one that ran: `value - logged_value`.
    pub gain: f64,
    /// The interval of the gain, by the normal approximation: narrower than the two values' by themselves, of the same rows.
    pub gain_interval: (f64, f64),
}

/// Estimates what the policy in question would have earned for each row, by the log of another.
///
/// # Source
/// IPS: D. G. Horvitz and D. J. Thompson (1952); SNIPS: A. Swaminathan and T. Joachims (2015); doubly robust: M. Dudík, J. Langford
/// and L. Li (2011); switch: Y.-X. Wang, A. Agarwal and M. Dudík (2017). Formulas as in the Open Bandit Pipeline (obp). The interval of
/// SNIPS is that of a ratio of means, by the delta method; Bernstein's is that of A. Maurer and M. Pontil (2009), theorem 4, to both
/// sides, where the largest possible weight is `clip`, or 1 over the smallest propensity of the log.
///
/// # Errors
/// [`Error::InvalidInput`](crate::Error::InvalidInput) for fewer than two rows, rows that do not match, an arm that is none, a
/// propensity that is not above 0 and at most 1, probabilities that are none or have another sum than 1, rewards that are NaN or
/// infinite or outside of the range, weights that are all 0, and options that mean nothing; it names the row.
///
/// ```
/// use mlcore::evaluate::{LoggedRewards, OffPolicyEstimator, OffPolicyOptions, off_policy_value};
///
/// // A coin chose between two arms, of which the second earned 1; the policy in question always takes the second.
/// let log = LoggedRewards::new(
///     2,
///     &[0, 1, 0, 1],
///     &[0.5; 4],
///     &[0.0, 1.0, 0.0, 1.0],
///     &[0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0],
/// );
/// let found = off_policy_value(&log, OffPolicyEstimator::Ips, &OffPolicyOptions::default())?;
/// assert_eq!((found.value, found.effective_sample_size), (1.0, 2.0));
/// # Ok::<(), mlcore::Error>(())
/// ```
pub fn off_policy_value(
    log: &LoggedRewards<'_>,
    estimator: OffPolicyEstimator<'_>,
    options: &OffPolicyOptions,
) -> Result<OffPolicyEstimate> {
    check(log, estimator, options)?;
    let chosen =
        |table: &[f64], row: usize, action: usize| table.get(row * log.arms + action).copied().unwrap_or(0.0);
    let rows = || log.action.iter().zip(log.propensity).zip(log.reward).enumerate();
    let weights: Vec<f64> = rows()
        .map(|(row, ((action, propensity), _))| {
            let weight = chosen(log.target, row, *action) / propensity;
            options.clip.map_or(weight, |clip| weight.min(clip))
        })
        .collect();
    interrupt::check(NAME)?;
    let (total, squares) = weights
        .iter()
        .fold((0.0, 0.0), |(total, squares), weight| (total + weight, squares + weight * weight));
    if total.is_nan() || total <= 0.0 {
        let problem = "the policy in question takes none of the arms that answered";
        return Err(CALL.refuse("target", problem).remedy("log a policy that explores more"));
    }
    let expected = |model: &[f64], row: usize| -> f64 {
        let range = row * log.arms..(row + 1) * log.arms;
        let (target, model) = (log.target.get(range.clone()), model.get(range));
        target
            .unwrap_or_default()
            .iter()
            .zip(model.unwrap_or_default())
            .map(|(share, reward)| share * reward)
            .sum()
    };
    let terms: Vec<f64> = rows()
        .zip(&weights)
        .map(|((row, ((action, _), reward)), weight)| match estimator {
            OffPolicyEstimator::Ips | OffPolicyEstimator::Snips => weight * reward,
            OffPolicyEstimator::Dr(model) => {
                expected(model, row) + weight * (reward - chosen(model, row, *action))
            }
            OffPolicyEstimator::SwitchDr { model, tau } => {
                let counted = if *weight <= tau { *weight } else { 0.0 };
                expected(model, row) + counted * (reward - chosen(model, row, *action))
            }
        })
        .collect();
    let n = terms.len() as f64;
    let mean = terms.iter().sum::<f64>() / n;
    let logged_value = log.reward.iter().sum::<f64>() / n;
    // How far each row draws the estimate away from its value.
    let (value, influence): (f64, Vec<f64>) = if matches!(estimator, OffPolicyEstimator::Snips) {
        let (value, scale) = (mean * n / total, n / total);
        (value, terms.iter().zip(&weights).map(|(term, weight)| (term - weight * value) * scale).collect())
    } else {
        (mean, terms.iter().map(|term| term - mean).collect())
    };
    let variance =
        |centred: &mut dyn Iterator<Item = f64>| centred.map(|value| value * value).sum::<f64>() / (n - 1.0);
    let spread = variance(&mut influence.iter().copied());
    let gain_spread = variance(
        &mut influence.iter().zip(log.reward).map(|(influence, reward)| influence - (reward - logged_value)),
    );
    let gain = value - logged_value;
    let standard_error = (spread / n).sqrt();
    let quantile = norm::isf(options.alpha / 2.0);
    let reach = quantile * standard_error;
    let gain_reach = quantile * (gain_spread / n).sqrt();
    let bernstein = match (estimator, options.reward_range) {
        (OffPolicyEstimator::Ips, Some((smallest, largest))) => {
            let least = log.propensity.iter().copied().fold(1.0, f64::min);
            let most = options.clip.unwrap_or(1.0 / least);
            // A weight may be 0, too.
            let range = most * (largest.max(0.0) - smallest.min(0.0));
            let log = (4.0 / options.alpha).ln();
            let width = (2.0 * spread * log / n).sqrt() + 7.0 * range * log / (3.0 * (n - 1.0));
            Some((value - width, value + width))
        }
        _ => None,
    };
    Ok(OffPolicyEstimate {
        value,
        standard_error,
        interval: (value - reach, value + reach),
        bernstein,
        effective_sample_size: total * total / squares,
        logged_value,
        gain,
        gain_interval: (gain - gain_reach, gain + gain_reach),
    })
}

fn check(
    log: &LoggedRewards<'_>,
    estimator: OffPolicyEstimator<'_>,
    options: &OffPolicyOptions,
) -> Result<()> {
    let rows = log.action.len();
    if rows < 2 {
        return Err(CALL.refuse("action", format!("it has {rows} rows, and an interval needs two")));
    }
    for (name, found, due) in [
        ("propensity", log.propensity.len(), rows),
        ("reward", log.reward.len(), rows),
        ("target", log.target.len(), rows.saturating_mul(log.arms)),
    ] {
        if found != due {
            return Err(CALL.refuse(name, format!("it has {found} numbers, and must have {due}")));
        }
    }
    if let Some(row) = log.action.iter().position(|action| *action >= log.arms) {
        return Err(CALL.refuse("action", format!("row {row} is none of {} arms", log.arms)));
    }
    if let Some(row) =
        log.propensity.iter().position(|propensity| !(*propensity >= 1e-100 && *propensity <= 1.0))
    {
        return Err(CALL.refuse("propensity", format!("row {row} is not above 0 and at most 1")));
    }
    CALL.check_probabilities("target", log.target.iter().copied())?;
    let mut sums = log.target.chunks(log.arms.max(1)).map(|row| row.iter().sum::<f64>());
    if let Some(row) = sums.position(|sum| (sum - 1.0).abs() > 1e-6) {
        return Err(CALL.refuse("target", format!("the probabilities of row {row} have another sum than 1")));
    }
    let within = |reward: f64| options.reward_range.is_none_or(|(low, high)| (low..=high).contains(&reward));
    if let Some(row) = log.reward.iter().position(|reward| !(reward.abs() <= 1e100 && within(*reward))) {
        return Err(
            CALL.refuse("reward", format!("row {row} is no number, beyond 1e100, or outside of the range"))
        );
    }
    if let OffPolicyEstimator::Dr(model) | OffPolicyEstimator::SwitchDr { model, .. } = estimator {
        if model.len() != log.target.len() {
            let problem = format!("it has {} numbers, and must have {}", model.len(), log.target.len());
            return Err(CALL.refuse("model", problem));
        }
        CALL.check_finite("model", model)?;
    }
    if let OffPolicyEstimator::SwitchDr { tau, .. } = estimator
        && (tau.is_nan() || tau < 0.0)
    {
        return Err(CALL.refuse("tau", format!("it is {tau}, and must be 0 or more")));
    }
    if !(options.alpha > 0.0 && options.alpha < 1.0) {
        return Err(CALL.refuse("alpha", format!("it is {}, and must be between 0 and 1", options.alpha)));
    }
    match options.clip {
        Some(clip) if !(clip > 0.0 && clip.is_finite()) => {
            Err(CALL.refuse("clip", format!("it is {clip}, and must be above 0 and finite")))
        }
        _ => Ok(()),
    }
}

const NAME: &str = "off_policy_value";
const CALL: Call = Call { metric: NAME };
