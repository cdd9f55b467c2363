"""Writes what Evidently makes of shares of drifted columns, for the tests of `drift_share`.

    python testdata/golden/make_drift_share.py     needs testdata/requirements-bench.txt
"""

import json
import os
import pathlib

os.environ.setdefault("DO_NOT_TRACK", "1")

import evidently
import numpy as np
import pandas as pd
from evidently.presets import DataDriftPreset

SEED, ROWS = 4, 800
SHIFTS = [3.0, 3.0, 0.0, 0.0, 0.0, 0.0]
OUT = pathlib.Path(__file__).resolve().parent / "drift_share.json"

rng = np.random.default_rng(SEED)
reference = pd.DataFrame({f"c{i}": rng.normal(size=ROWS) for i in range(len(SHIFTS))})
current = reference + SHIFTS
cases = []
for share in (0.2, 1 / 3, 0.34, 0.5):
    preset = DataDriftPreset(drift_share=share, method="ks")
    run = evidently.Report([preset], include_tests=True).run(current, reference).dict()
    count = next(metric for metric in run["metrics"] if "DriftedColumnsCount" in str(metric))
    (test,) = [test for test in run["tests"] if "Drifted Columns" in test["name"]]
    cases.append({"drift_share": share, "count": count["value"]["count"], "share": count["value"]["share"], "test": test["status"]})
OUT.write_text(json.dumps({"evidently": evidently.__version__, "seed": SEED, "rows": ROWS, "shifts": SHIFTS, "cases": cases}, indent=1) + "\n")
