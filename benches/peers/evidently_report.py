"""Evidently's preset of data drift on tables of many columns."""

import argparse
import os
import pathlib
import warnings

os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--columns", type=int, required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
emit_versions("evidently", "pandas")
rng = np.random.default_rng(5)
names = [f"n{i}" for i in range(arguments.columns)]
reference, current = (pd.DataFrame(rng.normal(size=(100_000, arguments.columns)), columns=names) for _ in range(2))
report = Report([DataDriftPreset(method="ks")])
emit("report/column", measure(lambda: report.run(current, reference), least=1, most=1) / arguments.columns)
