//! Tests of the order of two samples of numbers, and of their waves.

#[pyo3::pymodule(submodule, module = "mlcore", name = "stats")]
pub(crate) mod native {
    use mlcore::stats::{CramerVonMisesOptions, EppsSingletonOptions, MannWhitneyOptions};
    use pyo3::exceptions::PyIndexError;
    use pyo3::prelude::*;
    use pyo3::types::{PyIterator, PyTuple};

    use crate::door::{self, Asked, Numbers};
    use crate::error::{detached, entry};
    use crate::stats::frequencies::native::SignificanceResult;
    use crate::stats::option;
    use crate::stats::two_sample::unpacks_as_statistic_and_pvalue;

    /// What :func:`mannwhitneyu` found; unpacks as ``statistic, pvalue``.
    #[pyclass(frozen, eq)]
    #[derive(Debug, Clone, PartialEq)]
    struct MannwhitneyuResult {
        /// The number of pairs in which the observation of the first sample is the larger one, ties counted as halves.
        #[pyo3(get)]
        statistic: f64,
        /// The probability of such a statistic, or one further out, if both samples come from one distribution.
        #[pyo3(get)]
        pvalue: f64,
    }

    unpacks_as_statistic_and_pvalue!(MannwhitneyuResult);

    #[pymethods]
    impl MannwhitneyuResult {
        #[new]
        fn new(statistic: f64, pvalue: f64) -> Self {
            Self { statistic, pvalue }
        }

