"""Always-valid inference: the mixture by integration, bounded means by confseq."""

import itertools

import mpmath
import numpy as np
from confseq.betting import betting_cs
from confseq.betting_strategies import lambda_predmix_eb
from confseq.predmix import predmix_empbern_cs

from . import golden, number, numbers, uniform


@golden
def mixture():
    """The likelihood ratio as what it is: an integral over normal effects."""
    mpmath.mp.dps = 30
    for tau, error, estimate in itertools.product([0.05, 0.3, 2.0], [0.02, 0.4], [0.0, 0.1, -0.9, 1.7]):
        def term(effect):
            likelihood = mpmath.exp((2 * estimate * effect - effect * effect) / (2 * mpmath.mpf(error) ** 2))
            return likelihood * mpmath.npdf(effect, 0, tau)

        centre = estimate * tau**2 / (tau**2 + error**2)
        width = tau * error / np.hypot(tau, error)
        ratio = mpmath.quad(term, [centre + k * width for k in (-16, -8, -4, -2, 0, 2, 4, 8, 16)])
        yield {"tau": tau, "error": error, "estimate": estimate, "log_ratio": number(mpmath.log(ratio))}


def samples():
    for seed, n in [(1, 5), (2, 60), (3, 300), (4, 400)]:
        yield uniform(seed, n)
    for seed, p in [(5, 0.1), (6, 0.5), (7, 0.97)]:
        yield [float(v) for v in np.random.default_rng(seed).binomial(1, p, 250)]
    yield [0.0] * 40
    yield [1.0] * 40
    yield [0.5] * 60


LOOKS = [1, 2, 5, 20, 40, 60, 250, 300, 400]


@golden
def empirical_bernstein():
    """confseq's intervals at some numbers of values, cut to [0, 1]."""
    for x, alpha in itertools.product(samples(), [0.05, 0.01]):
        low, high = predmix_empbern_cs(np.array(x), alpha=alpha)
        looks = [n for n in LOOKS if n <= len(x)]
        yield {"x": x, "alpha": alpha, "looks": looks, "low": numbers(np.clip(low, 0, 1)[n - 1] for n in looks),
               "high": numbers(np.clip(high, 0, 1)[n - 1] for n in looks)}


@golden
def betting():
    """confseq's hedged capital with one alpha for both sides."""
    for x, alpha in itertools.product(samples(), [0.05, 0.2]):
        bets = [lambda x, m, alpha=alpha: lambda_predmix_eb(x, alpha=alpha)]
        low, high = betting_cs(np.array(x), lambdas_fns_positive=bets, lambdas_fns_negative=bets, alpha=alpha, breaks=1000,
                               running_intersection=True, theta=0.5, trunc_scale=0.5)
        looks = [n for n in LOOKS if n <= len(x)]
        yield {"x": x, "alpha": alpha, "looks": looks, "low": numbers(low[n - 1] for n in looks),
               "high": numbers(high[n - 1] for n in looks)}
