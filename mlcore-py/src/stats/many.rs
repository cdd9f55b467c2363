//! Tests of two samples and more.

#[pyo3::pymodule(submodule, module = "mlcore", name = "stats")]
pub(crate) mod native {
    use mlcore::Error;
    use mlcore::stats::{AndersonOptions, PermutationOptions};
    use numpy::PyArray1;
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    use crate::door::{self, Asked, Numbers};
    use crate::error::{detached, entry, raise};
    use crate::stats::option;

    /// What :func:`anderson_ksamp` found.
    #[pyclass(frozen, eq, name = "Anderson_ksampResult")]
    #[derive(Debug, Clone, PartialEq)]
    struct AndersonResult {
        /// The statistic less its mean, over its standard deviation.
        #[pyo3(get)]
        statistic: f64,
        /// What the statistic exceeds with probability 0.25, 0.1, 0.05, 0.025, 0.01, 0.005 and 0.001.
        #[pyo3(get)]
        critical_values: [f64; 7],
        /// The probability of such a statistic, or a larger one, if all samples come from one distribution.
        #[pyo3(get)]
        pvalue: f64,
    }

    #[pymethods]
    impl AndersonResult {
        #[new]
        fn new(statistic: f64, critical_values: [f64; 7], pvalue: f64) -> Self {
            Self { statistic, critical_values, pvalue }
        }

