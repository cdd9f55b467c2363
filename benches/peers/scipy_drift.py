"""scipy on the columns that the bench wrote: ks_2samp, a chi-square on the contingency table of two string columns."""

import argparse
import pathlib
import warnings

import numpy as np
import pandas as pd
from scipy import stats

from timing import emit, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--sizes", required=True)
arguments = arguments.parse_args()
warnings.simplefilter("ignore")

for size in map(int, arguments.sizes.split(",")):
    reference = np.fromfile(arguments.data / f"reference_{size}.f64")
    current = np.fromfile(arguments.data / f"current_{size}.f64")
    result = stats.ks_2samp(reference, current)
    emit(
        f"ks/{size}",
        measure(lambda: stats.ks_2samp(reference, current)),
        statistic=float(result.statistic),
        pvalue=float(result.pvalue),
    )

    def edges():
        """Evidently's PSI recipe in plain numpy: Sturges' bins over both samples, empty shares lifted to 1e-4."""
        bins = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        p = np.histogram(reference, bins)[0] / len(reference)
        q = np.histogram(current, bins)[0] / len(current)
        p, q = np.where(p == 0, 1e-4, p), np.where(q == 0, 1e-4, q)
        return float(np.sum((p - q) * np.log(p / q)))

    emit(f"psi/{size}", measure(edges), psi=edges())
    labels = np.array([f"cat_{i}" for i in range(20)])
    first = pd.Series(labels[np.fromfile(arguments.data / f"reference_{size}.u8", dtype=np.uint8)])
    second = pd.Series(labels[np.fromfile(arguments.data / f"current_{size}.u8", dtype=np.uint8)])

    def chi_square():
        counts = pd.concat([first.value_counts(), second.value_counts()], axis=1).fillna(0).to_numpy().T
        return stats.chi2_contingency(counts)

    emit(f"chi2/{size}", measure(chi_square), pvalue=float(chi_square().pvalue))
