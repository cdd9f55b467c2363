"""scikit-learn and polars on the mixed plan of 23 columns: 14 impute and scale, 2 quantile bins, 6 one-hot, 1 ordinal."""

import argparse
import os
import pathlib
import sys
import warnings

# polars reads the number of its threads once, when it is loaded.
if "--threads" in sys.argv:
    os.environ["POLARS_MAX_THREADS"] = sys.argv[sys.argv.index("--threads") + 1]

import polars as pl  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.impute import SimpleImputer  # noqa: E402
from sklearn.pipeline import Pipeline  # noqa: E402
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler  # noqa: E402

from timing import emit, emit_versions, measure  # noqa: E402

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments.add_argument("--threads", type=int, required=True, help="those of polars; scikit-learn has one, and runs with the one")
arguments = arguments.parse_args()
warnings.simplefilter("ignore")
emit_versions("scikit-learn", "pandas", "polars")
assert pl.thread_pool_size() == arguments.threads

scaled = [f"n{i}" for i in range(14)]
binned = ["b0", "b1"]
one_hot = [f"c{i}" for i in range(6)]
ordinal = ["o0"]

table = pq.read_table(arguments.data / "features.parquet")
frame = table.to_pandas()
fit_on = frame.head(200_000)
plan = ColumnTransformer(
    [
        ("scaled", Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())]), scaled),
        ("binned", KBinsDiscretizer(n_bins=5, encode="ordinal", quantile_method="averaged_inverted_cdf"), binned),
        ("one_hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), one_hot),
        ("ordinal", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ordinal),
    ]
)
plan.fit(fit_on)
if arguments.threads == 1:
    emit("fit/sklearn", measure(lambda: plan.fit(fit_on), least=2, most=3))
    row = frame.head(1)
    emit("row/sklearn", measure(lambda: plan.transform(row)))
    emit("table/sklearn", measure(lambda: plan.transform(frame), least=2, most=3), float(plan.transform(frame).sum()))
del frame

impute, scale = plan.named_transformers_["scaled"]
edges = plan.named_transformers_["binned"].bin_edges_
categories = plan.named_transformers_["one_hot"].categories_
order = plan.named_transformers_["ordinal"].categories_[0]
expressions = [
    ((pl.col(c).fill_nan(None).fill_null(m) - mean) / s).alias(c)
    for c, m, mean, s in zip(scaled, impute.statistics_, scale.mean_, scale.scale_)
]
expressions += [pl.col(c).cut(list(e[1:-1]), left_closed=True).to_physical().cast(pl.Float64) for c, e in zip(binned, edges)]
expressions += [
    (pl.col(c) == v).cast(pl.Float64).alias(f"{c}_{v}") for c, values in zip(one_hot, categories) for v in values
]
expressions += [pl.col("o0").replace_strict({v: float(i) for i, v in enumerate(order)}, default=-1.0)]
table = pl.from_arrow(table)
one = table.head(1)


def transform(frame):
    return frame.lazy().select(expressions).collect()


emit("row/polars", measure(lambda: transform(one)))
emit("table/polars", measure(lambda: transform(table), most=10), float(sum(column.sum() for column in transform(table))))