        fn __repr__(&self) -> String {
            let Self { statistic, critical_values, pvalue } = self;
            format!(
                "Anderson_ksampResult(statistic={statistic:?}, critical_values={critical_values:?}, pvalue={pvalue:?})"
            )
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, [f64; 7], f64)) {
            let own = slf.get();
            (slf.get_type().into_any(), (own.statistic, own.critical_values, own.pvalue))
        }
    }

    /// The k-sample Anderson-Darling test: ``scipy.stats.anderson_ksamp``.
    ///
    /// Parameters
    /// ----------
    /// samples : sequence of array_like, 1-D
    ///     Two samples or more. A NaN or a null makes the answer NaN.
    /// variant : {"midrank", "right", "continuous"}
    ///     Which of the statistics of Scholz and Stephens is taken; ``midrank`` serves any data.
    /// method : {"interpolate", "asymptotic", "permutation"}
    ///     How the p-value is computed: from the table, never below 0.001 and never above 0.25 (scipy's default); from the limit of two large
    ///     samples, which scipy does not have; or by exchanging observations (scipy's ``PermutationMethod``).
    /// n_resamples : int
    ///     How often observations are exchanged.
    /// rng : int
    ///     The seed of that.
    ///
    /// Returns
    /// -------
    /// Anderson_ksampResult
    ///     With ``statistic``, ``critical_values`` and ``pvalue``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For fewer than two samples, an empty one, fewer than four observations, and observations that are all equal.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import anderson_ksamp
    /// >>> result = anderson_ksamp([range(50), range(20, 70), range(0, 60, 2)])
    /// >>> 0.001 <= result.pvalue <= 0.25
    /// True
    #[pyfunction]
    #[pyo3(signature = (samples, *, variant = "midrank", method = "interpolate", n_resamples = 9999, rng = 0))]
    fn anderson_ksamp(
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        variant: &str,
        method: &str,
        n_resamples: usize,
        rng: u64,
    ) -> PyResult<AndersonResult> {
        const OPERATION: &str = "anderson_ksamp";
        entry(py, |py| {
            let options = AndersonOptions::default()
                .with_variant(option(py, OPERATION, "variant", variant)?)
                .with_method(option(py, OPERATION, "method", method)?)
                .with_permutations(
                    PermutationOptions::default().with_n_resamples(n_resamples).with_seed(rng),
                );
            let samples = read(samples, Asked { operation: OPERATION, subject: "samples" })?;
            let samples: Vec<&[f64]> = samples.iter().map(Numbers::as_slice).collect();
            let found = detached(py, || mlcore::stats::anderson_ksamp(&samples, &options))?;
            Ok(AndersonResult {
                statistic: found.statistic,
                critical_values: found.critical_values,
                pvalue: found.pvalue,
            })
        })
    }

    /// What :func:`permutation_test` found.
    #[pyclass(frozen)]
    #[derive(Debug)]
    struct PermutationTestResult {
        /// The statistic of the samples as they are.
        #[pyo3(get)]
        statistic: f64,
        /// The share of partitions with such a statistic, or one further out.
        #[pyo3(get)]
        pvalue: f64,
        /// The statistic of each partition.
        #[pyo3(get)]
        null_distribution: Py<PyArray1<f64>>,
    }

    #[pymethods]
    impl PermutationTestResult {
        #[new]
        fn new(statistic: f64, pvalue: f64, null_distribution: Py<PyArray1<f64>>) -> Self {
            Self { statistic, pvalue, null_distribution }
        }

        fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
            let null = self.null_distribution.bind(py).repr()?;
            let Self { statistic, pvalue, .. } = self;
            Ok(format!(
                "PermutationTestResult(statistic={statistic:?}, pvalue={pvalue:?}, null_distribution={null})"
            ))
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
            let (py, own) = (slf.py(), slf.get());
            let arguments = (own.statistic, own.pvalue, own.null_distribution.bind(py));
            Ok((slf.get_type().into_any(), arguments.into_pyobject(py)?))
        }
    }

    /// Whether samples could be exchanged for each other, by any statistic: ``scipy.stats.permutation_test``.
    ///
    /// Parameters
    /// ----------
    /// data : sequence of array_like, 1-D
    ///     Two samples or more.
    /// statistic : callable
    ///     Gets the samples as numpy arrays, one argument each, and answers a number.
    /// n_resamples : int
    ///     How often observations are exchanged. Where there are no more partitions than this, each is taken once.
    /// alternative : {"two-sided", "less", "greater"}
    ///     Which statistics count as evidence.
    /// rng : int
    ///     The seed of the random numbers.
    ///
    /// Returns
    /// -------
    /// PermutationTestResult
    ///     With ``statistic``, ``pvalue`` and ``null_distribution``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     For fewer than two samples, an empty one, and no resamples. What ``statistic`` raises is raised.
    ///
    /// Examples
    /// --------
    /// >>> import numpy as np
    /// >>> from mlcore.stats import permutation_test
    /// >>> result = permutation_test([[1, 2, 3], [4, 5, 6, 7]], lambda x, y: np.mean(x) - np.mean(y))
    /// >>> result.statistic, round(result.pvalue, 6)
    /// (-3.5, 0.057143)
    #[pyfunction]
    #[pyo3(signature = (data, statistic, *, n_resamples = 9999, alternative = "two-sided", rng = 0))]
    fn permutation_test(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        statistic: &Bound<'_, PyAny>,
        n_resamples: usize,
        alternative: &str,
        rng: u64,
    ) -> PyResult<PermutationTestResult> {
        const OPERATION: &str = "permutation_test";
        entry(py, |py| {
            let options = PermutationOptions::default()
                .with_n_resamples(n_resamples)
                .with_alternative(option(py, OPERATION, "alternative", alternative)?)
                .with_seed(rng);
            let samples = read(data, Asked { operation: OPERATION, subject: "data" })?;
            let samples: Vec<&[f64]> = samples.iter().map(Numbers::as_slice).collect();
            let mut raised = None;
            // The interpreter is needed for every partition.
            let called = |samples: &[&[f64]]| {
                py.check_signals()
                    .and_then(|()| {
                        let arrays = samples.iter().map(|sample| PyArray1::from_slice(py, sample));
                        statistic.call1(PyTuple::new(py, arrays)?)?.extract::<f64>()
                    })
                    .map_err(|error| {
                        raised = Some(error);
                        Error::internal(OPERATION, "statistic", "it raised an exception")
                    })
            };
            let result = mlcore::stats::permutation_test(&samples, called, &options);
            if let Some(raised) = raised {
                return Err(raised);
            }
            let found = result.map_err(|error| raise(py, &error))?;
            Ok(PermutationTestResult {
                statistic: found.statistic,
                pvalue: found.pvalue,
                null_distribution: PyArray1::from_vec(py, found.null_distribution).unbind(),
            })
        })
    }

    fn read<'py>(samples: &Bound<'py, PyAny>, asked: Asked) -> PyResult<Vec<Numbers<'py>>> {
        let read = |sample: PyResult<Bound<'py, PyAny>>| {
            door::numbers(&sample?, Asked { operation: asked.operation, subject: asked.subject })
        };
        samples.try_iter()?.map(read).collect()
    }
}
