use mlcore::batch::Batch;
use mlcore::name::{Arm, Version};

use crate::endpoint::decide::OutcomeId;
use crate::endpoint::run::ServedBy;

/// What the endpoint answers to a request.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Prediction {
    /// The model's outputs, one row per row of the request.
    pub outputs: Batch,
    /// The version that answered.
    pub version: Version,
    /// The arm that the policy chose.
    pub arm: Arm,
    /// The probability with which the policy chose it.
    pub propensity: f64,
    /// The id under which the outcome is reported.
    pub outcome_id: OutcomeId,
    /// What gave the answer.
    pub served_by: ServedBy,
}

impl Prediction {
    /// The answer `outputs` of `version`, for `arm`, with certainty: for tests of what takes predictions.
    #[must_use]
    pub fn new(outputs: Batch, arm: Arm, version: Version, outcome_id: OutcomeId) -> Self {
        Self { outputs, version, arm, propensity: 1.0, outcome_id, served_by: ServedBy::Model }
    }

    /// The same prediction by an arm that the policy chose with this probability.
    #[must_use]
    pub fn with_propensity(mut self, propensity: f64) -> Self {
        self.propensity = propensity;
        self
    }

    /// The same prediction, given by something else than a run for its request alone.
    #[must_use]
    pub fn with_served_by(mut self, served_by: ServedBy) -> Self {
        self.served_by = served_by;
        self
    }
}
