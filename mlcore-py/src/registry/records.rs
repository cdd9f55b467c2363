//! What a registry answers.

use std::collections::BTreeMap;

use mlcore::registry;
use mlcore::time::Timestamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt};

use super::view;
use crate::error::{entry, invalid, wrong_type};
use crate::plain::plain;
use crate::runner::{Field, fields};

/// A registered model: the name under which versions are made.
#[pyclass(module = "mlcore.registry", frozen)]
#[derive(Debug)]
pub(crate) struct Model {
    model: registry::Model,
}

impl Model {
    pub(super) fn new(model: registry::Model) -> Self {
        Self { model }
    }

    pub(super) fn inner(&self) -> &registry::Model {
        &self.model
    }
}

#[pymethods]
impl Model {
    /// Its name.
    #[getter]
    fn name(&self) -> &str {
        self.model.name.as_str()
    }

    /// What people call it: its name, or the text that no name can hold, of which the name was made.
    #[getter]
    fn title(&self) -> &str {
        self.model.title()
    }

    /// What it is for, in words.
    #[getter]
    fn description(&self) -> &str {
        &self.model.description
    }

    /// Free labels.
    #[getter]
    fn tags(&self) -> BTreeMap<String, String> {
        self.model.tags.clone()
    }

    /// The highest number given so far.
    #[getter]
    fn last_version(&self) -> Option<u64> {
        self.model.last_version.map(|version| version.get())
    }

    /// The version in production.
    #[getter]
    fn production(&self) -> Option<u64> {
        self.model.production.map(|version| version.get())
    }

    /// When it was created, in UTC.
    #[getter]
    fn created_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.model.created_at)
    }

    /// By whom.
    #[getter]
    fn created_by(&self) -> &str {
        &self.model.created_by
    }

    /// When it changed last, in UTC.
    #[getter]
    fn updated_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.model.updated_at)
    }

    /// The model as plain values, which ``json.dumps`` takes: moments as RFC 3339, digests as text.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| view::model(py, &self.model))
    }

    fn __repr__(&self) -> String {
        let version = |version: Option<u64>| version.map_or("None".to_owned(), |version| version.to_string());
        format!(
            "<mlcore.registry.Model {}: last version {}, production {}>",
            self.model.name,
            version(self.last_version()),
            version(self.production())
        )
    }
}

/// One version of a model.
#[pyclass(module = "mlcore.registry", frozen)]
#[derive(Debug)]
pub(crate) struct ModelVersion {
    version: registry::ModelVersion,
}

impl ModelVersion {
    pub(crate) fn new(version: registry::ModelVersion) -> Self {
        Self { version }
    }

    pub(super) fn inner(&self) -> &registry::ModelVersion {
        &self.version
    }
}

#[pymethods]
impl ModelVersion {
    /// The model.
    #[getter]
    fn model(&self) -> &str {
        self.version.model.as_str()
    }

    /// Its number.
    #[getter]
    fn version(&self) -> u64 {
        self.version.version.get()
    }

    /// The digest of its bytes: ``sha256:`` and 64 hexadecimal digits.
    #[getter]
    fn artifact(&self) -> String {
        self.version.artifact.to_string()
    }

    /// What the artifact is.
    #[getter]
    fn format(&self) -> &str {
        &self.version.format
    }

    /// ``dev``, ``staging``, ``production`` or ``archived``.
    #[getter]
    fn stage(&self) -> &str {
        self.version.stage.name()
    }

    /// What is special about it, in words.
    #[getter]
    fn description(&self) -> &str {
        &self.version.description
    }

    /// Free labels.
    #[getter]
    fn tags(&self) -> BTreeMap<String, String> {
        self.version.tags.clone()
    }

    /// What the model takes.
    #[getter]
    fn inputs(&self) -> Vec<Field> {
        fields(&self.version.signature.inputs)
    }

    /// What the model answers.
    #[getter]
    fn outputs(&self) -> Vec<Field> {
        fields(&self.version.signature.outputs)
    }

    /// The run that trained it.
    #[getter]
    fn run(&self) -> Option<&str> {
        self.version.lineage.run.as_ref().map(mlcore::name::RunId::as_str)
    }

    /// The address of a page that shows the run.
    #[getter]
    fn run_link(&self) -> Option<&str> {
        self.version.lineage.run_link.as_deref()
    }

    /// Where it came from: the address of its files.
    #[getter]
    fn source(&self) -> Option<&str> {
        self.version.lineage.source.as_deref()
    }

