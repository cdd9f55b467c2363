//! How features of a prediction log are checked, as Python says it.

use mlcore_serve::log::LogSkewOptions;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::arguments::{asked, moment};
use super::history;

/// The options of a dict with all of them.
pub(super) fn options(given: &Bound<'_, PyDict>) -> PyResult<LogSkewOptions> {
    let py = given.py();
    let get = |name: &str| Ok::<_, PyErr>(given.get_item(name)?.filter(|value| !value.is_none()));
    let required =
        |name: &str| get(name)?.ok_or_else(|| pyo3::exceptions::PyKeyError::new_err(name.to_owned()));
    let (late_rows, differences): (bool, usize) =
        (required("late_rows")?.extract()?, required("differences")?.extract()?);
    let skew = history::skew_options(None, late_rows, differences);
    let value: String = required("value")?.extract()?;
    let mut options = LogSkewOptions::default().with_skew(skew).with_value(asked(py, value.parse())?);
    if let Some(model) = get("model")? {
        options = options.with_model(asked(py, model.extract::<String>()?.parse())?);
    }
    if let Some(start) = get("start_date")? {
        options = options.with_since(moment(&start, "start_date")?);
    }
    if let Some(end) = get("end_date")? {
        options = options.with_until(moment(&end, "end_date")?);
    }
    if let Some(rows) = get("rows_at_once")? {
        options = options.with_rows_at_once(rows.extract()?);
    }
    Ok(options)
}
