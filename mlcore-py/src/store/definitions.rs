//! Definitions as JSON, which Python's classes write and read.

use std::time::SystemTime;

use mlcore::registry::Change;
use mlcore::{Error, Result};
use mlcore_features::store::definition::{
    Definition, DefinitionId, FeatureView, Field, PlanReference, Repository, Source, feast,
};
use mlcore_features::store::feature_store::Sources;
use mlcore_features::store::registry::Changes;
use pyo3::prelude::*;
use pyo3::types::PyAny;

use super::opened::Opened;
use crate::door::Text;
use crate::error::{entry, raise};
use crate::features::Plan;
use crate::plain::{json, plain};

const OPERATION: &str = "define";

/// A definition as it is kept, of what was said.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
pub(super) fn check_definition(py: Python<'_>, definition: Text) -> PyResult<String> {
    entry(py, |py| {
        let read: Definition = read(&definition).map_err(|error| raise(py, &error))?;
        json(py, OPERATION, &read)
    })
}

/// How an on-demand view names a plan.
#[pyfunction]
pub(super) fn plan_reference<'py>(py: Python<'py>, plan: &Plan) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        let reference = PlanReference::of(plan.fitted()).map_err(|error| raise(py, &error))?;
        plain(py, OPERATION, &reference)
    })
}

/// The project and the definitions of a repository that is written as TOML.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
pub(super) fn read_toml(py: Python<'_>, text: Text) -> PyResult<(String, String)> {
    entry(py, |py| {
        let repository = Repository::from_toml(&text).map_err(|error| raise(py, &error))?;
        let all: Vec<_> = repository.definitions().collect();
        Ok((repository.project().to_owned(), json(py, "read TOML", &all)?))
    })
}

/// What was left out, or changed, and why.
type Remarks = Vec<(String, String)>;

/// The definitions of a Feast registry, what was left out, and what was changed.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "pyo3 hands over owned texts")]
pub(super) fn import_feast(py: Python<'_>, registry: Text) -> PyResult<(String, Remarks, Remarks)> {
    entry(py, |py| {
        let import = feast::import(&registry).map_err(|error| raise(py, &error))?;
        let told = |remarks: Vec<feast::Remark>| {
            remarks.into_iter().map(|remark| (remark.what, remark.reason)).collect()
        };
        let definitions = json(py, "import Feast repository", &import.definitions)?;
        Ok((definitions, told(import.left_out), told(import.changed)))
    })
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        // The errors of definitions come through the reader, which adds where in the JSON they were.
        let told = cause.to_string();
        let problem = told.split(" at line ").next().unwrap_or(&told).to_owned();
        Error::invalid_input(OPERATION, "definition", problem)
    })
}

/// The change that an actor makes now.
pub(super) fn change(actor: &str, reason: Option<&str>) -> Change {
    let change = Change::new(actor, SystemTime::now().into());
    match reason {
        Some(reason) => change.with_reason(reason),
        None => change,
    }
}

/// What is to be applied.
pub(super) fn changes(
    definitions: &str,
    deletions: &[(String, String)],
    is_whole: bool,
    opened: &Opened,
) -> Result<Changes> {
    let definitions: Vec<Definition> = read(definitions)?;
    let mut changes = if is_whole {
        let snapshot = opened.store().snapshot()?;
        Changes::whole(&Repository::new(snapshot.repository().project(), definitions)?)
    } else {
        Changes::of(definitions)
    };
    for (kind, name) in deletions {
        changes = changes.with_deletion(DefinitionId::new(kind.parse()?, name.as_str()));
    }
    Ok(changes)
}

/// The fields that the data of a source has.
pub(super) fn schema_of(source: &str, opened: &Opened) -> Result<Vec<Field>> {
    let source: Source = match read::<Definition>(source)? {
        Definition::Source(source) => source,
        other => {
            return Err(
                Error::invalid_input("infer schema", other.name(), "it is no source").remedy("pass a source")
            );
        }
    };
    let data = opened.sources().open(&source)?.schema()?;
    let entities: [&str; 0] = [];
    let view = FeatureView::builder("inferred", entities).schema_of(&data, &source)?.build()?;
    Ok(view.schema().to_vec())
}
