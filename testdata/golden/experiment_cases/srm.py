"""Sample ratio mismatch: gbstats, ssrm-test."""

import numpy as np

np.Inf = np.inf  # ssrm-test 0.1.5 is older than numpy 2

from gbstats.utils import check_srm
from ssrm_test import ssrm_test

from . import golden, number, numbers


@golden
def srm():
    cases = [([50, 50], [1, 1]), ([1000, 1100], [0.5, 0.5]), ([1000, 1090, 930], [1, 1, 1]), ([100, 900], [0.1, 0.9]),
             ([0, 0], [0.5, 0.5]), ([5010, 4990, 10_120], [1, 1, 2]), ([10, 0, 12], [0.5, 0.0, 0.5]), ([3, 1], [2, 1]),
             ([1_000_000, 1_002_500], [0.5, 0.5]), ([12, 9, 14, 30], [1, 1, 1, 2])]
    for users, weights in cases:
        yield {"counts": users, "weights": weights, "pvalue": number(check_srm(users, weights))}


@golden
def sequential_srm():
    for seed in range(14):
        rng = np.random.default_rng(seed)
        arms = 2 + seed % 3
        weights = np.array([0.5, 0.5] if arms == 2 else [0.25, 0.25, 0.5] if arms == 3 else [0.1, 0.2, 0.3, 0.4])
        truth = weights + (0.03 if seed % 2 else 0.0) * np.array([1.0, -1.0] + [0.0] * (arms - 2))
        data = rng.multinomial(40 + 30 * seed, truth, size=12)
        concentration = [10_000, 100, 1_000][seed % 3]
        posteriors = ssrm_test.sequential_posteriors(data, weights, dirichlet_concentration=concentration)
        yield {"data": data.tolist(), "weights": weights.tolist(), "concentration": concentration,
               "pvalues": numbers(p["p_value"] for p in posteriors),
               "log_bayes_factors": numbers(p["log_bayes_factor"] for p in posteriors),
               "posterior_probability": number(posteriors[-1]["posterior_probability"])}
