"""Rows as frames: which library, which types, and what is said where there is none."""

from __future__ import annotations

import datetime
import subprocess
import sys

import pandas as pd
import polars as pl
import pytest

import mlcore
from mlcore._frame import frame

ROWS = [
    {"name": "a", "count": 2**53 + 1, "share": 0.5, "flag": True, "at": datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc), "tests": [1, 2], "more": {"x": 1}},
    {"name": "b", "count": None, "share": None, "flag": None, "at": None, "tests": [], "more": {"y": "z"}, "late": 1},
]


def test_pandas_comes_first_and_keeps_every_value():
    found = frame(ROWS)
    assert type(found) is pd.DataFrame
    assert list(found.columns) == ["name", "count", "share", "flag", "at", "tests", "more", "late"]
    assert (found["count"][0], str(found["count"].dtype), str(found["flag"].dtype)) == (2**53 + 1, "Int64", "boolean")
    assert found["share"].dtype == float and found["share"].isna()[1]
    assert found["tests"].tolist() == [[1, 2], []] and found["more"].tolist() == [{"x": 1}, {"y": "z"}]


def test_polars_where_it_is_asked_for():
    found = frame(ROWS, library="polars")
    assert type(found) is pl.DataFrame
    assert found["count"].to_list() == [2**53 + 1, None] and found["count"].dtype == pl.Int64
    assert found["tests"].to_list() == [[1, 2], []]
    assert found["more"].to_list() == [{"x": 1, "y": None}, {"x": None, "y": "z"}]
    assert found["at"].to_list() == [row["at"] for row in ROWS]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_without_rows_has_its_columns(library):
    found = frame([], library=library, columns=["a", "b"])
    assert (list(found.columns), len(found)) == (["a", "b"], 0)


def test_another_library_is_refused():
    with pytest.raises(mlcore.InvalidInputError, match="make frame library: 'arrow' makes no frames here; use pandas or polars"):
        frame(ROWS, library="arrow")


def without(*libraries: str) -> str:
    """What a process without these libraries answers."""
    code = f"""
import importlib.util, sys
hidden = {libraries!r}
class Hide:
    def find_spec(self, name, path=None, target=None):
        if name in hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in hidden else find(name, package)
from mlcore._frame import frame
try:
    print(type(frame([{{"a": 1}}])).__module__.split(".")[0])
except ImportError as error:
    print(type(error).__name__, error)
try:
    frame([{{"a": 1}}], library="pandas")
except ImportError as error:
    print(type(error).__name__, error)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_without_pandas_it_is_polars():
    chosen, asked = without("pandas").splitlines()
    assert chosen == "polars"
    assert asked == "MissingPackageError make frame pandas: pandas is not installed; install it: pip install pandas"


def test_without_either_the_error_says_what_to_install():
    first = without("pandas", "polars").splitlines()[0]
    assert first == "MissingPackageError make frame library: neither pandas nor polars is installed; install one of them: pip install pandas"
