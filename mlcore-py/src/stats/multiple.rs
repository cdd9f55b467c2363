//! Corrections for many tests.

#[pyo3::pymodule(submodule, module = "mlcore", name = "stats")]
pub(crate) mod native {
    use numpy::PyArray1;
    use pyo3::prelude::*;

    use crate::door::{self, Asked};
    use crate::error::{detached, entry};
    use crate::stats::option;

    type Corrected<'py> = (Bound<'py, PyArray1<bool>>, Bound<'py, PyArray1<f64>>);

    /// Corrects p-values for the number of tests: ``statsmodels.stats.multitest.multipletests``.
    ///
    /// Parameters
    /// ----------
    /// pvals : array_like, 1-D
    ///     The p-values, in any order. NaN stands for a test that could not be made and is passed over.
    /// alpha : float
    ///     The error rate to control.
    /// method : {"bonferroni", "holm", "fdr_bh", "fdr_by", "none"}
    ///     Which error rate, under which assumption. The default is Benjamini-Hochberg (statsmodels' own is ``hs``); ``none``, which
    ///     statsmodels lacks, leaves p-values as they are.
    ///
    /// Returns
    /// -------
    /// reject : ndarray of bool, shape (n,)
    ///     Which hypotheses are rejected.
    /// pvals_corrected : ndarray of float, shape (n,)
    ///     Each p-value, corrected for the others.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If ``alpha`` or a p-value lies outside 0 to 1, or the method is not known.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import multipletests
    /// >>> reject, corrected = multipletests([0.01, 0.04, 0.03, 0.5], method="holm")
    /// >>> reject.tolist(), corrected.tolist()
    /// ([True, False, False, False], [0.04, 0.09, 0.09, 0.5])
    #[pyfunction]
    #[pyo3(signature = (pvals, alpha = 0.05, method = "fdr_bh"))]
    fn multipletests<'py>(
        py: Python<'py>,
        pvals: &Bound<'py, PyAny>,
        alpha: f64,
        method: &str,
    ) -> PyResult<Corrected<'py>> {
        const OPERATION: &str = "multipletests";
        entry(py, |py| {
            let correction = option(py, OPERATION, "method", method)?;
            let pvals = door::numbers(pvals, Asked { operation: OPERATION, subject: "pvals" })?;
            let pvals = pvals.as_slice();
            let found = detached(py, || mlcore::stats::multipletests(pvals, alpha, correction))?;
            Ok((PyArray1::from_vec(py, found.reject), PyArray1::from_vec(py, found.pvals_corrected)))
        })
    }
}
