"""Makes those of testdata/golden/drift/*.json that are about shares: what Evidently 0.7.23, NannyML 0.13.1, frouros 0.9.0 and scipy
1.17.1 say of the samples that make_drift.py describes.

    pip install -r testdata/requirements-drift.txt
    pip install --no-deps frouros==0.9.0        asks for other versions of numpy and scipy, and needs neither here
    python testdata/golden/make_drift_distances.py [test ..]
"""

import sys

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import (
    fisher_exact_test,
    g_test,
    jensenshannon_stat_test,
    kl_div_stat_test,
    tvd_test,
    z_stat_test,
)
from evidently.legacy.calculations.stattests.tvd_stattest import _total_variation_distance
from evidently.legacy.calculations.stattests.z_stattest import proportions_diff_z_stat_ind
from evidently.legacy.core import ColumnType
from make_drift import (
    categorical_cases,
    categories,
    compared,
    exact_zero,
    main,
    numbers,
    numeric_cases,
    quantile_hellinger,
    text,
)
from nannyml.drift.univariate.methods import (
    CategoricalJensenShannonDistance,
    ContinuousJensenShannonDistance,
    LInfinityDistance,
)
from nannyml.thresholds import ConstantThreshold
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

OURS = {}


def golden(test):
    """Says that a function makes the cases of this test."""

    def keep(cases):
        OURS[test] = cases
        return cases

    return keep


def clean(values):
    """As Evidently's drift calculation hands columns to a test: infinities and missing values dropped first."""
    return pd.Series(values).replace([-np.inf, np.inf], np.nan).dropna()


def of_evidently(test, reference, current, kind):
    return float(test.func(clean(reference), clean(current), kind, 0.1)[0])


def all_cases():
    """Name, descriptions, the two columns, and what they are."""
    for name, reference, current in numeric_cases():
        yield name, reference, current, numbers(reference), numbers(current), ColumnType.Numerical
    for name, reference, current in categorical_cases():
        yield name, reference, current, categories(reference), categories(current), ColumnType.Categorical


def quantile_counts(x, y, bins=10):
    """Our bins, written down a second time with numpy, for samples without heavy ties."""
    inner = np.quantile(x, np.linspace(0, 1, bins + 1))[1:-1]
    return [np.bincount(np.searchsorted(inner, sample, side="right"), minlength=bins) for sample in (x, y)]


def smoothed(a, b):
    reached = a + b > 0
    a, b = a[reached] + 0.5, b[reached] + 0.5
    return a / a.sum(), b / b.sum(), np.count_nonzero(reached)


def is_for_quantiles(x, kind):
    return kind == ColumnType.Numerical and len(x) >= 300 and np.unique(x).size == len(x)


def our_jensen_shannon(x, y):
    a, b = quantile_counts(x, y)
    n, m = len(x), len(y)
    observed = jensenshannon(a, b)
    p, q, k = smoothed(a, b)
    by_chance = (k - 1) * (1 / n + 1 / m) / 8
    return {
        "statistic": exact_zero(float(observed)),
        "effect": float(np.sqrt(max(observed**2 - by_chance, 0.0))),
        "pvalue": float(stats.chi2.sf(8 * n * m / (n + m) * jensenshannon(p, q) ** 2, k - 1)),
    }


@golden("jensen_shannon")
def jensen_shannon():
    for name, reference, current, x, y, kind in all_cases():
        # numpy adds up the shares of a float32 column's bins as float64, but not the bins.
        found = of_evidently(jensenshannon_stat_test, x, y, kind)
        yield compared(name, reference, current, {"statistic": exact_zero(found)}, {"recipe": "evidently"})
        method = ContinuousJensenShannonDistance if kind == ColumnType.Numerical else CategoricalJensenShannonDistance
        fitted = method(chunker=None, threshold=ConstantThreshold(upper=0.1))._fit(pd.Series(x))
        found = exact_zero(float(fitted._calculate(pd.Series(y))))
        yield compared(name, reference, current, {"statistic": found, "effect": found}, {"recipe": "nannyml"})
        if len(x) == 1000:
            squared = {"recipe": "nannyml", "measure": "divergence"}
            yield compared(name + ", squared", reference, current, {"statistic": found**2}, squared)
            tens = {"recipe": "nannyml", "base": 10.0}
            yield compared(name + ", base 10", reference, current, {"statistic": found * np.sqrt(np.log10(2))}, tens)
        if is_for_quantiles(x, kind):
            yield compared(name + ", quantiles", reference, current, our_jensen_shannon(x, y))


