"""Golden cases of the drift tests of numbers: what scipy 1.17.1, Evidently 0.7.23 and (through scipy) NannyML and frouros say.

make_drift.py hands over its cases and its list; see there for how samples are described.
"""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import (
    anderson_darling_test,
    energy_dist_test,
    epps_singleton_test,
    mann_whitney_u_stat_test,
    t_test,
    wasserstein_stat_test,
)
from evidently.legacy.core import ColumnType
from scipy import stats
from scipy.stats._morestats import _anderson_ksamp_midrank

# Below it scipy's asymptotic p-value of Cramer and von Mises has lost digits to its subtraction from 1.
ACCURATE = 0.01


def evidently(test, x, y):
    """The score of Evidently, of columns as its calculation hands them over."""
    return float(test.func(pd.Series(x), pd.Series(y), ColumnType.Numerical, 0.05)[0])


def effective(x, y):
    return len(x) * len(y) / (len(x) + len(y))


def exact_or_near(a, b):
    return a == b or math.isclose(a, b, rel_tol=1e-9) or (math.isnan(a) and math.isnan(b))


def exact_deviation(values):
    """The standard deviation (``ddof=0``) in rational numbers."""
    exact = [Fraction(float(value)) for value in values]
    mean = sum(exact) / len(exact)
    return math.sqrt(sum((value - mean) ** 2 for value in exact) / len(exact))


