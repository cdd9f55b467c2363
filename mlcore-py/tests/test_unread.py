"""A column that nobody reads is in nobody's way, whatever it holds and whatever library it comes from."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlcore
from mlcore import drift
from mlcore.features import ColumnTransformer, OneHotEncoder, Pipeline, SimpleImputer, StandardScaler

ROWS = 120
AGE = [float(20 + row % 40) for row in range(ROWS)]
PLAN = ["free", "pro", "team"] * (ROWS // 3)
#: Columns that no step takes: plain values, and which libraries hold them.
ODD = {
    "dates": [datetime.date(2024, 2, 29)] * ROWS,
    "durations": [datetime.timedelta(1)] * ROWS,
    "lists": [[1, 2]] * ROWS,
    "bytes": [b"\x00\xff"] * ROWS,
    "structs": [{"a": 1}] * ROWS,
    "mixed": [1, "two", b"3", None, object()] * (ROWS // 5),
    "sets": [{1}] * ROWS,
    "surrogates": ["\ud800"] * ROWS,
    "complex": [1j] * ROWS,
    "huge": [2**70] * ROWS,
}


def tables(name):
    """A table with the odd column beside two others, as every library that can hold it has it."""
    values = ODD[name]
    columns = {"age": AGE, "odd": values, "plan": PLAN}
    frame = pd.DataFrame({"age": AGE, "odd": pd.Series(values, dtype=object), "plan": PLAN})
    yield "dict", columns
    yield "records", [dict(zip(columns, row)) for row in zip(*columns.values())]
    yield "pandas", frame
    yield "numpy records", np.array(list(zip(*columns.values())), dtype=[("age", "f8"), ("odd", "O"), ("plan", "U8")])
    yield "polars objects", pl.DataFrame({"age": AGE, "odd": pl.Series("odd", values, dtype=pl.Object), "plan": PLAN})
    try:
        arrow = pa.table({"age": AGE, "odd": pa.array(values), "plan": PLAN})
    except (pa.ArrowException, UnicodeError, OverflowError):
        return
    yield "pyarrow", arrow
    yield "pyarrow batch", arrow.to_batches()[0]
    yield "polars", pl.from_arrow(arrow)
    yield "polars, lazy", pl.from_arrow(arrow).lazy()


def chosen(remainder="drop"):
    return ColumnTransformer([("s", StandardScaler(), ["age"]), ("e", OneHotEncoder(), ["plan"])], remainder=remainder)


@pytest.mark.parametrize("name", ODD)
def test_plans_read_what_they_read(name):
    plain = pd.DataFrame({"age": AGE, "plan": PLAN})
    expected = chosen().fit(plain)
    for kind, table in tables(name):
        fitted = chosen().fit(table)
        assert fitted.plan_hash == expected.plan_hash, kind
        np.testing.assert_array_equal(fitted.transform(table), expected.transform(plain), err_msg=kind)
        np.testing.assert_array_equal(chosen().fit_transform(table), expected.transform(plain), err_msg=kind)
        inner = Pipeline([("choose", chosen()), ("impute", SimpleImputer())]).fit(table)
        np.testing.assert_array_equal(inner.transform(table), expected.transform(plain), err_msg=kind)
        by_position = ColumnTransformer([("s", StandardScaler(), [0]), ("drop", "drop", [1])]).fit(table)
        np.testing.assert_array_equal(by_position.transform(table), expected.transform(plain)[:, :1], err_msg=kind)
    record = {"age": 30.0, "plan": "pro", "odd": ODD[name][0]}
    np.testing.assert_array_equal(expected.transform_row(record), expected.transform([record])[0])


@pytest.mark.parametrize("name", ODD)
def test_reports_and_monitors_watch_what_they_watch(name):
    plain = pd.DataFrame({"age": AGE, "plan": PLAN})
    expected = drift.report(plain, plain, columns=["age"]).verdict.to_json()
    for kind, table in tables(name):
        assert drift.report(table, table, columns=["age"]).drifted is False, kind
        found = drift.report(table, plain.assign(odd=1.0), columns=["age"]).verdict
        assert [column.column for column in found.columns] == ["age"], kind
        monitor = drift.Monitor(table, columns=["age", "plan"], window_rows=200)
        assert monitor.observe(table) == [] and monitor.rows_in_window == ROWS, kind
    assert expected == drift.report(plain, plain, columns=["age"]).verdict.to_json()


@pytest.mark.parametrize("name", ["lists", "bytes", "mixed", "durations"])
def test_a_report_of_all_columns_lists_what_it_cannot_compare(name):
    for kind, table in tables(name):
        verdict = drift.report(table, table).verdict
        assert sorted(column.column for column in verdict.columns) == ["age", "odd", "plan"] or "odd" in verdict.to_json(), kind


def test_a_column_that_is_read_is_refused_by_its_name():
    for kind, table in tables("lists"):
        for call in (lambda: StandardScaler().fit(table), lambda: chosen(remainder="passthrough").fit(table)):
            with pytest.raises((TypeError, mlcore.UnsupportedError, mlcore.SchemaMismatchError), match="odd"):
                call()


def test_columns_of_differing_lengths_are_told_where_they_are_read():
    with pytest.raises(mlcore.InvalidInputError, match="b: 3 rows where the first column has 2"):
        StandardScaler().fit({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]})
