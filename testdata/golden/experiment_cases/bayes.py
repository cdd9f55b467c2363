"""Posteriors: gbstats for the normal one, integration for the beta ones."""

import itertools

import numpy as np
from gbstats.bayesian.tests import EffectBayesianABTest, EffectBayesianConfig, GaussianPrior
from scipy import special, stats

from . import golden, number, numbers
from .effects import arms


@golden
def bayesian_effects():
    priors = [(0.0, 1.0, False, "relative"), (0.1, 0.09, True, "relative"), (-0.2, 0.5, True, "absolute")]
    for case, a, b in arms():
        for difference, (mean, variance, proper, kind), inverse in itertools.product(["relative", "absolute"], priors, [False, True]):
            if inverse and kind == "absolute":
                continue
            config = EffectBayesianConfig(
                difference_type=difference, inverse=inverse, alpha=0.05, prior_type=kind,
                prior_effect=GaussianPrior(mean=mean, variance=variance, proper=proper),
            )
            result = EffectBayesianABTest(a, b, config).compute_result()
            yield {**case, "difference": difference, "prior": [mean, variance], "proper": proper, "prior_type": kind,
                   "inverse": inverse, "estimate": number(result.expected), "ci": numbers(result.ci),
                   "standard_deviation": number(result.uplift.stddev), "chance_to_win": number(result.chance_to_win),
                   "risk": numbers(result.risk)}


@golden
def beta_binomial():
    """Integrals over the proportion of the treatment: four hundred Gauss-Legendre nodes on each of many panels."""
    nodes, weights = np.polynomial.legendre.leggauss(400)

    def integral(of, a, b, breaks=()):
        mean, width = a / (a + b), np.sqrt(a * b / (a + b + 1)) / (a + b)
        inner = [mean + k * width for k in (-30, -20, -12, -8, -5, -3, -1.5, 0, 1.5, 3, 5, 8, 12, 20, 30)]
        ends = sorted({0.0, 1.0, *(x for x in [*inner, *breaks] if 0 < x < 1)})
        total = 0.0
        for low, high in zip(ends, ends[1:]):
            x = (low + high) / 2 + (high - low) / 2 * nodes
            total += float(np.dot(weights, stats.beta.pdf(x, a, b) * of(x))) * (high - low) / 2
        return total

    arms = [((10, 16), (100, 100)), ((3, 0), (20, 25)), ((480, 560), (10_000, 10_050)), ((99, 97), (100, 100)), ((5, 60), (12, 900)),
            ((0, 1), (1, 1)), ((200, 230), (1_000, 1_000))]
    for ((s1, s2), (n1, n2)), (alpha, beta) in itertools.product(arms, [(1, 1), (2.5, 7.0)]):
        a1, b1, a2, b2 = alpha + s1, beta + n1 - s1, alpha + s2, beta + n2 - s2
        below, above = special.betainc, special.betaincc
        chance = integral(lambda x: below(a1, b1, x), a2, b2)
        gain = integral(lambda x: x * below(a1, b1, x) - a1 / (a1 + b1) * below(a1 + 1, b1, x), a2, b2)
        loss = integral(lambda x: x * below(a2, b2, x) - a2 / (a2 + b2) * below(a2 + 1, b2, x), a1, b1)
        shift = 0.02
        at_most = integral(lambda x: above(a1, b1, np.clip(x - shift, 0, 1)), a2, b2, [shift])
        yield {"successes": [s1, s2], "counts": [n1, n2], "prior": [alpha, beta], "chance_to_win": number(chance),
               "expected_loss": numbers([gain, loss]), "at_most": [shift, number(at_most)]}
