"""What a table takes, a record takes: numbers of every type, and rows of every library, in plans, monitors and endpoints."""

from __future__ import annotations

import collections
import datetime
import decimal
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn.exceptions
import sklearn.impute
import sklearn.preprocessing
from conftest import MODELS

import mlcore
from mlcore import drift, features
from mlcore.features import ColumnTransformer, KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, Pipeline, SimpleImputer, StandardScaler

FOREST = MODELS / "runner" / "rf30.onnx"
SEEN = {"integers": [[0, 0], [1, 1], [3, 2]], "bools": [[False, True], [True, False], [True, True]], "floats": [[0.0, 0.5], [1.0, 1.0], [2.5, 2.0]]}
COMPUTING = [
    StandardScaler(),
    MinMaxScaler(),
    MaxAbsScaler(),
    Normalizer(),
    KBinsDiscretizer(n_bins=2, encode="ordinal", strategy="uniform"),
    SimpleImputer(),
    SimpleImputer(strategy="most_frequent"),
    SimpleImputer(strategy="constant", fill_value=0),
]


def theirs(transformer):
    kind = getattr(sklearn.preprocessing, type(transformer).__name__, None) or sklearn.impute.SimpleImputer
    return kind(**transformer.get_params())


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("transformer", COMPUTING, ids=lambda own: repr(own))
def test_numeric_is_numeric(transformer, seen):
    fitted = transformer.fit(SEEN[seen])
    expected = theirs(transformer).fit(np.array(SEEN[seen], dtype=float))
    for row in ([0.5, 2], [7, -3], [1.25, 0.75], [True, False], [np.float32(0.5), np.int8(1)]):
        answer = expected.transform(np.array([row], dtype=float))
        frame = pd.DataFrame([row], columns=["x0", "x1"])
        for table in ([row], np.array([row], dtype=object), np.array([row], dtype=float), frame, pl.from_pandas(frame.astype(float))):
            np.testing.assert_allclose(fitted.transform(table), answer, rtol=1e-12, err_msg=str(type(table)))
        for record in (row, tuple(row), {"x0": row[0], "x1": row[1]}, np.array(row, dtype=float)):
            np.testing.assert_allclose(fitted.transform_row(record), answer[0], rtol=1e-12)


