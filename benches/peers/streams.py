"""Stream detectors of river, or of the wheel under river's names, one call a value, on the streams that the bench wrote."""

import argparse
import pathlib
import time

import numpy as np

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--library", choices=["river", "mlcore"], required=True)
arguments.add_argument("--kswin", type=int, required=True)
arguments = arguments.parse_args()
emit_versions(arguments.library, "numpy")

if arguments.library == "river":
    from river import drift
    from river.drift import binary
else:
    from mlcore import drift

    binary = drift
DETECTORS = [
    ("adwin", drift.ADWIN, {}),
    ("page_hinkley", drift.PageHinkley, {}),
    ("kswin", drift.KSWIN, {"seed": 42}),
    ("ddm", binary.DDM, {}),
    ("eddm", binary.EDDM, {}),
    ("hddm_a", binary.HDDMA, {}),
    ("hddm_w", binary.HDDMW, {}),
    ("fhddm", binary.FHDDM, {}),
]
numbers, bits = (np.fromfile(arguments.data / f"{name}.f64") for name in ("numbers", "bits"))


def per_call(kind, parameters, values):
    """Seconds of one update, of a loop as short as it can be: the least of three passes."""
    passes = []
    for _ in range(3):
        update = kind(**parameters).update
        start = time.perf_counter()
        for value in values:
            update(value)
        passes.append(time.perf_counter() - start)
    return min(passes) / len(values)


def detections(kind, parameters, values):
    detector, found = kind(**parameters), 0
    for value in values:
        detector.update(value)
        found += detector.drift_detected
    return found


for name, kind, parameters in DETECTORS:
    array = bits if name in ("ddm", "eddm", "hddm_a", "hddm_w", "fhddm") else numbers
    array = array[: arguments.kswin] if name == "kswin" else array
    values = array.astype(bool).tolist() if array is bits else array.tolist()
    emit(name, per_call(kind, parameters, values), detections(kind, parameters, values))
    if arguments.library == "mlcore":
        emit(f"{name}/slice", measure(lambda: kind(**parameters).update_many(array)) / len(array))
