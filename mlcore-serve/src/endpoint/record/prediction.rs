use mlcore::batch::Batch;
use mlcore::name::{Arm, Version};
use serde::{Deserialize, Serialize};

use crate::endpoint::decide::OutcomeId;
use crate::endpoint::run::ServedBy;

/// What the endpoint answers to a request.
///
/// ```
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::name::{Arm, Version};
/// use mlcore_serve::endpoint::{OutcomeId, Prediction};
///
/// let outputs = Batch::single("risk", Tensor::column(vec![0.41]));
/// let id = OutcomeId::of(&"order-17".parse()?);
/// let prediction = Prediction::new(outputs, Arm::new("champion")?, Version::FIRST, id);
/// let json = serde_json::to_value(&prediction).map_err(|error| mlcore::Error::internal("write", "", error.to_string()))?;
/// assert_eq!((&json["arm"], &json["served_by"]), (&"champion".into(), &"model".into()));
/// assert_eq!(json["outputs"][0]["data"][0], 0.41);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Serialize, Deserialize)]
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

    /// How many outcomes belong to it: one for each row of the outputs, and one where they have no rows in common.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.outputs.rows().unwrap_or(1)
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
