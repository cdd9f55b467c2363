//! What pickle keeps of results and monitors: JSON and bytes beside a version, read by functions that no module shows.

use mlcore::Error;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::raise;
use crate::plain::json;

/// The version of what is pickled here: raised when an older mlcore could not read it.
pub(super) const VERSION: u32 = 1;

/// The function that `maker` names, and what it makes the object of again.
pub(super) type Reduced<'py> = (Bound<'py, PyAny>, (u32, String));

/// The call that makes an object again.
pub(super) fn reduced<'py>(py: Python<'py>, maker: &str, value: &impl Serialize) -> PyResult<Reduced<'py>> {
    Ok((function(py, maker)?, (VERSION, json(py, "pickle", value)?)))
}

/// A function of the native module.
pub(super) fn function<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("mlcore._mlcore.drift")?.getattr(name)
}

/// What was pickled as `what`.
pub(super) fn restored<T: DeserializeOwned>(
    py: Python<'_>,
    what: &'static str,
    version: u32,
    json: &str,
) -> PyResult<T> {
    require_version(py, what, version)?;
    serde_json::from_str(json).map_err(|cause| {
        let error = Error::corrupt(OPERATION, what, cause.to_string());
        raise(py, &error.remedy("pickle the object again"))
    })
}

/// Refuses what a later version pickled.
pub(super) fn require_version(py: Python<'_>, what: &'static str, version: u32) -> PyResult<()> {
    if version == VERSION {
        return Ok(());
    }
    let problem = format!("it was pickled in version {version}, and this build reads version {VERSION}");
    Err(raise(py, &Error::unsupported(OPERATION, what, problem).remedy("use the mlcore that pickled it")))
}

pub(super) const OPERATION: &str = "unpickle";
