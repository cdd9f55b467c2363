//! A model in a directory, with everything that belongs to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use mlcore::Error;
use mlcore::artifact::{ArtifactStore, ArtifactStoreExt, MemoryStore};
use mlcore::name::ModelName;
use mlcore::package::{self, CARD_TAG, GOLDEN_TAG, GoldenVectors, PartRole, tagged};
use mlcore::registry::RegistryExt;
use mlcore::runner::Runner as _;
use mlcore::runner::ort::{ONNX, ONNX_PACKAGE, OnnxOptions, OnnxRunner};
use mlcore::schema::Signature;
use mlcore::time::Timestamp;
use mlcore_serve::endpoint::check_plan;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::door::Text;
use crate::drift::MonitorReference;
use crate::error::{detached, entry, raise};
use crate::features::Plan;
use crate::registry::arguments::{self, REGISTER, metrics_of, plan_of, stored, tags_of};
use crate::registry::{Chosen, ModelVersion, Registry};
use crate::runner::{Field, Runner, Stored, fields, own_library, tensors};
use crate::signing::{KeyRing, SigningKey, Verified};

/// A model with everything that belongs to it, which travels as a directory: the model, its inputs and outputs, the feature plan, what its
/// traffic is compared with, golden vectors and a card, each with its SHA-256 in ``mlcore-model.json``.
///
/// :meth:`create` makes one of a file, :meth:`of` one of a registered version, and :meth:`open` reads a directory, which is refused when a file is
/// missing, was added or was changed. The golden vectors are inputs and what the model answered to them where it was made: :meth:`load` asks
/// them again.
///
/// Examples
/// --------
/// >>> import mlcore, pathlib, tempfile
/// >>> from mlcore.package import ModelPackage
/// >>> folder = pathlib.Path(tempfile.mkdtemp()) / "churn"
/// >>> made = ModelPackage.create("churn", b"any bytes", format="text", card="Who leaves within a month.")
/// >>> made.write(folder)
/// >>> sorted(path.name for path in folder.iterdir())
/// ['card.md', 'mlcore-model.json', 'model', 'signature.json']
/// >>> package = ModelPackage.open(folder)
/// >>> package.card, package.digest == made.digest
/// ('Who leaves within a month.', True)
/// >>> package.register(mlcore.Registry("memory:")).version
/// 1
#[pyclass(module = "mlcore.package", frozen)]
pub(crate) struct ModelPackage {
    package: package::ModelPackage,
    store: Arc<dyn ArtifactStore>,
    verified: Option<Verified>,
}

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl ModelPackage {
    /// A package of a model, in memory until it is written.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     The model's name.
    /// model : str, path or bytes
    ///     The file, or its content, as :meth:`mlcore.Registry.register` takes it.
    /// format : str
    ///     What it is. An ``onnx`` model is refused if it cannot be read.
    /// plan : Plan or fitted transformer, optional
    ///     The feature plan that makes its input.
    /// monitor : MonitorReference, optional
    ///     What its traffic is compared with.
    /// golden : inputs, or list of inputs, optional
    ///     What the model is asked now, and again wherever it is loaded: what :meth:`mlcore.Runner.run` takes, at most 1,000 times.
    /// card : str, optional
    ///     What it is, for whom and how good, in Markdown.
    /// atol, rtol : float
    ///     What floats of golden answers may be off by: ``atol + rtol * |expected|``. Everything else is equal.
    ///
    /// Raises
    /// ------
    /// InvalidModelError
    ///     For an ONNX file that is none, or that must not be run.
    /// SchemaMismatchError
    ///     For a plan that does not fit, and for golden inputs that do not.
    #[staticmethod]
    #[pyo3(
        signature = (
            name, model, *, format = Text::new("onnx"), plan = None, monitor = None, golden = None, card = None, atol = 1e-6,
            rtol = 1e-5
        ),
        text_signature = "(name, model, *, format='onnx', plan=None, monitor=None, golden=None, card=None, atol=1e-06, rtol=1e-05)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn create(
        py: Python<'_>,
        name: Text,
        model: &Bound<'_, PyAny>,
        format: Text,
        plan: Option<&Bound<'_, PyAny>>,
        monitor: Option<&Bound<'_, MonitorReference>>,
        golden: Option<&Bound<'_, PyAny>>,
        card: Option<Text>,
        atol: f64,
        rtol: f64,
    ) -> PyResult<Self> {
        entry(py, |py| {
            let source = arguments::source(model)?;
            let plan = plan.map(plan_of).transpose()?;
            let monitor = monitor.map(|monitor| &monitor.get().reference);
            let store: Arc<dyn ArtifactStore> = Arc::new(MemoryStore::new());
            let (artifact, format, signature) = detached(py, || {
                stored(&source, &format, &*store, None).map(|(a, f, s)| (a, f.to_owned(), s))
            })?;
            let golden = golden.map(|inputs| recorded(py, inputs, &signature)).transpose()?;
            let options = options(py)?;
            let package = detached(py, || {
                if let Some(plan) = &plan
                    && [ONNX, ONNX_PACKAGE].contains(&&*format)
                {
                    check_plan(plan, &signature.inputs)?;
                }
                let name = ModelName::new(&name)?;
                let builder = package::ModelPackage::builder(name, signature, &*store);
                let mut builder = builder.model(&format, artifact)?;
                if let Some(plan) = &plan {
                    builder = builder.plan(plan.digest().parse()?, &plan.to_bytes()?)?;
                }
                if let Some(monitor) = monitor {
                    builder = builder.monitor(&monitor.to_bytes()?)?;
                }
                if let Some(inputs) = golden {
                    let runner = OnnxRunner::from_store_with(&*store, &artifact, &format, &options)?;
                    builder = builder
                        .golden(&GoldenVectors::record(&runner, inputs)?.with_tolerance(atol, rtol)?)?;
                }
                if let Some(card) = card {
                    builder = builder.card(&card)?;
                }
                builder.build()
            })?;
            Ok(Self { package, store, verified: None })
        })
    }

    /// The package of a registered version, with the plan, monitor's reference, golden vectors and card that it has.
    ///
    /// Parameters
    /// ----------
    /// registry : Registry
    ///     Where the version is.
    /// name : str
    ///     The model.
    /// version : int or str
    ///     A number or an alias.
    #[staticmethod]
    fn of(py: Python<'_>, registry: &Bound<'_, Registry>, name: Text, version: Chosen) -> PyResult<Self> {
        let (backend, store) = registry.get().halves(py)?;
        entry(py, |py| {
            let package = detached(py, || {
                let found = version.of(&*backend, &ModelName::new(&name)?)?;
                if found.is_external() {
                    let subject = format!("{}/{}", found.model, found.version);
                    let problem =
                        "it is external: its model is kept elsewhere, and nothing of it is stored here";
                    return Err(Error::unsupported("build package", subject, problem)
                        .remedy("take a version that mlcore serves"));
                }
                let read = |digest| store.read_up_to(&digest, LARGEST_PART);
                let builder =
                    package::ModelPackage::builder(found.model.clone(), found.signature.clone(), &*store);
                let mut builder = builder.model(&found.format, found.artifact)?;
                if let Some(plan) = found.lineage.plan {
                    builder = builder.plan(plan.hash, &read(plan.artifact)?)?;
                }
                if let Some(monitor) = found.lineage.monitor {
                    builder = builder.monitor(&read(monitor)?)?;
                }
                if let Some(golden) = tagged(&found, GOLDEN_TAG)? {
                    builder = builder.golden(&GoldenVectors::from_json(&read(golden)?)?)?;
                }
                let card = match found.card {
                    Some(card) => Some(card),
                    None => tagged(&found, CARD_TAG)?,
                };
                if let Some(card) = card {
                    builder = builder.card(&String::from_utf8_lossy(&read(card)?))?;
                }
                builder.build()
            })?;
            Ok(Self { package, store: store.clone(), verified: None })
        })
    }

    /// Reads a directory, every byte of which is verified. It is kept in memory; nothing of the directory is needed afterwards.
    ///
    /// Parameters
    /// ----------
    /// folder : str or path
    ///     The directory.
    /// trust : mlcore.signing.KeyRing, optional
    ///     The keys of which one must have signed it: otherwise nothing of it is believed. Default: signatures are not asked for.
    ///
    /// Raises
    /// ------
    /// CorruptError
    ///     For a file that is missing, was added or was changed.
    /// PermissionDeniedError
    ///     Where keys are given: without a signature, or by another key.
    /// InvalidInputError
    ///     For links, and for names that lead elsewhere.
    #[staticmethod]
    #[pyo3(signature = (folder, *, trust = None))]
    fn open(py: Python<'_>, folder: PathBuf, trust: Option<&Bound<'_, KeyRing>>) -> PyResult<Self> {
        entry(py, |py| {
            let policy = trust.map(|ring| ring.get().policy());
            let store: Arc<dyn ArtifactStore> = Arc::new(MemoryStore::new());
            let (package, verified) = detached(py, || match &policy {
                Some(policy) => package::ModelPackage::import_signed(&folder, &*store, policy)
                    .map(|(package, verified)| (package, Some(verified))),
                None => package::ModelPackage::import(&folder, &*store).map(|package| (package, None)),
            })?;
            Ok(Self { package, store, verified: verified.map(Verified::new) })
        })
    }

    /// Writes the directory, which must not exist yet and appears whole or not at all.
    ///
    /// Parameters
    /// ----------
    /// folder : str or path
    ///     The new directory.
    /// key : mlcore.signing.SigningKey, optional
    ///     Signs the whole: ``signature.dsse.json`` lies beside the manifest then.
    /// signer : str, optional
    ///     Who signs, in words of your own. Default: the user of the process.
    ///
    /// Raises
    /// ------
    /// AlreadyExistsError
    ///     For a directory that is there.
    #[pyo3(signature = (folder, *, key = None, signer = None))]
    fn write(
        &self,
        py: Python<'_>,
        folder: PathBuf,
        key: Option<&Bound<'_, SigningKey>>,
        signer: Option<Text>,
    ) -> PyResult<()> {
        entry(py, |py| {
            let signer = signer.map_or_else(|| crate::registry::current_user(py), Text::into_string);
            let key = key.map(|key| &key.get().key);
            detached(py, || {
                self.package.write(&*self.store, &folder)?;
                let now = Timestamp::from(SystemTime::now());
                key.map_or(Ok(()), |key| self.package.sign(&folder, key, &signer, now))
            })
        })
    }

    /// Loads the model: its inputs and outputs must be those of the package, and it must answer the golden vectors.
    ///
    /// Parameters
    /// ----------
    /// **options
    ///     As :class:`mlcore.Runner` takes them.
    ///
    /// Raises
    /// ------
    /// InvalidModelError
    ///     For a golden answer that differs: it names the output, the place in it, and both values.
    /// CorruptError
    ///     For other inputs and outputs.
    #[pyo3(signature = (**options))]
    fn load<'py>(
        &self,
        py: Python<'py>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| {
            let (store, artifact) = (self.store.clone(), self.package.artifact());
            let stored = Stored { store, artifact, format: self.package.format().to_owned() };
            let keywords = options.map_or_else(|| Ok(PyDict::new(py)), |options| options.copy())?;
            if !keywords.contains("name")? {
                keywords.set_item("name", self.package.name().as_str())?;
            }
            let made = py.get_type::<Runner>().call((Bound::new(py, stored)?,), Some(&keywords))?;
            let runner = made.cast::<Runner>()?.get().native();
            detached(py, || {
                let name = self.package.name();
                if runner.signature() != self.package.signature() {
                    let problem = "its inputs and outputs are not those that the package says";
                    return Err(Error::corrupt("load package", name.as_str(), problem));
                }
                match self.package.golden(&*self.store)? {
                    Some(golden) => golden.check(runner).map_err(|error| error.within(name)),
                    None => Ok(()),
                }
            })?;
            Ok(made)
        })
    }

    /// Puts everything into the artifacts of a registry, and registers the model as the next version, which is created where it is new.
    ///
    /// Parameters
    /// ----------
    /// registry : Registry
    ///     Where.
    /// name : str, optional
    ///     The model. Default: the name of the package.
    /// description, tags, metrics, reason, request : optional
    ///     As :meth:`mlcore.Registry.register` takes them.
    #[pyo3(
        signature = (
            registry, *, name = None, description = Text::new(""), tags = None, metrics = None, reason = None, request = None
        ),
        text_signature = "($self, registry, *, name=None, description='', tags=None, metrics=None, reason=None, request=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn register(
        &self,
        py: Python<'_>,
        registry: &Bound<'_, Registry>,
        name: Option<Text>,
        description: Text,
        tags: Option<&Bound<'_, PyAny>>,
        metrics: Option<&Bound<'_, PyAny>>,
        reason: Option<Text>,
        request: Option<Text>,
    ) -> PyResult<ModelVersion> {
        let (backend, store) = registry.get().halves(py)?;
        entry(py, |py| {
            let tags = tags_of(tags, REGISTER)?;
            let metrics = metrics.map_or_else(|| Ok(Vec::new()), |metrics| metrics_of(metrics, REGISTER))?;
            let change = registry.get().change(reason, request).map_err(|error| raise(py, &error))?;
            detached(py, || {
                let parts = self.package.parts().values().map(|part| part.digest);
                for digest in parts.chain([self.package.artifact()]) {
                    if !store.contains(&digest)? {
                        store.put(&mut self.store.open(&digest)?)?;
                    }
                }
                let mut new = self.package.new_version().with_description(description.into_string());
                new = new.with_metrics(metrics);
                if let Some(name) = name {
                    new.model = ModelName::new(&name)?;
                }
                new.tags.extend(tags);
                backend.register(&*store, new, &change).map(ModelVersion::new)
            })
        })
    }

    /// The model's name.
    #[getter]
    fn name(&self) -> &str {
        self.package.name().as_str()
    }

    /// What the model's artifact is.
    #[getter]
    fn format(&self) -> &str {
        self.package.format()
    }

    /// The digest of the manifest, which stands for the whole.
    #[getter]
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |py| detached(py, || self.package.digest().map(|digest| digest.to_string())))
    }

    /// What the model takes.
    #[getter]
    fn inputs(&self) -> Vec<Field> {
        fields(&self.package.signature().inputs)
    }

    /// What the model answers.
    #[getter]
    fn outputs(&self) -> Vec<Field> {
        fields(&self.package.signature().outputs)
    }

    /// The files by path: a dict with ``role``, ``digest`` and ``size`` of each.
    #[getter]
    fn parts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| {
            let parts = PyDict::new(py);
            for (path, part) in self.package.parts() {
                let about = PyDict::new(py);
                about.set_item("role", part.role.name())?;
                about.set_item("digest", part.digest.to_string())?;
                about.set_item("size", part.size)?;
                parts.set_item(path.as_str(), about)?;
            }
            Ok(parts)
        })
    }

    /// What it is, for whom and how good, in Markdown; ``None`` where it says nothing.
    #[getter]
    fn card(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let bytes = self.read(py, PartRole::Card)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The feature plan, or ``None``.
    #[getter]
    fn plan(&self, py: Python<'_>) -> PyResult<Option<Plan>> {
        self.read(py, PartRole::Plan)?.map(|bytes| Plan::from_bytes(py, &bytes, None)).transpose()
    }

    /// How many golden vectors it has.
    #[getter]
    fn golden_cases(&self, py: Python<'_>) -> PyResult<usize> {
        entry(py, |py| {
            detached(py, || Ok(self.package.golden(&*self.store)?.map_or(0, |golden| golden.cases.len())))
        })
    }

    /// Who signed it, where :meth:`open` was given keys.
    #[getter]
    fn signed_by(&self) -> Option<Verified> {
        self.verified.clone()
    }

    fn __repr__(&self) -> String {
        format!("<mlcore.package.ModelPackage {}: {}>", self.package.name(), self.package.format())
    }
}