    /// The logged model of a tracker that it was registered from.
    #[getter]
    fn logged_model(&self) -> Option<&str> {
        self.version.lineage.logged_model.as_ref().map(mlcore::name::LoggedModelId::as_str)
    }

    /// Whether its model is kept elsewhere, and was never checked: it is neither served nor promoted.
    #[getter]
    fn external(&self) -> bool {
        self.version.is_external()
    }

    /// The digest of the data that it was trained on.
    #[getter]
    fn dataset(&self) -> Option<String> {
        self.version.lineage.dataset.map(|digest| digest.to_string())
    }

    /// The hash of its feature plan, as ``Plan.plan_hash`` says it.
    #[getter]
    fn plan_hash(&self) -> Option<String> {
        self.version.lineage.plan_digest().map(|digest| digest.to_hex())
    }

    /// The digest of the reference that its traffic is compared with; :meth:`Registry.monitor` reads it.
    #[getter]
    fn monitor(&self) -> Option<String> {
        self.version.lineage.monitor.map(|digest| digest.to_string())
    }

    /// The model and version that it was derived from.
    #[getter]
    fn parent(&self) -> Option<(&str, u64)> {
        self.version.lineage.parent.as_ref().map(|parent| (parent.model.as_str(), parent.version.get()))
    }

    /// When it was created, in UTC.
    #[getter]
    fn created_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.version.created_at)
    }

    /// By whom.
    #[getter]
    fn created_by(&self) -> &str {
        &self.version.created_by
    }

    /// When it changed last, in UTC.
    #[getter]
    fn updated_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.version.updated_at)
    }

    /// What evaluations found: finite numbers by name.
    #[getter]
    fn metrics(&self) -> BTreeMap<&str, f64> {
        self.version.metrics.iter().collect()
    }

    /// The version as plain values, which ``json.dumps`` takes: moments as RFC 3339, digests as text.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| view::version(py, &self.version))
    }

    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        entry(py, |_| Ok(view::version_html(&self.version)))
    }

    fn __repr__(&self) -> String {
        let registry::ModelVersion { model, version, stage, format, .. } = &self.version;
        format!("<mlcore.registry.ModelVersion {model}/{version}: {format}, {stage}>")
    }
}

/// One move of an alias.
#[pyclass(module = "mlcore.registry", frozen)]
#[derive(Debug)]
pub(crate) struct AliasChange {
    change: registry::AliasChange,
}

impl AliasChange {
    pub(super) fn new(change: registry::AliasChange) -> Self {
        Self { change }
    }

    pub(super) fn inner(&self) -> &registry::AliasChange {
        &self.change
    }
}

#[pymethods]
impl AliasChange {
    /// The audit entry that did it.
    #[getter]
    fn sequence(&self) -> u64 {
        self.change.sequence
    }

    /// When, in UTC, by the clock of the one who did it.
    #[getter]
    fn at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.change.at)
    }

    /// Who.
    #[getter]
    fn actor(&self) -> &str {
        &self.change.actor
    }

    /// Why.
    #[getter]
    fn reason(&self) -> Option<&str> {
        self.change.reason.as_deref()
    }

    /// Whether the move was a roll-back.
    #[getter]
    fn rolled_back(&self) -> bool {
        self.change.rolled_back
    }

    /// The version that the alias meant before, or ``None``.
    #[getter]
    fn previous(&self) -> Option<u64> {
        self.change.moved.from.map(|version| version.get())
    }

    /// The version that the alias means from here on, or ``None`` where it was removed.
    #[getter]
    fn version(&self) -> Option<u64> {
        self.change.target().map(|version| version.get())
    }

    /// The move as plain values, which ``json.dumps`` takes: moments as RFC 3339, digests as text.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| view::alias_change(py, &self.change))
    }

    fn __repr__(&self) -> String {
        let version = |version: Option<u64>| version.map_or("None".to_owned(), |version| version.to_string());
        let back = if self.change.rolled_back { ", rolled back" } else { "" };
        format!(
            "<mlcore.registry.AliasChange {} -> {} by {} at {}{back}>",
            version(self.previous()),
            version(self.version()),
            self.change.actor,
            self.change.at
        )
    }
}

/// One line of the audit log: what happened, by whom, when and why, chained to the line before.
#[pyclass(module = "mlcore.registry", frozen)]
#[derive(Debug)]
pub(crate) struct AuditEntry {
    entry: registry::AuditEntry,
}

