"""Makes testdata/golden/drift/*.json: what Evidently 0.7.23, NannyML 0.13.1, scipy 1.17.1 and dcor 0.7 say of seeded samples.

    pip install -r testdata/requirements-drift.txt
    python testdata/golden/make_drift.py [test ..]
    python testdata/golden/make_drift_distances.py [test ..]

    python testdata/golden/make_drift_tables.py [test ..]

The second makes the tests of shares, for which it asks frouros 0.9.0, too; the third those of whole rows but for the energy test.

A sample is described, not stored: SplitMix64 counters, turned into values by operations that IEEE 754 rounds alike
everywhere (no logarithm, no sine). mlcore-drift/tests/golden makes the same samples, bit for bit, and compares the
numbers to 1e-9: for each test of the list the cases of the file with its name, each with the options of the test and
the numbers of its score that are known.
"""

import json
import sys
import warnings
from pathlib import Path

import drift_two_sample
import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import chi_stat_test, hellinger_stat_test, psi_stat_test
from evidently.legacy.core import ColumnType
from nannyml.drift.univariate.methods import CategoricalHellingerDistance, ContinuousHellingerDistance
from nannyml.thresholds import ConstantThreshold
from scipy import stats

from drift_samples import categories, compared, numbers, sample, table_cases, text

OUT = Path(__file__).parent / "drift"
warnings.simplefilter("ignore")


def numeric_cases():
    """Name, reference, current."""
    yield "one value each", {"values": [1.5]}, {"values": [1.5]}
    yield "one value each, different", {"values": [1.5]}, {"values": [2.5]}
    yield "one against many", {"values": [0.25]}, sample("bell", 1, 500)
    yield "twenty-one against one", sample("bell", 2, 21), {"values": [0.0]}
    yield "few", sample("bell", 3, 30), sample("bell", 4, 25, shift=0.5)
    yield "identical", sample("bell", 5, 400), sample("bell", 5, 400)
    yield "constants, equal", sample("constant", 6, 50, shift=3.0), sample("constant", 6, 40, shift=3.0)
    yield "constants, different", sample("constant", 6, 50), sample("constant", 6, 40, shift=1.0)
    yield "against a constant", sample("bell", 7, 300), sample("constant", 7, 200, shift=0.1)
    yield "disjoint", sample("uniform", 8, 300), sample("uniform", 9, 200, shift=5.0)
    yield "disjoint, far", sample("uniform", 8, 1000), sample("uniform", 9, 1000, shift=1e9)
    yield "powers of two", sample("bell", 10, 512), sample("bell", 11, 512, shift=0.1)
    yield "one thousand", sample("bell", 12, 1000), sample("bell", 13, 1000, shift=0.05)
    yield "wider", sample("bell", 14, 2000), sample("bell", 15, 3000, scale=1.5)
    yield "heavy tails", sample("heavy", 16, 5000), sample("heavy", 17, 5000, scale=1.1)
    yield "ties on edges", sample("rounded", 18, 3000), sample("rounded", 19, 2000, shift=0.05)
    yield "seven in ten zero", sample("spike", 20, 4000), sample("spike", 21, 4000, scale=1.2)
    yield "integers", sample("integer", 22, 1500, dtype="int64"), sample("integer", 23, 1000, dtype="int64", distinct=120)
    yield "few integers", sample("integer", 24, 800, dtype="int64", distinct=10), sample("integer", 25, 700, dtype="int64", distinct=12)
    yield "narrow integers", sample("integer", 26, 600, dtype="int64", distinct=25), sample("integer", 27, 600, dtype="int64", distinct=24)
    yield "integers against floats", sample("integer", 28, 900, dtype="int64"), sample("uniform", 29, 900, scale=100.0)
    yield "single precision", sample("bell", 30, 4000, dtype="float32"), sample("bell", 31, 4000, dtype="float32", shift=0.1)
    yield "single precision, tied", sample("rounded", 32, 4000, dtype="float32"), sample("rounded", 33, 4000, dtype="float32", scale=1.1)
    yield "unequal sizes", sample("bell", 34, 50000), sample("bell", 35, 40, shift=0.3)
    yield "large offset", sample("bell", 36, 3000, shift=1e12), sample("bell", 37, 3000, shift=1e12 + 0.25)
    yield "tiny values", sample("bell", 38, 3000, scale=1e-300), sample("bell", 39, 3000, scale=1.1e-300)
    yield "hundred thousand", sample("bell", 40, 100_000), sample("bell", 41, 100_000, shift=0.02)
    yield "one million", sample("bell", 42, 1_000_000), sample("bell", 43, 1_000_000, shift=0.003)


