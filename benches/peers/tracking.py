"""Logging a metric from Python: ours or MLflow's, whichever is installed, and a bare function of the same parameters beside it."""

import argparse
import os
import pathlib
import statistics
import time
from importlib import util

from timing import emit, emit_versions

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
folder = arguments.parse_args().data
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"


def bare(key, value, step=None, synchronous=None, timestamp=None, run_id=None, model_id=None, dataset=None):
    return None


def each(call, calls, blocks=7):
    """Median seconds of a call, of blocks of calls with steps that rise."""
    taken, step = [], 0
    for _ in range(blocks):
        start = time.perf_counter()
        for step in range(step, step + calls):
            call("loss", 0.5, step)
        taken.append((time.perf_counter() - start) / calls)
    return statistics.median(taken)


def ours():
    import mlcore

    mlcore.set_tracking_url(folder / "tracking_python.db")
    with mlcore.start_run() as run:
        emit("log_metric/ours", each(mlcore.log_metric, 50_000))
        start = time.perf_counter()
        flushed = run.flush()
        emit("log_metric/flush", time.perf_counter() - start)
        assert (flushed.refused, flushed.dropped) == (0, 0)
    emit("log_metric/bare", each(bare, 50_000))
    emit_versions("mlcore")


def theirs():
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/tracking_mlflow.db")
    with mlflow.start_run():
        emit("log_metric/peer", each(mlflow.log_metric, 30))
    emit_versions("mlflow-skinny")


ours() if util.find_spec("mlcore") else theirs()
