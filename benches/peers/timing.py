"""Times a call the way benches/src/timing.rs does: warm up, then repeat within a budget, report the median."""

import gc
import json
import statistics
import time
from importlib import metadata


def measure(call, budget_s=2.0, least=3, most=200):
    """Median seconds per call, after one warm-up call, with the garbage collector held off."""
    call()
    gc.collect()
    gc.disable()
    try:
        times, end = [], time.perf_counter() + budget_s
        while len(times) < least or (len(times) < most and time.perf_counter() < end):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    finally:
        gc.enable()
    return statistics.median(times)


def emit(name, seconds, answer=None):
    """One JSON line per measurement, read by the bench; `answer` is what the call computed."""
    print(json.dumps({"name": name, "seconds": seconds, "answer": answer}), flush=True)


def emit_versions(*packages, extra=""):
    """What was measured, for the foot of the table."""
    shown = ", ".join(f"{package} {metadata.version(package)}" for package in packages)
    print(json.dumps({"name": "versions", "seconds": 0.0, "versions": shown + extra}), flush=True)
