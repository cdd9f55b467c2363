//! What a registry answers as plain values, as rows of a frame, and as pieces of a notebook.

use std::collections::BTreeMap;

use mlcore::name::{Alias, Version};
use mlcore::registry;
use mlcore::schema::Schema;
use mlcore_drift::html::{Align, Markup, Page, Table, Tone, code, details, paragraph, pill};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::{AliasChange, AuditEntry, Model, ModelVersion, datetime};
use crate::door::type_name;
use crate::error::{entry, wrong_type};
use crate::plain::plain;
use crate::runner;

type Dict<'py> = PyResult<Bound<'py, PyDict>>;

macro_rules! dict {
    ($py:expr, $($key:literal: $value:expr),+ $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item($key, $value)?;)+
        dict
    }};
}

pub(super) fn model<'py>(py: Python<'py>, model: &registry::Model) -> Dict<'py> {
    Ok(dict!(py,
        "name": model.name.as_str(),
        "title": model.title(),
        "description": &model.description,
        "tags": &model.tags,
        "last_version": model.last_version.map(Version::get),
        "production": model.production.map(Version::get),
        "policy": model.policy.as_ref().map(|stored| plain(py, "read model", &stored.policy)).transpose()?,
        "created_at": model.created_at.to_string(),
        "created_by": &model.created_by,
        "updated_at": model.updated_at.to_string(),
    ))
}

pub(super) fn version<'py>(py: Python<'py>, version: &registry::ModelVersion) -> Dict<'py> {
    let lineage = &version.lineage;
    let parent = lineage.parent.as_ref().map(|parent| {
        Ok::<_, PyErr>(dict!(py, "model": parent.model.as_str(), "version": parent.version.get()))
    });
    Ok(dict!(py,
        "model": version.model.as_str(),
        "version": version.version.get(),
        "artifact": version.artifact.to_string(),
        "format": &version.format,
        "stage": version.stage.name(),
        "description": &version.description,
        "tags": &version.tags,
        "metrics": version.metrics.iter().collect::<BTreeMap<_, _>>(),
        "inputs": fields(py, &version.signature.inputs)?,
        "outputs": fields(py, &version.signature.outputs)?,
        "run": lineage.run.as_ref().map(ToString::to_string),
        "run_link": lineage.run_link.as_deref(),
        "source": lineage.source.as_deref(),
        "location": lineage.location.as_deref(),
        "logged_model": lineage.logged_model.as_ref().map(ToString::to_string),
        "external": version.is_external(),
        "dataset": lineage.dataset.map(|digest| digest.to_string()),
        "plan_hash": lineage.plan_digest().map(|digest| digest.to_hex()),
        "monitor": lineage.monitor.map(|digest| digest.to_string()),
        "card": version.card.map(|digest| digest.to_string()),
        "approvals": approvals(py, &version.approvals)?,
        "signatures": plain(py, "read version", &version.signatures)?,
        "measured_at": version.measured_at.map(|at| at.to_string()),
        "parent": parent.transpose()?,
        "created_at": version.created_at.to_string(),
        "created_by": &version.created_by,
        "updated_at": version.updated_at.to_string(),
    ))
}

fn approvals<'py>(py: Python<'py>, all: &[registry::Approval]) -> PyResult<Bound<'py, PyList>> {
    let approvals = PyList::empty(py);
    for approval in all {
        approvals.append(dict!(py,
            "by": &approval.by,
            "role": &approval.role,
            "reason": &approval.reason,
            "at": approval.at.to_string(),
            "sequence": approval.sequence,
        ))?;
    }
    Ok(approvals)
}

pub(super) fn alias_change<'py>(py: Python<'py>, change: &registry::AliasChange) -> Dict<'py> {
    Ok(dict!(py,
        "sequence": change.sequence,
        "at": change.at.to_string(),
        "actor": &change.actor,
        "reason": &change.reason,
        "rolled_back": change.rolled_back,
        "previous": change.moved.from.map(Version::get),
        "version": change.target().map(Version::get),
    ))
}

