"""Weighted, clustered, regression-adjusted and winsorised moments: statsmodels and scipy."""

import numpy as np
import statsmodels.api as sm
from scipy.stats import mstats
from statsmodels.stats.weightstats import DescrStatsW

from . import golden, number, numbers, skewed


@golden
def weighted():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        n = 5 + 7 * seed
        values = skewed(seed + 50, n, offset=seed)
        weights = [round(float(w), 2) for w in rng.uniform(0.5, 12.0, n)]
        stats = DescrStatsW(values, weights=weights, ddof=0)
        fit = sm.WLS(values, np.ones(n), weights=weights).fit(cov_type="HC0")
        yield {"values": values, "weights": weights, "mean": number(stats.mean), "variance": number(stats.var),
               "standard_error": number(fit.bse[0])}


@golden
def clusters():
    """A regression on the arm with cluster-robust errors, of which the constant's are those of the control's mean."""
    for seed in range(12):
        rng = np.random.default_rng(seed + 300)
        count = 8 + 2 * seed
        sizes = rng.integers(1, 12, count)
        groups = np.repeat(np.arange(count), sizes)
        level = rng.normal(size=count)
        values = np.round(level[groups] + rng.normal(size=len(groups)) + 3.0, 3)
        fit = sm.OLS(values, np.ones(len(values))).fit(
            cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}
        )
        sums = [round(float(values[groups == g].sum()), 3) for g in range(count)]
        yield {"sums": sums, "sizes": sizes.tolist(), "mean": number(fit.params[0]),
               "uncorrected_error": number(fit.bse[0])}


@golden
def regression():
    """Slopes of a regression on the pooled arms, and the arms' means and variances adjusted by them."""
    for seed in range(12):
        rng = np.random.default_rng(seed + 500)
        k = 1 + seed % 4
        n1, n2 = 40 + seed, 55
        x = np.round(rng.gamma(2.0, 2.0, (n1 + n2, k)), 3)
        y = np.round(x @ rng.normal(size=k) + rng.normal(size=n1 + n2) + 2.0, 3)
        slopes = sm.OLS(y, sm.add_constant(x)).fit().params[1:]
        centred = x - x.mean(axis=0)
        residual = y - centred @ slopes
        parts = [residual[:n1], residual[n1:]]
        yield {"y": [y[:n1].tolist(), y[n1:].tolist()], "x": [x[:n1].tolist(), x[n1:].tolist()],
               "slopes": numbers(slopes), "means": numbers([part.mean() for part in parts]),
               "variances": numbers([part.var(ddof=1) for part in parts])}


@golden
def winsorised():
    """The caps are values of the sample; scipy counts how many values lie beyond."""
    for seed in range(12):
        n = 50 + 10 * seed
        values = sorted(set(skewed(seed + 700, n, 5.0)))
        low, high = 0.02 * (seed % 4), 0.05 + 0.01 * seed
        capped = np.asarray(mstats.winsorize(np.array(values), limits=(low, high)))
        yield {"values": values, "caps": numbers([capped.min(), capped.max()]), "mean": number(capped.mean()),
               "variance": number(capped.var(ddof=1))}
