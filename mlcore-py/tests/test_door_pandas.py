"""Columns of pandas that are read without a series for each: the same values, whatever holds them."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mlcore
from mlcore import drift
from mlcore.features import ColumnTransformer, OneHotEncoder, StandardScaler

TEXTS = ["red", "", None, "Łódź 🙂", "red", "blue"]
DAYS = pd.date_range("2024-02-28", periods=6)
#: A column of every kind of array that pandas has.
HELD = {
    "float64": [1.5, np.nan, -0.0, 3.0, 4.0, 5.0],
    "float32": np.arange(6, dtype="f4"),
    "float16": np.arange(6, dtype="f2"),
    "big endian": np.arange(6, dtype=">f8"),
    "int64": np.arange(6),
    "uint8": np.arange(6, dtype="u1"),
    "bool": [True, False] * 3,
    "objects": pd.Series(TEXTS, dtype=object),
    "objects with nan": pd.Series([np.nan, *TEXTS[:5]], dtype=object),
    "objects with NA": pd.Series([pd.NA, *TEXTS[:5]], dtype=object),
    "numbers as objects": pd.Series([None, 1, 2.5, 3, 4, 5], dtype=object),
    "str": pd.Series(TEXTS, dtype="str"),
    "string": pd.Series(TEXTS, dtype="string"),
    "string of python": pd.Series(TEXTS, dtype="string[python]"),
    "categories": pd.Series(TEXTS, dtype="category"),
    "categories of numbers": pd.Series([1, 2, 1, None, 2, 2], dtype="category"),
    "nullable integers": pd.Series([1, None, 3, 4, 5, 6], dtype="Int32"),
    "nullable floats": pd.Series([1.0, None, 3, 4, 5, 6], dtype="Float64"),
    "nullable bools": pd.Series([True, None] * 3, dtype="boolean"),
    "moments": DAYS,
    "moments with a zone": DAYS.tz_localize("Europe/Zurich"),
    "arrow integers": pd.Series([1, None, 3, 4, 5, 6], dtype=pd.ArrowDtype(pa.int64())),
    "arrow text": pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.string())),
    "arrow dates": pd.Series([datetime.date(2024, 2, 29)] * 6, dtype=pd.ArrowDtype(pa.date32())),
    "periods": pd.period_range("2024", periods=6, freq="D"),
    "sparse": pd.arrays.SparseArray([0.0, 0.0, 1.0, 0.0, 2.0, 0.0]),
}


def frame(name):
    return pd.DataFrame({"before": range(6), "column": HELD[name], "after": range(6)})


def passed(data):
    """The column as it leaves a plan that passes it on."""
    keep = ColumnTransformer([("keep", "passthrough", ["column"])], verbose_feature_names_out=False)
    table = keep.fit(data).plan().transform_table(data)
    return pa.table(table)


@pytest.mark.parametrize("name", HELD)
def test_a_column_is_the_same_with_a_series_and_without(name, monkeypatch):
    data = frame(name)
    slices = [data, data.iloc[:1], data.iloc[::-2], data.iloc[3:5]]
    direct = [passed(each) for each in slices]
    monkeypatch.delattr(pd.DataFrame, "_get_column_array")
    for each, expected in zip(slices, direct, strict=True):
        found = passed(each)
        assert found.schema == expected.schema and str(found.to_pydict()) == str(expected.to_pydict())


@pytest.mark.parametrize("odd", [pd.interval_range(0, 6), pd.Series([1j] * 6), pd.to_timedelta(range(6), "h"), pd.Series([b"x"] * 6, dtype="category")])
def test_a_column_that_nobody_takes_is_refused_by_name_alike(odd, monkeypatch):
    data = pd.DataFrame({"n": range(6), "odd": odd})
    scaler = StandardScaler()
    with pytest.raises(mlcore.Error, match="odd") as direct:
        scaler.fit(data)
    monkeypatch.delattr(pd.DataFrame, "_get_column_array")
    with pytest.raises(mlcore.Error) as by_series:
        scaler.fit(data)
    assert (type(direct.value), str(direct.value)) == (type(by_series.value), str(by_series.value))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["a", 1], "row 1 holds a number, after text"),
        ([None, "a", 2.5], "row 2 holds a number, after text"),
        (["a", b"b"], "row 1 holds a bytes"),
        (["a", "\ud800"], "row 1 holds text that is no Unicode"),
        ([1, "a"], "row 1 holds text, after numbers"),
    ],
)
def test_text_among_other_things_is_refused_where_it_stands(values, words):
    for data in (pd.DataFrame({"t": pd.Series(values, dtype=object)}), {"t": values}):
        with pytest.raises(mlcore.Error, match=words):
            OneHotEncoder().fit(data)


def test_a_report_does_not_depend_on_its_threads():
    rng = np.random.default_rng(3)
    columns = [f"c{i}" for i in range(9)]
    before, after = (pd.DataFrame(rng.normal(size=(400, 9)), columns=columns).assign(word=rng.choice(["a", "b"], 400)) for _ in range(2))
    after["c3"] += 2.0
    whole = drift.report(before, after).to_json()
    assert drift.report(before, after, threads=2).to_json() == whole
    assert drift.report(before, after, threads=64).to_json() == whole
    with pytest.raises(mlcore.InvalidInputError, match="threads"):
        drift.report(before, after, threads=0)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_cannot_be_read_keeps_its_exception(threads):
    before = pd.DataFrame({"a": np.arange(300.0), "odd": [object()] * 300})
    found = drift.report(before, before, threads=threads)
    assert [skipped["column"] for skipped in found.to_dict()["verdict"]["skipped"]] == ["odd"]
    with pytest.raises(TypeError, match="odd: row 0 holds a object") as raised:
        drift.report(before, before, columns=["a", "odd"], threads=threads)
    assert isinstance(raised.value, mlcore.Error)
