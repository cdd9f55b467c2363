"""Makes testdata/golden/drift/*.json: what Evidently 0.7.23, NannyML 0.13.1, scipy 1.17.1 and dcor 0.7 say of seeded samples.

    pip install -r testdata/requirements-drift.txt
    python testdata/golden/make_drift.py [test ..]

A sample is described, not stored: SplitMix64 counters, turned into values by operations that IEEE 754 rounds alike
everywhere (no logarithm, no sine). mlcore-drift/tests/golden makes the same samples, bit for bit, and compares the
numbers to 1e-9: for each test of the list the cases of the file with its name, each with the options of the test and
the numbers of its score that are known.
"""

import json
import sys
import warnings
from pathlib import Path

import dcor
import drift_two_sample
import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import hellinger_stat_test, psi_stat_test
from evidently.legacy.core import ColumnType
from nannyml.drift.univariate.methods import CategoricalHellingerDistance, ContinuousHellingerDistance
from nannyml.thresholds import ConstantThreshold
from scipy import stats
from scipy.spatial.distance import cdist

OUT = Path(__file__).parent / "drift"
warnings.simplefilter("ignore")


def uniforms(seed, n, stream=0):
    """SplitMix64 of seed + (4 i + stream + 1) golden ratios, as floats in [0, 1)."""
    with np.errstate(over="ignore"):
        i = np.arange(n, dtype=np.uint64) * np.uint64(4) + np.uint64(stream + 1)
        z = np.uint64(seed) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def numbers(spec):
    """The values of a description: shape, seed, n, scale, shift, dtype; or the values themselves; last the missing ones."""
    if "missing" in spec:
        present = numbers({name: value for name, value in spec.items() if name != "missing"})
        return np.append(present, np.full(spec["missing"], np.nan))
    if "values" in spec:
        values = np.array([float(v) for v in spec["values"]])
    else:
        u = [uniforms(spec["seed"], spec["n"], stream) for stream in range(4)]
        bell = ((u[0] + u[1]) + u[2]) + u[3] - 2.0
        values = {
            "uniform": lambda: u[0],
            "bell": lambda: bell,
            "heavy": lambda: bell / (u[0] + 1e-3),
            "rounded": lambda: np.floor(bell * 20.0) / 20.0,
            "spike": lambda: np.where(u[0] < 0.7, 0.0, bell),
            "integer": lambda: np.floor(u[0] * spec.get("distinct", 100)),
            "constant": lambda: np.zeros(spec["n"]),
        }[spec["shape"]]()
        values = values * spec.get("scale", 1.0) + spec.get("shift", 0.0)
    return values.astype(spec.get("dtype", "float64"))


def categories(spec):
    """The categories of a description: seed, n, distinct, skew (1 even, 2 uneven), first (number of the first one)."""
    u = uniforms(spec["seed"], spec["n"])
    if spec.get("skew", 1) == 2:
        u = u * u
    codes = np.floor(u * spec["distinct"]).astype(np.int64) + spec.get("first", 0)
    return pd.Series([f"c{code}" for code in codes], dtype=object)


def sample(shape, seed, n, **more):
    return {"shape": shape, "seed": seed, "n": n, **more}


def text(seed, n, distinct, **more):
    return {"seed": seed, "n": n, "distinct": distinct, **more}


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


def table_cases():
    """Name, and the columns of reference and current table."""
    bells = lambda seed, n, *shifts, **more: [sample("bell", seed + i, n, shift=shift, **more) for i, shift in enumerate(shifts)]
    yield "one row each, equal", [{"values": [1.5]}, {"values": [2.0]}], [{"values": [1.5]}, {"values": [2.0]}]
    yield "one row each, different", [{"values": [1.5]}, {"values": [2.0]}], [{"values": [4.5]}, {"values": [-2.0]}]
    yield "one row against many", [{"values": [0.5]}, {"values": [0.1]}], bells(1, 300, 0.0, 0.0)
    yield "few rows", bells(3, 20, 0.0, 0.0, 0.0), bells(6, 30, 0.5, 0.0, 0.0)
    yield "one column", bells(9, 400, 0.0), bells(10, 300, 0.3)
    yield "two columns", bells(11, 500, 0.0, 0.0), bells(13, 500, 0.1, 0.1)
    yield "ten columns", bells(15, 400, *[0.0] * 10), bells(25, 300, *[0.1] * 10)
    yield "one of ten columns", bells(35, 400, *[0.0] * 10), bells(45, 300, 1.0, *[0.0] * 9)
    yield "wider", bells(55, 500, 0.0, 0.0), bells(57, 600, 0.0, 0.0, scale=1.5)
    yield "far away", bells(59, 200, 0.0, 0.0), bells(61, 200, 1e6, 0.0)
    yield "ties", [sample("rounded", 63, 500), sample("integer", 64, 500, distinct=5)], [sample("rounded", 65, 400), sample("integer", 66, 400, distinct=6)]
    yield "constants, different", [sample("constant", 67, 50), sample("bell", 68, 50)], [sample("constant", 69, 40, shift=1.0), sample("bell", 70, 40)]
    yield "heavy tails", [sample("heavy", 71, 500), sample("bell", 72, 500)], [sample("heavy", 73, 500), sample("bell", 74, 500, shift=0.2)]
    yield "tiny values", bells(75, 300, 0.0, 0.0, scale=1e-150), bells(77, 300, 0.0, 0.0, scale=1.3e-150)
    yield "two thousand rows", bells(79, 2000, 0.0, 0.0, 0.0), bells(82, 2000, 0.05, 0.0, 0.0)
    yield "relation changes", [sample("bell", 85, 600), sample("bell", 85, 600)], [sample("bell", 86, 600), sample("bell", 87, 600)]


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


def compared(name, reference, current, expected, options=None):
    """A golden case."""
    return {"name": name, "reference": reference, "current": current, "options": options or {}, "expected": expected}


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
    for name, reference, current in table_cases():
        x, y = (np.column_stack([numbers(column) for column in table]) for table in (reference, current))
        distance = float(dcor.energy_distance(x, y))
        expected = {"statistic": float(dcor.homogeneity.energy_test_statistic(x, y))}
        if distance > 1e-9:
            expected["effect"] = float(np.sqrt(distance / (2.0 * cdist(x, y).mean())))
        options = {"standardise": False, "max_rows": 2000, "permutations": 0}
        yield compared(name, reference, current, expected, options)


drift_two_sample.register(golden, numeric_cases, numbers, compared)


def main(tests):
    (OUT / "table").mkdir(parents=True, exist_ok=True)
    for test in tests or GOLDEN:
        cases = list(GOLDEN[test]())
        path = OUT / f"{test}.json"
        path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
        print(f"{path.name}: {len(cases)} cases")


if __name__ == "__main__":
    main(sys.argv[1:])
