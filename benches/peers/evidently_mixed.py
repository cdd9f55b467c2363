"""Evidently's preset of data drift on the mixed columns that the bench wrote: whole, its tests alone, and its memory."""

import argparse
import os
import pathlib
import time
import warnings

os.environ.setdefault("DO_NOT_TRACK", "1")

import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests.registry import get_registered_stattest
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

from timing import emit, emit_versions

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--rows", type=int, required=True)
arguments.add_argument("--numbers", type=int, required=True)
arguments.add_argument("--words", type=int, required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
emit_versions("evidently", "pandas")
labels = np.array([f"cat_{i}" for i in range(20)])
numbers, words = [f"num_{i}" for i in range(arguments.numbers)], [f"cat_{i}" for i in range(arguments.words)]


def table(part):
    values = np.fromfile(arguments.data / f"mixed_{part}.f64").reshape(arguments.numbers, arguments.rows)
    codes = np.fromfile(arguments.data / f"mixed_{part}.u8", dtype=np.uint8).reshape(arguments.words, arguments.rows)
    return pd.DataFrame(dict(zip(numbers, values)) | dict(zip(words, (labels[row] for row in codes))))


def megabytes(name):
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith(name)).split()[1]) / 1024


def whole(reference, current):
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=words)
    datasets = [Dataset.from_pandas(frame, data_definition=definition) for frame in (current, reference)]
    return Report([DataDriftPreset()]).run(*datasets).dict()


reference, current = table("reference"), table("current")
whole(reference.head(500), current.head(500))
# Linux forgets the peak of the memory so far.
pathlib.Path("/proc/self/clear_refs").write_text("5")
before, start = megabytes("VmHWM"), time.perf_counter()
whole(reference, current)
emit("mixed/whole", time.perf_counter() - start)
emit("mixed/megabytes", megabytes("VmHWM") - before)

# What the preset chooses above a thousand rows.
tests = [("wasserstein", ColumnType.Numerical, numbers), ("jensenshannon", ColumnType.Categorical, words)]
start = time.perf_counter()
for name, kind, columns in tests:
    run = get_registered_stattest(name, kind).func
    for column in columns:
        run(reference[column], current[column], kind, 0.1)
emit("mixed/tests", time.perf_counter() - start)