pub(super) fn audit_entry<'py>(py: Python<'py>, entry: &registry::AuditEntry) -> Dict<'py> {
    Ok(dict!(py,
        "sequence": entry.sequence,
        "at": entry.at.to_string(),
        "actor": &entry.actor,
        "reason": &entry.reason,
        "operation": entry.event.operation(),
        "subject": entry.event.subject(),
        "event": plain(py, "read audit entry", &entry.event)?,
        "previous": entry.previous.to_string(),
        "hash": entry.hash.to_string(),
    ))
}

fn fields<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyList>> {
    let fields = runner::fields(schema);
    PyList::new(py, fields.iter().map(|field| field.to_dict(py)).collect::<PyResult<Vec<_>>>()?)
}

/// The record as a row of a frame: moments are datetimes, and what has names of its own has a column for each,
/// `metrics.auc` and `tags.team`.
fn row<'py>(record: &Bound<'py, PyAny>) -> Dict<'py> {
    let py = record.py();
    let row = if let Ok(own) = record.cast::<ModelVersion>() {
        let own = own.get().inner();
        let row = version(py, own)?;
        for key in ["inputs", "outputs", "tags", "metrics", "approvals", "signatures"] {
            row.del_item(key)?;
        }
        let parent = own.lineage.parent.as_ref();
        row.set_item("parent", parent.map(|parent| format!("{}/{}", parent.model, parent.version)))?;
        let people: Vec<&str> = own.approvals.iter().map(|approval| approval.by.as_str()).collect();
        row.set_item("approved_by", people.join(", "))?;
        let keys: Vec<&str> = own.signatures.iter().map(|signature| signature.key.as_str()).collect();
        row.set_item("signed_by", keys.join(", "))?;
        if let Some(at) = own.measured_at {
            times(&row, &[("measured_at", at)])?;
        }
        for (name, value) in &own.metrics {
            row.set_item(format!("metrics.{name}"), value)?;
        }
        spread_tags(&row, &own.tags)?;
        times(&row, &[("created_at", own.created_at), ("updated_at", own.updated_at)])?;
        row
    } else if let Ok(own) = record.cast::<Model>() {
        let own = own.get().inner();
        let row = model(py, own)?;
        row.del_item("tags")?;
        let policy = own.policy.as_ref();
        let words = policy.map(|stored| {
            stored.policy.conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        });
        row.set_item("policy", words)?;
        spread_tags(&row, &own.tags)?;
        times(&row, &[("created_at", own.created_at), ("updated_at", own.updated_at)])?;
        row
    } else if let Ok(own) = record.cast::<AliasChange>() {
        let row = alias_change(py, own.get().inner())?;
        times(&row, &[("at", own.get().inner().at)])?;
        row
    } else if let Ok(own) = record.cast::<AuditEntry>() {
        let row = audit_entry(py, own.get().inner())?;
        times(&row, &[("at", own.get().inner().at)])?;
        row
    } else {
        let problem = format!("a {} is among the records", type_name(record));
        let remedy = "pass what a registry answered: models, versions, moves of an alias, audit entries";
        return Err(wrong_type(py, "make frame", "records", problem, remedy));
    };
    Ok(row)
}

fn spread_tags(row: &Bound<'_, PyDict>, tags: &BTreeMap<String, String>) -> PyResult<()> {
    tags.iter().try_for_each(|(key, value)| row.set_item(format!("tags.{key}"), value))
}

fn times(row: &Bound<'_, PyDict>, times: &[(&str, mlcore::time::Timestamp)]) -> PyResult<()> {
    times.iter().try_for_each(|(key, time)| row.set_item(*key, datetime(row.py(), *time)?))
}

