"""scipy on the columns that the bench wrote: ks_2samp, a chi-square on the contingency table of two string columns."""

import argparse
import pathlib
import warnings

import numpy as np
import pandas as pd
from scipy import stats

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--sizes", required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
emit_versions("numpy", "scipy", "pandas")
labels = np.array([f"cat_{i}" for i in range(20)])


def column(part, size):
    return np.fromfile(arguments.data / f"{part}_{size}.f64")


def words(part, size):
    return pd.Series(labels[np.fromfile(arguments.data / f"{part}_{size}.u8", dtype=np.uint8)])


def index(reference, current):
    """Evidently's PSI recipe in plain numpy: Sturges' bins over both samples, empty shares lifted to 1e-4."""
    bins = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
    p = np.histogram(reference, bins)[0] / len(reference)
    q = np.histogram(current, bins)[0] / len(current)
    p, q = np.where(p == 0, 1e-4, p), np.where(q == 0, 1e-4, q)
    return float(np.sum((p - q) * np.log(p / q)))


def chi_square(first, second):
    counts = pd.concat([first.value_counts(), second.value_counts()], axis=1).fillna(0).to_numpy().T
    return stats.chi2_contingency(counts)


for size in map(int, arguments.sizes.split(",")):
    x, y = column("reference", size), column("current", size)
    emit(f"ks/{size}", measure(lambda: stats.ks_2samp(x, y)), float(stats.ks_2samp(x, y).pvalue))
    emit(f"psi/{size}", measure(lambda: index(x, y)), index(x, y))
    first, second = words("reference", size), words("current", size)
    emit(f"chi2/{size}", measure(lambda: chi_square(first, second)), float(chi_square(first, second).pvalue))
