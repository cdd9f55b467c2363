"""scipy's numbers about frequencies, through the door."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.spatial.distance
import scipy.stats

import mlcore
from mlcore import stats

LAMBDAS = ["pearson", "log-likelihood", "freeman-tukey", "mod-log-likelihood", "neyman", "cressie-read", 0.3, None]


@pytest.mark.parametrize("table", [[[8, 2], [1, 5]], [[30, 0], [24, 6]], [[400, 390], [380, 410]], [[0, 0], [3, 4]]])
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
def test_fisher_exact_is_scipys(table, alternative):
    expected = scipy.stats.fisher_exact(table, alternative=alternative)
    for given in (table, np.array(table), pd.DataFrame(table)):
        statistic, pvalue = got = stats.fisher_exact(given, alternative)
        assert statistic == pytest.approx(expected.statistic, rel=1e-12, nan_ok=True)
        assert pvalue == pytest.approx(expected.pvalue, rel=1e-9) and (len(got), got[1]) == (2, pvalue)


@pytest.mark.parametrize("lambda_", LAMBDAS)
def test_power_divergence_and_its_tables_are_scipys(lambda_):
    rng = np.random.default_rng(5)
    observed, expected = rng.integers(1, 90, 12), rng.random(12)
    expected *= observed.sum() / expected.sum()
    for f_exp, ddof in [(None, 0), (expected, 0), (expected, 2)]:
        found, theirs = stats.power_divergence(observed, f_exp, ddof, lambda_=lambda_), scipy.stats.power_divergence(observed, f_exp, ddof, lambda_=lambda_)
        assert tuple(found) == pytest.approx(tuple(theirs), rel=1e-9)
    for table in ([[10, 10, 20], [20, 20, 20]], [[12, 5], [3, 9]]):
        for correction in (True, False):
            found = stats.chi2_contingency(table, correction, lambda_)
            theirs = scipy.stats.chi2_contingency(table, correction=correction, lambda_=lambda_)
            assert (found.statistic, found.pvalue) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


@pytest.mark.parametrize("base", [None, 2, 10.0])
def test_entropies_are_scipys(base):
    rng = np.random.default_rng(6)
    p, q = rng.integers(0, 9, 20), rng.random(20)
    assert stats.jensenshannon(p, q, base) == pytest.approx(scipy.spatial.distance.jensenshannon(p, q, base), rel=1e-12)
    assert stats.entropy(p, base=base) == pytest.approx(scipy.stats.entropy(p, base=base), rel=1e-12)
    assert stats.entropy(p, q, base) == pytest.approx(scipy.stats.entropy(p, q, base), rel=1e-12)


def test_results_pickle_and_odd_input_is_answered():
    result = stats.fisher_exact([[8, 2], [1, 5]])
    assert pickle.loads(pickle.dumps(result)) == result and repr(result).startswith("SignificanceResult(statistic=20.0")
    assert math.isnan(stats.power_divergence([1.0, None], [0.5, 0.5]).pvalue)
    assert stats.power_divergence([0, 4], lambda_="freeman-tukey").statistic > 0
    assert stats.entropy([1, 1], [1, 0]) == math.inf and math.isnan(stats.jensenshannon([0, 0], [1, 1]))
    reject, corrected = stats.multipletests([0.01, 0.2], method="none")
    assert (reject.tolist(), corrected.tolist()) == ([True, False], [0.01, 0.2])
    for call, words in [
        (lambda: stats.fisher_exact([[1, 2, 3], [4, 5, 6]]), "it has 2 rows and 3 columns"),
        (lambda: stats.fisher_exact([[1, 2.5], [4, 5]]), "2.5 is no count"),
        (lambda: stats.fisher_exact([[1, -2], [4, 5]]), "-2 is no count"),
        (lambda: stats.fisher_exact([[1, 2], [4, 5]], "up"), "two-sided, less, greater"),
        (lambda: stats.power_divergence([1, 2], [1, 5]), "multiply them by the ratio"),
        (lambda: stats.power_divergence([1, 2], lambda_="g"), "log-likelihood"),
        (lambda: stats.chi2_contingency([[1, 2], [3, 4]], lambda_="g"), "log-likelihood"),
        (lambda: stats.power_divergence([]), "there are no categories"),
        (lambda: stats.jensenshannon([1, 2], [1]), "it has 1 frequencies where the first has 2"),
        (lambda: stats.entropy([1, -2]), "is no frequency"),
        (lambda: stats.entropy([1, 2], base=0), "no positive number"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
