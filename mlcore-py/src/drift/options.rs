//! The options of monitors and reports, read from keywords.

use mlcore_drift::monitor::{ColumnOptions, MonitorOptions};
use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyDict};

use super::drift_test::{drift_test, kind};
use crate::door::type_name;
use crate::error::wrong_type;
use crate::stats::{correction, unknown};

const OPERATION: &str = "compare";

/// Keywords that are no options of a monitor.
type Others = Vec<(String, Py<PyAny>)>;

/// These options, of a monitor or of a report, with what the keywords change; the defaults are Rust's, and are written
/// there once.
pub(super) fn read(
    mut options: MonitorOptions,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<(MonitorOptions, Others)> {
    let mut others = Vec::new();
    let Some(keywords) = keywords else { return Ok((options, others)) };
    let py = keywords.py();
    for (name, value) in keywords {
        let name: String = name.extract()?;
        if value.is_none() {
            continue;
        }
        let expected = |what: &str| {
            let problem = format!("{what} is expected, and it is a {}", type_name(&value));
            wrong_type(py, OPERATION, &name, problem, &format!("pass {what}"))
        };
        match name.as_str() {
            "alpha" => options.alpha = value.extract().map_err(|_| expected("a number"))?,
            "correction" => {
                let word: String = value.extract().map_err(|_| expected("a str"))?;
                options.correction = correction(py, OPERATION, "correction", &word)?;
            }
            "window_rows" => {
                options.window_rows = value.extract().map_err(|_| expected("a positive integer"))?;
            }
            "min_samples" => {
                options.min_samples = value.extract().map_err(|_| expected("a positive integer"))?;
            }
            "max_categories" => {
                options.max_categories = value.extract().map_err(|_| expected("a positive integer"))?;
            }
            "columns" => {
                options.columns = Some(value.extract().map_err(|_| expected("a list of names"))?);
            }
            "numeric_test" => {
                // By its name alone, the default test keeps its options.
                if value.extract::<String>().ok().as_deref() != Some(options.numeric_test.name()) {
                    options.numeric_test = drift_test(&value)?;
                }
                options.discrete_test = options.numeric_test.clone();
            }
            "categorical_test" => options.categorical_test = drift_test(&value)?,
            "minimum_effects" => {
                options.minimum_effects =
                    value.extract().map_err(|_| expected("a dict of test to number"))?;
            }
            "column_options" => {
                let columns = value.cast::<PyDict>().map_err(|_| expected("a dict of column to dict"))?;
                for (column, own) in columns {
                    let column: String = column.extract()?;
                    let own = own.cast::<PyDict>().map_err(|_| expected("a dict of column to dict"))?;
                    let read = column_options(own)?;
                    options = options.with_column(column, read);
                }
            }
            _ => others.push((name, value.unbind())),
        }
    }
    Ok((options, others))
}

fn column_options(own: &Bound<'_, PyDict>) -> PyResult<ColumnOptions> {
    let mut options = ColumnOptions::default();
    for (name, value) in own {
        let name: String = name.extract()?;
        match name.as_str() {
            "test" => options.test = Some(drift_test(&value)?),
            "minimum_effect" => options.minimum_effect = Some(value.extract()?),
            "kind" => options.kind = Some(kind(own.py(), OPERATION, &value.extract::<String>()?)?),
            other => {
                return Err(unknown(
                    own.py(),
                    OPERATION,
                    "column_options",
                    other,
                    "test, minimum_effect, kind",
                ));
            }
        }
    }
    Ok(options)
}
