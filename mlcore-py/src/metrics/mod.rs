//! `mlcore.metrics`: how good a model is, with scikit-learn's names and numbers.

pub(crate) mod binary;
pub(crate) mod classes;
pub(crate) mod label;
pub(crate) mod labels;
pub(crate) mod predicted;
pub(crate) mod regression;
pub(crate) mod scores;

use pyo3::prelude::*;

use self::label::{Positive, labels, positives};
pub(crate) use self::predicted::{Numeric, Predicted, f16, predicted};
use crate::door::{self, Asked, Numbers};

fn weights<'py>(
    object: Option<&Bound<'py, PyAny>>,
    operation: &'static str,
) -> PyResult<Option<Numbers<'py>>> {
    object.map(|object| door::numbers(object, Asked { operation, subject: "sample_weight" })).transpose()
}

/// Which rows are positive, by custom.
pub(crate) fn binary_truth(y_true: &Bound<'_, PyAny>, operation: &'static str) -> PyResult<Vec<bool>> {
    let y_true_labels = labels(y_true, Asked { operation, subject: "y_true" })?;
    positives(y_true.py(), operation, &y_true_labels, &Positive::Greater)
}