/// What a registry answered as a frame, with a row for each record: of pandas where it is installed, else of polars.
///
/// Parameters
/// ----------
/// records : list
///     Models, versions, moves of an alias or audit entries. A version's metrics and tags are a column each, such as
///     ``metrics.auc`` and ``tags.team``; moments are datetimes in UTC.
/// library : {"pandas", "polars"}, optional
///     Which frame. Default: pandas if it is installed, otherwise polars.
///
/// Returns
/// -------
/// pandas.DataFrame or polars.DataFrame
///
/// Raises
/// ------
/// MissingPackageError
///     Where neither is installed. It is an ``ImportError``.
///
/// Examples
/// --------
/// >>> import mlcore
/// >>> registry = mlcore.Registry("memory:", actor="ana")
/// >>> _ = registry.register("churn", b"one", format="text", metrics={"auc": 0.79})
/// >>> _ = registry.register("churn", b"two", format="text", metrics={"auc": 0.81})
/// >>> frame = mlcore.registry.to_frame(registry.versions("churn"))
/// >>> frame.sort_values("metrics.auc", ascending=False)["version"].tolist()
/// [2, 1]
#[pyfunction]
#[pyo3(signature = (records, *, library = None))]
pub(super) fn to_frame<'py>(
    py: Python<'py>,
    records: &Bound<'py, PyAny>,
    library: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let rows = PyList::empty(py);
        for record in records.try_iter()? {
            rows.append(row(&record?)?)?;
        }
        let options = dict!(py, "library": library);
        py.import("mlcore._frame")?.getattr("frame")?.call((rows,), Some(&options))
    })
}

fn or_dash(text: &str) -> Markup {
    if text.is_empty() { "–".into() } else { text.into() }
}

fn number(version: Option<Version>) -> Markup {
    version.map_or_else(|| "–".into(), |version| version.to_string().into())
}

fn stage(stage: registry::Stage) -> Markup {
    let tone = if stage == registry::Stage::Production { Tone::Good } else { Tone::Neutral };
    pill(stage.name(), tone)
}

fn metrics(metrics: &registry::Metrics) -> Markup {
    let shown: Vec<String> = metrics.iter().map(|(name, value)| format!("{name} {value}")).collect();
    or_dash(&shown.join(", "))
}

pub(super) fn version_html(version: &registry::ModelVersion) -> String {
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
    let mut line = |name: &str, value: Markup| table.row([name.into(), value]);
    line("stage", stage(version.stage));
    line("format", version.format.as_str().into());
    line("metrics", metrics(&version.metrics));
    let tags: Vec<String> = version.tags.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    line("tags", or_dash(&tags.join(", ")));
    for (name, schema) in [("inputs", &version.signature.inputs), ("outputs", &version.signature.outputs)] {
        let fields: Vec<String> = schema.fields().iter().map(ToString::to_string).collect();
        line(name, or_dash(&fields.join(", ")));
    }
    let lineage = &version.lineage;
    let people: Vec<&str> = version.approvals.iter().map(|approval| approval.by.as_str()).collect();
    line("approved by", or_dash(&people.join(", ")));
    let keys: Vec<&str> = version.signatures.iter().map(|signature| signature.key.as_str()).collect();
    line("signed by", or_dash(&keys.join(", ")));
    line("run", or_dash(&lineage.run.as_ref().map(ToString::to_string).unwrap_or_default()));
    line("source", or_dash(lineage.source.as_deref().unwrap_or_default()));
    line("plan", lineage.plan_digest().map_or_else(|| "–".into(), |digest| code(&digest.to_hex())));
    line("monitor", lineage.monitor.map_or_else(|| "–".into(), |digest| code(&digest.to_string())));
    line("artifact", code(&version.artifact.to_string()));
    line("created", format!("{} by {}", version.created_at, version.created_by).into());
    let mut lead = Markup::new();
    if !version.description.is_empty() {
        lead.push(paragraph(version.description.as_str()));
    }
    Page::new(format!("{} version {}", version.model, version.version))
        .lead([lead, table.markup()])
        .to_fragment()
}

/// A model with its aliases and its latest versions.
pub(super) struct Overview {
    pub(super) model: registry::Model,
    pub(super) aliases: Vec<(Alias, Version)>,
    pub(super) versions: Vec<registry::ModelVersion>,
}

