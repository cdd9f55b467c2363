//! Metrics of predicted numbers.

macro_rules! regression {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        #[pyo3::pymodule(submodule, module = "mlcore", name = "metrics")]
        pub(crate) mod native {
            use mlcore::evaluate;
            use pyo3::prelude::*;

            use crate::door::{self, Asked, Numbers};
            use crate::error::{detached, entry};
            use crate::metrics::weights;

            $(
                $(#[doc = $doc])+
                #[pyfunction]
                #[pyo3(signature = (y_true, y_pred, *, sample_weight = None))]
                fn $name(
                    py: Python<'_>,
                    y_true: &Bound<'_, PyAny>,
                    y_pred: &Bound<'_, PyAny>,
                    sample_weight: Option<&Bound<'_, PyAny>>,
                ) -> PyResult<f64> {
                    const OPERATION: &str = stringify!($name);
                    entry(py, |py| {
                        let y_true = door::numbers(y_true, Asked { operation: OPERATION, subject: "y_true" })?;
                        let y_pred = door::numbers(y_pred, Asked { operation: OPERATION, subject: "y_pred" })?;
                        let weights = weights(sample_weight, OPERATION)?;
                        let (y_true, y_pred) = (y_true.as_slice(), y_pred.as_slice());
                        let weights = weights.as_ref().map(Numbers::as_slice);
                        detached(py, || evaluate::$name(y_true, y_pred, weights))
                    })
                }
            )+
        }
    };
}

regression! {
    /// The mean absolute difference: scikit-learn's ``mean_absolute_error``.
    ///
    /// Parameters
    /// ----------
    /// y_true, y_pred : array_like of float, shape (n,)
    ///     What was true and what was predicted.
    /// sample_weight : array_like of float, shape (n,), optional
    ///     A weight of 0 or more for each row.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For no rows, differing lengths, NaN or infinities, and unusable weights.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import mean_absolute_error
    /// >>> mean_absolute_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    /// 0.5
    mean_absolute_error;
    /// The mean squared difference: scikit-learn's ``mean_squared_error``.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import mean_squared_error
    /// >>> mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])
    /// 0.375
    mean_squared_error;
    /// The mean difference relative to the truth: scikit-learn's ``mean_absolute_percentage_error``, a share and no
    /// percentage.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`. A truth nearer to 0 than 2**-52 counts as 2**-52.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import mean_absolute_percentage_error
    /// >>> mean_absolute_percentage_error([4.0, 10.0], [5.0, 10.0])
    /// 0.125
    mean_absolute_percentage_error;
    /// The root of the mean squared difference: scikit-learn's ``root_mean_squared_error``.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import root_mean_squared_error
    /// >>> round(root_mean_squared_error([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]), 6)
    /// 0.612372
    root_mean_squared_error;
    /// The share of the variance that is explained: scikit-learn's ``r2_score``.
    ///
    /// Parameters, errors and weights as :func:`mean_absolute_error`; a single row is refused.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.metrics import r2_score
    /// >>> round(r2_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0]), 6)
    /// 0.948608
    r2_score;
}
