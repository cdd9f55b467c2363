//! Tests and intervals of counts.

#[pyo3::pymodule(submodule, module = "mlcore", name = "stats")]
pub(crate) mod native {
    use mlcore::stats::{Alternative, Chi2Options};
    use numpy::PyArray2;
    use pyo3::exceptions::PyIndexError;
    use pyo3::prelude::*;
    use pyo3::types::{PyIterator, PyTuple};

    use crate::door::{self, Asked};
    use crate::error::{detached, entry};
    use crate::stats::{option, power, unknown};

    /// What :func:`chi2_contingency` found; unpacks as ``statistic, pvalue, dof, expected_freq``.
    #[pyclass(frozen)]
    #[derive(Debug)]
    struct Chi2ContingencyResult {
        /// Pearson's chi-square, or what ``lambda_`` asks for.
        #[pyo3(get)]
        statistic: f64,
        /// The probability of such a statistic, or a larger one, if rows and columns are independent.
        #[pyo3(get)]
        pvalue: f64,
        /// Degrees of freedom: ``(rows - 1) * (columns - 1)``.
        #[pyo3(get)]
        dof: usize,
        /// The frequencies expected under independence, of the table's shape.
        #[pyo3(get)]
        expected_freq: Py<PyArray2<f64>>,
    }

    #[pymethods]
    impl Chi2ContingencyResult {
        #[new]
        fn new(statistic: f64, pvalue: f64, dof: usize, expected_freq: Py<PyArray2<f64>>) -> Self {
            Self { statistic, pvalue, dof, expected_freq }
        }

        fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
            self.items(py)?.try_iter()
        }

        fn __len__(&self) -> usize {
            4
        }

        fn __getitem__<'py>(&self, py: Python<'py>, index: isize) -> PyResult<Bound<'py, PyAny>> {
            let position = if index < 0 { index + 4 } else { index };
            usize::try_from(position)
                .ok()
                .filter(|position| *position < 4)
                .ok_or_else(|| PyIndexError::new_err("a Chi2ContingencyResult has 4 items"))
                .and_then(|position| self.items(py)?.get_item(position))
        }

        fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
            let Self { statistic, pvalue, dof, expected_freq } = self;
            let expected = expected_freq.bind(py).repr()?;
            Ok(format!(
                "Chi2ContingencyResult(statistic={statistic:?}, pvalue={pvalue:?}, dof={dof}, expected_freq={expected})"
            ))
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
            Ok((slf.get_type().into_any(), slf.get().items(slf.py())?))
        }
    }

    impl Chi2ContingencyResult {
        fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
            (self.statistic, self.pvalue, self.dof, self.expected_freq.bind(py)).into_pyobject(py)
        }
    }

    /// Whether rows and columns of a table of counts are independent, by Pearson's chi-square or its kin:
    /// ``scipy.stats.chi2_contingency``.
    ///
    /// Parameters
    /// ----------
    /// table : array_like, 2-D
    ///     Counts: a list of rows, a numpy array, a frame.
    /// correction : bool
    ///     Yates' continuity correction where there is one degree of freedom.
    /// lambda_ : str or float, optional
    ///     Which statistic, as in :func:`power_divergence`: ``log-likelihood`` makes it a G-test. Default: Pearson's.
    ///
    /// Returns
    /// -------
    /// Chi2ContingencyResult
    ///     With ``statistic``, ``pvalue``, ``dof`` and ``expected_freq``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If the table is empty or ragged, a count is negative, or a row or column adds up to zero.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import chi2_contingency
    /// >>> result = chi2_contingency([[10, 10, 20], [20, 20, 20]])
    /// >>> round(result.statistic, 6), round(result.pvalue, 6), result.dof
    /// (2.777778, 0.249352, 2)
    #[pyfunction]
    #[pyo3(signature = (table, correction = true, lambda_ = None))]
    fn chi2_contingency(
        py: Python<'_>,
        table: &Bound<'_, PyAny>,
        correction: bool,
        lambda_: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Chi2ContingencyResult> {
        entry(py, |py| {
            let rows = door::matrix(table, Asked { operation: "chi2_contingency", subject: "table" })?;
            let options = Chi2Options::default().with_correction(correction).with_lambda(power(
                py,
                "chi2_contingency",
                lambda_,
            )?);
            let found = detached(py, || mlcore::stats::chi2_contingency(&rows, &options))?;
            Ok(Chi2ContingencyResult {
                statistic: found.statistic,
                pvalue: found.pvalue,
                dof: found.dof,
                expected_freq: PyArray2::from_vec2(py, &found.expected_freq)?.unbind(),
            })
        })
    }

    /// The confidence interval of a proportion: ``statsmodels.stats.proportion.proportion_confint``.
    ///
    /// Parameters
    /// ----------
    /// count, nobs : int
    ///     Successes and trials.
    /// alpha : float
    ///     One minus the level.
    /// method : {"wilson", "beta"}
    ///     Wilson's score interval, or the exact one of Clopper and Pearson. (statsmodels' default is ``normal``, whose coverage
    ///     fails near 0 and 1.)
    ///
    /// Returns
    /// -------
    /// low, high : float
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For more successes than trials, no trials, and an ``alpha`` outside 0 to 1.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import proportion_confint
    /// >>> low, high = proportion_confint(8, 10)
    /// >>> round(low, 6), round(high, 6)
    /// (0.490162, 0.943318)
    #[pyfunction]
    #[pyo3(signature = (count, nobs, alpha = 0.05, method = "wilson"))]
    fn proportion_confint(
        py: Python<'_>,
        count: u64,
        nobs: u64,
        alpha: f64,
        method: &str,
    ) -> PyResult<(f64, f64)> {
        const OPERATION: &str = "proportion_confint";
        entry(py, |py| {
            let method = option(py, OPERATION, "method", method)?;
            let found = detached(py, || mlcore::stats::proportion_confint(count, nobs, alpha, method))?;
            Ok((found.low, found.high))
        })
    }

    /// Tests whether two samples have the same proportion of successes: ``statsmodels.stats.proportion.proportions_ztest``.
    ///
    /// Parameters
    /// ----------
    /// count, nobs : (int, int)
    ///     Successes and trials of both samples.
    /// alternative : {"two-sided", "smaller", "larger"}
    ///     Which difference counts: ``smaller`` is a first proportion below the second.
    ///
    /// Returns
    /// -------
    /// statistic, pvalue : float
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For more successes than trials, and no trials.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import proportions_ztest
    /// >>> statistic, pvalue = proportions_ztest([20, 35], [100, 100])
    /// >>> round(statistic, 6), round(pvalue, 6)
    /// (-2.375423, 0.017529)
    #[pyfunction]
    #[pyo3(signature = (count, nobs, alternative = "two-sided"))]
    fn proportions_ztest(
        py: Python<'_>,
        count: [u64; 2],
        nobs: [u64; 2],
        alternative: &str,
    ) -> PyResult<(f64, f64)> {
        const OPERATION: &str = "proportions_ztest";
        entry(py, |py| {
            let alternative = match alternative {
                "two-sided" => Alternative::TwoSided,
                "smaller" => Alternative::Less,
                "larger" => Alternative::Greater,
                other => {
                    return Err(unknown(py, OPERATION, "alternative", other, "two-sided, smaller, larger"));
                }
            };
            let found = detached(py, || mlcore::stats::proportions_ztest(count, nobs, alternative))?;
            Ok((found.statistic, found.pvalue))
        })
    }
}
