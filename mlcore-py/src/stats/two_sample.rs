//! Tests of two samples of numbers.

/// Makes a result unpack as scipy's do: as a pair of statistic and p-value.
macro_rules! unpacks_as_statistic_and_pvalue {
    ($result:ident) => {
        #[pymethods]
        impl $result {
            fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
                PyTuple::new(py, [self.statistic, self.pvalue])?.try_iter()
            }

            fn __len__(&self) -> usize {
                2
            }

            fn __getitem__(&self, index: isize) -> PyResult<f64> {
                match index {
                    0 | -2 => Ok(self.statistic),
                    1 | -1 => Ok(self.pvalue),
                    _ => Err(PyIndexError::new_err(concat!(
                        "a ",
                        stringify!($result),
                        " has 2 items: statistic and pvalue"
                    ))),
                }
            }
        }
    };
}

pub(crate) use unpacks_as_statistic_and_pvalue;

#[pyo3::pymodule(submodule, module = "mlcore", name = "stats")]
pub(crate) mod native {
    use mlcore::stats::{KsOptions, TTestOptions};
    use pyo3::exceptions::PyIndexError;
    use pyo3::prelude::*;
    use pyo3::types::{PyIterator, PyTuple};

    use crate::door::{self, Asked, Numbers};
    use crate::error::{detached, entry};
    use crate::stats::option;

    /// What :func:`ks_2samp` found; unpacks as ``statistic, pvalue``.
    #[pyclass(frozen, eq)]
    #[derive(Debug, Clone, PartialEq)]
    struct KstestResult {
        /// The largest difference between the two empirical distribution functions, from 0 to 1.
        #[pyo3(get)]
        statistic: f64,
        /// The probability of such a difference, or a larger one, between samples of one continuous distribution.
        #[pyo3(get)]
        pvalue: f64,
        /// The observation at which the difference is largest.
        #[pyo3(get)]
        statistic_location: f64,
        /// 1 where the first sample's distribution function is the higher one there, else -1.
        #[pyo3(get)]
        statistic_sign: i8,
    }

    unpacks_as_statistic_and_pvalue!(KstestResult);

    #[pymethods]
    impl KstestResult {
        #[new]
        fn new(statistic: f64, pvalue: f64, statistic_location: f64, statistic_sign: i8) -> Self {
            Self { statistic, pvalue, statistic_location, statistic_sign }
        }

