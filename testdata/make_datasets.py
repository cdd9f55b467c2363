"""Writes datasets/randhie.parquet: the RAND Health Insurance Experiment with its raw columns, ready to be a request.

    python testdata/make_datasets.py          needs testdata/requirements-models.txt

Reads the complete table that statsmodels carries (`statsmodels/datasets/randhie/src/randhie.csv`, 45 variables) and
checks it against the ten columns of `statsmodels.datasets.randhie`. Columns are renamed, dummies turned back into the
category they stand for, and nothing is computed, dropped or reordered beyond that. datasets/README.md describes them.
"""

import pathlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import statsmodels.datasets.randhie as randhie

OUT = pathlib.Path(__file__).resolve().parent / "datasets"
PLANS = {
    (0, 0): "free",
    (0, 25): "25 percent",
    (0, 50): "50 percent",
    (0, 95): "95 percent",
    (1, 0): "individual deductible",
    (1, 100): "individual deductible, 100 percent",
}


def source():
    raw = pd.read_csv(pathlib.Path(randhie.__file__).parent / "src" / "randhie.csv")
    published = randhie.load_pandas().data
    for column in ("mdvis", "idp", "physlm", "disea", "hlthg", "hlthf", "hlthp"):
        assert (raw[column] == published[column]).all(), f"{column} differs from statsmodels.datasets.randhie"
    assert (raw[["hlthg", "hlthf", "hlthp"]].sum(axis=1) <= 1).all(), "the health dummies exclude each other"
    return raw


def table(raw):
    health = np.select([raw.hlthg == 1, raw.hlthf == 1, raw.hlthp == 1], ["good", "fair", "poor"], "excellent")
    columns = {
        "person": pa.array(raw.zper, pa.int64()),
        "site": pa.array(raw.site, pa.int64()),
        "year": pa.array(raw.year, pa.int64()),
        "age": doubles(raw.xage),
        "sex": pa.array(np.where(raw.female == 1, "female", "male")),
        "income": doubles(raw.income),
        "education": doubles(raw.educdec),
        "family_size": pa.array(raw.num, pa.int64()),
        "plan": pa.array([PLANS[key] for key in zip(raw.idp, raw.coins)]),
        "self_rated_health": pa.array(health),
        "general_health": doubles(raw.ghindx),
        "mental_health": doubles(raw.mhi),
        "chronic_diseases": doubles(raw.disea),
        "physical_limitation": doubles(raw.physlm),
        "visits": pa.array(raw.mdvis, pa.int64()),
    }
    return pa.table(columns)


def doubles(column):
    """float64 with the source's missing entries as nulls."""
    return pa.array(column, pa.float64(), from_pandas=True)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    made = table(source())
    path = OUT / "randhie.parquet"
    # Uncompressed, so that a reader needs no codec; dictionaries and deltas keep it small.
    dictionaries = [name for name in made.column_names if name != "person"]
    pq.write_table(
        made,
        path,
        compression="NONE",
        row_group_size=len(made),
        store_schema=False,
        use_dictionary=dictionaries,
        column_encoding={"person": "DELTA_BINARY_PACKED"},
    )
    assert pq.read_table(path).equals(made), "the file reads back as written"
    print(f"{path.stat().st_size:>8} {path.name}: {made.num_rows} rows, {made.num_columns} columns")
