"""Whatever library a frame belongs to, the numbers are the same."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from conftest import doors, mixed

import mlcore
from mlcore.features import (
    ColumnTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    Pipeline,
    SimpleImputer,
    StandardScaler,
)

KINDS = list(doors(mixed(20)))


def everything() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("num", Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())]), ["age", "income"]),
            ("missing", StandardScaler(), ["age"]),
            ("count", StandardScaler(), ["visits"]),
            ("cat", OneHotEncoder(handle_unknown="ignore"), ["plan", "active"]),
            ("ord", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["plan"]),
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_library_gives_the_same_plan_and_features(frame, kind):
    expected = everything().fit(frame)
    got = everything().fit(doors(frame)[kind])
    assert got.plan_hash == expected.plan_hash
    other = mixed(50, seed=8)
    np.testing.assert_array_equal(got.transform(doors(other)[kind]), expected.transform(other))
    np.testing.assert_array_equal(expected.transform(doors(other)[kind]), expected.transform(other))


@pytest.mark.parametrize("kind", KINDS)
def test_every_library_gives_the_same_report(frame, kind):
    current = mixed(300, seed=9, shift=4)
    expected = mlcore.drift.report(frame, current)
    assert expected.drifted_columns == ["age"]
    assert mlcore.drift.report(doors(frame)[kind], doors(current)[kind]).to_json() == expected.to_json()


@pytest.mark.parametrize("name", ["age", "income", "visits", "plan", "active"])
def test_a_column_alone_is_taken_from_everywhere(frame, name):
    current = mixed(300, seed=9, shift=4)
    polars, other = pl.from_pandas(frame), pl.from_pandas(current)
    expected = mlcore.drift.psi(frame[name], current[name])
    for reference, now in [
        (polars[name], other[name]),
        (polars[name].to_arrow(), other[name].to_arrow()),
        (pa.chunked_array([polars[name].to_arrow()]), other[name].to_arrow()),
        (frame[name].to_numpy(), current[name].to_numpy()),
        (frame[name].tolist(), tuple(current[name].tolist())),
        (frame[[name]], other.select(name)),
        (pd.Index(frame[name]), current[name].to_numpy()),
    ]:
        assert mlcore.drift.psi(reference, now).__dict__ == expected.__dict__


def test_an_array_of_any_layout_is_the_same_array():
    rng = np.random.default_rng(3)
    plain = rng.normal(size=(50, 4))
    expected = StandardScaler().fit_transform(plain)
    readonly = plain.copy()
    readonly.flags.writeable = False
    wide = np.zeros((50, 8))
    wide[:, ::2] = plain
    for array in [
        np.asfortranarray(plain),
        plain[::-1].copy()[::-1],
        plain.astype(">f8"),
        readonly,
        wide[:, ::2],
        plain.astype(np.longdouble),
        plain.astype(object),
        plain.tolist(),
    ]:
        np.testing.assert_array_equal(StandardScaler().fit_transform(array), expected)
    # Another order of rows is another order of summation.
    np.testing.assert_allclose(StandardScaler().fit_transform(plain[::-1]), expected[::-1], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "bool"])
def test_every_element_type_is_read(dtype):
    values = np.array([0, 1, 1, 0, 1], dtype=dtype)
    expected = mlcore.stats.ks_2samp([0.0, 1.0, 1.0, 0.0, 1.0], [0.5, 0.7])
    for column in [values, pd.Series(values), pl.Series(values) if dtype != "float16" else values, pa.array(values)]:
        assert mlcore.stats.ks_2samp(column, [0.5, 0.7]) == expected


def test_structured_arrays_and_two_dimensions_have_names():
    array = np.array([(1.0, "a"), (2.0, "b")], dtype=[("x", "f8"), ("kind", "U1")])
    fitted = OneHotEncoder().fit(array)
    assert fitted.feature_names_in_.tolist() == ["x", "kind"]
    named = StandardScaler().fit(np.ones((3, 2)), feature_names=["a", "b"])
    assert named.feature_names_in_.tolist() == ["a", "b"]
    assert not hasattr(StandardScaler().fit(np.ones((3, 2))), "feature_names_in_")


def test_integers_with_missing_values_are_numbers_with_missing_values():
    integers = pl.DataFrame({"n": [1, None, 3, 5]})
    floats = pd.DataFrame({"n": [1, None, 3, 5]})
    assert floats["n"].dtype == "float64"
    assert StandardScaler().fit(integers).plan_hash == StandardScaler().fit(floats).plan_hash
    whole = StandardScaler().fit(pd.DataFrame({"n": [1, 2, 3]}))
    np.testing.assert_array_equal(whole.transform(integers), whole.transform(floats))
    assert np.isnan(whole.transform(floats)[1, 0])


def test_a_column_without_any_value_is_missing_in_every_library():
    full = pd.DataFrame({"plan": ["a", "b", None], "n": [1, 2, 3], "flag": [True, False, True]})
    encoder = OneHotEncoder(handle_unknown="ignore").fit(full)
    empty = [
        pd.DataFrame({"plan": [None, None], "n": [None, None], "flag": [None, None]}),
        pd.DataFrame({"plan": [np.nan, np.nan], "n": [np.nan, np.nan], "flag": [np.nan, np.nan]}),
        pl.DataFrame({"plan": [None, None], "n": [None, None], "flag": [None, None]}),
        {"plan": [None, None], "n": [None, None], "flag": [None, None]},
    ]
    for table in empty:
        assert encoder.transform(table)[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0]


def test_an_empty_table_gives_no_rows():
    scaler = StandardScaler().fit({"a": [1.0, 2.0]})
    for table in [pd.DataFrame({"a": []}, dtype=float), pl.DataFrame({"a": []}), {"a": []}, np.empty((0, 1))]:
        assert scaler.transform(table).shape == (0, 1)
    with pytest.raises(mlcore.InvalidInputError, match="no rows"):
        StandardScaler().fit({"a": []})


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (5, TypeError, "a table is expected, and it is a int"),
        ("path.csv", TypeError, "it is a str"),
        (None, TypeError, "NoneType"),
        ([1.0, 2.0], TypeError, "row 0 is a float"),
        (np.ones(3), ValueError, r"reshape\(-1, 1\)"),
        (np.ones((2, 2, 2)), ValueError, "3 dimension"),
        (np.ones((3, 2), dtype=complex), TypeError, "x0: Complex data not supported: complex numbers"),
        (np.array([[1, "a"], [2, "b"]], dtype=object), ValueError, "x1: expected numbers, got text"),
        ({"a": [1, "x", 3]}, TypeError, "fit a: row 1 holds text, after numbers"),
        ({"a": [1, object(), 3]}, TypeError, "fit a: row 1 holds a object"),
        ({"a": [[1], [2]]}, TypeError, "row 0 holds a list"),
        ({"a": 1.0}, TypeError, "fit a: a column is expected, and it is a float"),
        ({"a": "text"}, TypeError, "a column is expected, and it is a str"),
        ({1: [1.0]}, TypeError, "must be a str"),
        ({"a": [1, 2], "b": [1]}, ValueError, "fit b: 1 rows where the first column has 2"),
        ([[1, 2], [3]], ValueError, "row 1 has 1 values where row 0 has 2"),
        ([{"a": 1}, [2]], TypeError, "row 1 is a list"),
        (pd.DataFrame({"when": pd.to_datetime(["2026-01-01", "2026-01-02"])}), ValueError, r"StandardScaler when: expected numbers, got timestamp\[.s\]; derive an hour"),
        (pl.DataFrame({"when": [datetime.datetime(2026, 1, 1)]}), ValueError, r"OneHotEncoder when: expected numbers, bools or text, got timestamp\[us\]; derive an hour"),
        (np.array([["2026-01-01"]], dtype="M8[D]"), ValueError, "StandardScaler x0: expected numbers, got date; derive"),
        (pd.DataFrame({"d": pd.to_timedelta([1, 2])}), TypeError, "fit d: durations.*; divide them"),
        (pl.DataFrame({"d": [datetime.timedelta(1)]}), TypeError, "fit d: columns of durations are not taken; cast it to a number of seconds"),
        ({"d": [1.0, datetime.timedelta(1)]}, TypeError, "fit d: row 1 holds a duration; pass its number of seconds"),
        ({"d": [None, np.timedelta64(1, "s")]}, TypeError, "fit d: row 1 holds a duration"),
        ({"d": [datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1)]}, TypeError, "row 1 holds a date and time without a time zone, after dates"),
        ({"d": [datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)]}, TypeError, "row 1 holds a date and time with a time zone, after dates and times without"),
        ({"d": [datetime.time(1, tzinfo=datetime.timezone.utc)]}, TypeError, "row 0 holds a time of day with a time zone"),
        ({"d": np.array([1, 2], dtype="M8[ps]")}, TypeError, r"fit d: it is a datetime64\[ps\] that falls between two ns"),
        ({"a": [1, 2**70]}, TypeError, "fit a: row 1 holds an integer of more than 64 bits"),
        ({"a": [0.5, 2**60 + 1]}, TypeError, "fit a: row 1 holds integer 1152921504606846977, and the other rows ask for float64"),
        ({"a": [Decimal("1.00000000000000000001")]}, TypeError, "fit a: row 0 holds the decimal 1.00000000000000000001, which has more digits"),
        (pl.DataFrame({"a": [Decimal("1.00000000000000000001")]}), TypeError, "fit a: columns of decimals with more digits than a float has are not taken; cast it to float64"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", 1]), TypeError, "astype\\(str\\)"),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]), ValueError, "a: the name occurs twice"),
        (pl.DataFrame({"a": [[1, 2], [3]]}), TypeError, "fit a: columns of type"),
        (pl.DataFrame({"a": [b"x"]}), TypeError, "fit a: columns of bytes"),
        (np.array([[b"x"]]), TypeError, "x0: bytes"),
    ],
)
def test_what_is_no_table_is_refused_by_name(table, error, words):
    transformer = StandardScaler() if not isinstance(table, pl.DataFrame) else OneHotEncoder()
    with pytest.raises(error, match=words) as caught:
        transformer.fit(table)
    assert isinstance(caught.value, mlcore.Error)


def test_decimals_are_floats_where_no_digit_is_lost():
    texts = ["0.1", "-2.50", "1e5", "0.30000000000000004", "123456789012345", "9007199254740991"]
    decimals = [Decimal(text) for text in texts]
    expected = StandardScaler(with_std=False).fit({"a": [*map(float, texts), None]})
    fine = pa.array([*decimals[:4], None], pa.decimal128(38, 17))
    for column, floats in [
        ([*decimals, None], texts),
        (np.array([*decimals, Decimal("NaN")], dtype=object), texts),
        (fine, texts[:4]),
        (fine.cast(pa.decimal256(60, 17)), texts[:4]),
        (pa.array([*decimals[:2], None], pa.decimal128(10, 3)), texts[:2]),
        (pl.Series([*decimals[:2], None], dtype=pl.Decimal(10, 3)), texts[:2]),
    ]:
        fitted = StandardScaler(with_std=False).fit({"a": [*map(float, floats), None]})
        assert StandardScaler(with_std=False).fit({"a": column}).plan_hash == fitted.plan_hash
    # Nobody looks at a column that nobody reads.
    wide = pl.DataFrame({"a": [1.0], "unread": [Decimal("0.12345678901234567890123")]})
    assert expected.transform(wide).shape == (1, 1)
    with pytest.raises(TypeError, match="numbers are expected, and it holds decimals with more digits"):
        mlcore.stats.ks_2samp(wide["unread"], [1.0])


def test_large_integers_stay_integers():
    for column in ([2**60 + 1, None], [2**60 + 1, float("nan")], pl.Series([2**60 + 1, None])):
        assert OrdinalEncoder().fit({"a": column}).plan().inputs == {"a": "int64"}
    assert OrdinalEncoder().fit({"a": [2**63, 1]}).plan().inputs == {"a": "uint64"}


def test_text_where_numbers_belong_names_the_column():
    with pytest.raises(TypeError, match="numbers are expected, and it holds text"):
        mlcore.stats.chi2_contingency(pd.DataFrame({"a": [1.0, 2.0], "b": ["3", "z"]}))

    with pytest.raises(ValueError, match="fit StandardScaler plan: expected numbers, got text"):
        StandardScaler().fit({"plan": ["a", "b"]})
    with pytest.raises(TypeError, match="ks_2samp x: numbers are expected, and it holds text"):
        mlcore.stats.ks_2samp(["a", "b"], [1.0])
    with pytest.raises(TypeError, match="one column is expected, and it has 2 columns"):
        mlcore.drift.psi(pd.DataFrame({"a": [1.0], "b": [2.0]}), [1.0])


def test_a_stream_that_breaks_is_an_error_that_keeps_its_cause():
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise RuntimeError("the disk is gone")

    with pytest.raises(TypeError, match="the disk is gone") as caught:
        StandardScaler().fit(Broken())
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_relation_of_duckdb_is_taken(frame):
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.connect().from_arrow(pl.from_pandas(frame).to_arrow())
    assert StandardScaler().fit(relation.select("income, visits")).plan_hash == StandardScaler().fit(frame[["income", "visits"]]).plan_hash


def test_what_is_written_into_an_array_later_is_not_seen():
    values = np.linspace(0, 1, 1000).reshape(-1, 1)
    monitor = mlcore.drift.Monitor(values, window_rows=1000)
    values[:] = 99.0
    assert monitor.observe(values)[0].drifted


def test_pandas_needs_no_pyarrow_beside_it():
    code = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd, numpy as np
import mlcore
frame = pd.DataFrame({"age": [20.0, None, 40.0], "plan": ["free", "pro", None], "n": pd.array([1, None, 3], dtype="Int64"),
                      "c": pd.Categorical(["x", "y", "x"])})
assert "pyarrow" not in str(frame["plan"].dtype)
encoder = mlcore.features.OneHotEncoder().fit(frame[["plan", "c", "n"]])
print(encoder.get_feature_names_out().tolist(), mlcore.features.SimpleImputer().fit(frame[["age", "n"]]).statistics_.tolist())
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == (
        "['plan_free', 'plan_pro', 'plan_nan', 'c_x', 'c_y', 'n_1.0', 'n_3.0', 'n_nan'] [30.0, 2.0]"
    )


def test_nothing_but_numpy_is_needed():
    code = """
