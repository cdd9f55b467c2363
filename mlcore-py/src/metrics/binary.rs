//! Metrics of two predicted labels.

macro_rules! binary {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        #[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
        pub(crate) mod native {
            use mlcore::evaluate::{self, ZeroDivision};
            use pyo3::prelude::*;

            use crate::door::Numbers;
            use crate::error::{detached, entry};
            use crate::metrics::{Label, one_label, positives, weights};
            use crate::stats::unknown;

            $(
                $(#[doc = $doc])+
                #[pyfunction]
                #[pyo3(signature = (y_true, y_pred, *, pos_label = None, sample_weight = None, zero_division = 0.0))]
                fn $name(
                    py: Python<'_>,
                    y_true: &Bound<'_, PyAny>,
                    y_pred: &Bound<'_, PyAny>,
                    pos_label: Option<&Bound<'_, PyAny>>,
                    sample_weight: Option<&Bound<'_, PyAny>>,
                    zero_division: f64,
                ) -> PyResult<f64> {
                    const OPERATION: &str = stringify!($name);
                    entry(py, |py| {
                        let positive = pos_label.map_or(Ok(Label::Number(1)), |label| one_label(label, OPERATION))?;
                        let y_true = positives(y_true, Some(positive.clone()), OPERATION, "y_true")?;
                        let y_pred = positives(y_pred, Some(positive), OPERATION, "y_pred")?;
                        let weights = weights(sample_weight, OPERATION)?;
                        let weights = weights.as_ref().map(Numbers::as_slice);
                        let division = match zero_division {
                            0.0 => ZeroDivision::Zero,
                            1.0 => ZeroDivision::One,
                            value if value.is_nan() => ZeroDivision::NaN,
                            other => return Err(unknown(py, OPERATION, "zero_division", &other.to_string(), "0, 1, NaN")),
                        };
                        detached(py, || evaluate::$name(&y_true, &y_pred, weights, division))
                    })
                }
            )+
        }
    };
}

binary! {
    /// Of the rows predicted positive, the share that is: scikit-learn's ``precision_score``, binary.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// pos_label : label, optional
    ///     The label of the positive rows. Default 1.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// zero_division : {0, 1, NaN}
    ///     The answer where there is nothing to divide by.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For more than two labels, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import precision_score
    /// >>> round(precision_score([0, 1, 1, 0], [1, 1, 1, 0]), 6)
    /// 0.666667
    precision_score;
    /// Of the positive rows, the share that was predicted so: scikit-learn's ``recall_score``, binary.
    ///
    /// Parameters and errors as :func:`precision_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import recall_score
    /// >>> recall_score([0, 1, 1, 0], [1, 1, 0, 0])
    /// 0.5
    recall_score;
    /// The harmonic mean of precision and recall: scikit-learn's ``f1_score``, binary.
    ///
    /// Parameters and errors as :func:`precision_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import f1_score
    /// >>> f1_score(["no", "yes", "yes", "no"], ["yes", "yes", "yes", "no"], pos_label="yes")
    /// 0.8
    f1_score;
}
