"""Structs and lists of fixed length become columns, in Python as in Rust."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlcore
from mlcore.features import ColumnTransformer, OneHotEncoder, StandardScaler, flatten

RECORDS = [
    {"address": {"city": "Bern", "at": {"lat": 46.9, "lon": 7.4}}, "visits": 3, "tags": [1, 2]},
    {"address": None, "visits": 4, "tags": None},
    {"address": {"city": "Basel", "at": None}, "visits": 5, "tags": [5, 6]},
]
NAMES = ["address.city", "address.at.lat", "address.at.lon", "visits", "tags_0", "tags_1"]


def frames():
    schema = pa.schema(
        {
            "address": pa.struct({"city": pa.string(), "at": pa.struct({"lat": pa.float64(), "lon": pa.float64()})}),
            "visits": pa.int64(),
            "tags": pa.list_(pa.int64(), 2),
        }
    )
    table = pa.Table.from_pylist(RECORDS, schema)
    yield "records", RECORDS
    yield "columns", {name: [record[name] for record in RECORDS] for name in RECORDS[0]}
    yield "pandas", pd.DataFrame({name: pd.Series([record[name] for record in RECORDS], dtype=object) for name in RECORDS[0]})
    yield "pyarrow", table
    yield "a slice", pa.concat_tables([table, table]).slice(3, 3)
    yield "polars", pl.DataFrame(RECORDS, schema_overrides={"tags": pl.Array(pl.Int64, 2)})


@pytest.mark.parametrize(("name", "frame"), list(frames()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_library_gives_the_same_columns(name, frame):
    flat = flatten(frame)
    assert flat.column_names == NAMES and len(flat) == 3
    columns = dict(flat.columns())
    assert columns["address.city"].tolist() == ["Bern", None, "Basel"]
    for column, expected in {
        "address.at.lat": [46.9, math.nan, math.nan],
        "address.at.lon": [7.4, math.nan, math.nan],
        "visits": [3, 4, 5],
        "tags_0": [1, math.nan, 5],
        "tags_1": [2, math.nan, 6],
    }.items():
        np.testing.assert_array_equal(columns[column].astype(float), expected)


def test_what_is_flat_is_fitted_and_read_again_by_all():
    plan = (
        ColumnTransformer([("num", StandardScaler(), ["visits", "address.at.lat"]), ("city", OneHotEncoder(), ["address.city"])])
        .fit(flatten(RECORDS))
        .plan()
    )
    expected = plan.transform(flatten(RECORDS))
    for _, frame in frames():
        np.testing.assert_array_equal(plan.transform(flatten(frame)), expected)
    np.testing.assert_array_equal(plan.transform(flatten(RECORDS[:1])), expected[:1])
    assert pl.DataFrame(flatten(RECORDS)).columns == NAMES
    assert flatten(flatten(RECORDS)).column_names == NAMES
    with pytest.raises(mlcore.Error, match="address"):
        StandardScaler().fit(pl.DataFrame(RECORDS))


def test_columns_of_columns_and_arrays_are_taken_apart():
    flat = flatten({"address": {"city": ["Bern", "Basel"], "zip": [3011, 4051]}, "vector": np.arange(6.0).reshape(2, 3)})
    assert flat.column_names == ["address.city", "address.zip", "vector_0", "vector_1", "vector_2"]
    assert dict(flat.columns())["vector_2"].tolist() == [2.0, 5.0]
    assert flatten({"x": [1.0, 2.0]}).column_names == ["x"]
    assert flatten(np.ones((2, 2))).column_names == ["x0", "x1"]
    vectors = pd.DataFrame({"v": [np.array([1.0, 2.0]), np.array([3.0, 4.0])], "x": [1, 2]})
    assert flatten(vectors).column_names == ["v_0", "v_1", "x"]


def test_what_cannot_be_taken_apart_is_told():
    for X, error, words in [
        ([{"a": {"b": 1}}, {"a": {}}], mlcore.SchemaMismatchError, "a.b: row 1: the record has no value"),
        ({"a": [[1, 2], [3]]}, mlcore.InvalidInputError, "a: row 1 is a list of 1, and those before have 2"),
        ({"a": [{"b": 1}, 2]}, mlcore.InvalidInputError, "a: row 1 holds int"),
        ({"a": [[1], 2]}, mlcore.InvalidInputError, "a: row 1 holds int"),
        ({"a": [{"b": 1}], "a.b": [2]}, mlcore.InvalidInputError, "a.b: two columns have this name"),
        (pl.DataFrame({"a": [{"b": 1}], "a.b": [2]}), mlcore.InvalidInputError, "a.b: two columns have this name"),
        (7, mlcore.InvalidTypeError, "a table is expected"),
    ]:
        with pytest.raises(error, match=words):
            flatten(X)
    deep = {"x": 1.0}
    for _ in range(3000):
        deep = {"x": deep}
    with pytest.raises(mlcore.InvalidInputError, match="levels deep"):
        flatten([deep])


def test_lists_of_any_length_are_left_for_whoever_reads_them():
    table = pa.table({"x": [1.0, 2.0], "words": pa.array([["a"], ["b", "c"]])})
    assert flatten(table).column_names == ["x", "words"]
    assert ColumnTransformer([("num", StandardScaler(), ["x"])]).fit_transform(flatten(table)).tolist() == [[-1.0], [1.0]]
    with pytest.raises(mlcore.Error, match="words"):
        StandardScaler().fit(flatten(table))
