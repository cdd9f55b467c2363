"""Makes the golden files of what `mlcore::stats` says of counts: Fisher's test, power divergences, entropies.

    pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0 mpmath==1.4.1
    python testdata/golden/make_stats_counts.py [file ..]

writes all four files, or those that are named (`fisher_exact`, `power_divergence`).
"""

import warnings

import mpmath
import numpy as np
from make_stats import HERE, MPF, number, write
from scipy import stats
from scipy.spatial.distance import jensenshannon


def counts_of_categories(rng):
    """Lists of counts: small and large, with zeros and ties."""
    return [
        [16, 18, 16, 14, 12, 12],
        [1, 1],
        [5, 5, 5],
        [30, 0, 10],
        [0, 0, 7, 3],
        [1000, 2, 3],
        [0.5, 1.5, 2.25],
        [90_000_000, 90_010_000, 89_990_000],
        [1, 400],
        rng.integers(1, 100, 7).tolist(),
        rng.integers(1, 10, 60).tolist(),
        rng.integers(1000, 2000, 40).tolist(),
        rng.poisson(3.0, 30).tolist(),
        (rng.integers(1, 5, 12) * 100).tolist(),
        rng.integers(10**6, 2 * 10**6, 100).tolist(),
    ]


LAMBDAS = ["pearson", "log-likelihood", "freeman-tukey", "mod-log-likelihood", "neyman", "cressie-read", 1.5, -0.25, -3.0]


def power_divergences():
    rng = np.random.default_rng(20261127)
    cases = []
    for f_obs in counts_of_categories(rng):
        even = None
        uneven = np.linspace(1.0, 2.0, len(f_obs))
        uneven = (uneven * (np.sum(f_obs) / np.sum(uneven))).tolist()
        for f_exp, ddof in [(even, 0), (uneven, 0), (uneven, 1)]:
            for lambda_ in LAMBDAS:
                # scipy multiplies 0 by infinity there.
                if 0 in f_obs and (lambda_ in ("freeman-tukey", "neyman", -0.25, -3.0)):
                    continue
                if len(f_obs) <= ddof + 1:
                    continue
                result = stats.power_divergence(f_obs, f_exp, ddof=ddof, lambda_=lambda_)
                cases.append({
                    "f_obs": [float(count) for count in f_obs],
                    "f_exp": f_exp,
                    "ddof": ddof,
                    "lambda": lambda_,
                    "statistic": number(result.statistic),
                    "pvalue": number(result.pvalue),
                })
    write("power_divergence", cases)

    tables = [
        [[10, 10, 20], [20, 20, 20]],
        [[12, 7], [5, 9]],
        [[1, 4], [6, 1]],
        [[1000, 2], [3, 1100]],
        [[8, 9], [8, 9]],
        [[500, 300, 200], [60, 20, 20]],
        [[3, 1, 4], [1, 5, 9], [2, 6, 5]],
        [[0, 5, 9], [4, 0, 8]],
        [[0.5, 1.5], [2.25, 3.75]],
        [[5, 6, 7]],
        rng.integers(1, 100, (5, 7)).tolist(),
        rng.integers(1, 1000, (2, 30)).tolist(),
        rng.integers(1, 10, (2, 60)).tolist(),
        rng.integers(90_000, 110_000, (2, 80)).tolist(),
        rng.integers(1, 50, (8, 9)).tolist(),
    ]
    cases = []
    for table in tables:
        for correction in (True, False):
            for lambda_ in LAMBDAS:
                if 0 in np.ravel(table) and lambda_ in ("freeman-tukey", "neyman", -0.25, -3.0):
                    continue
                result = stats.chi2_contingency(table, correction=correction, lambda_=lambda_)
                cases.append({
                    "table": [[float(count) for count in row] for row in table],
                    "correction": correction,
                    "lambda": lambda_,
                    "statistic": number(result.statistic),
                    "pvalue": number(result.pvalue),
                    "dof": int(result.dof),
                })
    write("chi2_contingency_lambda", cases)


