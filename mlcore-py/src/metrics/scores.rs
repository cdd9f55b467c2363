//! Metrics of probabilities of the positive one of two classes.

macro_rules! scored {
    ($($(#[doc = $doc:literal])+ $name:ident($scores:ident, $positive:expr, $compute:ident);)+) => {
        #[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
        pub(crate) mod native {
            use mlcore::evaluate;
            use pyo3::prelude::*;

            use crate::door::{Asked, Numbers};
            use crate::error::{detached, entry};
            use crate::metrics::label::{Positive, labels, one_label, positives};
            use crate::metrics::{Numeric, predicted, weights};

            $(
                $(#[doc = $doc])+
                #[pyfunction]
                #[pyo3(signature = (y_true, $scores, *, sample_weight = None, pos_label = None))]
                fn $name(
                    py: Python<'_>,
                    y_true: &Bound<'_, PyAny>,
                    $scores: &Bound<'_, PyAny>,
                    sample_weight: Option<&Bound<'_, PyAny>>,
                    pos_label: Option<&Bound<'_, PyAny>>,
                ) -> PyResult<f64> {
                    const OPERATION: &str = stringify!($name);
                    entry(py, |py| {
                        let positive = match pos_label {
                            Some(label) => Positive::Given(one_label(label, OPERATION)?),
                            None => $positive,
                        };
                        let y_true = labels(y_true, Asked { operation: OPERATION, subject: "y_true" })?;
                        let y_true = positives(py, OPERATION, &y_true, &positive)?;
                        let predicted = predicted($scores, OPERATION, stringify!($scores))?;
                        let weights = weights(sample_weight, OPERATION)?;
                        let predicted = predicted.numeric();
                        let weights = weights.as_ref().map(Numbers::as_slice);
                        detached(py, || $compute!($name, predicted, &y_true, weights))
                    })
                }
            )+
        }
    };
}

/// A metric of probabilities, computed in their type.
macro_rules! loss {
    ($name:ident, $predicted:expr, $y_true:expr, $weights:expr) => {
        match $predicted {
            Numeric::Float64(values) => evaluate::$name($y_true, values, $weights),
            Numeric::Float32(values) => evaluate::$name($y_true, values, $weights),
            Numeric::Float16(values) => evaluate::$name($y_true, values, $weights),
        }
    };
}

scored! {
    /// The mean squared difference between probability and outcome: scikit-learn's ``brier_score_loss``, binary.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// y_proba : array_like of float, shape (n,) or (n, 2)
    ///     Probabilities of the positive label, or of both as ``predict_proba`` answers them.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// pos_label : label, optional
    ///     The label of the positive rows, which text needs. Default: 1 among 0 or -1 and 1, else the greater number.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For probabilities outside 0 to 1, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import brier_score_loss
    /// >>> round(brier_score_loss([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 6)
    /// 0.0375
    brier_score_loss(y_proba, Positive::Customary, loss);
}
