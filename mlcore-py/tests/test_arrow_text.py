"""Arrow text that another library handed over without a look at it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlcore
from mlcore import drift
from mlcore.features import ColumnTransformer, OneHotEncoder, StandardScaler


def unchecked(values, kind=pa.string()):
    """Bytes as text that nobody looked at."""
    bytes_ = pa.array(values, type=pa.large_binary() if kind == pa.large_string() else pa.binary())
    return pa.Array.from_buffers(kind, len(bytes_), bytes_.buffers())


def viewed(values):
    """The same in views."""
    bytes_ = pa.array(values, type=pa.binary_view())
    return pa.Array.from_buffers(pa.string_view(), len(bytes_), bytes_.buffers())


BAD = [b"ok", None, b"a\xe9t\xe9", b"\xc0\xaf"] * 50
HELD = {
    "string": unchecked(BAD),
    "large string": unchecked(BAD, pa.large_string()),
    "views": viewed([*BAD[:2], b"\xff and more than twelve bytes"]),
    "slice": pa.concat_arrays([unchecked([b"\xff"]), unchecked(BAD)])[1:],
    "chunks": pa.chunked_array([unchecked([b"fine"]), unchecked(BAD)]),
    "dictionary": pa.DictionaryArray.from_arrays(pa.array([0, 0, 1] * 70), unchecked([b"ok", b"\xff"])),
    "broken codes": pa.DictionaryArray.from_arrays(pa.array([0, 7]), pa.array(["a", "b"]), safe=False),
}
ROW = {"string": "row 2", "large string": "row 2", "views": "row 2", "slice": "row 2", "chunks": "row 3", "dictionary": "row 2", "broken codes": "damaged"}


@pytest.mark.parametrize("name", HELD)
def test_it_is_refused_by_column_and_row(name):
    table = pa.table({"n": np.arange(len(HELD[name]), dtype=float), "word": HELD[name]})
    for call in (
        lambda: OneHotEncoder().fit(table.select(["word"])),
        lambda: drift.report(table, table, columns=["word"]),
        lambda: drift.Monitor(table),
        lambda: mlcore.metrics.accuracy_score(HELD[name], HELD[name]),
    ):
        with pytest.raises(mlcore.InvalidInputError, match=ROW[name]):
            call()
    # A column that nobody reads is in nobody's way.
    only = ColumnTransformer([("scale", StandardScaler(), ["n"])]).fit(table)
    assert only.transform(table).shape == (len(table), 1)


def test_parquet_of_pandas(tmp_path):
    pq.write_table(pa.table({"word": HELD["string"]}), tmp_path / "bad.parquet")
    frame = pd.read_parquet(tmp_path / "bad.parquet")
    with pytest.raises(mlcore.InvalidInputError, match="word: row 2 holds text that is not UTF-8"):
        OneHotEncoder().fit(frame)
    with pytest.raises(mlcore.InvalidInputError, match="word: row 2 holds text that is not UTF-8"):
        drift.report(frame, frame)


def test_rows_that_take_no_memory_are_refused():
    # A few bytes that say they are more rows than there can be numbers for: reading them aborted the process.
    endless = pa.Array.from_buffers(pa.null(), 1 << 50, [None])
    with pytest.raises(mlcore.UnsupportedError, match="word: 1125899906842624 values take .* GB"):
        OneHotEncoder().fit(pa.table({"word": endless}))
    with pytest.raises(mlcore.UnsupportedError, match="y_true: 1125899906842624 values"):
        mlcore.metrics.accuracy_score(endless, endless)
