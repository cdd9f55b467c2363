"""scipy on the columns that the bench wrote: its two-sample tests, and what it computes of counted text and histograms."""

import argparse
import pathlib
import warnings

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial.distance import jensenshannon

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


def flags(part, size):
    return pd.Series(np.where(np.fromfile(arguments.data / f"{part}_{size}.u8", dtype=np.uint8) % 4 == 0, "yes", "no"))


def histograms(reference, current):
    """Evidently's bins in plain numpy: Sturges' over both samples; shares of each."""
    bins = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
    return np.histogram(reference, bins)[0] / len(reference), np.histogram(current, bins)[0] / len(current)


def lifted(p, q, by=1e-4):
    """No share is empty: Evidently's feel_zeroes."""
    return np.where(p == 0, by, p), np.where(q == 0, by, q)


def index(reference, current):
    """Evidently's PSI recipe in plain numpy: its bins, empty shares lifted to 1e-4."""
    p, q = lifted(*histograms(reference, current))
    return float(np.sum((p - q) * np.log(p / q)))


def hellinger(reference, current):
    """Evidently's recipe: Sturges' bins for the distinct values of both."""
    values = np.union1d(pd.unique(reference), pd.unique(current))
    bins = np.histogram_bin_edges(values, bins="sturges")
    p, q = np.histogram(reference, bins)[0] / len(reference), np.histogram(current, bins)[0] / len(current)
    return float(np.sqrt(max(0.0, 1 - np.sum(np.sqrt(p * q)))))


def counts(first, second):
    return pd.concat([first.value_counts(), second.value_counts()], axis=1).fillna(0).to_numpy().T


def shares(first, second):
    return [row / row.sum() for row in counts(first, second)]


def z_test(first, second):
    (a, b), (c, d) = counts(first, second)
    n, m = a + b, c + d
    pooled = (a + c) / (n + m)
    z = (a / n - c / m) / np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return 2 * stats.norm.sf(abs(z))


def largest(first, second):
    p, q = shares(first, second)
    return np.max(np.abs(p - q))


for size in map(int, arguments.sizes.split(",")):
    x, y = column("reference", size), column("current", size)
    first, second = words("reference", size), words("current", size)
    flagged = flags("reference", size), flags("current", size)
    calls = {
        "ks_2samp": lambda: stats.ks_2samp(x, y).pvalue,
        "numpy, Evidently's bins": lambda: index(x, y),
        "chi2_contingency of value_counts": lambda: stats.chi2_contingency(counts(first, second)).pvalue,
        "cramervonmises_2samp": lambda: stats.cramervonmises_2samp(x, y).statistic,
        "anderson_ksamp": lambda: stats.anderson_ksamp([x, y], variant="midrank").statistic,
        "mannwhitneyu": lambda: stats.mannwhitneyu(x, y).pvalue,
        "ttest_ind": lambda: stats.ttest_ind(x, y).pvalue,
        "ttest_ind, equal_var=False": lambda: stats.ttest_ind(x, y, equal_var=False).pvalue,
        "epps_singleton_2samp": lambda: stats.epps_singleton_2samp(x, y).pvalue,
        "energy_distance": lambda: stats.energy_distance(x, y),
        "wasserstein_distance / std": lambda: stats.wasserstein_distance(x, y) / max(np.std(x), 0.001),
        "wasserstein_distance": lambda: stats.wasserstein_distance(x, y),
        "jensenshannon, Evidently's bins": lambda: jensenshannon(*histograms(x, y)),
        "entropy, Evidently's bins": lambda: stats.entropy(*lifted(*histograms(x, y))),
        "numpy, Evidently's bins: Hellinger": lambda: hellinger(x, y),
        "jensenshannon of value_counts": lambda: jensenshannon(*shares(first, second)),
        "chi2_contingency, log-likelihood": lambda: stats.chi2_contingency(counts(first, second), lambda_="log-likelihood").pvalue,
        "numpy of value_counts": lambda: largest(first, second),
        "fisher_exact of value_counts": lambda: stats.fisher_exact(counts(*flagged)).pvalue,
        "z of value_counts": lambda: z_test(*flagged),
    }
    for name, call in calls.items():
        emit(f"{name}/{size}", measure(call), float(call()))
