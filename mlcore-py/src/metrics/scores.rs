//! Metrics of scores and probabilities of the positive class.

macro_rules! scored {
    ($($(#[doc = $doc:literal])+ $name:ident($scores:ident, $positive:expr, $compute:ident);)+) => {
        #[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
        pub(crate) mod native {
            use mlcore::evaluate;
            use pyo3::prelude::*;

            use crate::door::{Asked, Numbers};
            use crate::error::{detached, entry};
            use crate::metrics::label::{Label, Positive, labels, one_label, positives};
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

/// A metric of the order of scores, which widening keeps.
macro_rules! ranking {
    ($name:ident, $predicted:expr, $y_true:expr, $weights:expr) => {
        evaluate::$name($y_true, &$predicted.widened(), $weights)
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
    /// The area under the receiver operating characteristic: scikit-learn's ``roc_auc_score``, binary.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// y_score : array_like of float, shape (n,)
    ///     Scores that rank: larger means more likely positive.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// pos_label : label, optional
    ///     The label of the positive rows. Default: the greater of the two.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     When only one of the two labels occurs, for NaN, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import roc_auc_score
    /// >>> roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    /// 0.75
    roc_auc_score(y_score, Positive::Greater, ranking);
    /// The mean precision over the recalls that a threshold reaches: scikit-learn's ``average_precision_score``, binary.
    ///
    /// Parameters and errors as :func:`roc_auc_score`, but that ``pos_label`` is 1 by default, as for :func:`f1_score`: other
    /// labels need it.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import average_precision_score
    /// >>> round(average_precision_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    /// 0.833333
    average_precision_score(y_score, Positive::Given(Label::Number(1)), ranking);
    /// The mean negative log-likelihood: scikit-learn's ``log_loss``, binary.
    ///
    /// It is computed in the type of the probabilities, as in scikit-learn, and probabilities are clipped at its epsilon: a
    /// certain mistake of ``float32``, which ONNX models answer in, costs 15.94, and one of ``float64`` 36.04.
    ///
    /// Parameters
    /// ----------
    /// y_true : array_like, shape (n,)
    ///     Two labels: numbers, bools or text.
    /// y_pred : array_like of float, shape (n,) or (n, 2)
    ///     Probabilities of the positive label, or of both as ``predict_proba`` answers them.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    /// pos_label : label, optional
    ///     The label of the positive rows. Default: the greater of the two.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For probabilities outside 0 to 1, and as :func:`accuracy_score`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import log_loss
    /// >>> round(log_loss([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    /// 0.472288
    log_loss(y_pred, Positive::Greater, loss);
    /// The mean squared difference between probability and outcome: scikit-learn's ``brier_score_loss``, binary.
    ///
    /// Parameters and errors as :func:`log_loss`, but that labels which are text need ``pos_label``.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import brier_score_loss
    /// >>> round(brier_score_loss([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 6)
    /// 0.0375
    brier_score_loss(y_proba, Positive::Customary, loss);
}
