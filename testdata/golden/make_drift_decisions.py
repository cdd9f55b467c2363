"""Makes testdata/golden/drift_decisions.json: which columns Evidently 0.7.23's `DataDriftPreset` and NannyML 0.13.1's
`UnivariateDriftCalculator` call drifted, both with their defaults, of seeded tables.

    pip install -r testdata/requirements-drift.txt
    python testdata/golden/make_drift_decisions.py

Columns are described as in make_drift.py. Evidently compares the whole current table, NannyML each tenth of it.
"""

import json
import os
import re
from pathlib import Path

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("NML_DISABLE_USAGE_LOGGING", "1")

import evidently
import nannyml
import pandas as pd
from evidently.presets import DataDriftPreset
from make_drift import categories, numbers, sample, text

OUT = Path(__file__).parent / "drift_decisions.json"
TESTS = {
    "K-S p_value": "ks",
    "chi-square p_value": "chi_square",
    "Z-test p_value": "z",
    "Jensen-Shannon distance": "jensen_shannon",
    "Wasserstein distance (normed)": "wasserstein",
}


def columns(seed, n, m):
    """Name, and what reference and current table hold."""
    pair = lambda at, a, b: (a(seed + at, n), b(seed + at + 1, m))
    bell = lambda **more: lambda s, rows: sample("bell", s, rows, **more)
    shaped = lambda shape, **more: lambda s, rows: sample(shape, s, rows, **more)
    words = lambda distinct, **more: lambda s, rows: text(s, rows, distinct, **more)
    ints = lambda distinct, **more: shaped("integer", dtype="int64", distinct=distinct, **more)
    yield "same", *pair(0, bell(), bell())
    yield "hardly moved", *pair(2, bell(), bell(shift=0.04))
    yield "moved", *pair(4, bell(), bell(shift=0.08))
    yield "far", *pair(6, bell(), bell(shift=0.5))
    yield "wider", *pair(8, bell(), bell(scale=1.2))
    yield "heavy", *pair(10, shaped("heavy"), shaped("heavy", scale=1.3))
    yield "tiny", *pair(12, bell(scale=1e-5), bell(scale=1e-5, shift=1e-6))
    yield "many integers", *pair(14, ints(100), ints(110))
    yield "eight integers", *pair(16, ints(8), ints(8))
    yield "eight and nine integers", *pair(18, ints(8), ints(9))
    yield "thirty integers, then six", *pair(20, ints(30), ints(6))
    yield "four floats", *pair(22, shaped("integer", distinct=4), shaped("integer", distinct=4))
    yield "four floats, then six", *pair(24, shaped("integer", distinct=4), shaped("integer", distinct=6))
    yield "flag", *pair(26, ints(2), ints(2))
    yield "two words", *pair(28, words(2), words(2))
    yield "two words, uneven", *pair(30, words(2), words(2, skew=2))
    yield "two words, then three", *pair(32, words(2), words(3))
    yield "six words", *pair(34, words(6), words(6))
    yield "six words, uneven", *pair(36, words(6), words(6, skew=2))
    yield "zeros", *pair(38, shaped("spike"), shaped("spike", scale=1.5))
    yield "constant", *pair(40, shaped("constant"), shaped("constant"))


def frame(described):
    column = lambda spec: categories(spec) if "shape" not in spec else numbers(spec)
    return pd.DataFrame({name: column(spec) for name, spec in described.items()})


def by_evidently(reference, current):
    run = evidently.Report([DataDriftPreset()], include_tests=True).run(current, reference).dict()
    found = {}
    for metric in run["metrics"]:
        if "ValueDrift" in metric["metric_name"]:
            column, method, threshold = re.match(r"ValueDrift\(column=(.*),method=(.*),threshold=(.*)\)", metric["metric_name"]).groups()
            found[column] = {"test": TESTS[method], "threshold": float(threshold), "score": float(metric["value"])}
    for test in run["tests"]:
        if match := re.match("Value Drift for column (.*)", test["name"]):
            found[match.group(1)]["drifted"] = test["status"] == "FAIL"
    (whole,) = [test for test in run["tests"] if "Drifted Columns" in test["name"]]
    return {"drifted": whole["status"] == "FAIL", "columns": found}


def by_nannyml(reference, current):
    calculator = nannyml.UnivariateDriftCalculator(column_names=list(reference)).fit(reference)
    found = calculator.calculate(current).filter(period="analysis").to_df()
    of = lambda column, what: found[(column, "jensen_shannon", what)].tolist()
    return {
        column: {"threshold": of(column, "upper_threshold")[0], "alerts": [bool(alert) for alert in of(column, "alert")]}
        for column in reference
    }


tables = []
for seed, n, m in [(1000, 300, 200), (2000, 1000, 1000), (3000, 1001, 500), (4000, 5000, 3000), (5000, 60, 50), (6000, 2000, 100), (7000, 800, 4000)]:
    reference, current = ({name: pair[side] for name, *pair in columns(seed, n, m)} for side in (0, 1))
    tables.append({
        "reference": reference,
        "current": current,
        "evidently": by_evidently(frame(reference), frame(current)),
        "nannyml": by_nannyml(frame(reference), frame(current)),
    })
lines = ",\n".join(json.dumps(table) for table in tables)
OUT.write_text(f'{{"evidently": "{evidently.__version__}", "nannyml": "{nannyml.__version__}", "tables": [\n{lines}\n]}}\n')
print(f"{OUT.name}: {len(tables)} tables of {len(tables[0]['reference'])} columns")
