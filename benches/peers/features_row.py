"""One row of the plan of 23 mixed columns from Python: a dict in, an array out, with the wheel."""

import argparse
import pathlib

import pyarrow.parquet as pq
from mlcore.features import ColumnTransformer, KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, Pipeline, SimpleImputer, StandardScaler

from timing import emit, emit_versions, measure

arguments = argparse.ArgumentParser(description=__doc__)
arguments.add_argument("--data", type=pathlib.Path, required=True)
arguments = arguments.parse_args()
emit_versions("mlcore")
table = pq.read_table(arguments.data / "features.parquet").slice(0, 200_000)
plan = ColumnTransformer(
    [
        ("scaled", Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())]), [f"n{i}" for i in range(14)]),
        ("binned", KBinsDiscretizer(n_bins=5, encode="ordinal", quantile_method="averaged_inverted_cdf"), ["b0", "b1"]),
        ("one_hot", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [f"c{i}" for i in range(6)]),
        ("ordinal", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["o0"]),
    ]
)
plan = plan.fit(table).plan()
rows = table.slice(0, 512).to_pylist()


def transform():
    for row in rows:
        plan.transform_row(row)


emit("row/python", measure(transform) / len(rows))
