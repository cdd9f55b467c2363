use std::fmt;
use std::sync::Arc;

use mlcore::batch::Batch;
use mlcore::registry::ModelVersion;
use mlcore::runner::Runner;
use mlcore::{Error, Result};
use mlcore_features::pipeline::Plan;

use crate::endpoint::input::{Features, Input};

/// A version that is loaded, warm and ready: its runner and, where it has one, its feature plan.
pub struct LoadedModel {
    version: ModelVersion,
    runner: Arc<dyn Runner>,
    features: Option<Features>,
}

impl LoadedModel {
    /// The version with its runner, and the feature plan that it was trained on.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the plan's output cannot be the model's input.
    pub fn new(version: ModelVersion, runner: Arc<dyn Runner>, plan: Option<Plan>) -> Result<Self> {
        let features = plan.map(|plan| Features::new(plan, &runner.signature().inputs)).transpose()?;
        Ok(Self { version, runner, features })
    }

    /// What the registry knows of it.
    #[must_use]
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// The runner.
    #[must_use]
    pub fn runner(&self) -> &dyn Runner {
        &*self.runner
    }

    /// The feature plan, where it has one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.features.as_ref().map(Features::plan)
    }

    /// Does the model take the same tensors as `other` for the same input?
    pub(crate) fn reads_like(&self, other: &Self) -> bool {
        self.version.lineage.plan_digest() == other.version.lineage.plan_digest()
    }

    /// The tensors that the model takes for this input.
    pub(crate) fn inputs(&self, input: Input<'_>) -> Result<Batch> {
        match (input, &self.features) {
            (Input::Tensors(batch), _) => Ok(batch.clone()),
            (Input::Row(row), Some(features)) => features.row(row),
            (Input::Table(table), Some(features)) => features.table(table),
            (Input::Row(_) | Input::Table(_), None) => Err(Error::invalid_input(
                "predict",
                format!("{} version {}", self.version.model, self.version.version),
                "raw records came, and this version was registered without a feature plan",
            )
            .remedy("register it with its plan, or send tensors that fit its signature")),
        }
    }
}

impl fmt::Debug for LoadedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedModel")
            .field("model", &self.version.model)
            .field("version", &self.version.version)
            .field("provider", &self.runner.provider())
            .finish_non_exhaustive()
    }
}
