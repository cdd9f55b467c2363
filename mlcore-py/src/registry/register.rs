//! Registering a version with everything that travels with it, and reading it again.

use mlcore::artifact::ArtifactStoreExt;
use mlcore::name::{ModelName, Version};
use mlcore::registry::{Lineage, NewVersion, Registry as _, RegistryExt};
use mlcore::runner::ort::{ONNX, ONNX_PACKAGE};
use mlcore_drift::monitor;
use mlcore_serve::endpoint::check_plan;
use pyo3::prelude::*;

use super::arguments::{self, REGISTER, dataset_of, metrics_of, plan_of, stored, tags_of, tried_by};
use super::search::linked;
use super::{ModelVersion, Registry};
use crate::door::Text;
use crate::drift::MonitorReference;
use crate::runner::Probe;

#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
#[pymethods]
impl Registry {
    /// Stores a model's bytes and registers them as the next version, in stage ``dev``; creates the model where it does not
    /// exist.
    ///
    /// Parameters
    /// ----------
    /// name : str
    ///     The model.
    /// model : str, path or bytes
    ///     The file, or its content; or a folder that holds one ONNX model. The signature of an ONNX model is read from it.
    ///     Weights that lie in other files are stored with it: the format is ``onnx-package`` then.
    /// format : str
    ///     What the artifact is. An ``onnx`` model is refused if it cannot be read. Models of other formats are kept, and run by
    ///     loaders of your own in Rust.
    /// plan : Plan or fitted transformer, optional
    ///     The feature plan that makes its input; it is stored beside it, and refused where the model does not take what it
    ///     makes.
    /// monitor : MonitorReference, optional
    ///     What its traffic is compared with; it is stored beside it, and an endpoint watches the version by it from the first
    ///     request.
    /// run, dataset : str, optional
    ///     The run that trained it, and the digest of its data as ``sha256:`` and 64 hexadecimal digits.
    /// parent : (str, int), optional
    ///     The model and version that it was derived from.
    /// description, tags, reason : optional
    ///     Words for people: about the version, and about the change. Tags are text by name.
    /// metrics : dict of str to float, optional
    ///     What evaluations found, such as ``{"auc": 0.81}`` or ``verdict.metrics`` of a gate: finite numbers, kept exactly.
    /// source, run_link, logged_model : str, optional
    ///     Where it came from: the address of its files, that of a page that shows the run, and the id of the logged model of a
    ///     tracker.
    /// request : str, optional
    ///     An id that makes a repetition safe: the second registration of the same request answers the first.
    /// probe : mlcore.runner.Probe, optional
    ///     Has an ONNX model from a stranger loaded and run once in a process of its own; one that fails there is not registered.
    ///
    /// Raises
    /// ------
    /// InvalidModelError
    ///     For an ONNX file that is none, or that must not be run, or whose weights are missing.
    /// SchemaMismatchError
    ///     For a plan that does not make what the model takes.
    /// MissingFileError, StorageFullError, PermissionDeniedError
    ///     Where the bytes cannot be read or stored. Nothing is registered then.
    #[pyo3(
        signature = (
            name, model, *, format = Text::new("onnx"), plan = None, monitor = None, run = None, dataset = None,
            parent = None, description = Text::new(""), tags = None, metrics = None, reason = None, request = None, probe = None,
            source = None, run_link = None, logged_model = None
        ),
        text_signature = "($self, name, model, *, format='onnx', plan=None, monitor=None, run=None, dataset=None, parent=None, \
            description='', tags=None, metrics=None, reason=None, request=None, probe=None, source=None, run_link=None, \
            logged_model=None)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword-only options of a Python signature")]
    fn register(
        &self,
        py: Python<'_>,
        name: Text,
        model: &Bound<'_, PyAny>,
        format: Text,
        plan: Option<&Bound<'_, PyAny>>,
        monitor: Option<&Bound<'_, MonitorReference>>,
        run: Option<Text>,
        dataset: Option<Text>,
        parent: Option<(Text, u64)>,
        description: Text,
        tags: Option<&Bound<'_, PyAny>>,
        metrics: Option<&Bound<'_, PyAny>>,
        reason: Option<Text>,
        request: Option<Text>,
        probe: Option<&Bound<'_, Probe>>,
        source: Option<Text>,
        run_link: Option<Text>,
        logged_model: Option<Text>,
    ) -> PyResult<ModelVersion> {
        let probe = probe.map(tried_by).transpose()?;
        let (bytes, tags) = (arguments::source(model)?, tags_of(tags, REGISTER)?);
        let metrics = metrics.map_or_else(|| Ok(Vec::new()), |metrics| metrics_of(metrics, REGISTER))?;
        let plan = plan.map(plan_of).transpose()?;
        let monitor = monitor.map(|monitor| &monitor.get().reference);
        self.ask(py, |opened| {
            let store = opened.artifacts.as_ref();
            let dataset = dataset.map(|dataset| dataset_of(&dataset)).transpose()?;
            let (artifact, format, signature) = stored(&bytes, &format, store, probe.as_ref())?;
            let mut lineage = Lineage::default();
            if let Some(plan) = plan {
                if [ONNX, ONNX_PACKAGE].contains(&format) {
                    check_plan(&plan, &signature.inputs)?;
                }
                lineage = lineage.with_plan(plan.digest().parse()?, store.put_bytes(&plan.to_bytes()?)?);
            }
            if let Some(monitor) = monitor {
                lineage = lineage.with_monitor(store.put_bytes(&monitor.to_bytes()?)?);
            }
            linked(&mut lineage, run, run_link, logged_model)?;
            lineage.source = source.map(Text::into_string);
            if let Some(dataset) = dataset {
                lineage = lineage.with_dataset(dataset);
            }
            if let Some((parent, version)) = parent {
                lineage = lineage.with_parent(ModelName::new(parent)?, Version::new(version)?);
            }
            let mut new = NewVersion::new(ModelName::new(&name)?, artifact, signature)
                .with_format(format)
                .with_description(description.into_string())
                .with_metrics(metrics)
                .with_lineage(lineage);
            for (key, value) in tags {
                new = new.with_tag(key, value);
            }
            let change = self.change(reason, request)?;
            opened.backend.register(store, new, &change).map(ModelVersion::new)
        })
    }

    /// The reference that the traffic of a version is compared with, or ``None`` where it has none.
    fn monitor(&self, py: Python<'_>, name: Text, version: u64) -> PyResult<Option<MonitorReference>> {
        self.ask(py, |opened| {
            let version = opened.backend.version(&ModelName::new(&name)?, Version::new(version)?)?;
            let bytes = version.lineage.monitor.map(|stored| opened.artifacts.read(&stored)).transpose()?;
            let reference = bytes.map(|bytes| monitor::MonitorReference::from_bytes(&bytes)).transpose()?;
            Ok(reference.map(MonitorReference::of))
        })
    }
}
