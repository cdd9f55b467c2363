//! Lags and windows over a key, for tables of Python.

use std::time::Duration;

use mlcore_features::window::{Lag, Rolling, Window, WindowFeature, WindowFeatures};
use pyo3::prelude::*;

use crate::door::{self, Asked};
use crate::error::{detached, entry, invalid};
use crate::stats::option;
use crate::table::Table;

const OPERATION: &str = "add window features";

/// The new columns of a table, of which each is a class and its parameters; with `append`, behind the table's own.
#[pyfunction]
#[pyo3(signature = (X, features, by, order_by, *, append = false))]
#[expect(non_snake_case, reason = "scikit-learn's name of the argument")]
pub(crate) fn window_columns(
    py: Python<'_>,
    X: &Bound<'_, PyAny>,
    features: Vec<(String, Bound<'_, PyAny>)>,
    by: Vec<String>,
    order_by: Option<String>,
    append: bool,
) -> PyResult<Table> {
    entry(py, |py| {
        let mut windows = WindowFeatures::by(by);
        if let Some(column) = order_by {
            windows = windows.order_by(column);
        }
        for (class, parameters) in features {
            windows = windows.with(feature(&class, &parameters)?);
        }
        let table = door::table(X, Asked { operation: OPERATION, subject: "X" })?;
        let made = || if append { windows.append_to(&table) } else { windows.columns_of(&table) };
        detached(py, made).map(|columns| Table::new(&columns))
    })
}

fn feature(class: &str, parameters: &Bound<'_, PyAny>) -> PyResult<WindowFeature> {
    let py = parameters.py();
    if class == "Lag" {
        let (column, periods, name): (String, i64, Option<String>) = parameters.extract()?;
        let lag = Lag::new(column, periods);
        return Ok(name.map_or(lag.clone(), |name| lag.named(name)).into());
    }
    type Parameters = (String, Option<usize>, Option<u64>, String, Option<usize>, String, Option<String>);
    let (column, rows, nanoseconds, statistic, min_periods, closed, name): Parameters =
        parameters.extract()?;
    let window = match (rows, nanoseconds) {
        (Some(rows), _) => Window::Rows(rows),
        (None, Some(nanoseconds)) => Window::Time(Duration::from_nanos(nanoseconds)),
        (None, None) => {
            return Err(invalid(
                py,
                OPERATION,
                "window",
                "there is none",
                "pass a number of rows, or a time",
            ));
        }
    };
    let statistic = option(py, OPERATION, "statistic", &statistic)?;
    let mut rolling =
        Rolling::new(column, window, statistic).closed(option(py, OPERATION, "closed", &closed)?);
    if let Some(least) = min_periods {
        rolling = rolling.min_periods(least);
    }
    Ok(name.map_or(rolling.clone(), |name| rolling.named(name)).into())
}
