//! What a policy earns, and what the best arm would have.

use mlcore::Result;
use mlcore::evaluate::{LoggedRewards, OffPolicyEstimator, OffPolicyOptions, off_policy_value};
use serde::Serialize;

use super::run::Run;

/// What a request earns in the mean.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct ReplayValue {
    /// The mean reward of a request.
    pub value: f64,
    /// Its standard error; none where it is not an estimate, because arms are simulated.
    pub standard_error: Option<f64>,
    /// The interval of the normal approximation; none where it is not an estimate.
    pub interval: Option<(f64, f64)>,
    /// The requests of which it is known what they earned.
    pub requests: u64,
    /// How many requests of the policy itself, or of the arm alone, would tell as much; none where it is not an estimate.
    pub effective_sample_size: Option<f64>,
}

/// The values of the policy and of each arm.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) policy: Option<ReplayValue>,
    pub(super) arms: Vec<Option<ReplayValue>>,
}

/// The requests of a log that earned something, with what the policy would have done.
#[derive(Debug, Default)]
pub(super) struct Target {
    action: Vec<usize>,
    propensity: Vec<f64>,
    reward: Vec<f64>,
    probabilities: Vec<f64>,
}

impl Target {
    pub(super) fn push(&mut self, action: usize, propensity: f64, reward: f64, probabilities: &[f64]) {
        self.action.push(action);
        self.propensity.push(propensity);
        self.reward.push(reward);
        self.probabilities.extend_from_slice(probabilities);
    }

    /// The self-normalised estimate for a policy with these probabilities; none of fewer than two requests, and where it takes none of
    /// the arms that answered.
    fn value(&self, arms: usize, probabilities: &[f64], alpha: f64) -> Result<Option<ReplayValue>> {
        let rows = self.action.len();
        let is_taken = |(row, action): (usize, &usize)| {
            probabilities.get(row * arms + action).is_some_and(|share| *share > 0.0)
        };
        if self.action.iter().enumerate().filter(|row| is_taken(*row)).take(2).count() < 2 {
            return Ok(None);
        }
        let log = LoggedRewards::new(arms, &self.action, &self.propensity, &self.reward, probabilities);
        let options = OffPolicyOptions::default().with_alpha(alpha);
        let found = off_policy_value(&log, OffPolicyEstimator::Snips, &options)?;
        Ok(Some(ReplayValue {
            value: found.value,
            standard_error: Some(found.standard_error),
            interval: Some(found.interval),
            requests: rows as u64,
            effective_sample_size: Some(found.effective_sample_size),
        }))
    }
}

/// Of logged arms, by propensities.
pub(super) fn logged_values(run: &Run<'_>) -> Result<Values> {
    let (arms, alpha) = (run.log.arms.len(), run.options.alpha);
    let policy = run.target.value(arms, &run.target.probabilities, alpha)?;
    let of = |arm: usize| {
        let mut always = vec![0.0; run.target.probabilities.len()];
        always.iter_mut().skip(arm).step_by(arms.max(1)).for_each(|share| *share = 1.0);
        run.target.value(arms, &always, alpha)
    };
    Ok(Values { policy, arms: (0..arms).map(of).collect::<Result<_>>()? })
}

/// Of simulated arms, which all were asked about every request.
pub(super) fn simulated_values(run: &Run<'_>) -> Values {
    let (earned, requests) = run.earned;
    let mean = |sum: f64, requests: u64| {
        (requests > 0).then(|| ReplayValue {
            value: sum / requests as f64,
            standard_error: None,
            interval: None,
            requests,
            effective_sample_size: None,
        })
    };
    let is_told = run.options.reward.is_some();
    let arms = run.tallies.iter().map(|tally| mean(tally.earned, run.asked).filter(|_| is_told));
    Values { policy: mean(earned, requests), arms: arms.collect() }
}
