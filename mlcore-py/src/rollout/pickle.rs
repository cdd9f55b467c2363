//! What pickle keeps of the parts of policies: their JSON, read by a function that no module shows.

use mlcore::Error;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bandit::RewardRule;
use super::comparison::Comparison;
use super::experiment::{Experiment, Layer, Override};
use super::rule::Rule;
use super::stepped::CanaryStep;
use crate::error::{entry, raise};
use crate::plain::json;

/// The function that makes an object again, and what of.
pub(super) type Reduced<'py> = (Bound<'py, PyAny>, (&'static str, String));

/// The call that makes a part of this kind again.
pub(super) fn reduced<'py>(
    py: Python<'py>,
    kind: &'static str,
    part: &impl Serialize,
) -> PyResult<Reduced<'py>> {
    let rebuild = py.import("mlcore._mlcore.rollout")?.getattr("_unpickled")?;
    Ok((rebuild, (kind, json(py, "pickle", part)?)))
}

/// The part of a policy that was pickled.
#[pyfunction]
#[pyo3(name = "_unpickled")]
pub(super) fn unpickled<'py>(py: Python<'py>, kind: &str, text: &str) -> PyResult<Bound<'py, PyAny>> {
    entry(py, |py| {
        Ok(match kind {
            "step" => Bound::new(py, CanaryStep { step: read(py, text)? })?.into_any(),
            "rule" => Bound::new(py, Rule { rule: read(py, text)? })?.into_any(),
            "reward" => Bound::new(py, RewardRule { rule: read(py, text)? })?.into_any(),
            "override" => Bound::new(py, Override { given: read(py, text)? })?.into_any(),
            "layer" => Bound::new(py, Layer { layer: read(py, text)? })?.into_any(),
            "experiment" => {
                let (experiment, traffic) = read(py, text)?;
                Bound::new(py, Experiment { experiment, traffic })?.into_any()
            }
            "comparison" => Bound::new(py, Comparison::of(read(py, text)?))?.into_any(),
            other => {
                let problem = format!("parts of the kind {other:?} are not known here");
                let error = Error::unsupported("unpickle", "part of a policy", problem);
                return Err(raise(py, &error.remedy("use the mlcore that pickled it")));
            }
        })
    })
}

fn read<T: DeserializeOwned>(py: Python<'_>, text: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|cause| {
        let error = Error::corrupt("unpickle", "part of a policy", cause.to_string());
        raise(py, &error.remedy("pickle the object again"))
    })
}