impl AuditEntry {
    pub(super) fn new(entry: registry::AuditEntry) -> Self {
        Self { entry }
    }

    pub(super) fn inner(&self) -> &registry::AuditEntry {
        &self.entry
    }
}

#[pymethods]
impl AuditEntry {
    /// 1, 2, 3, ... without gaps.
    #[getter]
    fn sequence(&self) -> u64 {
        self.entry.sequence
    }

    /// When, in UTC, by the clock of the one who did it.
    #[getter]
    fn at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.entry.at)
    }

    /// Who.
    #[getter]
    fn actor(&self) -> &str {
        &self.entry.actor
    }

    /// Why.
    #[getter]
    fn reason(&self) -> Option<&str> {
        self.entry.reason.as_deref()
    }

    /// What happened, as a dict with one key.
    #[getter]
    fn event<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        entry(py, |py| plain(py, "read audit entry", &self.entry.event))
    }

    /// The hash of the entry before.
    #[getter]
    fn previous(&self) -> String {
        self.entry.previous.to_string()
    }

    /// The SHA-256 of :attr:`canonical`.
    #[getter]
    fn hash(&self) -> String {
        self.entry.hash.to_string()
    }

    /// The line as it is hashed.
    #[getter]
    fn canonical(&self) -> &str {
        self.entry.canonical()
    }

    /// The entry as plain values, which ``json.dumps`` takes: moments as RFC 3339, digests as text.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        entry(py, |py| view::audit_entry(py, &self.entry))
    }

    fn __repr__(&self) -> String {
        let registry::AuditEntry { sequence, actor, at, event, .. } = &self.entry;
        format!(
            "<mlcore.registry.AuditEntry {sequence}: {} {} by {actor} at {at}>",
            event.operation(),
            event.subject()
        )
    }
}

/// A moment as Python has it: a datetime in UTC, to the microsecond. Python counts the years 1 to 9999; a moment before or
/// after them is its first or its last datetime.
pub(crate) fn datetime<'py>(py: Python<'py>, time: Timestamp) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import("datetime")?;
    let utc = module.getattr("timezone")?.getattr("utc")?;
    let class = module.getattr("datetime")?;
    let end = if time.as_micros() < FIRST_MICROS {
        Some("min")
    } else if time.as_micros() > LAST_MICROS {
        Some("max")
    } else {
        None
    };
    if let Some(end) = end {
        let keywords = PyDict::new(py);
        keywords.set_item("tzinfo", utc)?;
        return class.getattr(end)?.call_method("replace", (), Some(&keywords));
    }
    let epoch = class.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let keywords = PyDict::new(py);
    keywords.set_item("microseconds", time.as_micros())?;
    epoch.add(module.getattr("timedelta")?.call((), Some(&keywords))?)
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z.
const FIRST_MICROS: i64 = -62_135_596_800_000_000;
const LAST_MICROS: i64 = 253_402_300_799_999_999;

/// The moment of a datetime, or of seconds since 1970.
pub(crate) fn moment(object: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let py = object.py();
    if object.is_instance_of::<PyFloat>() || object.is_instance_of::<PyInt>() {
        let seconds: f64 = object.extract()?;
        if seconds.is_nan() {
            let remedy = "pass a datetime, or seconds since 1970";
            return Err(invalid(
                py,
                "ask registry",
                "time",
                "it is NaN, which is no time".to_owned(),
                remedy,
            ));
        }
        // Beyond what fits it saturates: the earliest or the latest moment.
        return Ok(Timestamp::from_micros((seconds * 1e6).round() as i64));
    }
    let module = py.import("datetime")?;
    if !object.is_instance(&module.getattr("datetime")?)? {
        let problem = format!("a datetime is expected, and it is a {}", crate::door::type_name(object));
        return Err(wrong_type(
            py,
            "ask registry",
            "time",
            problem,
            "pass a datetime, or seconds since 1970",
        ));
    }
    // Without a time zone this reads it as local time, as datetime.timestamp() does.
    let utc = module.getattr("timezone")?.getattr("utc")?;
    let aware = object.call_method1("astimezone", (&utc,))?;
    let epoch = module.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?;
    let elapsed = aware.sub(epoch)?;
    let keywords = PyDict::new(py);
    keywords.set_item("microseconds", 1)?;
    let micros = elapsed.floor_div(module.getattr("timedelta")?.call((), Some(&keywords))?)?;
    Ok(Timestamp::from_micros(micros.extract()?))
}