        fn __repr__(&self) -> String {
            let Self { statistic, pvalue, statistic_location, statistic_sign } = self;
            format!(
                "KstestResult(statistic={statistic:?}, pvalue={pvalue:?}, statistic_location={statistic_location:?}, \
                 statistic_sign={statistic_sign})"
            )
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, f64, f64, i8)) {
            let own = slf.get();
            let arguments = (own.statistic, own.pvalue, own.statistic_location, own.statistic_sign);
            (slf.get_type().into_any(), arguments)
        }
    }

    /// The two-sample Kolmogorov-Smirnov test: ``scipy.stats.ks_2samp``.
    ///
    /// Parameters
    /// ----------
    /// x, y : array_like, 1-D
    ///     The samples: lists, numpy arrays, series of pandas or polars, pyarrow arrays. Their sizes may differ.
    /// alternative : {"two-sided", "less", "greater"}
    ///     Which differences count, in terms of the distribution functions, as in scipy.
    /// method : {"auto", "exact", "asymp"}
    ///     How the p-value is computed; ``auto`` is exact up to 10,000 observations.
    ///
    /// Returns
    /// -------
    /// KstestResult
    ///     With ``statistic``, ``pvalue``, ``statistic_location`` and ``statistic_sign``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample is empty. A NaN or a null makes the answer NaN.
    ///
    /// Notes
    /// -----
    /// Numbers are scipy 1.17's. Linear in the sizes for ordinary data; the interpreter is released.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import ks_2samp
    /// >>> result = ks_2samp([0.1, 0.4, 0.7, 0.2], [0.5, 0.9, 0.8, 0.95, 0.6])
    /// >>> round(result.statistic, 6), round(result.pvalue, 6)
    /// (0.75, 0.142857)
    /// >>> statistic, pvalue = result
    #[pyfunction]
    #[pyo3(signature = (x, y, alternative = "two-sided", method = "auto"))]
    fn ks_2samp(
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        alternative: &str,
        method: &str,
    ) -> PyResult<KstestResult> {
        const OPERATION: &str = "ks_2samp";
        entry(py, |py| {
            let alternative = option(py, OPERATION, "alternative", alternative)?;
            let method = option(py, OPERATION, "method", method)?;
            let options = KsOptions::default().with_alternative(alternative).with_method(method);
            let x = door::numbers(x, Asked { operation: OPERATION, subject: "x" })?;
            let y = door::numbers(y, Asked { operation: OPERATION, subject: "y" })?;
            let (x, y) = (x.as_slice(), y.as_slice());
            let found = detached(py, || mlcore::stats::ks_2samp(x, y, &options))?;
            Ok(KstestResult {
                statistic: found.statistic,
                pvalue: found.pvalue,
                statistic_location: found.statistic_location,
                statistic_sign: found.statistic_sign,
            })
        })
    }

    /// What :func:`ttest_ind` found; unpacks as ``statistic, pvalue``.
    #[pyclass(frozen, eq)]
    #[derive(Debug, Clone, PartialEq)]
    struct TtestResult {
        /// The difference of the means over its standard error.
        #[pyo3(get)]
        statistic: f64,
        /// The probability of such a statistic, or one further out, if the means are equal.
        #[pyo3(get)]
        pvalue: f64,
        /// Degrees of freedom.
        #[pyo3(get)]
        df: f64,
    }

    unpacks_as_statistic_and_pvalue!(TtestResult);

    #[pymethods]
    impl TtestResult {
        #[new]
        fn new(statistic: f64, pvalue: f64, df: f64) -> Self {
            Self { statistic, pvalue, df }
        }

        fn __repr__(&self) -> String {
            format!("TtestResult(statistic={:?}, pvalue={:?}, df={:?})", self.statistic, self.pvalue, self.df)
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, f64, f64)) {
            let own = slf.get();
            (slf.get_type().into_any(), (own.statistic, own.pvalue, own.df))
        }
    }

    /// The t-test of two independent means: ``scipy.stats.ttest_ind``.
    ///
    /// Parameters
    /// ----------
    /// a, b : array_like, 1-D
    ///     The samples. A NaN or a null makes the answer NaN.
    /// equal_var : bool
    ///     Assume one common variance (Student), or not (Welch).
    /// alternative : {"two-sided", "less", "greater"}
    ///     Which difference ``mean(a) - mean(b)`` counts.
    ///
    /// Returns
    /// -------
    /// TtestResult
    ///     With ``statistic``, ``pvalue`` and ``df``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample is empty.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import ttest_ind
    /// >>> result = ttest_ind([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 7.0], equal_var=False)
    /// >>> round(result.statistic, 6), round(result.pvalue, 6)
    /// (-2.101947, 0.083707)
    #[pyfunction]
    #[pyo3(signature = (a, b, equal_var = true, alternative = "two-sided"))]
    fn ttest_ind(
        py: Python<'_>,
        a: &Bound<'_, PyAny>,
        b: &Bound<'_, PyAny>,
        equal_var: bool,
        alternative: &str,
    ) -> PyResult<TtestResult> {
        const OPERATION: &str = "ttest_ind";
        entry(py, |py| {
            let alternative = option(py, OPERATION, "alternative", alternative)?;
            let options = TTestOptions::default().with_equal_var(equal_var).with_alternative(alternative);
            let a = door::numbers(a, Asked { operation: OPERATION, subject: "a" })?;
            let b = door::numbers(b, Asked { operation: OPERATION, subject: "b" })?;
            let (a, b) = (a.as_slice(), b.as_slice());
            let found = detached(py, || mlcore::stats::ttest_ind(a, b, &options))?;
            Ok(TtestResult { statistic: found.statistic, pvalue: found.pvalue, df: found.df })
        })
    }

    /// How far apart two samples are, in the unit of the values: ``scipy.stats.wasserstein_distance``.
    ///
    /// The area between the two empirical distribution functions, which is how far the one must be moved, on average, to
    /// become the other.
    ///
    /// Parameters
    /// ----------
    /// u_values, v_values : array_like, 1-D
    ///     The samples. A NaN or a null makes the distance NaN.
    /// u_weights, v_weights : array_like of float, 1-D, optional
    ///     A weight of 0 or more for each value; only their ratios count.
    ///
    /// Returns
    /// -------
    /// float
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample is empty, and for weights that are not as many as the values, negative, not finite or all 0.
    ///
    /// Notes
    /// -----
    /// Values at infinity cost nothing where both samples have the same share there (scipy answers NaN).
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import wasserstein_distance
    /// >>> wasserstein_distance([0, 1, 3], [5, 6, 8])
    /// 5.0
    /// >>> wasserstein_distance([0, 1], [0, 1], [3, 1], [2, 2])
    /// 0.25
    #[pyfunction]
    #[pyo3(signature = (u_values, v_values, u_weights = None, v_weights = None))]
    fn wasserstein_distance(
        py: Python<'_>,
        u_values: &Bound<'_, PyAny>,
        v_values: &Bound<'_, PyAny>,
        u_weights: Option<&Bound<'_, PyAny>>,
        v_weights: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<f64> {
        entry(py, |py| {
            let read =
                |object, subject| door::numbers(object, Asked { operation: "wasserstein_distance", subject });
            let (u, v) = (read(u_values, "u_values")?, read(v_values, "v_values")?);
            let u_weights = u_weights.map(|weights| read(weights, "u_weights")).transpose()?;
            let v_weights = v_weights.map(|weights| read(weights, "v_weights")).transpose()?;
            let (u, v) = (u.as_slice(), v.as_slice());
            let weights = [&u_weights, &v_weights].map(|weights| weights.as_ref().map(Numbers::as_slice));
            detached(py, || mlcore::stats::wasserstein_distance(u, v, weights[0], weights[1]))
        })
    }
}
