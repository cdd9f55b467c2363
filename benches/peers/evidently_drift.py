"""Evidently's own statistical tests on the columns that the bench wrote."""

import argparse
import os
import pathlib
import warnings

os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests.registry import get_registered_stattest
from evidently.legacy.core import ColumnType

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--sizes", required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
emit_versions("evidently", "pandas")
labels = np.array([f"cat_{i}" for i in range(20)])
PARTS = ("reference", "current")

for size in map(int, arguments.sizes.split(",")):
    numbers = [pd.Series(np.fromfile(arguments.data / f"{part}_{size}.f64")) for part in PARTS]
    codes = [np.fromfile(arguments.data / f"{part}_{size}.u8", dtype=np.uint8) for part in PARTS]
    words = [pd.Series(labels[code]) for code in codes]
    for name, test, columns, kind in [
        ("psi", "psi", numbers, ColumnType.Numerical),
        ("ks", "ks", numbers, ColumnType.Numerical),
        ("chi2", "chisquare", words, ColumnType.Categorical),
    ]:
        run = get_registered_stattest(test, kind).func
        score = run(*columns, kind, 0.1)
        seconds = measure(lambda: run(*columns, kind, 0.1))
        # Its chi-square expects the shares of the reference, as if those were known: another number than that of the
        # test of two samples, so that there is no answer to compare.
        answer = None if name == "chi2" else float(score[0] if isinstance(score, tuple) else score.drift_score)
        emit(f"{name}/{size}", seconds, answer)