def categorical_cases():
    yield "one each, same", text(1, 1, 1), text(1, 1, 1)
    yield "one each, different", text(1, 1, 1), text(1, 1, 1, first=1)
    yield "identical", text(2, 300, 5), text(2, 300, 5)
    yield "two categories", text(3, 400, 2), text(4, 500, 2, skew=2)
    yield "even", text(5, 1000, 8), text(6, 1000, 8)
    yield "unequal totals", text(7, 5000, 6), text(8, 300, 6)
    yield "uneven", text(9, 2000, 10), text(10, 1500, 10, skew=2)
    yield "new categories", text(11, 1000, 6), text(12, 1000, 8)
    yield "vanished categories", text(13, 1000, 8), text(14, 1000, 6)
    yield "new and vanished", text(15, 1000, 6), text(16, 1000, 6, first=2)
    yield "disjoint", text(17, 200, 4), text(18, 300, 4, first=10)
    yield "many", text(19, 20_000, 300), text(20, 20_000, 300, skew=2)
    yield "rare ones", text(21, 20_000, 40, skew=2), text(22, 500, 40, skew=2)
    yield "hundred thousand", text(23, 100_000, 20), text(24, 100_000, 20)
    yield "one million", text(25, 1_000_000, 20), text(26, 1_000_000, 20)


def missing_cases():
    """Name, and of reference and current the missing and the present rows."""
    yield "few", (1, 9), (3, 7)
    yield "equal rates", (10, 90), (20, 180)
    yield "equal counts", (5, 95), (5, 95)
    yield "one more", (5, 95), (6, 94)
    yield "rare", (1, 9999), (3, 9997)
    yield "rare, small window", (10, 9990), (2, 98)
    yield "common", (4000, 6000), (600, 400)
    yield "one lost", (0, 1000), (1, 99)
    yield "all but one", (99, 1), (90, 10)
    yield "none present", (0, 50), (40, 0)
    yield "one row against many", (0, 1), (50, 450)
    yield "one million", (50_000, 950_000), (50_600, 949_400)


def evidently_psi(reference, current, kind):
    """As Evidently's drift calculation calls it: infinities and missing values dropped first."""
    clean = lambda series: series.replace([-np.inf, np.inf], np.nan).dropna()
    return float(psi_stat_test.func(clean(reference), clean(current), kind, 0.1)[0])


def quantile_psi(reference, current, bins=10):
    """The quantile recipe, written down a second time with numpy, for samples without heavy ties."""
    inner = np.quantile(reference, np.linspace(0, 1, bins + 1))[1:-1]
    a, b = (np.bincount(np.searchsorted(inner, x, side="right"), minlength=bins) for x in (reference, current))
    a, b = a[a + b > 0], b[a + b > 0]
    n, m, k = a.sum(), b.sum(), len(a)
    p, q = (a + 0.5) / (n + 0.5 * k), (b + 0.5) / (m + 0.5 * k)
    psi = float(np.sum((p - q) * np.log(p / q)))
    return {
        "statistic": psi,
        "psi_corrected": psi - (k - 1) * (1 / n + 1 / m),
        "pvalue": float(stats.chi2.sf(n * m / (n + m) * psi, k - 1)),
    }


def quantile_hellinger(reference, current, bins=10):
    """Our recipe, written down a second time with numpy, for samples without heavy ties."""
    inner = np.quantile(reference, np.linspace(0, 1, bins + 1))[1:-1]
    a, b = (np.bincount(np.searchsorted(inner, x, side="right"), minlength=bins) for x in (reference, current))
    n, m, k = a.sum(), b.sum(), np.count_nonzero(a + b)
    squared = lambda p, q: float(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2)
    observed = squared(a / n, b / m)
    a, b = a[a + b > 0] + 0.5, b[a + b > 0] + 0.5
    return {
        "statistic": float(np.sqrt(observed)),
        "effect": float(np.sqrt(max(observed - (k - 1) * (1 / n + 1 / m) / 8, 0.0))),
        "pvalue": float(stats.chi2.sf(8 * n * m / (n + m) * squared(a / a.sum(), b / b.sum()), k - 1)),
    }


def exact_zero(distance):
    """The distance, or 0 where it is what rounding leaves of no distance: the root of a few units of 2^-52."""
    return 0.0 if distance < 1e-7 else distance


def chi_square(reference, current):
    table = pd.concat([reference.value_counts(), current.value_counts()], axis=1).fillna(0).to_numpy().T
    result = stats.chi2_contingency(table, correction=False)
    n, m = table.sum(axis=1)
    p, q = table[0] / n, table[1] / m
    v = float(np.sqrt(np.sum((p - q) ** 2 / (p + q)) / 2))
    return {"statistic": float(result.statistic), "pvalue": float(result.pvalue), "effect": v}


GOLDEN = {}


def golden(test):
    """Says that a function makes the cases of this test."""

    def keep(cases):
        GOLDEN[test] = cases
        return cases

    return keep


