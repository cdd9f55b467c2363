//! Metrics of predicted labels, of two or of many.

#[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
pub(crate) mod native {
    use mlcore::evaluate;
    use numpy::PyArray2;
    use pyo3::prelude::*;

    use crate::door::{Asked, Numbers};
    use crate::error::{detached, entry};
    use crate::metrics::label::{self, labels, require_one_kind};
    use crate::metrics::weights;

    /// The share of rows whose label was predicted: scikit-learn's ``accuracy_score``.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like, shape (n,)
    ///     Labels: numbers, bools or text.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For no rows, differing lengths, rows without a label, text compared with numbers, and weights that are negative, not finite or all 0.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import accuracy_score
    /// >>> accuracy_score(["a", "b", "b", "c"], ["a", "b", "c", "c"])
    /// 0.75
    #[pyfunction]
    #[pyo3(signature = (y_true, y_pred, *, sample_weight = None))]
    fn accuracy_score(
        py: Python<'_>,
        y_true: &Bound<'_, PyAny>,
        y_pred: &Bound<'_, PyAny>,
        sample_weight: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<f64> {
        const OPERATION: &str = "accuracy_score";
        entry(py, |py| {
            let y_true = labels(y_true, Asked { operation: OPERATION, subject: "y_true" })?;
            let y_pred = labels(y_pred, Asked { operation: OPERATION, subject: "y_pred" })?;
            require_one_kind(py, OPERATION, &[("y_true", &y_true), ("y_pred", &y_pred)])?;
            let weights = weights(sample_weight, OPERATION)?;
            let weights = weights.as_ref().map(Numbers::as_slice);
            detached(py, || evaluate::accuracy_score(&y_true, &y_pred, weights))
        })
    }

    /// How often each label was predicted as each other: scikit-learn's ``confusion_matrix``.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like, shape (n,)
    ///     Labels: numbers, bools or text.
    /// labels : array_like, optional
    ///     Which labels count, and in which order. Default: all that occur, sorted.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    ///
    /// Returns
    /// -------
    /// ndarray of float, shape (labels, labels)
    ///     Rows are true labels, columns predicted ones.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     When none of the labels occurs in ``y_true``, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import confusion_matrix
    /// >>> confusion_matrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2]).astype(int).tolist()
    /// [[2, 0, 0], [0, 0, 1], [1, 0, 2]]
    #[pyfunction]
    #[pyo3(signature = (y_true, y_pred, *, labels = None, sample_weight = None))]
    fn confusion_matrix<'py>(
        py: Python<'py>,
        y_true: &Bound<'py, PyAny>,
        y_pred: &Bound<'py, PyAny>,
        labels: Option<&Bound<'py, PyAny>>,
        sample_weight: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        const OPERATION: &str = "confusion_matrix";
        entry(py, |py| {
            let read = |object, subject| label::labels(object, Asked { operation: OPERATION, subject });
            let (y_true, y_pred) = (read(y_true, "y_true")?, read(y_pred, "y_pred")?);
            let wanted = labels.map(|labels| read(labels, "labels")).transpose()?;
            let all = [
                ("y_true", &*y_true),
                ("y_pred", &y_pred),
                ("labels", wanted.as_deref().unwrap_or_default()),
            ];
            require_one_kind(py, OPERATION, &all)?;
            let weights = weights(sample_weight, OPERATION)?;
            let weights = weights.as_ref().map(Numbers::as_slice);
            let counted =
                detached(py, || evaluate::confusion_matrix(&y_true, &y_pred, wanted.as_deref(), weights))?;
            Ok(PyArray2::from_vec2(py, &counted.matrix)?)
        })
    }
}