import sys
for name in ("pandas", "polars", "pyarrow", "scipy", "sklearn", "onnxruntime", "duckdb"):
    sys.modules[name] = None
import mlcore
features = mlcore.features.StandardScaler().fit_transform({"age": [1.0, 3.0]})
report = mlcore.drift.report({"x": list(range(500))}, {"x": list(range(300, 800))})
print(features.tolist(), report.drifted, mlcore.stats.ks_2samp([1, 2], [1, 2]).pvalue)
"""
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[[-1.0], [1.0]] True 1.0"


def test_masks_and_names_that_stand_twice_are_refused():
    masked = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[True, False], [False, False]])
    for call in (
        lambda: StandardScaler().fit(masked),
        lambda: StandardScaler().fit({"a": masked[:, 0]}),
        lambda: mlcore.stats.ks_2samp(masked[:, 0], [1.0, 2.0]),
        lambda: mlcore.metrics.accuracy_score(masked[:, 0], [1.0, 2.0]),
    ):
        with pytest.raises(TypeError, match="masked array"):
            call()
    frame = pd.DataFrame([[1.0, 2.0, 3.0]] * 200, columns=["a", "b", "a"])
    with pytest.raises(mlcore.InvalidInputError, match="a: the (column's )?name occurs twice"):
        StandardScaler().fit(frame)
    only = ColumnTransformer([("scale", StandardScaler(), ["b"])]).fit(frame)
    assert only.transform(frame).shape == (200, 1)
    whole = pd.DataFrame({"a": [1.0] * 200, "b": [2.0] * 200})
    with pytest.raises(mlcore.Error, match="a: the (column's )?name occurs twice"):
        mlcore.drift.report(whole, frame)
    with pytest.raises(mlcore.Error, match="a: the (column's )?name occurs twice"):
        StandardScaler().fit(whole).transform(frame)


class Exported:
    """An array that speaks only of itself, as one chunk or as a stream of one."""

    def __init__(self, array, is_stream):
        self.array = array
        if is_stream:
            self.__arrow_c_stream__ = pa.chunked_array([array]).__arrow_c_stream__
        else:
            self.__arrow_c_array__ = array.__arrow_c_array__


@pytest.mark.parametrize("is_stream", [False, True])
def test_slices_of_nested_structs_are_read_and_refused_like_any_column(is_stream):
    point = pa.StructArray.from_arrays([pa.array([1.0, 2.0, 3.0, 4.0])], ["x"])
    place = pa.StructArray.from_arrays([point], ["point"])
    table = pa.StructArray.from_arrays([pa.array([10.0, 20.0, 30.0, 40.0]), place], ["size", "place"])
    exported = Exported(table.slice(1, 2), is_stream)
    scaled = ColumnTransformer([("size", StandardScaler(), ["size"])]).fit_transform(exported)
    np.testing.assert_array_equal(scaled, [[-1.0], [1.0]])
    with pytest.raises(mlcore.InvalidTypeError, match="fit place: columns of type Struct"):
        StandardScaler().fit(Exported(table.slice(1, 2), is_stream))
