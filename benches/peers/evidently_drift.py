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

from timing import emit, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--sizes", required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")

for size in map(int, arguments.sizes.split(",")):
    numbers = [pd.Series(np.fromfile(arguments.data / f"{part}_{size}.f64")) for part in ("reference", "current")]
    labels = np.array([f"cat_{i}" for i in range(20)])
    words = [
        pd.Series(labels[np.fromfile(arguments.data / f"{part}_{size}.u8", dtype=np.uint8)])
        for part in ("reference", "current")
    ]
    for name, test, columns, kind in [
        ("psi", "psi", numbers, ColumnType.Numerical),
        ("ks", "ks", numbers, ColumnType.Numerical),
        ("chi2", "chisquare", words, ColumnType.Categorical),
    ]:
        run = get_registered_stattest(test, kind).func
        score = run(columns[0], columns[1], kind, 0.1)
        seconds = measure(lambda: run(columns[0], columns[1], kind, 0.1))
        emit(f"{name}/{size}", seconds, score=float(score[0] if isinstance(score, tuple) else score.drift_score))
