"""whylogs' profile of the columns that the bench wrote."""

import argparse
import os
import pathlib
import warnings

os.environ.setdefault("WHYLOGS_NO_ANALYTICS", "1")

import numpy as np
import pandas as pd
import whylogs as why

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--rows", type=int, required=True)
arguments.add_argument("--numbers", type=int, required=True)
arguments.add_argument("--texts", type=int, required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
emit_versions("whylogs", "whylogs-sketching", "pandas", "numpy")
labels = np.array([f"cat_{i}" for i in range(20)])


def path(place, ending):
    return arguments.data / f"profile_{place}_{arguments.rows}.{ending}"


numbers = {f"num_{i}": np.fromfile(path(i, "f64")) for i in range(arguments.numbers)}
texts = {f"cat_{i}": labels[np.fromfile(path(i, "u8"), dtype=np.uint8)] for i in range(arguments.texts)}
# Half a minute a call: one of each part, and the mixed table is the two together.
seconds = {}
for name, columns in (("numbers", numbers), ("texts", texts)):
    frame = pd.DataFrame(columns)
    seconds[name] = measure(lambda: why.log(frame), budget_s=0.0, least=1, most=1)
    emit(f"profile/{name}", seconds[name])
emit("profile/mixed", seconds["numbers"] + seconds["texts"])
frame = pd.DataFrame({name: values[:100_000] for name, values in (numbers | texts).items()})
views = [why.log(frame).view() for _ in range(2)]
emit("profile/merge", measure(lambda: views[0].merge(views[1])))
emit("profile/serialize", measure(lambda: views[0].serialize()))