def fisher():
    """scipy's p-values; of large tables those of mpmath, which scipy's hypergeometric distribution does not reach."""
    rng = np.random.default_rng(11272026)
    tables = [
        [[8, 2], [1, 5]],
        [[0, 0], [5, 9]],
        [[3, 0], [7, 0]],
        [[0, 0], [0, 0]],
        [[1, 0], [0, 1]],
        [[0, 3], [3, 0]],
        [[5, 5], [5, 5]],
        [[10, 0], [0, 10]],
        [[7, 0], [3, 4]],
        [[100, 2], [1000, 5]],
        [[18, 2], [9, 11]],
        [[200, 190], [210, 205]],
        [[1, 999], [9, 991]],
        [[30, 0], [0, 40]],
        [[400, 1], [2, 500]],
        [[1, 24], [5, 47_838]],
        [[50, 60], [50, 60]],
        [[60, 50], [50, 60]],
        [[1000, 1000], [1020, 980]],
        [[9, 21], [21, 9]],
    ]
    tables += rng.integers(0, 30, (20, 2, 2)).tolist()
    tables += rng.integers(100, 400, (6, 2, 2)).tolist()
    cases = []
    for table in tables:
        for alternative in ("two-sided", "less", "greater"):
            result = stats.fisher_exact(table, alternative=alternative)
            cases.append({
                "table": table, "alternative": alternative, "statistic": number(result.statistic), "pvalue": number(result.pvalue)
            })

    def tail(table, side):
        """The sum of the masses on one side, from the table outward."""
        (a, b), (c, d) = table
        marked, unmarked, drawn = a + b, c + d, a + c
        mass = mpmath.binomial(marked, a) * mpmath.binomial(unmarked, c) / mpmath.binomial(marked + unmarked, drawn)
        total, x = mass, a
        while mass > total * MPF(10) ** -25:
            if side == "less":
                if x == max(0, drawn - unmarked):
                    break
                mass *= MPF(x) * (unmarked - drawn + x) / (MPF(marked - x + 1) * (drawn - x + 1))
                x -= 1
            else:
                if x == min(marked, drawn):
                    break
                mass *= MPF(marked - x) * (drawn - x) / (MPF(x + 1) * (unmarked - drawn + x + 1))
                x += 1
            total += mass
        return total

    large = [
        ([[50_000, 50_000], [50_600, 49_400]], "less"),
        ([[500_000, 500_000], [501_500, 498_500]], "less"),
        ([[300_000, 700_000], [29_000, 71_000]], "greater"),
        ([[1200, 998_800], [1050, 998_950]], "greater"),
        ([[5, 999_995], [30, 999_970]], "less"),
        ([[40_000_000, 60_000_000], [40_030_000, 59_970_000]], "less"),
    ]
    for table, side in large:
        cases.append({"table": table, "alternative": side, "statistic": None, "pvalue": number(tail(table, side))})
    # Of equal rows the other tail is the same.
    for table, side in large[:2]:
        cases.append({"table": table, "alternative": "two-sided", "statistic": None, "pvalue": number(2 * tail(table, side))})
    write("fisher_exact", cases)


def divergences():
    rng = np.random.default_rng(27112026)
    pairs = [
        ([1, 0], [0, 1]),
        ([1, 0], [0.5, 0.5]),
        ([0.5, 0.5], [0.9, 0.1]),
        ([3, 4, 5], [3, 4, 5]),
        ([0, 2, 3], [1, 0, 3]),
        ([0, 0, 3], [0, 2, 3]),
        ([7], [3]),
        ([1e-300, 1], [1, 1e-300]),
        ([1, 2, 3, 4], [4, 3, 2, 1]),
        ([0, 0], [1, 1]),
        (rng.random(10).tolist(), rng.random(10).tolist()),
        (rng.integers(1, 100, 30).tolist(), rng.integers(1, 1000, 30).tolist()),
        (rng.integers(0, 3, 50).tolist(), rng.integers(0, 3, 50).tolist()),
        (rng.random(300).tolist(), rng.random(300).tolist()),
        (rng.integers(10_000, 10_300, 20).tolist(), rng.integers(10_000, 10_300, 20).tolist()),
        ((rng.random(200) ** 8).tolist(), (rng.random(200) ** 8).tolist()),
    ]
    cases = []
    for p, q in pairs:
        for base in (None, 2, 10):
            cases.append({
                "p": [float(x) for x in p],
                "q": [float(x) for x in q],
                "base": base,
                "jensenshannon": number(jensenshannon(p, q, base)),
                "entropy": number(stats.entropy(p, base=base)),
                "relative_entropy": number(stats.entropy(p, q, base=base)),
            })
    write("divergences", cases)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    np.seterr(all="ignore")
    warnings.simplefilter("ignore")
    power_divergences()
    fisher()
    divergences()
