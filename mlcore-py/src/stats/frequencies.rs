//! Tests and distances of frequencies.

#[pyo3::pymodule(submodule, module = "mlcore", name = "stats")]
pub(crate) mod native {
    use mlcore::stats::PowerDivergenceOptions;
    use pyo3::exceptions::PyIndexError;
    use pyo3::prelude::*;
    use pyo3::types::{PyIterator, PyTuple};

    use crate::door::{self, Asked, Numbers};
    use crate::error::{detached, entry, invalid};
    use crate::stats::two_sample::unpacks_as_statistic_and_pvalue;
    use crate::stats::{option, power};

    /// What :func:`fisher_exact`, :func:`power_divergence` and :func:`spearmanr` found; unpacks as ``statistic, pvalue``.
    #[pyclass(frozen, eq)]
    #[derive(Debug, Clone, PartialEq)]
    pub(crate) struct SignificanceResult {
        /// The statistic: the odds ratio, the divergence, or the correlation of the ranks.
        #[pyo3(get)]
        pub(crate) statistic: f64,
        /// The probability of such a statistic, or one further out, if the hypothesis holds.
        #[pyo3(get)]
        pub(crate) pvalue: f64,
    }

    unpacks_as_statistic_and_pvalue!(SignificanceResult);

    #[pymethods]
    impl SignificanceResult {
        #[new]
        fn new(statistic: f64, pvalue: f64) -> Self {
            Self { statistic, pvalue }
        }