def test_only_encoders_care_for_integers():
    frame = pd.DataFrame({"n": [1, 2, 2], "k": [1, 2, 3], "rest": [1, 2, 3]})
    both = ColumnTransformer([("s", StandardScaler(), ["n"]), ("o", OneHotEncoder(), ["k"])], remainder="passthrough").fit(frame)
    expected = both.transform(pd.DataFrame({"n": [1], "k": [2], "rest": [3]}))[0]
    for k in (2.0, np.float32(2), 2, np.uint8(2), decimal.Decimal(2)):
        np.testing.assert_array_equal(both.transform_row({"n": 1.0, "k": k, "rest": 3}), expected)
        np.testing.assert_array_equal(both.transform([{"n": True, "k": k, "rest": 3.0}])[0], expected)
    halves = both.transform_row({"n": 1.5, "k": 2, "rest": 0.5})
    assert halves[0] == pytest.approx((1.5 - frame.n.mean()) / frame.n.std(ddof=0)) and halves[-1] == 0.5
    np.testing.assert_array_equal(both.transform([{"n": 1.5, "k": 2, "rest": 0.5}])[0], halves)
    for call in (both.transform_row, lambda record: both.transform([record])):
        with pytest.raises(mlcore.SchemaMismatchError, match="k.*expected int64, got float 0.5"):
            call({"n": 1, "k": 0.5, "rest": 1})
    flags = OneHotEncoder().fit({"flag": [True, False]})
    assert flags.transform_row({"flag": 1}).tolist() == flags.transform({"flag": [1.0]})[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("column", [[True, None, True, False], pd.array([True, None, True, False], dtype="boolean"), pl.Series([True, None, True, False])], ids=["list", "pandas", "polars"])
def test_nullable_bools_are_imputed_by_their_mode(column):
    for options, fill in (({"strategy": "most_frequent"}, 1.0), ({"strategy": "constant"}, 0.0), ({"strategy": "constant", "fill_value": True}, 1.0)):
        imputer = SimpleImputer(**options).fit({"flag": column})
        assert imputer.statistics_.tolist() == [bool(fill)]
        assert imputer.transform({"flag": column}).ravel().tolist() == [1.0, fill, 1.0, 0.0]
        assert imputer.transform_row({"flag": None}).tolist() == [fill]
    encoded = Pipeline([("i", SimpleImputer(strategy="most_frequent")), ("e", OneHotEncoder())]).fit({"flag": column})
    assert encoded.get_feature_names_out().tolist() == ["flag_False", "flag_True"]


class Opened(collections.abc.Mapping):
    """A mapping that is no dict."""

    def __init__(self, values):
        self.values_ = values

    def __getitem__(self, name):
        return self.values_[name]

    def __iter__(self):
        return iter(self.values_)

    def __len__(self):
        return len(self.values_)


def kinds(frame):
    """The second row of a frame, as every kind of record."""
    array = np.array([(20.0, 2, "pro"), (20.0, 2, "pro")], dtype=[("price", "f8"), ("n", "i8"), ("plan", "U8")])
    return {
        "dict": {"price": 20.0, "n": 2, "plan": "pro"},
        "mapping": Opened({"price": 20.0, "n": 2, "plan": "pro"}),
        "default dict": collections.defaultdict(int, {"price": 20.0, "n": 2, "plan": "pro"}),
        "decimals": {"price": decimal.Decimal("20.00"), "n": decimal.Decimal(2), "plan": "pro"},
        "numpy scalars": {"price": np.float32(20), "n": np.int16(2), "plan": np.str_("pro")},
        "long double": {"price": np.longdouble(20), "n": np.uint64(2), "plan": "pro"},
        "pyarrow scalars": {"price": pa.scalar(20.0), "n": pa.scalar(2), "plan": pa.scalar("pro")},
        "pandas row": frame.iloc[1],
        "pandas row of objects": frame.astype(object).iloc[1],
        "named tuple": list(frame.itertuples())[1],
        "named tuple without index": list(frame.itertuples(index=False))[1],
        "numpy record": array[1],
        "polars row": pl.from_pandas(frame).row(1, named=True),
        "pyarrow row": pa.Table.from_pandas(frame).to_pylist()[1],
        "list": [20.0, 2, "pro"],
        "tuple": (20.0, 2, "pro"),
        "another order, and more": {"more": {"a": [1]}, "plan": "pro", "n": 2, "price": 20.0, 7: "seven"},
    }


def test_every_kind_of_record_is_taken():
    frame = pd.DataFrame({"price": [9.5, 20.0, 30.25], "n": [1, 2, 3], "plan": ["free", "pro", "team"]})
    transformer = ColumnTransformer([("s", StandardScaler(), ["price"]), ("e", OrdinalEncoder(), ["n", "plan"])]).fit(frame)
    monitor = drift.Monitor(pd.concat([frame] * 100, ignore_index=True), window_rows=1000)
    expected = transformer.transform(frame)[1]
    for kind, record in kinds(frame).items():
        np.testing.assert_allclose(transformer.transform_row(record), expected, rtol=1e-12, err_msg=kind)
        if kind != "pandas row of objects":
            np.testing.assert_allclose(transformer.transform([record, record])[1], expected, rtol=1e-12, err_msg=kind)
        monitor.observe_row(record)
    assert monitor.rows_in_window == len(kinds(frame))
    with pytest.raises(TypeError, match="a record is expected, and it is a int"):
        transformer.transform_row(7)
    with pytest.raises(mlcore.InvalidInputError, match="it has 2 values, and 3 were fitted"):
        transformer.transform_row([1.0, 2])


def test_extra_names_are_ignored_and_refused_where_that_is_asked_for():
    scaler = StandardScaler().fit({"age": [20.0, 40.0]})
    record = {"age": 50.0, "agee": object(), "photo": b"..."}
    assert scaler.transform_row(record).tolist() == [2.0] == scaler.transform([record])[0].tolist()
    with pytest.raises(mlcore.SchemaMismatchError, match="agee: no such column is read; leave it away, or send one of age"):
        scaler.transform_row(record, strict=True)
    assert scaler.plan().transform_row({"age": 50.0}, strict=True).tolist() == [2.0]


def test_absent_names_are_refused_alone_and_beside_others():
    fitted = Pipeline([("impute", SimpleImputer()), ("scale", StandardScaler())]).fit({"age": [20.0, None, 40.0], "n": [1.0, 2.0, 3.0]})
    full, absent = {"age": 20.0, "n": 1.0}, {"agee": 20.0, "n": 1.0}
    for call in (lambda: fitted.transform_row(absent), lambda: fitted.transform([absent]), lambda: fitted.transform([full, absent]), lambda: fitted.transform([absent, full])):
        with pytest.raises(mlcore.SchemaMismatchError, match=r"\bage\b"):
            call()
    with pytest.raises(mlcore.SchemaMismatchError, match="a: row 1: the record has no value for it; send None"):
        SimpleImputer().fit([{"a": 1.0}, {"b": 2.0}])
    # A name that nobody reads may be in some records only.
    both = ColumnTransformer([("s", StandardScaler(), ["age"])]).fit([{"age": 20.0}, {"age": 40.0, "note": "late"}])
    assert both.transform([{"age": 50.0, "other": 1}, {"age": 30.0}]).ravel().tolist() == [2.0, 0.0]


@pytest.fixture
def planned(tmp_path):
    """A model with a plan of 28 whole numbers and a word of two categories."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({f"f{i}": rng.integers(0, 9, 64) for i in range(28)}).assign(word=["yes", "no"] * 32)
    plan = ColumnTransformer([("scale", StandardScaler(), list(frame)[:-1]), ("encode", OneHotEncoder(), ["word"])]).fit(frame).plan()
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="ana") as registry:
        registry.register("planned", FOREST, plan=plan)
        registry.set_alias("planned", "champion", 1)
        yield registry, frame


def test_an_endpoint_takes_what_a_plan_takes(planned):
    registry, frame = planned
    endpoint, strict = mlcore.Endpoint(registry, "planned"), mlcore.Endpoint(registry, "planned", strict=True)
    halves = frame.assign(f0=frame.f0 + 0.5)
    record = halves.iloc[3].to_dict()
    expected = endpoint.predict(record, unit="u").outputs
    flagged = {**record, "f1": bool(record["f1"] % 2)}
    assert endpoint.predict(flagged, unit="u").outputs.keys() == expected.keys()
    for data in (halves.iloc[3], list(halves.itertuples())[3], halves.iloc[[3]], [record], {**record, "f1": np.int8(record["f1"])}, {**record, "f2": decimal.Decimal(int(record["f2"]))}):
        for name, value in endpoint.predict(data, unit="u").outputs.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-6, err_msg=str(type(data)))
    more = {**record, "photo": [1, 2]}
    for data in (more, [more], pd.DataFrame([more])):
        assert endpoint.predict(data, unit="u").outputs.keys() == expected.keys()
        with pytest.raises(mlcore.SchemaMismatchError, match="photo: no such column is read"):
            strict.predict(data, unit="u")
    absent = {name: value for name, value in record.items() if name != "word"}
    for data in (absent, [absent], [record, absent]):
        with pytest.raises(mlcore.SchemaMismatchError, match="word"):
            endpoint.predict(data, unit="u")


def test_half_a_pair_of_surrogates_is_no_text():
    encoder = OneHotEncoder(handle_unknown="ignore").fit({"t": ["a", "b"]})
    for call in (lambda: encoder.transform_row({"t": "\ud800"}), lambda: encoder.transform({"t": ["a", "\ud800"]}), lambda: OneHotEncoder().fit({"t": ["\ud800"]})):
        with pytest.raises(mlcore.InvalidInputError, match="half a pair of surrogates"):
            call()


def test_a_frame_without_columns_says_so():
    for table in (pd.DataFrame(index=range(3)), pl.DataFrame(), {}, np.empty((3, 0)), pa.table({})):
        with pytest.raises(mlcore.InvalidInputError, match="it has no columns"):
            StandardScaler().fit(table)


def test_an_unfitted_transformer_raises_scikit_learns_error_too():
    for error in (sklearn.exceptions.NotFittedError, mlcore.NotFittedError, ValueError, AttributeError):
        with pytest.raises(error, match="call fit with training data") as caught:
            StandardScaler().transform([[1.0]])
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, sklearn.exceptions.NotFittedError) and str(again) == str(caught.value) and again.remedy == caught.value.remedy


def test_scikit_learns_configuration_chooses_the_answer():
    scaler = StandardScaler().fit({"age": [20.0, 40.0]})
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(scaler.transform({"age": [50.0]}), pd.DataFrame)
        assert isinstance(scaler.set_output(transform="default").transform({"age": [50.0]}), np.ndarray)
    with sklearn.config_context(transform_output="polars"):
        assert isinstance(StandardScaler().fit_transform({"age": [20.0, 40.0]}), pl.DataFrame)
    assert isinstance(StandardScaler().fit_transform({"age": [20.0, 40.0]}), np.ndarray)


@pytest.mark.parametrize("name", ["StandardScaler", "MinMaxScaler", "MaxAbsScaler", "Normalizer", "KBinsDiscretizer"])
def test_tags_are_sklearns(name):
    ours, theirs = (sklearn.utils.get_tags(getattr(module, name)()).input_tags for module in (features, sklearn.preprocessing))
    assert (ours.allow_nan, ours.string, ours.categorical) == (theirs.allow_nan, theirs.string, theirs.categorical)


def test_names_of_features_are_told_apart_or_made_by_a_function():
    for options, table, names in (
        ({}, {"t": ["nan", "a", None]}, ["t_a", "t_nan", "t_nan_1"]),
        ({"min_frequency": 2}, {"t": ["infrequent_sklearn"] * 2 + ["y"]}, ["t_infrequent_sklearn", "t_infrequent_sklearn_1"]),
        ({}, {"a": ["b_c", "x"], "a_b": ["c", "y"]}, ["a_b_c", "a_x", "a_b_c_1", "a_b_y"]),
    ):
        encoder = OneHotEncoder(**options).fit(table)
        assert encoder.get_feature_names_out().tolist() == names
        assert encoder.transform(table).sum(axis=1).tolist() == [float(len(table))] * len(next(iter(table.values())))
    frame = pd.DataFrame({"a": ["x", "y", None], "n": [1, 2, 2]})

    def combine(column, category):
        return f"{column}={category}"

    ours = OneHotEncoder(feature_name_combiner=combine).fit(frame)
    assert ours.get_feature_names_out().tolist() == ["a=x", "a=y", "a=nan", "n=1", "n=2"]
    stored = features.Plan.from_bytes(ours.to_bytes())
    assert stored.feature_names_out == ours.plan().feature_names_out and stored.plan_hash == ours.plan_hash
    inside = ColumnTransformer([("e", OneHotEncoder(feature_name_combiner=combine, drop="first"), ["n"])]).fit(frame)
    assert inside.get_feature_names_out().tolist() == ["e__n=2"]
    for function, words in (
        (lambda column, category: 7, "it answered 7, which is a int; let it answer a str"),
        (lambda column, category: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        (lambda column, category: "same", "same: two output columns have this name; .*feature_name_combiner"),
        ("join", "neither 'concat' nor a function"),
    ):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            OneHotEncoder(feature_name_combiner=function).fit(frame)
    with pytest.raises(TypeError, match="day.*dates|day"):
        StandardScaler().fit([{"day": datetime.timedelta(1)}])
