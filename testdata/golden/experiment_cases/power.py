"""Power, sample size, minimum detectable effect: statsmodels, and spotify-confidence for whole plans."""

import itertools

import numpy as np
from scipy import optimize, stats
from spotify_confidence.analysis.frequentist.confidence_computers.z_test_computer import required_sample_size
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import (
    power_proportions_2indep,
    proportion_effectsize,
    samplesize_proportions_2indep_onetail,
)

from . import golden, number

WORDS = {"two-sided": "two-sided", "greater": "larger", "less": "smaller"}


def root(of, low):
    """Where a rising function is zero, looked for step by step: far beyond it scipy's noncentral t distribution is NaN."""
    high = low * 1.2
    while of(high) < 0:
        low, high = high, high * 1.2
    return optimize.brentq(of, low, high, xtol=1e-15, rtol=1e-14)


@golden
def power():
    """Sample sizes and effects are the roots of statsmodels' power, found to the last digits."""
    for (name, analysis), alternative, effect, ratio in itertools.product(
        [("normal", NormalIndPower()), ("t", TTestIndPower())], WORDS, [0.05, 0.2, 0.8], [1.0, 2.5]
    ):
        sign = -1 if alternative == "less" else 1
        target = {0.05: 0.8, 0.2: 0.9, 0.8: 0.95}[effect]

        def of(size, nobs1):
            return analysis.power(sign * size, nobs1, 0.05, ratio=ratio, alternative=WORDS[alternative])

        nobs1 = root(lambda n: of(effect, n) - target, 3.0)
        size = root(lambda e: of(e, 50.5) - target, 1e-3)
        yield {"distribution": name, "alternative": alternative, "effect": sign * effect, "ratio": ratio, "target": target,
               "power": number(of(effect, 40.0)), "nobs1": number(nobs1), "effect_size": number(sign * size)}


@golden
def proportions_power():
    for prop2, diff, ratio, alternative in itertools.product([0.05, 0.4], [0.01, -0.02, 0.1], [1.0, 0.5], ["two-sided", "less"]):
        if prop2 + diff <= 0 or (alternative == "less") != (diff < 0):
            continue
        words = WORDS[alternative]
        result = power_proportions_2indep(diff, prop2, 900, ratio=ratio, alpha=0.05, alternative=words)
        nobs1 = samplesize_proportions_2indep_onetail(diff, prop2, 0.8, ratio=ratio, alpha=0.05, alternative=words)
        yield {"diff": diff, "prop2": prop2, "ratio": ratio, "alternative": alternative, "power": number(result.power),
               "nobs1": number(nobs1), "effect_size": number(proportion_effectsize(prop2 + diff, prop2))}
    for prop2, diff, alpha in itertools.product([0.1, 0.7], [0.03, 0.05], [0.01, 0.1]):
        result = power_proportions_2indep(diff, prop2, 500, ratio=1.0, alpha=alpha)
        nobs1 = samplesize_proportions_2indep_onetail(diff, prop2, 0.8, ratio=1.0, alpha=alpha)
        yield {"diff": diff, "prop2": prop2, "ratio": 1.0, "alternative": "two-sided", "alpha": alpha, "nobs": 500,
               "power": number(result.power), "nobs1": number(nobs1),
               "effect_size": number(proportion_effectsize(prop2 + diff, prop2))}


@golden
def required_sizes():
    for binary, effect, kappa, share, alpha in itertools.product(
        [True, False], [0.01, -0.02, 0.1], [1.0, 0.5], [1.0, 0.3], [0.05, 0.01]
    ):
        mean = 0.15
        variance = mean * (1 - mean) if binary else 2.25
        total = required_sample_size(
            binary=binary, non_inferiority=False, hypothetical_effect=effect, control_avg=mean, control_var=variance,
            z_alpha=stats.norm.ppf(1 - alpha / 2), kappa=kappa, proportion_of_total=share, z_power=stats.norm.ppf(0.8),
        )
        yield {"binary": binary, "effect": effect, "kappa": kappa, "share": share, "alpha": alpha, "mean": mean,
               "variance": variance, "total": int(np.asarray(total))}
