"""What people call from Python, ours beside the library that they would call instead, in one process and in turn."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time
import warnings

import mlcore
import numpy as np
import onnxruntime
import pandas as pd
import polars as pl
import pyarrow as pa
from mlcore import drift, features
from sklearn import compose, pipeline, preprocessing

from timing import emit, emit_versions

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--models", type=pathlib.Path, required=True)
arguments.add_argument("--report", nargs=3, metavar=("LIBRARY", "COLUMNS", "THREADS"), help="one report, in a process of its own")
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
ROWS = 100_000
COLUMNS = 500


def beside(name, ours, peer, budget_s=2.0, least=5):
    """Median seconds of both, called in turn so that a change of the machine's speed meets both."""
    times = {"ours": [], "peer": []}
    ours(), peer()
    end = time.perf_counter() + budget_s
    while len(times["ours"]) < least or time.perf_counter() < end:
        for side, call in (("ours", ours), ("peer", peer)):
            start = time.perf_counter()
            call()
            times[side].append(time.perf_counter() - start)
    for side, taken in times.items():
        emit(f"{name}/{side}", statistics.median(taken))


def tables(columns):
    """A reference and a current table of numbers, as columns of one block."""
    rng = np.random.default_rng(5)
    names = [f"n{i}" for i in range(columns)]
    return [pd.DataFrame(rng.normal(size=(columns, ROWS)).T, columns=names, copy=False) for _ in range(2)]


def one_report(library, columns, threads):
    """Seconds of one report, and by how much it raised the peak of this process's memory, as one JSON line."""
    reference, current = tables(int(columns))
    small = [frame.iloc[:500, :2] for frame in (reference, current)]
    if library == "polars":
        reference, current = pl.from_pandas(reference), pl.from_pandas(current)
    drift.report(*small)
    # Linux forgets the peak of the memory so far.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before, start = kilobytes("VmHWM"), time.perf_counter()
    found = drift.report(reference, current, threads=int(threads))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "kilobytes": kilobytes("VmHWM") - before, "drifted": len(found.drifted_columns)}))


def kilobytes(name):
    status = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith(name)).split()[1])


def report(library, threads):
    call = [sys.executable, __file__, "--data", arguments.data, "--models", arguments.models, "--report", library, str(COLUMNS), str(threads)]
    return json.loads(subprocess.run(list(map(str, call)), check=True, capture_output=True, text=True).stdout)


if arguments.report:
    one_report(*arguments.report)
    sys.exit()

emit_versions("mlcore", "scikit-learn", "pandas", "polars", "onnxruntime")
rng = np.random.default_rng(7)

# A frame of one row, as a service that speaks pandas makes it.
words = ["red", "green", "blue", "black"]
frame = pd.DataFrame({f"n{i}": rng.normal(size=ROWS) for i in range(16)})
for i in range(4):
    frame[f"i{i}"] = rng.integers(0, 10, ROWS)
for i in range(4):
    frame[f"c{i}"] = rng.choice(words, ROWS)
numbers, texts = [name for name in frame if name[0] != "c"], [f"c{i}" for i in range(4)]


def plan(library, scaler, encoder):
    return library.ColumnTransformer([("scale", scaler, numbers), ("encode", encoder, texts)])


ours = plan(features, features.StandardScaler(), features.OneHotEncoder()).fit(frame.head(1000)).plan()
theirs = plan(compose, preprocessing.StandardScaler(), preprocessing.OneHotEncoder(sparse_output=False)).fit(frame.head(1000))
row = frame.iloc[:1]
assert np.allclose(ours.transform(frame), theirs.transform(frame))
beside("one row of pandas", lambda: ours.transform(row), lambda: theirs.transform(row))

# Columns of Python's own strings, as pandas 2 holds text.
objects = pd.DataFrame({f"t{i}": rng.choice([f"word number {j}" for j in range(200)], ROWS) for i in range(8)}).astype(object)
keep = features.ColumnTransformer([("keep", "passthrough", list(objects))]).fit(objects.head(10)).plan()
assert pa.table(keep.transform_table(objects)).column(0).to_pylist() == objects["t0"].tolist()
beside("text of pandas", lambda: keep.transform_table(objects), lambda: pa.Table.from_pandas(objects, nthreads=1))

# A matrix of numpy.
matrix = rng.normal(size=(ROWS, 30))
for name in ("MinMaxScaler", "StandardScaler", "MaxAbsScaler"):
    ours = getattr(features, name)().fit(matrix)
    theirs = getattr(preprocessing, name)().fit(matrix)
    assert np.allclose(ours.transform(matrix), theirs.transform(matrix))
    beside(f"{name}/transform", lambda: ours.transform(matrix), lambda: theirs.transform(matrix))
    beside(f"{name}/fit", lambda: ours.fit(matrix), lambda: theirs.fit(matrix))

# Models that take text.
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
known = [f"word_{i}" for i in range(19)]
for name, rows in (("texts8", 1), ("texts8", 256), ("strings", 1), ("strings", 4096)):
    path = arguments.models / f"{name}.onnx"
    runner, session = mlcore.Runner(path), onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    if name == "texts8":
        feed = {f"t{i}": rng.choice(known, (rows, 1)).astype(object) for i in range(8)}
    else:
        feed = {"input": rng.choice(["a", "b", "c"], (rows, 2)).astype(object)}
    answers, expected = runner.run(feed), session.run(None, feed)
    assert all(np.array_equal(a, b) for a, b in zip(answers.values(), expected, strict=True))
    beside(f"{name}/{rows}", lambda: runner.run(feed), lambda: session.run(None, feed))

# A report of many columns; reading all numbers twice is what it cannot do without.
reference, current = tables(COLUMNS)
blocks = [table.to_numpy().T for table in (reference, current)]
start = time.perf_counter()
total = sum(float(block.sum()) for block in blocks for _ in range(2))
emit("report/reading", time.perf_counter() - start)
del reference, current, blocks
for library in ("pandas", "polars"):
    for threads in (1, 2):
        runs = [report(library, threads) for _ in range(3)]
        emit(f"report/{library}/{threads}", min(run["seconds"] for run in runs))
        emit(f"memory/{library}/{threads}", max(run["kilobytes"] for run in runs) / 1024)
