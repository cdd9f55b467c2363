//! What came of predictions, reported.

use mlcore::name::RequestId;
use mlcore_serve::endpoint::OutcomeId;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::Endpoint;
use super::answer::Prediction;
use crate::door::{self, Asked, Text, type_name};
use crate::error::{entry, invalid, raise, wrong_type};

#[pymethods]
impl Endpoint {
    /// Reports what came of a prediction. One of several rows takes a label for each: :meth:`report_outcomes`. Never waits; an outcome for an id that is unknown, forgotten or already joined is
    /// counted (``orphans``) and has no effect.
    ///
    /// Parameters
    /// ----------
    /// id : str or Prediction
    ///     The prediction, its ``outcome_id``, or the ``request_id`` that it was asked with.
    /// label : float
    ///     The true label or value, as the loss takes it.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a label that is not a finite number, or not one that the loss knows. The prediction is not used up: the right
    ///     label may still be reported.
    fn report_outcome(&self, py: Python<'_>, id: &Bound<'_, PyAny>, label: f64) -> PyResult<()> {
        entry(py, |py| {
            self.usable(py)?;
            let id = outcome_id(id)?;
            self.endpoint.report_outcome(id, label).map_err(|error| raise(py, &error))
        })
    }

    /// Reports what came of every row of a prediction: a label for each, in the order of its rows. The loss of each row is an
    /// observation of its own. Never waits.
    ///
    /// Parameters
    /// ----------
    /// id : str or Prediction
    ///     The prediction, its ``outcome_id``, or the ``request_id`` that it was asked with.
    /// labels : array_like of float, shape (rows,)
    ///     The true labels or values, as the loss takes them. Rows whose label is not known yet are reported one by one
    ///     instead, by :meth:`report_outcome_of_row`.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For no labels, for a label that is not a finite number or not one that the loss knows, and for another number of
    ///     labels than the ``Prediction`` has rows. Nothing is reported then. Of an id the number of rows is known in
    ///     :meth:`process` only: what does not fit is counted there (``refused_outcomes``), an event says why, and the prediction
    ///     still waits.
    fn report_outcomes(
        &self,
        py: Python<'_>,
        id: &Bound<'_, PyAny>,
        labels: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        entry(py, |py| {
            self.usable(py)?;
            let labels = door::numbers(labels, Asked { operation: "report outcomes", subject: "labels" })?;
            let labels = labels.as_slice();
            if let Ok(prediction) = id.cast::<Prediction>()
                && prediction.get().rows() != labels.len()
            {
                let problem = format!(
                    "there are {}, and the prediction has {} rows",
                    labels.len(),
                    prediction.get().rows()
                );
                let remedy = "pass a label for each row, or report rows by report_outcome_of_row()";
                return Err(invalid(py, "report outcomes", "labels", problem, remedy));
            }
            let id = outcome_id(id)?;
            self.endpoint.report_outcomes(id, labels).map_err(|error| raise(py, &error))
        })
    }

    /// Reports what came of one row of a prediction, when its label arrives; else as :meth:`report_outcomes`.
    ///
    /// Parameters
    /// ----------
    /// id : str or Prediction
    ///     As for :meth:`report_outcome`.
    /// row : int
    ///     Which row, counted from 0.
    /// label : float
    ///     Its true label or value.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a label as in :meth:`report_outcome`, and for a row that the ``Prediction`` does not have.
    fn report_outcome_of_row(
        &self,
        py: Python<'_>,
        id: &Bound<'_, PyAny>,
        row: usize,
        label: f64,
    ) -> PyResult<()> {
        entry(py, |py| {
            self.usable(py)?;
            if let Ok(prediction) = id.cast::<Prediction>()
                && row >= prediction.get().rows()
            {
                let problem = format!("it is {row}, and the prediction has {} rows", prediction.get().rows());
                return Err(invalid(py, "report outcome", "row", problem, "rows are counted from 0"));
            }
            let id = outcome_id(id)?;
            self.endpoint.report_outcome_of_row(id, row, label).map_err(|error| raise(py, &error))
        })
    }
}

/// The id that a prediction has, or that a text is.
fn outcome_id(id: &Bound<'_, PyAny>) -> PyResult<OutcomeId> {
    let py = id.py();
    let text = match id.cast::<Prediction>() {
        Ok(prediction) => prediction.get().outcome_id().to_owned(),
        Err(_) if id.is_instance_of::<PyString>() => id.extract::<Text>()?.into_string(),
        Err(_) => {
            let problem = format!("an id is expected, and it is a {}", type_name(id));
            let remedy = "pass a Prediction or its outcome_id";
            return Err(wrong_type(py, "report outcome", "id", problem, remedy));
        }
    };
    text.parse::<OutcomeId>()
        .or_else(|_| RequestId::new(&text).map(|id| OutcomeId::of(&id)))
        .map_err(|error| raise(py, &error))
}
