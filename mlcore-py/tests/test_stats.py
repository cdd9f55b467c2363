"""scipy's numbers through the door."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import polars as pl
import pytest
import scipy.stats

import mlcore
from mlcore import stats


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("method", ["auto", "asymp"])
def test_ks_2samp_is_scipys(seed, alternative, method):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=50 + 40 * seed).round(seed % 3 + 1), rng.normal(0.3, 1.1, size=90)
    expected = scipy.stats.ks_2samp(x, y, alternative=alternative, method=method)
    got = stats.ks_2samp(x, y, alternative, method)
    assert got.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert got.pvalue == pytest.approx(expected.pvalue, rel=1e-9)
    assert (got.statistic_location, got.statistic_sign) == (expected.statistic_location, expected.statistic_sign)
    statistic, pvalue = got
    assert (statistic, pvalue, len(got), got[0], got[-1]) == (got.statistic, got.pvalue, 2, statistic, pvalue)


@pytest.mark.parametrize(
    "table", [[[10, 10, 20], [20, 20, 20]], [[12, 5], [3, 9]], [[1, 2, 3], [4, 5, 6], [7, 8, 10]]]
)
@pytest.mark.parametrize("correction", [True, False])
def test_chi2_contingency_is_scipys(table, correction):
    expected = scipy.stats.chi2_contingency(table, correction=correction)
    for given in (table, np.array(table), [np.array(row) for row in table]):
        statistic, pvalue, dof, frequencies = got = stats.chi2_contingency(given, correction)
        assert statistic == pytest.approx(expected.statistic, rel=1e-12)
        assert pvalue == pytest.approx(expected.pvalue, rel=1e-12)
        assert (dof, got.dof, len(got)) == (expected.dof, expected.dof, 4)
        np.testing.assert_allclose(frequencies, expected.expected_freq, rtol=1e-14)


@pytest.mark.parametrize(("method", "name"), [("fdr_bh", "bh"), ("fdr_by", "by")])
def test_multipletests_agrees_with_scipy(method, name):
    pvals = np.random.default_rng(1).random(30) ** 3
    reject, corrected = stats.multipletests(pvals, method=method)
    expected = scipy.stats.false_discovery_control(pvals, method=name)
    np.testing.assert_allclose(corrected, expected, rtol=1e-12)
    np.testing.assert_array_equal(reject, expected <= 0.05)
    assert (reject.dtype, corrected.dtype) == (bool, float)


@pytest.mark.parametrize("equal_var", [True, False])
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_ttest_ind_is_scipys(equal_var, alternative):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=30), rng.normal(0.4, 2, size=45)
    expected = scipy.stats.ttest_ind(a, b, equal_var=equal_var, alternative=alternative)
    got = stats.ttest_ind(a, b, equal_var, alternative)
    assert list(got) == pytest.approx([expected.statistic, expected.pvalue], rel=1e-10)
    assert got.df == pytest.approx(expected.df, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_wasserstein_distance_is_scipys(weighted):
    rng = np.random.default_rng(3)
    u, v = rng.normal(size=300), rng.normal(0.2, 1.5, size=200).round(1)
    weights = (rng.random(300), rng.integers(0, 3, 200)) if weighted else ()
    expected = scipy.stats.wasserstein_distance(u, v, *weights)
    for given in ((u, v), (u.tolist(), pl.Series(v))):
        assert stats.wasserstein_distance(*given, *weights) == pytest.approx(expected, rel=1e-12)
    assert math.isnan(stats.wasserstein_distance([1.0, None], [1.0]))
    with pytest.raises(mlcore.InvalidInputError, match="u_weights: there are 2 for 3 values"):
        stats.wasserstein_distance([1, 2, 3], [1], u_weights=[1, 1])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize("method", ["auto", "exact", "asymptotic"])
def test_mannwhitneyu_is_scipys(seed, alternative, method):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=7 + 5 * seed), rng.normal(0.3, 1.1, size=30)
    for given in ((x, y), (x.round(), y.round())) if method != "exact" else ((x, y),):
        expected = scipy.stats.mannwhitneyu(*given, alternative=alternative, method=method)
        statistic, pvalue = got = stats.mannwhitneyu(*given, True, alternative, method)
        assert (statistic, pvalue) == (got.statistic, got.pvalue)
        assert (statistic, pvalue) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_spearmanr_is_scipys(seed, alternative):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=9 + 40 * seed)
    y = 0.3 * x + rng.normal(size=x.size)
    for given in ((x, y), (x.round(), y.round()), (x, x)):
        expected = scipy.stats.spearmanr(*given, alternative=alternative)
        statistic, pvalue = got = stats.spearmanr(*given, alternative=alternative)
        assert (statistic, pvalue) == (got.statistic, got.pvalue)
        assert (statistic, pvalue) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)


@pytest.mark.parametrize("sizes", [(8, 12), (60, 45), (400, 300)])
def test_tests_of_shape_are_scipys(sizes):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=sizes[0]), rng.normal(0.2, 1.3, size=sizes[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy says that its table of p-values ends
        by_anderson = scipy.stats.anderson_ksamp([x, y], variant="midrank")
        of_three = scipy.stats.anderson_ksamp([x, y, x[:5]], variant="right")
    for got, expected in [
        (stats.cramervonmises_2samp(x, y), scipy.stats.cramervonmises_2samp(x, y)),
        (stats.epps_singleton_2samp(x, y, [0.5, 1.0]), scipy.stats.epps_singleton_2samp(x, y, [0.5, 1.0])),
        (stats.anderson_ksamp([x, y]), by_anderson),
        (stats.anderson_ksamp((x, y.tolist(), x[:5]), variant="right"), of_three),
    ]:
        assert (got.statistic, got.pvalue) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-8)
    assert stats.energy_distance(x, y) == pytest.approx(scipy.stats.energy_distance(x, y), rel=1e-10)
    weights = rng.random(sizes[0])
    assert stats.energy_distance(x, y, weights) == pytest.approx(scipy.stats.energy_distance(x, y, weights), rel=1e-10)
    both_ways = [scipy.stats.ks_2samp(x, y, alternative, method="asymp").statistic for alternative in ("less", "greater")]
    statistic, pvalue = stats.kuiper_two(x, y)
    assert statistic == pytest.approx(sum(both_ways)) and 0 < pvalue < 1
    limit = stats.anderson_ksamp([x, y], method="asymptotic").pvalue
    drawn = stats.anderson_ksamp([x, y], method="permutation", n_resamples=500, rng=3).pvalue
    assert limit == pytest.approx(drawn, abs=0.07)


def test_permutation_test_is_scipys():
    rng = np.random.default_rng(6)
    data = rng.normal(size=6), rng.normal(1.0, 1.0, size=5)
    difference = lambda x, y: np.mean(x) - np.mean(y)
    expected = scipy.stats.permutation_test(data, difference, vectorized=False)
    got = stats.permutation_test(data, difference)
    assert (got.statistic, got.pvalue) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)
    np.testing.assert_allclose(got.null_distribution, expected.null_distribution, rtol=1e-12)
    again = [stats.permutation_test(data, difference, n_resamples=99, rng=7, alternative="less").pvalue for _ in range(2)]
    assert again[0] == again[1] and 0 < again[0] <= 1
    pickled = pickle.loads(pickle.dumps(got))
    assert pickled.pvalue == got.pvalue and repr(got).startswith("PermutationTestResult(statistic=")
    with pytest.raises(ZeroDivisionError):
        stats.permutation_test(data, lambda x, y: 1 / 0)
    with pytest.raises(TypeError):
        stats.permutation_test(data, lambda x, y: "text")


def test_proportions():
    interval = scipy.stats.binomtest(8, 40).proportion_ci(method="wilson")
    assert stats.proportion_confint(8, 40) == pytest.approx((interval.low, interval.high), rel=1e-10)
    interval = scipy.stats.binomtest(8, 40).proportion_ci(method="exact")
    assert stats.proportion_confint(8, 40, method="beta") == pytest.approx((interval.low, interval.high), rel=1e-10)
    table = [[20, 80], [35, 65]]
    statistic, pvalue = stats.proportions_ztest([20, 35], [100, 100])
    expected = scipy.stats.chi2_contingency(table, correction=False)
    assert (statistic**2, pvalue) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-10)
    less = stats.proportions_ztest([20, 35], [100, 100], "smaller")[1]
    assert less == pytest.approx(expected.pvalue / 2, rel=1e-10)


def test_results_pickle_and_print():
    for result in [
        stats.ks_2samp([1, 2, 3], [2, 3, 4]),
        stats.ttest_ind([1, 2, 3], [2, 3, 5]),
        stats.mannwhitneyu([1, 2, 3], [2, 3, 5]),
        stats.cramervonmises_2samp([1, 2, 3], [2, 3, 5]),
        stats.epps_singleton_2samp(range(9), range(2, 12)),
        stats.anderson_ksamp([[1, 2, 3], [2, 3, 5]]),
    ]:
        assert pickle.loads(pickle.dumps(result)) == result
        assert repr(result).startswith(f"{type(result).__name__}(statistic=")
    result = stats.chi2_contingency([[3, 4], [5, 6]])
    again = pickle.loads(pickle.dumps(result))
    assert (again.statistic, again.pvalue, again.dof) == (result.statistic, result.pvalue, result.dof)
    np.testing.assert_array_equal(again.expected_freq, result.expected_freq)
    with pytest.raises(IndexError):
        result[4]


def test_odd_input_gets_an_answer_or_an_error():
    assert math.isnan(stats.ks_2samp([1.0, float("nan")], [1.0]).pvalue)
    assert math.isnan(stats.ks_2samp([1.0, None], [1.0]).pvalue)
    assert stats.ks_2samp([float("inf")] * 3, [float("-inf")] * 3).statistic == 1.0
    assert stats.ks_2samp(np.full(10, 5e-324), np.full(10, 5e-324)).pvalue == 1.0
    for call, words in [
        (lambda: stats.ks_2samp([], [1.0]), "ks_2samp x: the sample is empty"),
        (lambda: stats.ks_2samp([1], [1], method="best"), '"best" is not known; use one of auto, exact, asymp'),
        (lambda: stats.ks_2samp([1], [1], alternative="up"), "alternative"),
        (lambda: stats.chi2_contingency([[1, 2], [3]]), "row 1 has 1 columns"),
        (lambda: stats.chi2_contingency([[1, -2], [3, 4]]), "negative"),
        (lambda: stats.chi2_contingency([[0, 0], [3, 4]]), "row 0 is empty"),
        (lambda: stats.mannwhitneyu([], [1.0]), "mannwhitneyu x: the sample is empty"),
        (lambda: stats.cramervonmises_2samp([1.0], [1.0, 2.0]), "x: it has a single observation"),
        (lambda: stats.cramervonmises_2samp(range(99), range(99), "exact"), "takes too much memory; use asymptotic"),
        (lambda: stats.epps_singleton_2samp([1.0] * 4, [1.0] * 9), "x: it has 4 values, and 5 are the fewest"),
        (lambda: stats.epps_singleton_2samp([1.0] * 9, [1.0] * 9), "the interquartile range is 0"),
        (lambda: stats.anderson_ksamp([[1.0, 2.0]]), "samples: there are fewer than two"),
        (lambda: stats.anderson_ksamp([[1.0] * 3, [1.0] * 3]), "all observations are equal"),
        (lambda: stats.anderson_ksamp([[1.0], [2.0]], variant="left"), "variant"),
        (lambda: stats.kuiper_two([1.0], []), "the sample is empty"),
        (lambda: stats.spearmanr([1.0, 2.0], [1.0]), "b: it has 1 values, and a has 2"),
        (lambda: stats.permutation_test([[1.0], [2.0]], max, n_resamples=0), "n_resamples: it is 0"),
        (lambda: stats.multipletests([0.1, 1.5]), "no probability"),
        (lambda: stats.multipletests([0.1], method="magic"), "fdr_bh"),
        (lambda: stats.proportion_confint(5, 3), "5"),
        (lambda: stats.ks_2samp(np.ones((2, 2)), [1.0]), "1-D array is expected"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    with pytest.raises(TypeError, match="str"):
        stats.ks_2samp("abc", [1.0])
