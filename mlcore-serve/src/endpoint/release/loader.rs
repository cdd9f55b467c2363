use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mlcore::artifact::{ArtifactStore, ArtifactStoreExt};
use mlcore::package::{GOLDEN_TAG, GoldenVectors, tagged};
use mlcore::registry::ModelVersion;
use mlcore::runner::Runner;
#[cfg(feature = "ort")]
use mlcore::runner::ort::{ONNX, ONNX_PACKAGE, OnnxOptions, OnnxRunner};
use mlcore::{Error, Result};
use mlcore_drift::catalog::Catalog;
use mlcore_drift::monitor::MonitorReference;
use mlcore_features::pipeline::Plan;
use mlcore_features::transform::custom::Functions;

use super::guarded::words_of;
use super::model::LoadedModel;

/// Turns a registered version into a runner: the seam for formats other than ONNX.
///
/// Contract, proved for any implementation by `conformance::model_loader` as far as a test can:
/// - the runner has the signature that was registered;
/// - the bytes are read through the store, which verifies them, each time; what the store answers instead of bytes is
///   handed on with its meaning;
/// - bytes that are no model are refused, and so are formats that the loader does not know;
/// - several threads may load at once;
/// - the runner is warm when it is returned, so that the first request is no slower than the next; nothing in the bytes is
///   executed.
///
/// A closure is a loader, too.
///
/// ```
/// use std::sync::Arc;
///
/// use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
/// use mlcore::batch::{Batch, Tensor};
/// use mlcore::name::ModelName;
/// use mlcore::registry::{Change, MemoryRegistry, ModelVersion, NewVersion, RegistryExt};
/// use mlcore::runner::{FunctionRunner, RunOptions, Runner};
/// use mlcore::schema::{DType, Field, Schema, Signature};
/// use mlcore::time::Timestamp;
/// use mlcore::{Error, Result};
/// use mlcore_serve::endpoint::ModelLoader;
///
/// /// Loads models of one number, with which the column `x` is multiplied.
/// struct Factors;
///
/// impl ModelLoader for Factors {
///     fn load(&self, version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
///         if version.format != "factor" {
///             return Err(Error::unsupported("load model", version.format.as_str(), "only factors are run"));
///         }
///         let bytes = artifacts.read(&version.artifact)?;
///         let factor = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse::<f64>().ok());
///         let factor = factor.ok_or_else(|| Error::invalid_model("load model", "factor", "it is no number"))?;
///         Ok(Arc::new(FunctionRunner::new(version.signature.clone(), move |inputs| {
///             let products = inputs.tensor("x")?.values::<f64>()?.iter().map(|x| factor * x);
///             Ok(Batch::single("y", Tensor::column(products.collect())))
///         })))
///     }
/// }
///
/// let (registry, artifacts) = (MemoryRegistry::new(), MemoryStore::new());
/// let (double, change) = (ModelName::new("double")?, Change::new("ana", Timestamp::default()));
/// registry.create_model(&double, &change)?;
/// let column = |name: &str| Schema::new([Field::column(name, DType::Float64)]);
/// let new = NewVersion::new(double, artifacts.put_bytes(b"2")?, Signature::new(column("x")?, column("y")?));
/// let version = registry.create_version(new.with_format("factor"), &change)?;
///
/// let runner = Factors.load(&version, &artifacts)?;
/// let answer = runner.run(&Batch::single("x", Tensor::column(vec![4.0])), &RunOptions::default())?;
/// assert_eq!(answer.tensor("y")?.values::<f64>()?, [8.0]);
/// # Ok::<(), mlcore::Error>(())
/// ```
pub trait ModelLoader: Send + Sync {
    /// Loads the runner of `version`.
    ///
    /// # Errors
    /// [`Error::InvalidModel`] and [`Error::Unsupported`] for bytes and formats that the loader cannot run, and whatever the
    /// store answers: [`Error::NotFound`] for bytes that are gone, [`Error::Corrupt`] for others than were registered.
    fn load(&self, version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>>;
}

impl<F> ModelLoader for F
where
    F: Fn(&ModelVersion, &dyn ArtifactStore) -> Result<Arc<dyn Runner>> + Send + Sync,
{
    fn load(&self, version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
        self(version, artifacts)
    }
}

/// Loads ONNX models on ONNX Runtime: single files, and packages of a model and its weights.
#[cfg(feature = "ort")]
#[derive(Clone, Debug, Default)]
pub struct OnnxLoader {
    options: OnnxOptions,
}

#[cfg(feature = "ort")]
impl OnnxLoader {
    /// Loads with these options instead of the defaults (one thread, no spinning, CPU).
    #[must_use]
    pub fn new(options: OnnxOptions) -> Self {
        Self { options }
    }
}

#[cfg(feature = "ort")]
impl ModelLoader for OnnxLoader {
    fn load(&self, version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<Arc<dyn Runner>> {
        let format = version.format.as_str();
        if ![ONNX, ONNX_PACKAGE].contains(&format) {
            return Err(Error::unsupported(
                "load model",
                format!("{} version {}", version.model, version.version),
                format!("its format is {format:?}, and this loader runs {ONNX} and {ONNX_PACKAGE}"),
            )
            .remedy("give the endpoint a ModelLoader for that format"));
        }
        let runner = OnnxRunner::from_store_with(artifacts, &version.artifact, format, &self.options)?;
        Ok(Arc::new(runner))
    }
}

/// Loads runner and plan of `version`, checks its golden vectors where it has such, and its monitor's reference where a catalogue of tests is given; checks that they fit
/// each other and what was registered.
pub(crate) fn load(
    loader: &dyn ModelLoader,
    version: ModelVersion,
    artifacts: &dyn ArtifactStore,
    catalog: Option<&Catalog>,
    functions: &Functions,
) -> Result<LoadedModel> {
    if version.is_external() {
        let subject = format!("{} version {}", version.model, version.version);
        return Err(Error::unsupported(
            "load model",
            subject,
            "it is external: its model is kept elsewhere, and was never checked",
        )
        .remedy("register its ONNX file as a version"));
    }
    let runner =
        catch_unwind(AssertUnwindSafe(|| loader.load(&version, artifacts))).unwrap_or_else(|panic| {
            let subject = format!("{} version {}", version.model, version.version);
            let problem = format!("its loader panicked: {}", words_of(&*panic));
            Err(Error::internal("load model", subject, problem)
                .remedy("mend the loader, or register the file again"))
        })?;
    if *runner.signature() != version.signature {
        return Err(Error::corrupt(
            "load model",
            format!("{} version {}", version.model, version.version),
            "its inputs and outputs are not those that were registered",
        )
        .remedy("register the file again as a new version"));
    }
    check_golden(&*runner, &version, artifacts)?;
    let plan = match &version.lineage.plan {
        None => None,
        Some(registered) => {
            let plan = Plan::from_bytes_with(&artifacts.read(&registered.artifact)?, functions)?;
            if plan.digest() != registered.hash.to_hex() {
                return Err(Error::corrupt(
                    "load feature plan",
                    registered.hash.to_string(),
                    "its content has another hash",
                ));
            }
            Some(plan)
        }
    };
    let reference = match (&version.lineage.monitor, catalog) {
        (Some(stored), Some(catalog)) => {
            let bytes = artifacts.read(stored)?;
            Some(MonitorReference::from_bytes_with(&bytes, catalog.clone())?)
        }
        _ => None,
    };
    let model = LoadedModel::new(version, runner, plan)?;
    Ok(match reference {
        Some(reference) => model.with_monitor(reference),
        None => model,
    })
}

/// Asks the runner what the version's golden vectors ask, where it has such.
fn check_golden(runner: &dyn Runner, version: &ModelVersion, artifacts: &dyn ArtifactStore) -> Result<()> {
    let Some(golden) = tagged(version, GOLDEN_TAG)? else { return Ok(()) };
    let golden = GoldenVectors::from_json(&artifacts.read_up_to(&golden, LARGEST_GOLDEN)?)?;
    let checked = catch_unwind(AssertUnwindSafe(|| golden.check(runner))).unwrap_or_else(|panic| {
        let problem = format!("its runner panicked: {}", words_of(&*panic));
        Err(Error::internal("check golden vectors", "", problem))
    });
    checked.map_err(|error| error.within(format!("{} version {}", version.model, version.version)))
}

/// Above the vectors of a thousand rows of a wide model.
const LARGEST_GOLDEN: u64 = 64 << 20;