@golden("ks")
def ks():
    for name, reference, current in numeric_cases():
        result = stats.ks_2samp(numbers(reference).astype("float64"), numbers(current).astype("float64"))
        yield compared(name, reference, current, {"statistic": float(result.statistic), "pvalue": float(result.pvalue)})


@golden("chi_square")
def chi_square_cases():
    for name, reference, current in categorical_cases():
        expected = chi_square(categories(reference), categories(current))
        yield compared(name, reference, current, expected, {"pool_below": 0.0})
        x, y = categories(reference), categories(current)
        # Of a single value Evidently's p-value is NaN.
        if len(set(x) | set(y)) > 1:
            found = float(chi_stat_test.func(x, y, ColumnType.Categorical, 0.05)[0])
            yield compared(name + ", exact reference", reference, current, {"pvalue": found}, {"goodness_of_fit": True})


@golden("missing_rate")
def missing_rate():
    for name, (reference_gone, reference_there), (current_gone, current_there) in missing_cases():
        table = [[reference_gone, reference_there], [current_gone, current_there]]
        result = stats.chi2_contingency(table)
        before, after = (gone / (gone + there) for gone, there in table)
        reference, current = (
            {"values": [1.0] * there, "missing": gone} if there < 3 else sample("bell", 1, there, missing=gone)
            for gone, there in table
        )
        expected = {"statistic": float(result.statistic), "pvalue": float(result.pvalue), "effect": abs(after - before)}
        yield compared(name, reference, current, expected)


@golden("psi")
def psi():
    evidently = {"recipe": "evidently"}
    for name, reference, current in numeric_cases():
        x, y = numbers(reference), numbers(current)
        found = evidently_psi(pd.Series(x), pd.Series(y), ColumnType.Numerical)
        yield compared(name, reference, current, {"statistic": found}, evidently)
        if len(x) >= 300 and np.unique(x).size == len(x):
            yield compared(name + ", quantiles", reference, current, quantile_psi(x, y))
    for name, reference, current in categorical_cases():
        found = evidently_psi(categories(reference), categories(current), ColumnType.Categorical)
        yield compared(name + ", categories", reference, current, {"statistic": found}, evidently)
    infinite = {"values": [str(v) for v in [*np.arange(30) / 7, "inf", "-inf"]]}
    finite = {"values": [str(v) for v in np.arange(40) / 6]}
    found = evidently_psi(pd.Series(numbers(infinite)), pd.Series(numbers(finite)), ColumnType.Numerical)
    yield compared("infinities", infinite, finite, {"statistic": found}, evidently)


@golden("hellinger")
def hellinger():
    kinds = [(name, *case, numbers, ColumnType.Numerical, ContinuousHellingerDistance) for name, *case in numeric_cases()]
    kinds += [(name, *case, categories, ColumnType.Categorical, CategoricalHellingerDistance) for name, *case in categorical_cases()]
    for name, reference, current, column, kind, method in kinds:
        x, y = pd.Series(column(reference)), pd.Series(column(current))
        # Evidently multiplies densities, which overflows where values are tiny, and adds up float32 in float32.
        if name != "tiny values" and "float32" not in (x.dtype, y.dtype):
            distance = float(hellinger_stat_test.func(x.copy(), y.copy(), kind, 0.1)[0])
            yield compared(name, reference, current, {"statistic": exact_zero(distance)}, {"recipe": "evidently"})
        fitted = method(chunker=None, threshold=ConstantThreshold(upper=0.1))._fit(x)
        yield compared(name, reference, current, {"statistic": exact_zero(float(fitted._calculate(y)))}, {"recipe": "nannyml"})
        if kind == ColumnType.Numerical and len(x) >= 300 and np.unique(x).size == len(x):
            yield compared(name + ", quantiles", reference, current, quantile_hellinger(x, y))


@golden("table/energy")
def energy():
    import dcor
    from scipy.spatial.distance import cdist

    for name, reference, current in table_cases():
        x, y = (np.column_stack([numbers(column) for column in table]) for table in (reference, current))
        distance = float(dcor.energy_distance(x, y))
        expected = {"statistic": float(dcor.homogeneity.energy_test_statistic(x, y))}
        if distance > 1e-9:
            expected["effect"] = float(np.sqrt(distance / (2.0 * cdist(x, y).mean())))
        options = {"standardise": False, "max_rows": 2000, "permutations": 0}
        yield compared(name, reference, current, expected, options)


drift_two_sample.register(golden, numeric_cases, numbers, compared)


def main(tests, golden):
    (OUT / "table").mkdir(parents=True, exist_ok=True)
    for test in tests or golden:
        cases = list(golden[test]())
        path = OUT / f"{test}.json"
        path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
        print(f"{path.name}: {len(cases)} cases")


if __name__ == "__main__":
    main(sys.argv[1:], GOLDEN)