        fn __repr__(&self) -> String {
            format!("SignificanceResult(statistic={:?}, pvalue={:?})", self.statistic, self.pvalue)
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, f64)) {
            let own = slf.get();
            (slf.get_type().into_any(), (own.statistic, own.pvalue))
        }
    }

    /// Fisher's exact test of a 2 x 2 table of counts: ``scipy.stats.fisher_exact``.
    ///
    /// Parameters
    /// ----------
    /// table : array_like, shape (2, 2)
    ///     Counts: a list of rows, a numpy array, a frame.
    /// alternative : {"two-sided", "less", "greater"}
    ///     Which odds ratios count.
    ///
    /// Returns
    /// -------
    /// SignificanceResult
    ///     With ``statistic``, the odds ratio (NaN where a row or a column is empty), and ``pvalue``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For a table of another shape, and numbers that are no counts.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import fisher_exact
    /// >>> result = fisher_exact([[8, 2], [1, 5]])
    /// >>> result.statistic, round(result.pvalue, 6)
    /// (20.0, 0.034965)
    #[pyfunction]
    #[pyo3(signature = (table, alternative = "two-sided"))]
    fn fisher_exact(
        py: Python<'_>,
        table: &Bound<'_, PyAny>,
        alternative: &str,
    ) -> PyResult<SignificanceResult> {
        const OPERATION: &str = "fisher_exact";
        entry(py, |py| {
            let alternative = option(py, OPERATION, "alternative", alternative)?;
            let rows = door::matrix(table, Asked { operation: OPERATION, subject: "table" })?;
            let refuse = |problem: String| {
                invalid(py, OPERATION, "table", problem, "pass two rows of two whole numbers, 0 or more each")
            };
            let mut counts = [[0_u64; 2]; 2];
            let is_square = rows.len() == 2 && rows.iter().all(|row| row.len() == 2);
            if !is_square {
                let columns = rows.first().map_or(0, Vec::len);
                return Err(refuse(format!("it has {} rows and {columns} columns", rows.len())));
            }
            for (cell, number) in counts.iter_mut().flatten().zip(rows.iter().flatten()) {
                if !(*number >= 0.0 && *number < MOST && number.fract() == 0.0) {
                    return Err(refuse(format!("{number} is no count")));
                }
                *cell = *number as u64;
            }
            let found = detached(py, || mlcore::stats::fisher_exact(&counts, alternative))?;
            Ok(SignificanceResult { statistic: found.statistic, pvalue: found.pvalue })
        })
    }

    /// Whether categories occur as often as expected: ``scipy.stats.power_divergence``.
    ///
    /// Parameters
    /// ----------
    /// f_obs : array_like, 1-D
    ///     The observed frequencies.
    /// f_exp : array_like, 1-D, optional
    ///     The expected ones, which add up to the same. Default: the mean of the observed ones for each.
    /// ddof : int
    ///     What is taken from the degrees of freedom beside the one that the total takes.
    /// lambda_ : {"pearson", "log-likelihood", "freeman-tukey", "mod-log-likelihood", "neyman", "cressie-read"} or float, optional
    ///     Which statistic. Default: Pearson's chi-square; ``log-likelihood`` is the G-test.
    ///
    /// Returns
    /// -------
    /// SignificanceResult
    ///     With ``statistic`` and ``pvalue``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If there are no categories, or the expected frequencies are not as many or add up to something else.
    ///
    /// Notes
    /// -----
    /// A category that was expected and does not occur adds nothing to ``freeman-tukey`` (scipy answers NaN), and makes ``neyman``
    /// infinite (likewise).
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import power_divergence
    /// >>> result = power_divergence([16, 18, 16, 14, 12, 12], lambda_="log-likelihood")
    /// >>> round(result.statistic, 6), round(result.pvalue, 6)
    /// (2.006573, 0.848235)
    #[pyfunction]
    #[pyo3(signature = (f_obs, f_exp = None, ddof = 0, *, lambda_ = None))]
    fn power_divergence(
        py: Python<'_>,
        f_obs: &Bound<'_, PyAny>,
        f_exp: Option<&Bound<'_, PyAny>>,
        ddof: u64,
        lambda_: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<SignificanceResult> {
        const OPERATION: &str = "power_divergence";
        entry(py, |py| {
            let read = |object, subject| door::numbers(object, Asked { operation: OPERATION, subject });
            let observed = read(f_obs, "f_obs")?;
            let expected = f_exp.map(|object| read(object, "f_exp")).transpose()?;
            let mut options =
                PowerDivergenceOptions::default().with_ddof(ddof).with_lambda(power(py, OPERATION, lambda_)?);
            options.f_exp = expected.as_ref().map(Numbers::as_slice);
            let observed = observed.as_slice();
            let found = detached(py, || mlcore::stats::power_divergence(observed, &options))?;
            Ok(SignificanceResult { statistic: found.statistic, pvalue: found.pvalue })
        })
    }

    /// The Jensen-Shannon distance of two distributions: ``scipy.spatial.distance.jensenshannon``.
    ///
    /// Parameters
    /// ----------
    /// p, q : array_like, 1-D
    ///     Shares or counts of the same categories; they are divided by their sum.
    /// base : float, optional
    ///     The base of the logarithm. Default: ``e``.
    ///
    /// Returns
    /// -------
    /// float
    ///     The distance, which is the root of what is called the divergence.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For frequencies that are negative or infinite, and where one has more of them than the other.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import jensenshannon
    /// >>> jensenshannon([1, 0], [0, 1], base=2)
    /// 1.0
    #[pyfunction]
    #[pyo3(signature = (p, q, base = None))]
    fn jensenshannon(
        py: Python<'_>,
        p: &Bound<'_, PyAny>,
        q: &Bound<'_, PyAny>,
        base: Option<f64>,
    ) -> PyResult<f64> {
        entry(py, |py| {
            let read = |object, subject| door::numbers(object, Asked { operation: "jensenshannon", subject });
            let (p, q) = (read(p, "p")?, read(q, "q")?);
            let (p, q) = (p.as_slice(), q.as_slice());
            detached(py, || mlcore::stats::jensenshannon(p, q, base))
        })
    }

    /// The entropy of a distribution, or its divergence from another one (Kullback-Leibler): ``scipy.stats.entropy``.
    ///
    /// Parameters
    /// ----------
    /// pk : array_like, 1-D
    ///     Shares or counts; they are divided by their sum.
    /// qk : array_like, 1-D, optional
    ///     Those of the same categories that ``pk`` is compared with.
    /// base : float, optional
    ///     The base of the logarithm. Default: ``e``.
    ///
    /// Returns
    /// -------
    /// float
    ///     Infinite where ``pk`` has what ``qk`` lacks.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For frequencies that are negative or infinite, and where one has more of them than the other.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import entropy
    /// >>> entropy([1, 1], base=2), round(entropy([0.5, 0.5], [0.9, 0.1], base=2), 6)
    /// (1.0, 0.736966)
    #[pyfunction]
    #[pyo3(signature = (pk, qk = None, base = None))]
    fn entropy(
        py: Python<'_>,
        pk: &Bound<'_, PyAny>,
        qk: Option<&Bound<'_, PyAny>>,
        base: Option<f64>,
    ) -> PyResult<f64> {
        entry(py, |py| {
            let read = |object, subject| door::numbers(object, Asked { operation: "entropy", subject });
            let pk = read(pk, "pk")?;
            let qk = qk.map(|object| read(object, "qk")).transpose()?;
            let (pk, qk) = (pk.as_slice(), qk.as_ref().map(Numbers::as_slice));
            detached(py, || mlcore::stats::entropy(pk, qk, base))
        })
    }

    /// From here on floats do not tell whole numbers apart.
    const MOST: f64 = 9_007_199_254_740_992.0;
}