        fn __repr__(&self) -> String {
            format!("MannwhitneyuResult(statistic={:?}, pvalue={:?})", self.statistic, self.pvalue)
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, f64)) {
            (slf.get_type().into_any(), (slf.get().statistic, slf.get().pvalue))
        }
    }

    /// The Mann-Whitney U test, of whether one sample tends to larger values: ``scipy.stats.mannwhitneyu``.
    ///
    /// Parameters
    /// ----------
    /// x, y : array_like, 1-D
    ///     The samples. A NaN or a null makes the answer NaN.
    /// use_continuity : bool
    ///     Whether half a step is taken off the statistic for the normal distribution.
    /// alternative : {"two-sided", "less", "greater"}
    ///     Which shift counts: ``less`` is a first sample of smaller values.
    /// method : {"auto", "exact", "asymptotic"}
    ///     How the p-value is computed; ``auto`` is exact where a sample has at most 8 observations and none are equal.
    ///
    /// Returns
    /// -------
    /// MannwhitneyuResult
    ///     With ``statistic`` and ``pvalue``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample is empty, and for ``exact`` of samples whose distribution takes more than 128 MB.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import mannwhitneyu
    /// >>> result = mannwhitneyu([19, 22, 16, 29, 24], [20, 11, 17, 12])
    /// >>> result.statistic, round(result.pvalue, 6)
    /// (17.0, 0.111111)
    #[pyfunction]
    #[pyo3(signature = (x, y, use_continuity = true, alternative = "two-sided", method = "auto"))]
    fn mannwhitneyu(
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        use_continuity: bool,
        alternative: &str,
        method: &str,
    ) -> PyResult<MannwhitneyuResult> {
        const OPERATION: &str = "mannwhitneyu";
        entry(py, |py| {
            let options = MannWhitneyOptions::default()
                .with_use_continuity(use_continuity)
                .with_alternative(option(py, OPERATION, "alternative", alternative)?)
                .with_method(option(py, OPERATION, "method", method)?);
            let [x, y] = samples(OPERATION, [("x", x), ("y", y)])?;
            let (x, y) = (x.as_slice(), y.as_slice());
            let found = detached(py, || mlcore::stats::mannwhitneyu(x, y, &options))?;
            Ok(MannwhitneyuResult { statistic: found.statistic, pvalue: found.pvalue })
        })
    }

    /// What :func:`cramervonmises_2samp` found.
    #[pyclass(frozen, eq)]
    #[derive(Debug, Clone, PartialEq)]
    struct CramerVonMisesResult {
        /// Anderson's T.
        #[pyo3(get)]
        statistic: f64,
        /// The probability of such a statistic, or a larger one, if both samples come from one continuous distribution.
        #[pyo3(get)]
        pvalue: f64,
        /// The root mean square of the difference of the two distribution functions, from 0 to 1.
        #[pyo3(get)]
        distance: f64,
    }

    #[pymethods]
    impl CramerVonMisesResult {
        #[new]
        fn new(statistic: f64, pvalue: f64, distance: f64) -> Self {
            Self { statistic, pvalue, distance }
        }

        fn __repr__(&self) -> String {
            let Self { statistic, pvalue, distance } = self;
            format!("CramerVonMisesResult(statistic={statistic:?}, pvalue={pvalue:?}, distance={distance:?})")
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, f64, f64)) {
            let own = slf.get();
            (slf.get_type().into_any(), (own.statistic, own.pvalue, own.distance))
        }
    }

    /// The two-sample Cramer-von Mises test: ``scipy.stats.cramervonmises_2samp``.
    ///
    /// Parameters
    /// ----------
    /// x, y : array_like, 1-D
    ///     The samples. A NaN or a null makes the answer NaN.
    /// method : {"auto", "exact", "asymptotic", "auto_ties"}
    ///     How the p-value is computed; ``auto`` is exact up to 20 observations in each. Ties make the first three wrong, as
    ///     they do in scipy; ``auto_ties`` allows for them.
    ///
    /// Returns
    /// -------
    /// CramerVonMisesResult
    ///     With ``statistic``, ``pvalue`` and, which scipy does not have, ``distance``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample has fewer than two observations, and for ``exact`` of samples that are too large for it.
    ///
    /// Notes
    /// -----
    /// scipy's statistic loses six digits at a million observations, and its p-values below 1e-6 nearly all of theirs; these do not.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import cramervonmises_2samp
    /// >>> result = cramervonmises_2samp([0.1, 0.4, 0.7, 0.2], [0.5, 0.9, 0.8, 0.95, 0.6])
    /// >>> round(result.statistic, 6), round(result.pvalue, 6)
    /// (0.459259, 0.063492)
    #[pyfunction]
    #[pyo3(signature = (x, y, method = "auto"))]
    fn cramervonmises_2samp(
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        method: &str,
    ) -> PyResult<CramerVonMisesResult> {
        const OPERATION: &str = "cramervonmises_2samp";
        entry(py, |py| {
            let options =
                CramerVonMisesOptions::default().with_method(option(py, OPERATION, "method", method)?);
            let [x, y] = samples(OPERATION, [("x", x), ("y", y)])?;
            let (x, y) = (x.as_slice(), y.as_slice());
            let found = detached(py, || mlcore::stats::cramervonmises_2samp(x, y, &options))?;
            Ok(CramerVonMisesResult {
                statistic: found.statistic,
                pvalue: found.pvalue,
                distance: found.distance,
            })
        })
    }

    /// What :func:`epps_singleton_2samp` found; unpacks as ``statistic, pvalue``.
    #[pyclass(frozen, eq, name = "Epps_Singleton_2sampResult")]
    #[derive(Debug, Clone, PartialEq)]
    struct EppsSingletonResult {
        /// W, with the correction for small samples.
        #[pyo3(get)]
        statistic: f64,
        /// The probability of such a statistic, or a larger one, if both samples come from one distribution.
        #[pyo3(get)]
        pvalue: f64,
        /// How far apart the samples are, in standard deviations of what is compared.
        #[pyo3(get)]
        distance: f64,
    }

    unpacks_as_statistic_and_pvalue!(EppsSingletonResult);

    #[pymethods]
    impl EppsSingletonResult {
        #[new]
        fn new(statistic: f64, pvalue: f64, distance: f64) -> Self {
            Self { statistic, pvalue, distance }
        }

        fn __repr__(&self) -> String {
            let Self { statistic, pvalue, distance } = self;
            format!(
                "Epps_Singleton_2sampResult(statistic={statistic:?}, pvalue={pvalue:?}, distance={distance:?})"
            )
        }

        fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyAny>, (f64, f64, f64)) {
            let own = slf.get();
            (slf.get_type().into_any(), (own.statistic, own.pvalue, own.distance))
        }
    }

    /// The Epps-Singleton test, of characteristic functions: ``scipy.stats.epps_singleton_2samp``.
    ///
    /// Parameters
    /// ----------
    /// x, y : array_like, 1-D
    ///     The samples. A NaN, a null or an infinity makes the answer NaN.
    /// t : sequence of float
    ///     Where the functions are compared, in units of one over the semi-interquartile range.
    ///
    /// Returns
    /// -------
    /// Epps_Singleton_2sampResult
    ///     With ``statistic``, ``pvalue`` and, which scipy does not have, ``distance``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample has fewer than five values, ``t`` is not above 0, or the middle half of all values is one value.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import epps_singleton_2samp
    /// >>> result = epps_singleton_2samp(range(0, 60, 2), range(20, 70))
    /// >>> result.pvalue < 0.05
    /// True
    #[pyfunction]
    #[pyo3(signature = (x, y, t = vec![0.4, 0.8]), text_signature = "(x, y, t=(0.4, 0.8))")]
    fn epps_singleton_2samp(
        py: Python<'_>,
        x: &Bound<'_, PyAny>,
        y: &Bound<'_, PyAny>,
        t: Vec<f64>,
    ) -> PyResult<EppsSingletonResult> {
        entry(py, |py| {
            let options = EppsSingletonOptions::default().with_t(t);
            let [x, y] = samples("epps_singleton_2samp", [("x", x), ("y", y)])?;
            let (x, y) = (x.as_slice(), y.as_slice());
            let found = detached(py, || mlcore::stats::epps_singleton_2samp(x, y, &options))?;
            Ok(EppsSingletonResult {
                statistic: found.statistic,
                pvalue: found.pvalue,
                distance: found.distance,
            })
        })
    }

    /// Spearman's rank correlation, of whether two numbers rise and fall together: ``scipy.stats.spearmanr``.
    ///
    /// Parameters
    /// ----------
    /// a, b : array_like, 1-D
    ///     Two numbers of the same observations, in one order. A NaN or a null makes the answer NaN.
    /// alternative : {"two-sided", "less", "greater"}
    ///     Which correlation counts: ``less`` is a negative one.
    ///
    /// Returns
    /// -------
    /// SignificanceResult
    ///     With ``statistic`` and ``pvalue``.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If there are not as many of one as of the other.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import spearmanr
    /// >>> result = spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])
    /// >>> round(result.statistic, 6), round(result.pvalue, 6)
    /// (0.820783, 0.088587)
    #[pyfunction]
    #[pyo3(signature = (a, b, *, alternative = "two-sided"))]
    fn spearmanr(
        py: Python<'_>,
        a: &Bound<'_, PyAny>,
        b: &Bound<'_, PyAny>,
        alternative: &str,
    ) -> PyResult<SignificanceResult> {
        const OPERATION: &str = "spearmanr";
        entry(py, |py| {
            let alternative = option(py, OPERATION, "alternative", alternative)?;
            let [a, b] = samples(OPERATION, [("a", a), ("b", b)])?;
            let (a, b) = (a.as_slice(), b.as_slice());
            let found = detached(py, || mlcore::stats::spearmanr(a, b, alternative))?;
            Ok(SignificanceResult { statistic: found.statistic, pvalue: found.pvalue })
        })
    }

    /// Kuiper's test of two samples: ``astropy.stats.kuiper_two``.
    ///
    /// Parameters
    /// ----------
    /// data1, data2 : array_like, 1-D
    ///     The samples. A NaN or a null makes the answer NaN.
    ///
    /// Returns
    /// -------
    /// D, fpp : float
    ///     The statistic, from 0 to 1, and the probability of such a one, or a larger one, between samples of one distribution.
    ///
    /// Raises
    /// ------
    /// InvalidInputError
    ///     If a sample is empty.
    ///
    /// Examples
    /// --------
    /// >>> from mlcore.stats import kuiper_two
    /// >>> statistic, pvalue = kuiper_two(range(100), range(25, 70))
    /// >>> round(statistic, 6), pvalue < 1e-6
    /// (0.55, True)
    #[pyfunction]
    fn kuiper_two(
        py: Python<'_>,
        data1: &Bound<'_, PyAny>,
        data2: &Bound<'_, PyAny>,
    ) -> PyResult<(f64, f64)> {
        entry(py, |py| {
            let [x, y] = samples("kuiper_two", [("data1", data1), ("data2", data2)])?;
            let (x, y) = (x.as_slice(), y.as_slice());
            let found = detached(py, || mlcore::stats::kuiper_two(x, y))?;
            Ok((found.statistic, found.pvalue))
        })
    }

    /// How far apart two samples are, large differences over a short stretch counting more: ``scipy.stats.energy_distance``.
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
    /// Examples
    /// --------
    /// >>> from mlcore.stats import energy_distance
    /// >>> energy_distance([0], [2])
    /// 2.0
    #[pyfunction]
    #[pyo3(signature = (u_values, v_values, u_weights = None, v_weights = None))]
    fn energy_distance(
        py: Python<'_>,
        u_values: &Bound<'_, PyAny>,
        v_values: &Bound<'_, PyAny>,
        u_weights: Option<&Bound<'_, PyAny>>,
        v_weights: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<f64> {
        entry(py, |py| {
            let read =
                |object, subject| door::numbers(object, Asked { operation: "energy_distance", subject });
            let (u, v) = (read(u_values, "u_values")?, read(v_values, "v_values")?);
            let u_weights = u_weights.map(|weights| read(weights, "u_weights")).transpose()?;
            let v_weights = v_weights.map(|weights| read(weights, "v_weights")).transpose()?;
            let (u, v) = (u.as_slice(), v.as_slice());
            let weights = [&u_weights, &v_weights].map(|weights| weights.as_ref().map(Numbers::as_slice));
            detached(py, || mlcore::stats::energy_distance(u, v, weights[0], weights[1]))
        })
    }

    fn samples<'py>(
        operation: &'static str,
        [(x_name, x), (y_name, y)]: [(&'static str, &Bound<'py, PyAny>); 2],
    ) -> PyResult<[Numbers<'py>; 2]> {
        Ok([
            door::numbers(x, Asked { operation, subject: x_name })?,
            door::numbers(y, Asked { operation, subject: y_name })?,
        ])
    }
}