/// The models of a registry, each with its versions.
pub(super) fn registry_html(url: &str, models: &[Overview], left_out: usize) -> String {
    let headings = [
        ("model", Align::Left),
        ("versions", Align::Right),
        ("production", Align::Right),
        ("aliases", Align::Left),
        ("changed", Align::Left),
    ];
    let mut table = Table::new(&headings);
    for Overview { model, aliases, .. } in models {
        let aliases: Vec<String> =
            aliases.iter().map(|(alias, version)| format!("{alias} → {version}")).collect();
        table.row([
            model.title().into(),
            number(model.last_version),
            number(model.production),
            or_dash(&aliases.join(", ")),
            model.updated_at.to_string().into(),
        ]);
    }
    let mut content = Markup::from([table.markup()]);
    for Overview { model, aliases, versions } in models.iter().filter(|model| !model.versions.is_empty()) {
        content.push(details(
            &format!("latest versions of {}", model.title()),
            versions_table(versions, aliases),
        ));
    }
    if left_out > 0 {
        content.push(paragraph(format!("{left_out} more models are not shown: models() has them all.")));
    }
    let lead = if models.is_empty() { paragraph("There is no model yet.") } else { content };
    Page::new("Registry").lead([paragraph(code(url)), lead]).to_fragment()
}

fn versions_table(versions: &[registry::ModelVersion], aliases: &[(Alias, Version)]) -> Markup {
    let headings = [
        ("version", Align::Right),
        ("stage", Align::Left),
        ("aliases", Align::Left),
        ("metrics", Align::Left),
        ("created", Align::Left),
    ];
    let mut table = Table::new(&headings);
    for version in versions {
        let own: Vec<&str> = aliases
            .iter()
            .filter(|(_, target)| *target == version.version)
            .map(|(alias, _)| alias.as_str())
            .collect();
        table.row([
            version.version.to_string().into(),
            stage(version.stage),
            or_dash(&own.join(", ")),
            metrics(&version.metrics),
            format!("{} by {}", version.created_at, version.created_by).into(),
        ]);
    }
    table.markup()
}

/// What a scrub found, as plain values.
pub(super) fn scrub<'py>(py: Python<'py>, scrub: &registry::Scrub) -> PyResult<Bound<'py, PyDict>> {
    let damaged = PyList::empty(py);
    for found in &scrub.damaged {
        let row = PyDict::new(py);
        row.set_item("artifact", found.artifact.to_string())?;
        row.set_item("kind", found.kind)?;
        row.set_item("problem", &found.problem)?;
        let versions: Vec<(&str, u64)> =
            found.versions.iter().map(|of| (of.model.as_str(), of.version.get())).collect();
        row.set_item("versions", versions)?;
        damaged.append(row)?;
    }
    let answer = PyDict::new(py);
    answer.set_item("sequence", scrub.head.sequence)?;
    answer.set_item("hash", scrub.head.hash.to_string())?;
    answer.set_item("artifacts", scrub.artifacts)?;
    answer.set_item("bytes", scrub.bytes)?;
    answer.set_item("damaged", damaged)?;
    Ok(answer)
}

/// Reads what [`registry_html`] shows: the first models, and of each the latest versions.
pub(super) fn overview(backend: &dyn registry::Registry) -> mlcore::Result<(Vec<Overview>, usize)> {
    let models = backend.models(None, usize::MAX)?;
    let left_out = models.len().saturating_sub(MOST_MODELS);
    let shown = models.into_iter().take(MOST_MODELS).map(|model| {
        let last = model.last_version.map_or(0, Version::get);
        let after = Version::new(last.saturating_sub(MOST_VERSIONS)).ok();
        let mut versions = backend.versions(&model.name, after, usize::MAX)?;
        versions.reverse();
        Ok(Overview { aliases: backend.aliases(&model.name)?, versions, model })
    });
    Ok((shown.collect::<mlcore::Result<Vec<_>>>()?, left_out))
}

/// A page that fits a screen, or a few.
const MOST_MODELS: usize = 50;
const MOST_VERSIONS: u64 = 20;
