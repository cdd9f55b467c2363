//! One model and its releases: fitted features, registered versions, the loss that judges them, the canary's terms.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mlcore::arrow::array::RecordBatch;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, Digest, ImportOptions};
use mlcore::batch::Batch;
use mlcore::name::{Alias, Arm, ModelName, Version};
use mlcore::registry::{Change, Expected, Lineage, NewVersion, Registry, RegistryExt, Stage};
use mlcore::rollout::{Canary, CanaryOptions, Guardrail, Metric, RampOptions};
use mlcore::runner::Runner;
use mlcore::runner::ort::OnnxRunner;
use mlcore::{Error, Result};
use mlcore_drift::monitor::MonitorReference;
use mlcore_features::pipeline::{ColumnTransformer, Pipeline, Plan};
use mlcore_features::transform::{
    Categories, HandleUnknown, OneHotEncoder, OrdinalEncoder, SimpleImputer, StandardScaler, Strategy,
};

use crate::data::FEATURES;

/// The registered model's name.
pub fn model_name() -> Result<ModelName> {
    ModelName::new("doctor-visit")
}

/// A file below `testdata/`.
pub fn testdata(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path)
}

/// The features as scikit-learn makes them in `testdata/make_models.py`.
pub fn fit(train: &RecordBatch) -> Result<Plan> {
    let numeric = Pipeline::new()
        .then("impute", SimpleImputer::default().strategy(Strategy::Median))
        .then("scale", StandardScaler::default());
    let health =
        OrdinalEncoder::default().categories(Categories::listed([["poor", "fair", "good", "excellent"]]));
    ColumnTransformer::new()
        .with("numeric", numeric, FEATURES[..8].iter().copied())
        .with("one_hot", OneHotEncoder::default().handle_unknown(HandleUnknown::Ignore), ["plan", "sex"])
        .with("ordinal", health, ["self_rated_health"])
        .fit(train)
}

/// The probability of a visit in the answer to one row.
pub fn probability(outputs: &Batch) -> Result<f64> {
    let probabilities = outputs.tensor("probabilities")?.values::<f32>()?;
    probabilities
        .get(1)
        .map(|p| f64::from(*p))
        .ok_or_else(|| Error::schema_mismatch("read answer", "probabilities", "there is no second class"))
}

/// A canary on `challenger` against `champion`: 20 %, then 50 % of the members, then everybody.
///
/// It may fail at most 2 points of requests more than the champion (and is withdrawn at once above 10 %), answer at most
/// 5 points more of them later than 50 ms, and lose at most 0.05 in log loss.
pub fn canary(release: &str) -> Result<Canary> {
    let guardrails = [
        Guardrail::new(Metric::ErrorRate, 0.02)?.with_limit(0.1)?,
        Guardrail::new(Metric::SlowShare { budget: Duration::from_millis(50) }, 0.05)?,
        Guardrail::new(Metric::Loss, 0.05)?,
    ];
    let (champion, challenger) = (Arm::new("champion")?, Arm::new("challenger")?);
    let ramp = RampOptions::new(guardrails).with_steps([0.2, 0.5]);
    Canary::new(CanaryOptions::new(champion, challenger, format!("doctor-visit/{release}"), ramp))
}

/// Registers the releases of `testdata/models/quickstart/`, with what they were made of.
#[expect(missing_debug_implementations, reason = "it holds traits that have none")]
pub struct Registrar {
    registry: Arc<dyn Registry>,
    artifacts: Arc<dyn ArtifactStore>,
    lineage: Lineage,
}

impl Registrar {
    /// Creates the model, and stores the plan, the data set and what traffic is compared with.
    pub fn new(
        registry: Arc<dyn Registry>,
        artifacts: Arc<dyn ArtifactStore>,
        plan: &Plan,
        reference: &MonitorReference,
    ) -> Result<Self> {
        registry.create_model(model_name()?, &change("the model of the examples"))?;
        let dataset = artifacts.put_file(&testdata("datasets/randhie.parquet"), &ImportOptions::default())?;
        let stored = artifacts.put_bytes(&plan.to_bytes()?)?;
        let monitor = artifacts.put_bytes(&reference.to_bytes()?)?;
        let lineage = Lineage::default()
            .with_plan(plan_hash(plan)?, stored)
            .with_dataset(dataset)
            .with_monitor(monitor);
        Ok(Self { registry, artifacts, lineage })
    }

    /// Registers a release (`v1`, `v2`, `v3`) and points an alias to it, if one is named.
    pub fn register(&self, release: &str, alias: Option<&str>) -> Result<Version> {
        let file = testdata(&format!("models/quickstart/{release}.onnx"));
        let artifact = self.artifacts.put_file(&file, &ImportOptions::default())?;
        let signature = OnnxRunner::from_bytes(&self.artifacts.read(&artifact)?)?.signature().clone();
        let model = model_name()?;
        let new = NewVersion::new(model.clone(), artifact, signature)
            .with_lineage(self.lineage.clone())
            .with_description(format!("release {release} of testdata/make_models.py"));
        let version = self.registry.register(&*self.artifacts, new, &change("a new release"))?.version;
        self.registry.transition(
            &model,
            version,
            Stage::Dev,
            Stage::Staging,
            &change("it loads and has a signature"),
        )?;
        match alias {
            Some("champion") => {
                self.registry.promote(
                    &model,
                    version,
                    &Alias::new("champion")?,
                    Expected::Absent,
                    &change("the first"),
                )?;
            }
            Some(alias) => {
                let reason = change("begin its canary");
                self.registry.set_alias(
                    &model,
                    &Alias::new(alias)?,
                    Some(version),
                    Expected::Absent,
                    &reason,
                )?;
            }
            None => {}
        }
        Ok(version)
    }
}

/// The hash of a plan's content, as the registry keeps it.
fn plan_hash(plan: &Plan) -> Result<Digest> {
    format!("sha256:{}", plan.digest()).parse()
}

/// A change of the registry by the examples, now.
pub fn change(reason: &str) -> Change {
    Change::new("quickstart", SystemTime::now().into()).with_reason(reason)
}
