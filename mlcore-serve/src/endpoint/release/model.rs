use std::fmt;
use std::sync::Arc;

use mlcore::Result;
use mlcore::registry::ModelVersion;
use mlcore::runner::Runner;
use mlcore_drift::monitor::MonitorReference;
use mlcore_features::pipeline::Plan;

use super::guarded::Guarded;
use crate::endpoint::input::Features;

/// A version that is loaded, warm and ready: its runner and, where it has them, its feature plan and its monitor's reference.
pub struct LoadedModel {
    version: ModelVersion,
    runner: Guarded,
    features: Option<Features>,
    monitor: Option<Arc<MonitorReference>>,
}

impl LoadedModel {
    /// The version with its runner, and the feature plan that it was trained on.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`](mlcore::Error::SchemaMismatch) when the plan's output cannot be the model's input.
    pub fn new(version: ModelVersion, runner: Arc<dyn Runner>, plan: Option<Plan>) -> Result<Self> {
        let features = plan.map(|plan| Features::new(plan, &runner.signature().inputs)).transpose()?;
        let runner = Guarded::new(runner, version.model.clone(), version.version);
        Ok(Self { version, runner, features, monitor: None })
    }

    /// Adds the reference that the version's traffic is compared with.
    #[must_use]
    pub fn with_monitor(mut self, reference: MonitorReference) -> Self {
        self.monitor = Some(Arc::new(reference));
        self
    }

    /// What the registry knows of it.
    #[must_use]
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// The runner. Its panics, and answers that break its signature, are errors here: failures of the arm.
    #[must_use]
    pub fn runner(&self) -> &dyn Runner {
        &self.runner
    }

    /// The feature plan, where it has one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.features.as_ref().map(Features::plan)
    }

    /// The reference that its traffic is compared with, where it has one.
    #[must_use]
    pub fn monitor(&self) -> Option<&Arc<MonitorReference>> {
        self.monitor.as_ref()
    }

    /// Whether the model takes the same tensors as `other` for the same input.
    pub(crate) fn reads_like(&self, other: &Self) -> bool {
        self.version.lineage.plan_digest() == other.version.lineage.plan_digest()
    }

    /// The feature plan, joined with the model's inputs.
    pub(crate) fn features(&self) -> Option<&Features> {
        self.features.as_ref()
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
