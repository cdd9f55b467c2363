use super::LinearPolicy;
use super::ridge::Ridge;
use crate::bandit::allocation::drawn;
use crate::bandit::policy::{greedy, normalised};
use crate::bandit::thompson::posterior::Posterior;
use crate::bandit::thompson::probabilities_of_best;
use crate::error::{Error, Result};
use crate::name::Arm;
use crate::rollout::Draw;

/// The regressions of all arms as they were last solved: what is published to those who assign. An assignment reads it and changes
/// nothing.
#[derive(Clone, PartialEq, Debug)]
pub struct LinearModels {
    pub(super) policy: LinearPolicy,
    pub(super) features: usize,
    pub(super) min_prob: f64,
    pub(super) arms: Vec<(Arm, Ridge)>,
}

impl LinearModels {
    /// The arms, in the order of their names.
    pub fn arms(&self) -> impl ExactSizeIterator<Item = &Arm> {
        self.arms.iter().map(|(arm, _)| arm)
    }

    /// How good each arm looks to the policy in this context: mabwiser's expectations.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for another number of features, and one that is NaN, infinite or beyond 1e50.
    pub fn scores(&self, context: &[f64]) -> Result<Vec<f64>> {
        check_context("score arms", self.features, context)?;
        let explored = match self.policy {
            LinearPolicy::LinUcb { alpha } => alpha,
            LinearPolicy::LinTs { .. } | LinearPolicy::LinGreedy { .. } => 0.0,
        };
        let score = |(_, ridge): &(Arm, Ridge)| {
            let bonus = if explored > 0.0 { explored * ridge.deviation(context) } else { 0.0 };
            ridge.mean(context) + bonus
        };
        Ok(self.arms.iter().map(score).collect())
    }

    /// The probability of each arm in this context: of 0 or more, with a sum of 1. Arms with one score share alike.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn probabilities(&self, context: &[f64]) -> Result<Vec<f64>> {
        let scores = self.scores(context)?;
        let shares = match self.policy {
            LinearPolicy::LinUcb { .. } => greedy(&scores),
            LinearPolicy::LinGreedy { epsilon } => {
                let explored = epsilon / scores.len().max(1) as f64;
                greedy(&scores).into_iter().map(|share| explored + (1.0 - epsilon) * share).collect()
            }
            LinearPolicy::LinTs { alpha } => {
                let posterior = |((_, ridge), mean): (&(Arm, Ridge), f64)| {
                    // A context of zeros says nothing of any arm.
                    Posterior::normal(mean, (alpha * ridge.deviation(context)).max(f64::MIN_POSITIVE))
                };
                probabilities_of_best(&self.arms.iter().zip(scores).map(posterior).collect::<Vec<_>>())
            }
        };
        let count = shares.len() as f64;
        let least = self.min_prob.min(1.0 / count);
        Ok(normalised(shares.into_iter().map(|share| least + (1.0 - count * least) * share).collect()))
    }

    /// The position of the arm that a draw means in this context, and its probability, which is above 0.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn draw(&self, context: &[f64], draw: Draw) -> Result<(usize, f64)> {
        Ok(drawn(self.probabilities(context)?.into_iter(), draw.unit_interval()))
    }
}

/// Refuses a context that no regression takes.
pub(super) fn check_context(operation: &'static str, features: usize, context: &[f64]) -> Result<()> {
    if context.len() != features {
        let problem = format!("it has {} features, and the bandit was built for {features}", context.len());
        return Err(Error::invalid_input(operation, "context", problem)
            .remedy("hand in the features that it was built for, in their order"));
    }
    if let Some(position) =
        context.iter().position(|feature| !(-LARGEST_FEATURE..=LARGEST_FEATURE).contains(feature))
    {
        let problem = format!("it is {:?}, and must be a number of at most 1e50", context.get(position));
        return Err(Error::invalid_input(operation, format!("feature {position} of the context"), problem)
            .remedy("scale features, and fill in those that are missing"));
    }
    Ok(())
}

/// The squares of larger ones, added up, would be infinite.
const LARGEST_FEATURE: f64 = 1e50;