def our_kullback_leibler(x, y):
    p, q, k = smoothed(*quantile_counts(x, y))
    n, m = len(x), len(y)
    divergence = float(special.rel_entr(p, q).sum())
    return {
        "statistic": divergence,
        "effect": max(divergence - (k - 1) * (1 / n + 1 / m) / 2, 0.0),
        "pvalue": float(stats.chi2.sf(2 * n * m / (n + m) * divergence, k - 1)),
    }


@golden("kullback_leibler")
def kullback_leibler():
    for name, reference, current, x, y, kind in all_cases():
        found = of_evidently(kl_div_stat_test, x, y, kind)
        if found < 1e-12:
            found = 0.0
        # Below it rounding of the logarithms is more than a billionth of the sum.
        if found == 0.0 or found > 1e-6:
            yield compared(name, reference, current, {"statistic": found}, {"recipe": "evidently"})
        if is_for_quantiles(x, kind) and name != "identical":
            yield compared(name + ", quantiles", reference, current, our_kullback_leibler(x, y))


@golden("bhattacharyya")
def bhattacharyya():
    from frouros.detectors.data_drift import BhattacharyyaDistance

    for name, reference, current, x, y, kind in all_cases():
        if kind != ColumnType.Numerical:
            continue
        # Of float32 frouros adds up shares in float32.
        if "float32" not in (x.dtype, y.dtype):
            for bins in (10, 25):
                detector = BhattacharyyaDistance(num_bins=bins)
                detector.fit(X=x)
                found = float(detector.compare(X=y)[0].distance)
                # What rounding leaves of 1 - 1; and of a small distance fewer digits than it shows.
                if abs(found) < 1e-14 or found > 1e-6:
                    found = 0.0 if abs(found) < 1e-14 else found
                    options = {"recipe": "frouros", "bins": bins}
                    yield compared(f"{name}, {bins} bins", reference, current, {"statistic": found, "effect": found}, options)
        if is_for_quantiles(x, kind):
            root = quantile_hellinger(x, y)
            expected = {"statistic": root["statistic"] ** 2, "effect": root["effect"] ** 2, "pvalue": root["pvalue"]}
            yield compared(name + ", quantiles", reference, current, expected)


@golden("total_variation")
def total_variation():
    from frouros.detectors.data_drift import HINormalizedComplement

    for name, reference, current in categorical_cases():
        x, y = categories(reference), categories(current)
        distance = float(_total_variation_distance(x, y))
        expected = {"statistic": distance if distance > 1e-15 else 0.0}
        # A thousand exchanges of a hundred thousand rows take Evidently minutes.
        if 3 <= len(x) <= 5000 and len(y) <= 5000 and len(set(x) | set(y)) <= 100:
            expected["drawn_pvalue"] = of_evidently(tvd_test, x, y, ColumnType.Categorical)
        yield compared(name, reference, current, expected)
    for name, reference, current in numeric_cases():
        x, y = numbers(reference), numbers(current)
        if is_for_quantiles(x, ColumnType.Numerical):
            a, b = quantile_counts(x, y)
            expected = {"statistic": float(np.abs(a / len(x) - b / len(y)).sum() / 2)}
            yield compared(name + ", quantiles", reference, current, expected)
        if "float32" not in (x.dtype, y.dtype):
            # What the histograms have in common, less than 1: the same number.
            detector = HINormalizedComplement(num_bins=10)
            detector.fit(X=x)
            found = float(detector.compare(X=y)[0].distance)
            found = 0.0 if abs(found) < 1e-14 else found
            yield compared(name + ", intersection", reference, current, {"statistic": found}, {"recipe": "frouros"})


def changed_by_chance(size, n, m, distance):
    """The probability that exchanging rows moves a bin's share so far: hypergeometric."""
    x = np.arange(max(0, size - n), min(size, m) + 1)
    moved = np.abs(x / m - (size - x) / n) >= distance - 1e-12
    return float(stats.hypergeom.pmf(x[moved], n + m, size, m).sum())


@golden("l_infinity")
def l_infinity():
    for name, reference, current in categorical_cases():
        x, y = categories(reference), categories(current)
        fitted = LInfinityDistance(chunker=None, threshold=ConstantThreshold(upper=0.1))._fit(x)
        distance = float(fitted._calculate(y))
        yield compared(name, reference, current, {"statistic": distance, "effect": distance}, {"recipe": "nannyml"})
        n, m = len(x), len(y)
        if n + m > 50_000:
            continue
        sizes = pd.concat([x, y]).value_counts().to_numpy()
        sizes = sizes[:1] if len(sizes) == 2 else sizes
        pvalue = min(sum(changed_by_chance(int(size), n, m, distance) for size in sizes), 1.0) if distance > 0 else 1.0
        yield compared(name + ", sound", reference, current, {"statistic": distance, "pvalue": pvalue})


