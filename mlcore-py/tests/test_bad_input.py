"""What real tables do to transformers: each of it has an answer or an error that says what to do."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlcore
from mlcore.features import ColumnTransformer, CountEncoder, CountVectorizer, OneHotEncoder, OrdinalEncoder, SimpleImputer, StandardScaler

SEEN = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [10.0, 20.0, 60.0]})


def told(error, message):
    """The call raises this error with exactly this message."""
    return pytest.raises(error, match=f"^{re.escape(message)}$")


def test_columns_of_one_name_are_refused_where_they_are_read():
    remedy = "the name occurs twice; rename one of them, or drop it: frame.loc[:, ~frame.columns.duplicated()]"
    twice = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "a", "b"])
    for table in (twice, pa.Table.from_arrays([pa.array([1.0])] * 3, names=["a", "a", "b"])):
        with told(mlcore.InvalidInputError, f"fit a: {remedy}"):
            StandardScaler().fit(table)
        with told(mlcore.InvalidInputError, f"transform a: {remedy}"):
            StandardScaler().fit(SEEN).transform(table)
    beside = pd.DataFrame([[1.0, 7.0, 10.0, 8.0]], columns=["a", "c", "b", "c"])
    expected = StandardScaler().fit(SEEN).transform(SEEN[:1])
    np.testing.assert_array_equal(StandardScaler().fit(SEEN).transform(beside), expected)


def test_columns_that_are_added_or_reordered_change_nothing():
    scaler = StandardScaler().fit(SEEN)
    expected = scaler.transform(SEEN)
    more = SEEN[["b", "a"]].assign(text="x", lists=[[1]] * 3, when=pd.Timestamp("2024-02-29"))
    for table in (SEEN[["b", "a"]], more, pl.from_pandas(more), pa.Table.from_pandas(more)):
        np.testing.assert_array_equal(scaler.transform(table), expected)
    np.testing.assert_array_equal(scaler.transform_row({"b": 10.0, "z": 5, "a": 1.0}), expected[0])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1.0]}, "transform b: the column is missing; the table has a; add the column, or rename the one that holds it"),
        ({"a": [1.0], "B": [2.0]}, "transform b: the column is missing; the table has a, B; add the column, or rename the one that holds it"),
        ({"a": [1.0], "b": ["2"]}, "transform b: expected float64, got string; cast the column to the type it was fitted on, or fit again"),
        (
            {"a": [1.0], "b": pd.to_datetime(["2024-01-01"])},
            "transform b: expected float64, got timestamp[us]; cast the column to the type it was fitted on, or fit again",
        ),
    ],
    ids=["dropped", "renamed", "text", "moments"],
)
def test_columns_that_are_dropped_renamed_or_retyped_are_named(table, message):
    with told(mlcore.SchemaMismatchError, message):
        StandardScaler().fit(SEEN).transform(pd.DataFrame(table))


def test_numbers_of_another_type_are_numbers_and_categories_are_not():
    scaler, encoder = StandardScaler().fit(SEEN), OneHotEncoder(handle_unknown="ignore").fit(pd.DataFrame({"k": np.array([1, 2], "i1")}))
    for kind in ("i1", "u4", "f4", "i8", object, "Int64", "Float32"):
        np.testing.assert_array_equal(scaler.transform(SEEN.astype(kind)), scaler.transform(SEEN))
    assert scaler.transform(pd.DataFrame({"a": [True], "b": [False]})).tolist() == scaler.transform([[1.0, 0.0]]).tolist()
    for kind in ("i8", "u1", "f8", object):
        assert encoder.transform(pd.DataFrame({"k": [2, 1]}).astype(kind)).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    for value, words in ((300, "integer 300"), (1.5, "float 1.5")):
        with told(mlcore.SchemaMismatchError, f"transform k: row 0: expected int8, got {words}; cast the column to the type it was fitted on, or fit again"):
            encoder.transform(pd.DataFrame({"k": [value]}))
    with told(mlcore.SchemaMismatchError, "transform k: expected int8, got string; cast the column to the type it was fitted on, or fit again"):
        encoder.transform(pd.DataFrame({"k": ["2"]}))


def test_integers_that_do_not_fit_are_told():
    assert OrdinalEncoder().fit({"k": [2**63, 1]}).categories_[0].tolist() == [1, 2**63]
    assert OrdinalEncoder().fit({"k": np.array([2**64 - 1, 0], "u8")}).categories_[0].tolist() == [0, 2**64 - 1]
    for table in ({"k": [1, 2**64]}, pd.DataFrame({"k": [1, 2**64]})):
        with told(mlcore.InvalidTypeError, "fit k: row 1 holds an integer of more than 64 bits; pass a float, or the digits as text"):
            OrdinalEncoder().fit(table)
    message = "fit k: row 0 holds integer 9223372036854775808, and the other rows ask for float64, which does not hold it; convert the column to one type first"
    with told(mlcore.InvalidTypeError, message):
        OrdinalEncoder().fit({"k": [2**63, -1]})
    # Sums are of floats: they do not wrap around.
    assert StandardScaler().fit({"k": [2**63 - 1] * 3 + [-(2**63)] * 3}).mean_.tolist() == [0.0]
    assert StandardScaler().fit({"k": np.array([2**64 - 1, 0], "u8")}).mean_.tolist() == [2.0**63]
    with pytest.raises(mlcore.InvalidInputError, match="fit StandardScaler a: row 1 holds infinity"):
        StandardScaler().fit({"a": [1.0, 1e400]})


def layouts(values: list[str | None]) -> dict[str, object]:
    """The same texts in every layout that libraries have for them."""
    plain = pa.array(values)
    padded = pa.array(["unused", None, *values, "unused"])
    codes = pa.array([None if own is None else {"x": 2, "y": 0}[own] for own in values], pa.int16())
    categories = pd.Categorical(values, categories=["unused", "y", "x"], ordered=True)
    return {
        "plain": {"t": plain},
        "large": {"t": plain.cast(pa.large_string())},
        "view": {"t": plain.cast(pa.string_view())},
        "dictionary": {"t": plain.dictionary_encode()},
        "dictionary, unsorted": {"t": pa.DictionaryArray.from_arrays(codes, pa.array(["y", "unused", "x"]))},
        "dictionary of views": {"t": pa.DictionaryArray.from_arrays(codes, pa.array(["y", "unused", "x"], pa.large_string()))},
        "slice": {"t": padded.slice(2, len(values))},
        "slice of a dictionary": {"t": padded.dictionary_encode().slice(2, len(values))},
        "slice of views": {"t": padded.cast(pa.string_view()).slice(2, len(values))},
        "chunks": pa.table({"t": pa.chunked_array([padded.slice(2, 1), plain.slice(1)])}),
        "no chunks": pa.table({"t": pa.chunked_array([plain, pa.array([], pa.string())])}),
        "pandas categories": pd.DataFrame({"t": categories}),
        "pandas slice": pd.DataFrame({"t": ["unused", *values]}, index=[9, *range(len(values))])[1:],
        "pandas, backwards": pd.DataFrame({"t": values[::-1]}, dtype=object)[::-1],
        "polars": pl.DataFrame({"t": values}),
        "polars slice": pl.DataFrame({"t": ["unused", *values, "unused"]})[1:-1],
        "polars categories": pl.DataFrame({"t": pl.Series(values, dtype=pl.Categorical)}),
        "polars enum": pl.DataFrame({"t": pl.Series(values, dtype=pl.Enum(["unused", "y", "x"]))}),
        "numpy": np.array(values, dtype=object)[:, None],
        "numpy, backwards": np.array(values[::-1], dtype=object)[::-1, None],
    }


@pytest.mark.parametrize("layout", layouts(["x", "y"]))
def test_every_layout_of_texts_is_the_same_text(layout):
    values = ["x", None, "y", "x"]
    table = layouts(values)[layout]
    encoder = OneHotEncoder().fit(table)
    assert encoder.categories_[0][:2].tolist() == ["x", "y"] and len(encoder.categories_[0]) == 3
    assert encoder.transform(table).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    if layout not in ("numpy", "numpy, backwards"):
        assert encoder.plan_hash == OneHotEncoder().fit({"t": values}).plan_hash


def test_every_layout_of_numbers_is_the_same_numbers():
    values = np.arange(12.0).reshape(6, 2) ** 2
    expected = StandardScaler().fit_transform(values)
    wide = np.zeros((12, 6))
    wide[::2, 1:5:2] = values
    readonly = values.copy()
    readonly.flags.writeable = False
    padded = pa.array([7.0, None, *values[:, 0]]).slice(2)
    for table in (
        np.asfortranarray(values),
        wide[::2, 1:5:2],
        values[::-1].copy()[::-1],
        readonly,
        values.astype(">f8"),
        np.lib.stride_tricks.sliding_window_view(values.ravel(), 2)[::2],
        pa.table({"x0": padded, "x1": pa.chunked_array([values[:2, 1], values[2:, 1]])}),
        pl.DataFrame(np.vstack([values, values]), schema=["x0", "x1"])[6:],
        pd.DataFrame(np.hstack([values, values]))[[0, 1]].set_axis(["x0", "x1"], axis=1),
    ):
        before = table.copy() if isinstance(table, np.ndarray) else None
        np.testing.assert_array_equal(StandardScaler().fit_transform(table), expected)
        if before is not None:
            np.testing.assert_array_equal(table, before)


def test_nan_and_none_are_one_missing_value():
    numbers = [None, float("nan"), np.nan, pd.NA, pd.NaT, np.float32("nan")]
    assert {SimpleImputer().fit_transform({"a": [1.0, missing, 3.0]})[1, 0] for missing in numbers} == {2.0}
    hashes = {OneHotEncoder().fit({"t": ["x", missing]}).plan_hash for missing in (None, float("nan"), pd.NA)}
    assert len(hashes) == 1
    encoder = OneHotEncoder().fit({"t": ["x", None]})
    for missing in (None, float("nan"), pd.NA):
        assert encoder.transform({"t": [missing]}).tolist() == [[0.0, 1.0]]
        assert encoder.transform_row({"t": missing}).tolist() == [0.0, 1.0]
    # Text that only looks missing is text.
    assert OneHotEncoder().fit({"t": ["nan", "None", "", None]}).get_feature_names_out().tolist() == ["t_", "t_None", "t_nan", "t_nan_1"]


def test_texts_of_ten_megabytes_are_texts_and_errors_cut_them():
    long = "word " * 2_000_000
    encoder = OneHotEncoder().fit({"t": [long, "y"]})
    assert encoder.transform({"t": ["y", long]}).tolist() == [[0.0, 1.0], [1.0, 0.0]]
    with pytest.raises(mlcore.InvalidInputError, match='transform with OneHotEncoder t: row 0: "word .*"... is none of the categories') as caught:
        OneHotEncoder().fit({"t": ["y"]}).transform({"t": [long]})
    assert len(str(caught.value)) < 500
    assert CountVectorizer().fit_transform({"t": [long]}).tolist() == [[2_000_000.0]]


def test_a_million_categories():
    texts = [f"c{position:06}" for position in range(1_000_000)]
    table = pl.DataFrame({"t": texts})
    ordinal = OrdinalEncoder().fit(table)
    assert ordinal.transform(table[[0, 999_999, 500_000]]).ravel().tolist() == [0.0, 999_999.0, 500_000.0]
    grouped = OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist").fit(pl.concat([table, table[[7, 8]]]))
    assert grouped.get_feature_names_out().tolist() == ["t_c000007", "t_c000008", "t_infrequent_sklearn"]
    assert grouped.transform(table[[7, 9]]).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    counted = CountEncoder().fit(table[:1000])
    assert counted.transform(table[998:1001]).ravel().tolist() == [1.0, 1.0, 0.0]


def test_ten_thousand_columns():
    values = np.arange(30_000.0).reshape(3, 10_000)
    names = [f"c{position}" for position in range(10_000)]
    frame = pd.DataFrame(values, columns=names)
    for table in (values, frame, pl.from_pandas(frame)):
        scaler = StandardScaler()
        made = scaler.fit_transform(table)
        assert made.shape == (3, 10_000) and np.ptp(made, axis=1).max() < 1e-9
        assert scaler.n_features_in_ == 10_000
    halves = ColumnTransformer([("scale", StandardScaler(), names[:5000])], remainder="passthrough").fit(frame)
    np.testing.assert_array_equal(halves.transform(frame)[:, 5000:], values[:, 5000:])
    assert halves.get_feature_names_out()[[0, -1]].tolist() == ["scale__c0", "remainder__c9999"]