def register(golden, numeric_cases, numbers, compared):
    """Adds the cases of each test to the list of make_drift.py."""

    def pairs(least=1):
        for name, reference, current in numeric_cases():
            x, y = numbers(reference).astype("float64"), numbers(current).astype("float64")
            if min(len(x), len(y)) >= least:
                yield name, reference, current, x, y

    @golden("cramer_von_mises")
    def cramer_von_mises():
        for name, reference, current, x, y in pairs(2):
            result = stats.cramervonmises_2samp(x, y)
            both = np.concatenate((x, y))
            f = np.searchsorted(np.sort(x), both, "right") / len(x)
            g = np.searchsorted(np.sort(y), both, "right") / len(y)
            expected = {"effect": math.sqrt(math.fsum((f - g) ** 2) / len(both))}
            # What scipy's statistic keeps of its digits: it is the difference of two numbers of this size.
            if abs(result.statistic) > 1e-6 * effective(x, y):
                expected["statistic"] = float(result.statistic)
            if result.pvalue > ACCURATE and "statistic" in expected:
                expected["pvalue"] = float(result.pvalue)
            yield compared(name, reference, current, expected, {"method": "auto"})

    @golden("anderson")
    def anderson():
        for name, reference, current, x, y in pairs():
            both = np.sort(np.concatenate((x, y)))
            if len(both) < 4 or both[0] == both[-1]:
                continue
            result = stats.anderson_ksamp([x, y], variant="midrank")
            assert exact_or_near(evidently(anderson_darling_test, x, y), float(result.pvalue))
            sizes = np.array([len(x), len(y)])
            criterion = _anderson_ksamp_midrank([x, y], both, np.unique(both), 2, sizes, len(both))
            expected = {
                "statistic": float(result.statistic),
                "pvalue": float(result.pvalue),
                "effect": math.sqrt(criterion / effective(x, y)),
            }
            yield compared(name, reference, current, expected, {"method": "interpolate"})
            del expected["pvalue"]
            yield compared(name + ", limit", reference, current, expected)

    @golden("mannw")
    def mann_whitney():
        for name, reference, current, x, y in pairs():
            for alternative in ("two-sided", "less"):
                result = stats.mannwhitneyu(x, y, alternative=alternative)
                if alternative == "less":
                    assert exact_or_near(evidently(mann_whitney_u_stat_test, x, y), float(result.pvalue))
                effect = abs((2 * result.statistic - len(x) * len(y)) / (len(x) * len(y)))
                expected = {"statistic": float(result.statistic), "pvalue": float(result.pvalue), "effect": float(effect)}
                yield compared(f"{name}, {alternative}", reference, current, expected, {"alternative": alternative})

    def means(equal_var):
        for name, reference, current, x, y in pairs():
            result = stats.ttest_ind(x, y, equal_var=equal_var)
            if not math.isfinite(result.statistic):
                continue
            if equal_var:
                assert exact_or_near(evidently(t_test, x, y), float(result.pvalue))
            variances = [np.var(values, ddof=1) if len(values) > 1 else 0.0 for values in (x, y)]
            weights = [len(x) - 1, len(y) - 1] if equal_var else [1, 1]
            deviation = math.sqrt(np.average(variances, weights=weights))
            expected = {"effect": abs(float(np.mean(x) - np.mean(y))) / deviation}
            # A mean of numbers near 1e12 has 1e-4 of rounding; the difference that is left has few digits in either.
            if abs(np.mean(x)) < 1e6 * np.std(x):
                expected |= {"statistic": float(result.statistic), "pvalue": float(result.pvalue)}
            else:
                continue
            # The squares of numbers near 1e-300 are no floats in scipy.
            if name != "tiny values":
                yield compared(name, reference, current, expected)

    golden("t_test")(lambda: means(True))
    golden("welch_t_test")(lambda: means(False))

    @golden("es")
    def epps_singleton():
        for name, reference, current, x, y in pairs(5):
            # Waves with a phase of 1e12, and covariances of waves that hardly bend: rounding decides in scipy, too.
            if stats.iqr(np.concatenate((x, y))) == 0 or name in ("large offset", "disjoint", "disjoint, far"):
                continue
            result = stats.epps_singleton_2samp(x, y)
            if not math.isfinite(result.pvalue):
                continue
            assert exact_or_near(evidently(epps_singleton_test, x, y), float(result.pvalue))
            n, m = len(x), len(y)
            correction = 1.0
            if max(n, m) < 25:
                correction = 1.0 / (1.0 + (n + m) ** -0.45 + 10.1 * (n**-1.7 + m**-1.7))
            effect = math.sqrt(result.statistic / correction / effective(x, y))
            expected = {"statistic": float(result.statistic), "pvalue": float(result.pvalue), "effect": effect}
            yield compared(name, reference, current, expected, {"covariance": "separate"})

    @golden("ed")
    def energy_distance():
        for name, reference, current, x, y in pairs():
            distance = float(stats.energy_distance(x, y))
            assert exact_or_near(evidently(energy_dist_test, x, y), distance)
            yield compared(name, reference, current, {"statistic": distance, "effect": distance})

    @golden("wasserstein_distance")
    def wasserstein_distance():
        for name, reference, current, x, y in pairs():
            distance = float(stats.wasserstein_distance(x, y))
            yield compared(name, reference, current, {"statistic": distance, "effect": distance})

    @golden("wasserstein")
    def normed_wasserstein():
        for name, reference, current, x, y in pairs():
            distance = evidently(wasserstein_stat_test, x, y)
            if name == "large offset":
                # numpy's deviation, of numbers of 1e12, has eight digits; this one is that of the numbers as they are.
                exact = float(stats.wasserstein_distance(x, y)) / exact_deviation(x)
                assert abs(exact - distance) < 1e-7
                distance = exact
            yield compared(name, reference, current, {"statistic": distance, "effect": distance})

    @golden("kuiper")
    def kuiper():
        """The statistic from its definition, and the p-value by the formula that astropy.stats has between these bounds."""
        for name, reference, current, x, y in pairs():
            above = stats.ks_2samp(x, y, alternative="greater", method="asymp").statistic
            below = stats.ks_2samp(x, y, alternative="less", method="asymp").statistic
            d, n = float(above + below), effective(x, y)
            expected = {"statistic": d, "effect": d}
            if 3 / n <= d <= 0.5 - 0.5 / n:
                z, i = d * math.sqrt(n), np.arange(1, 60)
                decay = np.exp(-2 * (i * z) ** 2)
                pvalue = np.sum(2 * (4 * (i * z) ** 2 - 1) * decay) - 8 * d / 3 * np.sum(i**2 * (4 * (i * z) ** 2 - 3) * decay)
                expected["pvalue"] = float(min(pvalue, 1.0))
            yield compared(name, reference, current, expected)