def crossed(x, y, lambda_):
    table = pd.concat([x.value_counts(), y.value_counts()], axis=1).fillna(0).to_numpy().T
    result = stats.chi2_contingency(table, correction=False, lambda_=lambda_)
    p, q = table[0] / len(x), table[1] / len(y)
    return float(result.statistic), float(result.pvalue), float(np.sqrt(np.sum((p - q) ** 2 / (p + q)) / 2))


def equal_cases():
    """Of equal sizes, because Evidently's G-test and Fisher's test refuse others."""
    for seed, (n, distinct) in enumerate([(50, 2), (300, 3), (1000, 2), (1000, 8), (5000, 12), (20_000, 5), (400, 40)]):
        yield f"{n} rows, {distinct} values", text(seed + 200, n, distinct), text(seed + 300, n, distinct)
        yield f"{n} rows, {distinct} values, uneven", text(seed + 400, n, distinct), text(seed + 500, n, distinct, skew=2)
    yield "a new one", text(600, 300, 3), text(601, 300, 4)
    yield "one gone", text(602, 300, 4), text(603, 300, 3)


@golden("g_test")
def g():
    for name, reference, current in categorical_cases():
        x, y = categories(reference), categories(current)
        statistic, pvalue, effect = crossed(x, y, "log-likelihood")
        expected = {"statistic": statistic if statistic > 1e-9 else 0.0, "pvalue": pvalue, "effect": effect}
        yield compared(name, reference, current, expected, {"pool_below": 0.0})
    for name, reference, current in equal_cases():
        found = of_evidently(g_test, categories(reference), categories(current), ColumnType.Categorical)
        yield compared(name, reference, current, {"pvalue": found}, {"goodness_of_fit": True})


def binary_cases():
    """Two values, in equal and other shares, of equal and other sizes."""
    yield "one each", text(1, 1, 1), text(1, 1, 1)
    yield "one each, different", text(1, 1, 1), text(1, 1, 1, first=1)
    yield "few", text(700, 12, 2), text(701, 12, 2, skew=2)
    yield "all the same", text(702, 40, 1), text(703, 40, 1)
    yield "all replaced", text(704, 40, 1), text(705, 40, 1, first=1)
    yield "one sided", text(706, 60, 1), text(707, 60, 2)
    for seed, n in enumerate([20, 50, 100, 250, 1000, 4000, 20_000]):
        yield f"{n}, even", text(seed + 710, n, 2), text(seed + 720, n, 2)
        yield f"{n}, uneven", text(seed + 730, n, 2), text(seed + 740, n, 2, skew=2)
    yield "one hundred thousand", text(750, 100_000, 2), text(751, 100_000, 2)


def unequal_cases():
    for seed, (n, m) in enumerate([(50, 20), (1000, 30), (7, 4000), (1000, 999), (30_000, 500)]):
        yield f"{n} against {m}", text(seed + 760, n, 2), text(seed + 770, m, 2, skew=1 + seed % 2)


def table_of(x, y):
    """The counts of the second value: reference, current."""
    second = sorted(set(x) | set(y))[-1]
    return int((x == second).sum()), int((y == second).sum())


@golden("fisher")
def fisher():
    for name, reference, current in [*binary_cases(), *unequal_cases()]:
        x, y = categories(reference), categories(current)
        a, b = table_of(x, y)
        result = stats.fisher_exact([[b, len(y) - b], [a, len(x) - a]])
        expected = {"pvalue": float(result.pvalue), "effect": abs(a / len(x) - b / len(y))}
        if np.isfinite(result.statistic):
            expected["statistic"] = float(result.statistic)
        if len(x) == len(y):
            found = of_evidently(fisher_exact_test, x, y, ColumnType.Categorical)
            assert np.isclose(found, expected["pvalue"], rtol=1e-9, atol=0.0), name
        yield compared(name, reference, current, expected)


@golden("z")
def z():
    for name, reference, current in [*binary_cases(), *unequal_cases()]:
        x, y = categories(reference), categories(current)
        a, b = table_of(x, y)
        found = of_evidently(z_stat_test, x, y, ColumnType.Categorical)
        expected = {"effect": abs(a / len(x) - b / len(y))}
        # 2 (1 - cdf) has fewer digits the smaller it is.
        if found > 1e-6:
            expected["pvalue"] = found
        if len(set(x) | set(y)) == 2:
            first = min(set(x) | set(y))
            statistic = float(proportions_diff_z_stat_ind((x != first).astype(int), (y != first).astype(int)))
            expected |= {"statistic": statistic, "pvalue": float(2 * stats.norm.sf(abs(statistic)))}
        yield compared(name, reference, current, expected)


if __name__ == "__main__":
    main(sys.argv[1:], OURS)