impl ModelPackage {
    fn read(&self, py: Python<'_>, role: PartRole) -> PyResult<Option<Vec<u8>>> {
        entry(py, |py| {
            let part = self.package.part(role);
            detached(py, || part.map(|digest| self.store.read_up_to(&digest, LARGEST_PART)).transpose())
        })
    }
}

/// The inputs of golden vectors: one, or a list of them.
fn recorded(
    py: Python<'_>,
    inputs: &Bound<'_, PyAny>,
    signature: &Signature,
) -> PyResult<Vec<mlcore::batch::Batch>> {
    if signature.inputs.fields().is_empty() {
        let error = Error::unsupported("record golden vectors", "golden", "only ONNX models are asked");
        return Err(raise(py, &error.remedy("leave golden away")));
    }
    let is_many = inputs.is_instance_of::<PyList>() || inputs.is_instance_of::<PyTuple>();
    if !is_many {
        return Ok(vec![tensors(inputs, signature)?]);
    }
    inputs.try_iter()?.map(|one| tensors(&one?, signature)).collect()
}

fn options(py: Python<'_>) -> PyResult<OnnxOptions> {
    let library = own_library(py)?;
    Ok(library.map_or_else(OnnxOptions::default, |library| OnnxOptions::default().with_library(library)))
}

const LARGEST_PART: u64 = 64 << 20;
