"""scikit-learn's numbers, attributes and protocol."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.compose
import sklearn.decomposition
import sklearn.feature_selection
import sklearn.impute
import sklearn.pipeline
import sklearn.preprocessing
from conftest import mixed
from sklearn.base import clone
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import SimpleImputer as SklearnImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils.validation import check_is_fitted

import mlcore
from mlcore import features

NUMBERS = ["age", "income", "visits"]


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


CASES = [
    (features.StandardScaler(), sklearn.preprocessing.StandardScaler(), NUMBERS),
    (features.StandardScaler(with_mean=False), sklearn.preprocessing.StandardScaler(with_mean=False), NUMBERS),
    (features.StandardScaler(with_std=False), sklearn.preprocessing.StandardScaler(with_std=False), NUMBERS),
    (features.MinMaxScaler(), sklearn.preprocessing.MinMaxScaler(), NUMBERS),
    (features.MinMaxScaler((-1, 2), clip=True), sklearn.preprocessing.MinMaxScaler((-1, 2), clip=True), NUMBERS),
    (features.RobustScaler(), sklearn.preprocessing.RobustScaler(), NUMBERS),
    (features.QuantileTransformer(n_quantiles=20), sklearn.preprocessing.QuantileTransformer(n_quantiles=20), NUMBERS),
    (features.Binarizer(threshold=1.0), sklearn.preprocessing.Binarizer(threshold=1.0), ["visits", "active"]),
    (features.Normalizer("l1"), sklearn.preprocessing.Normalizer("l1"), ["visits", "active"]),
    (features.SimpleImputer(), SklearnImputer(), NUMBERS),
    (features.SimpleImputer(strategy="median", add_indicator=True), SklearnImputer(strategy="median", add_indicator=True), NUMBERS),
    (features.SimpleImputer(strategy="constant", fill_value=-1.0), SklearnImputer(strategy="constant", fill_value=-1.0), ["age", "income"]),
    (features.SimpleImputer(strategy="most_frequent"), SklearnImputer(strategy="most_frequent"), ["age", "visits"]),
    (features.OneHotEncoder(), sklearn.preprocessing.OneHotEncoder(sparse_output=False), ["visits", "active"]),
    (features.OneHotEncoder(drop="first"), sklearn.preprocessing.OneHotEncoder(sparse_output=False, drop="first"), ["visits", "active"]),
    (features.OneHotEncoder(drop="if_binary", min_frequency=15), sklearn.preprocessing.OneHotEncoder(sparse_output=False, drop="if_binary", min_frequency=15), ["visits", "active"]),
    (features.OneHotEncoder(handle_unknown="ignore", max_categories=4), sklearn.preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="ignore", max_categories=4), ["visits"]),
    (features.OrdinalEncoder(), sklearn.preprocessing.OrdinalEncoder(), ["visits", "active"]),
    (features.KBinsDiscretizer(4), sklearn.preprocessing.KBinsDiscretizer(4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), ["income", "visits"]),
    (features.KBinsDiscretizer([3, 6], encode="ordinal", strategy="uniform"), sklearn.preprocessing.KBinsDiscretizer([3, 6], encode="ordinal", strategy="uniform"), ["income", "visits"]),
]


@pytest.mark.parametrize(("ours", "theirs", "columns"), CASES, ids=[repr(ours) for ours, _, _ in CASES])
def test_numbers_and_attributes_are_sklearns(frame, ours, theirs, columns):
    ours, table = clone(ours), frame[columns]
    close(ours.fit_transform(table), theirs.fit_transform(table))
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    assert ours.n_features_in_ == theirs.n_features_in_
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist()
    for name, expected in vars(theirs).items():
        if not name.endswith("_") or name.startswith("_") or not hasattr(ours, name):
            continue
        got = getattr(ours, name)
        if name in ("categories_", "bin_edges_"):
            for own, other in zip(got, expected, strict=True):
                assert own.dtype.kind == other.dtype.kind
                np.testing.assert_array_equal(own, other)
        elif name in ("drop_idx_", "feature_names_in_"):
            assert (got is None) == (expected is None) and (got is None or got.tolist() == expected.tolist())
        elif expected is None:
            assert got is None
        else:
            close(np.asarray(got, dtype=float), np.asarray(expected, dtype=float))


@pytest.mark.parametrize(
    ("ours", "theirs", "columns"),
    [case for case in CASES if hasattr(case[1], "inverse_transform") and not isinstance(case[0], features.SimpleImputer)],
    ids=lambda value: repr(value) if isinstance(value, features.Transformer) else "",
)
def test_features_come_back_as_sklearn_brings_them_back(frame, ours, theirs, columns):
    ours, table = clone(ours), frame[columns].dropna()
    made = theirs.fit_transform(table)
    np.testing.assert_array_equal(ours.fit_transform(table).shape, made.shape)
    got, expected = ours.inverse_transform(made), theirs.inverse_transform(made)
    assert got.shape == expected.shape
    # What scikit-learn calls infrequent or unknown has no number, and is missing here.
    numbers = [[np.nan if value is None or isinstance(value, str) else float(value) for value in row] for row in expected.tolist()]
    np.testing.assert_allclose(np.asarray(got, dtype=float), numbers, rtol=1e-12, atol=1e-12)


def test_a_column_transformer_has_no_inverse(frame):
    both = features.ColumnTransformer([("num", features.StandardScaler(), ["age"])]).fit(frame)
    with pytest.raises(NotImplementedError, match="inverse"):
        both.inverse_transform(both.transform(frame))
    encoder = features.OneHotEncoder().fit({"plan": ["a", "b"]})
    assert encoder.inverse_transform([[0.0, 1.0], [1.0, 0.0]]).tolist() == [["b"], ["a"]]
    back = encoder.set_output(transform="polars").inverse_transform(pl.DataFrame({"plan_a": [1.0], "plan_b": [0.0]}))
    assert back.to_dict(as_series=False) == {"plan": ["a"]}


def test_text_is_encoded_as_sklearn_encodes_it(frame):
    text = frame[["plan"]].astype(object).where(frame[["plan"]].notna(), np.nan)
    theirs = sklearn.preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(text)
    ours = features.OneHotEncoder(handle_unknown="ignore").fit(frame[["plan"]])
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    other = pd.DataFrame({"plan": ["team", "gold", "free", np.nan]}, dtype=object)
    close(ours.transform(other), theirs.transform(other))
    assert [str(value) for value in ours.categories_[0]] == [str(value) for value in theirs.categories_[0]]
    order = [["team", "pro", "free"]]
    known = text.dropna()
    close(
        features.OrdinalEncoder(categories=order).fit_transform(known),
        sklearn.preprocessing.OrdinalEncoder(categories=order).fit_transform(known),
    )


def column_transformers(frame):
    ours = features.ColumnTransformer(
        [
            ("num", features.Pipeline([("impute", features.SimpleImputer(strategy="median")), ("scale", features.StandardScaler())]), ["age", "income"]),
            ("cat", features.OneHotEncoder(handle_unknown="ignore"), ["plan"]),
            ("gone", "drop", ["active"]),
        ],
        remainder="passthrough",
    )
    theirs = sklearn.compose.ColumnTransformer(
        [
            ("num", sklearn.pipeline.Pipeline([("impute", SklearnImputer(strategy="median")), ("scale", sklearn.preprocessing.StandardScaler())]), ["age", "income"]),
            ("cat", sklearn.preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["plan"]),
            ("gone", "drop", ["active"]),
        ],
        remainder="passthrough",
    )
    return ours, theirs, frame.dropna(subset=["plan"])


def test_a_column_transformer_is_sklearns(frame):
    ours, theirs, frame = column_transformers(frame)
    close(ours.fit_transform(frame), theirs.fit_transform(frame).astype(float))
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    inside = ours.named_transformers_["num"].named_steps
    close(inside["scale"].mean_, theirs.named_transformers_["num"].named_steps["scale"].mean_)
    close(inside["impute"].statistics_, theirs.named_transformers_["num"].named_steps["impute"].statistics_)
    # The transformers given are not changed, as in scikit-learn.
    with pytest.raises(mlcore.NotFittedError):
        ours.transformers[1][1].categories_
    assert [name for name, _, _ in ours.transformers_] == ["num", "cat", "gone", "remainder"]


@pytest.mark.parametrize(
    "columns",
    [[0, 1], slice(0, 2), slice("age", "income"), [True, True, False, False, False], lambda table: ["age", "income"], [-5, -4], np.array([0, 1])],
)
def test_columns_are_chosen_as_in_sklearn(frame, columns):
    chosen = features.ColumnTransformer([("num", features.StandardScaler(), columns)]).fit(frame)
    assert chosen.get_feature_names_out().tolist() == ["num__age", "num__income"]


def test_a_plan_runs_tables_and_rows_with_the_same_bits(frame):
    ours, _, frame = column_transformers(frame)
    table = ours.fit_transform(frame)
    for position, row in enumerate(frame.to_dict("records")[:50]):
        np.testing.assert_array_equal(ours.transform_row(row), table[position])
    plan = features.Plan.from_bytes(ours.to_bytes())
    assert plan == ours.plan() and plan.plan_hash == ours.plan_hash and len(plan.plan_hash) == 64
    np.testing.assert_array_equal(plan.transform(frame), table)
    assert plan.transform(frame, dtype="float32").dtype == np.float32
    assert plan.inputs == {"age": "float64", "income": "float64", "visits": "int64", "plan": "string"}
    assert list(plan.outputs) == plan.feature_names_out
    for row, words in [({"age": 1.0}, "income"), ({**frame.iloc[0], "income": "much"}, "income"), ({**frame.iloc[0], "income": float("inf")}, "income")]:
        with pytest.raises(ValueError, match=words):
            plan.transform_row(row)
    damaged = bytearray(ours.to_bytes())
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(mlcore.CorruptError):
        features.Plan.from_bytes(bytes(damaged))


def test_parameters_are_plain_and_cloned(frame):
    encoder = features.OneHotEncoder(categories=[["a", "b"]], drop="first")
    again = clone(encoder)
    assert again.get_params() == encoder.get_params() and again is not encoder
    pipeline = features.Pipeline([("scale", features.StandardScaler())])
    pipeline.set_params(scale__with_mean=False)
    assert pipeline.named_steps["scale"].with_mean is False
    assert pipeline.get_params()["scale__with_mean"] is False
    pipeline.set_params(scale=features.MinMaxScaler())
    assert isinstance(pipeline["scale"], features.MinMaxScaler) and len(pipeline) == 1
    assert isinstance(clone(pipeline)[0], features.MinMaxScaler)
    for wrong in ({"width": 3}, {"scale__width": 3}, {"other__clip": True}):
        with pytest.raises(ValueError, match="no such parameter"):
            pipeline.set_params(**wrong)
    assert repr(features.StandardScaler(with_mean=False)) == "StandardScaler(with_mean=False)"
    assert repr(features.OrdinalEncoder()) == "OrdinalEncoder()"


@pytest.mark.parametrize(
    ("transformer", "words"),
    [
        (features.SimpleImputer(strategy="mode"), "strategy"),
        (features.StandardScaler(with_mean="no"), "with_mean: a bool is expected"),
        (features.MinMaxScaler((1, 0)), "feature_range"),
        (features.MinMaxScaler((1, 2, 3)), "feature_range: a pair"),
        (features.OneHotEncoder(drop="last"), "drop"),
        (features.OneHotEncoder(categories="all"), "categories"),
        (features.OneHotEncoder(min_frequency=0), "min_frequency"),
        (features.OrdinalEncoder(handle_unknown="use_encoded_value"), "unknown_value"),
        (features.OrdinalEncoder(unknown_value=3), "unknown_value"),
        (features.KBinsDiscretizer(1), "bins"),
        (features.KBinsDiscretizer(encode="sparse"), "onehot-dense"),
        (features.Pipeline([("a__b", features.StandardScaler())]), "__"),
        (features.Pipeline([("scale", sklearn.preprocessing.StandardScaler())]), "pipeline of scikit-learn"),
        (features.Pipeline(["scale"]), "no tuple"),
        (features.ColumnTransformer([("a", features.StandardScaler(), ["nope"])]), "nope"),
        (features.ColumnTransformer([("a", features.StandardScaler(), [7])]), "position"),
        (features.ColumnTransformer([], remainder=features.StandardScaler()), "remainder"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_impossible_parameters_are_refused_by_name(transformer, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        transformer.fit({"x": [1.0, 2.0, 3.0]})
    assert isinstance(caught.value, mlcore.Error)


def test_every_transformer_has_a_class_with_its_parameters_and_defaults():
    for name, defaults in mlcore.features._plan.transformers().items():
        parameters = inspect.signature(getattr(features, name)).parameters
        # Whether answers are sparse is no matter of a plan, and functions are no values.
        beside = ("sparse_output", "feature_name_combiner")
        own = {key: value.default for key, value in parameters.items() if key not in beside}
        assert own.keys() == defaults.keys(), name
        for key, default in defaults.items():
            ours = list(own[key]) if isinstance(own[key], tuple) else own[key]
            assert ours == default or (ours != ours and default != default), (name, key)


def theirs_of(name):
    homes = (sklearn.preprocessing, sklearn.impute, sklearn.feature_selection, sklearn.decomposition)
    return next((getattr(home, name) for home in homes if hasattr(home, name)), None)


# Those that take the numbers of the frame; texts and times have tests of their own, in Rust, by golden files.
@pytest.mark.parametrize("name", [name for name in mlcore.features._plan.transformers() if theirs_of(name)])
@pytest.mark.filterwarnings("ignore:n_quantiles:UserWarning", "ignore:.TargetEncoder.shuffle:FutureWarning")
def test_every_transformer_is_configured_and_answers_as_sklearns(frame, name):
    ours = getattr(features, name)()
    theirs = theirs_of(name)
    parameters = ours.get_params()
    if "score_func" in parameters:
        # scikit-learn warns of more columns than there are.
        parameters |= {"score_func": getattr(sklearn.feature_selection, parameters["score_func"]), "k": "all"}
    if name == "TargetEncoder":
        # Without a seed scikit-learn shuffles anew each time.
        ours.set_params(shuffle=False), parameters.update(shuffle=False)
    theirs, table = theirs(**parameters), frame[["age", "income"]].dropna()
    y = np.arange(len(table)) % 2
    # A decomposition ends in other last digits, and so does a search for the best power.
    is_searched = name == "PowerTransformer" or "components_" in vars(ours.fit(table, y))
    tolerance = 1e-6 if is_searched else 1e-12
    np.testing.assert_allclose(ours.fit_transform(table, y), theirs.fit_transform(table, y), rtol=tolerance, atol=tolerance)
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    learnt = {attribute for attribute in vars(theirs) if attribute.endswith("_") and not attribute.startswith("_")}
    # What scikit-learn keeps for itself: imputers and regressions inside, random numbers, and the data's type.
    inside = {"indicator_", "initial_imputer_", "imputation_sequence_", "random_state_", "_fit_dtype"}
    assert learnt - inside <= set(vars(ours)), name


def test_functions_are_numpys_or_their_names(frame):
    table = frame[["age", "income"]]
    theirs = np.sqrt(table.to_numpy())
    for func in (np.sqrt, "sqrt"):
        ours = features.FunctionTransformer(func, "square").fit(table)
        close(ours.transform(table), theirs)
        close(ours.inverse_transform(ours.transform(table)), table)
    with pytest.raises(mlcore.InvalidInputError, match="it is no function of numpy"):
        features.FunctionTransformer(lambda value: value).fit(table)


def test_rows_may_weigh_differently(frame):
    weights = np.linspace(0.5, 2.0, len(frame))
    ours = features.StandardScaler().fit(frame[NUMBERS], sample_weight=weights)
    theirs = sklearn.preprocessing.StandardScaler().fit(frame[NUMBERS], sample_weight=weights)
    close(ours.mean_, theirs.mean_)
    close(ours.scale_, theirs.scale_)
    close(ours.n_samples_seen_, theirs.n_samples_seen_)
    for transformer in [features.MinMaxScaler(), features.SimpleImputer()]:
        with pytest.raises(ValueError, match="weights: it cannot weigh rows"):
            features.Pipeline([("inside", transformer)]).fit_transform(frame[NUMBERS], sample_weight=weights)
    for wrong, words in [([1.0], "1 for 5 rows"), (-np.ones(5), "not negative"), (["a"] * 5, "numbers are expected")]:
        with pytest.raises((ValueError, TypeError), match=words):
            features.StandardScaler().fit({"a": [1.0, 2.0, 3.0, 4.0, 5.0]}, sample_weight=wrong)


@pytest.mark.parametrize(
    "y", [[0, 1, 0], np.zeros((5, 2)), pd.DataFrame({"a": range(5), "b": range(5)}), ["a", "b", "a", "b", "a"], "yes", 5, object(), range(5)]
)
def test_a_target_is_ignored_as_sklearn_ignores_it(y):
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0, 5.0]})
    for ours in (features.StandardScaler(), features.Pipeline([("bins", features.KBinsDiscretizer(2))])):
        expected = clone(ours).fit(table)
        assert clone(ours).fit(table, y).plan_hash == expected.plan_hash
        np.testing.assert_array_equal(ours.fit_transform(table, y), expected.transform(table))
    weighed = features.StandardScaler().fit(table, y, np.ones(5))
    assert weighed.mean_ == features.StandardScaler().fit(table, y=y, sample_weight=np.ones(5)).mean_


def test_before_fit_there_is_a_clear_error():
    for call in (
        lambda: features.StandardScaler().transform({"a": [1.0]}),
        lambda: features.StandardScaler().mean_,
        lambda: features.OneHotEncoder().get_feature_names_out(),
        lambda: features.Pipeline([("s", features.StandardScaler())]).plan(),
    ):
        with pytest.raises(mlcore.NotFittedError, match="not fitted yet"):
            call()
    assert not hasattr(features.StandardScaler(), "mean_")
    with pytest.raises(sklearn.exceptions.NotFittedError):
        check_is_fitted(features.StandardScaler())
    check_is_fitted(features.StandardScaler().fit({"a": [1.0, 2.0]}))
    with pytest.raises(AttributeError):
        features.StandardScaler().nonsense


def test_a_failed_fit_keeps_what_was_learnt():
    scaler = features.StandardScaler().fit({"a": [1.0, 3.0]})
    with pytest.raises(mlcore.Error):
        scaler.fit({"a": ["x", "y"]})
    assert scaler.mean_.tolist() == [2.0] and scaler.transform({"a": [2.0]}).tolist() == [[0.0]]


def test_values_that_are_refused_are_named():
    scaler = features.StandardScaler().fit({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    with pytest.raises(ValueError, match="b"):
        scaler.transform({"a": [1.0], "b": [float("inf")]})
    with pytest.raises(mlcore.SchemaMismatchError, match="b"):
        scaler.transform({"a": [1.0]})
    with pytest.raises(ValueError, match="X has 3 features, but StandardScaler is expecting 2 features as input"):
        scaler.transform(np.ones((2, 3)))
    encoder = features.OneHotEncoder().fit({"plan": ["a", "b"]})
    with pytest.raises(ValueError, match="plan.*zzz|zzz"):
        encoder.transform({"plan": ["a", "zzz"]})
    # Order is free and other columns are ignored.
    assert scaler.transform({"c": ["x"], "b": [1.0], "a": [2.0]}).tolist() == [[1.0, -1.0]]


def test_the_answer_is_the_frame_that_was_asked_for(frame):
    ours, _, frame = column_transformers(frame)
    expected = ours.fit_transform(frame)
    indexed = frame.set_axis(range(1000, 1000 + len(frame)))
    as_pandas = ours.set_output(transform="pandas").transform(indexed)
    assert isinstance(as_pandas, pd.DataFrame) and as_pandas.index.tolist() == indexed.index.tolist()
    np.testing.assert_array_equal(as_pandas.to_numpy(dtype=float), expected)
    as_polars = ours.set_output(transform="polars").transform(frame)
    assert isinstance(as_polars, pl.DataFrame) and as_polars.columns == ours.get_feature_names_out().tolist()
    np.testing.assert_array_equal(as_polars.cast(pl.Float64).to_numpy(), expected)
    assert isinstance(ours.set_output(transform="default").transform(frame), np.ndarray)
    filled = features.SimpleImputer(strategy="most_frequent").fit_transform(frame[["plan"]])
    assert filled.dtype == object and filled.shape == (len(frame), 1)
    with pytest.raises(ValueError, match="default, pandas or polars"):
        ours.set_output(transform="arrow")


def test_pickles_copies_and_joblib_keep_what_was_learnt(frame):
    ours, _, frame = column_transformers(frame)
    expected = ours.fit_transform(frame)
    stored = io.BytesIO()
    joblib.dump(ours, stored)
    stored.seek(0)
    for again in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours), copy.copy(ours), joblib.load(stored)):
        np.testing.assert_array_equal(again.transform(frame), expected)
        assert again.plan_hash == ours.plan_hash
        close(again.named_transformers_["num"].named_steps["scale"].mean_, ours.named_transformers_["num"].named_steps["scale"].mean_)
    unnamed = features.StandardScaler().fit(np.arange(6.0).reshape(3, 2))
    again = pickle.loads(pickle.dumps(unnamed))
    assert not hasattr(again, "feature_names_in_")
    np.testing.assert_array_equal(again.transform(np.ones((1, 2))), unnamed.transform(np.ones((1, 2))))
    assert not pickle.loads(pickle.dumps(features.StandardScaler())).__sklearn_is_fitted__()


def test_they_work_inside_sklearn(frame):
    frame = frame.dropna(subset=["plan"])
    target = (frame["visits"] > 15).astype(int)
    ours, theirs, _ = column_transformers(frame)
    inside = sklearn.pipeline.Pipeline([("features", ours), ("model", LogisticRegression(max_iter=2000))]).fit(frame, target)
    peer = sklearn.pipeline.Pipeline([("features", theirs), ("model", LogisticRegression(max_iter=2000))]).fit(frame, target)
    np.testing.assert_allclose(inside.predict_proba(frame), peer.predict_proba(frame), rtol=1e-6)
    assert inside[:-1].get_feature_names_out().tolist() == peer[:-1].get_feature_names_out().tolist()
    search = GridSearchCV(
        sklearn.pipeline.Pipeline([("scale", features.StandardScaler()), ("model", LogisticRegression(max_iter=2000))]),
        {"scale__with_mean": [True, False]},
        cv=3,
    ).fit(frame[["income", "visits"]], target)
    assert search.best_score_ > 0.5
    both = sklearn.compose.ColumnTransformer(
        [("ours", features.StandardScaler(), ["income"]), ("theirs", sklearn.preprocessing.StandardScaler(), ["visits"])]
    )
    table = both.set_output(transform="pandas").fit_transform(frame)
    assert table.columns.tolist() == ["ours__income", "theirs__visits"]
    repr(inside)
    inside._repr_html_()


@pytest.mark.parametrize("ours", [features.MissingIndicator(), features.ColumnTransformer([("none", "drop", ["a"])])])
def test_rows_of_no_features_are_rows(ours):
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0]})
    assert ours.fit_transform(table).shape == ours.transform(table).shape == (3, 0)
    assert ours.plan().transform(table, dtype="float32").shape == (3, 0)
    if isinstance(ours, features.MissingIndicator):
        assert ours.transform(table.to_numpy()).shape == (3, 0)
    assert ours.set_output(transform="pandas").transform(table).shape == (3, 0)


def test_plans_tell_what_differs_and_are_drawn():
    def fitted(ages, plans):
        steps = [("num", features.StandardScaler(), ["age"]), ("cat", features.OneHotEncoder(), ["plan"])]
        return features.ColumnTransformer(steps).fit(pd.DataFrame({"age": ages, "plan": plans})).plan()

    old, new = fitted([20.0, 40.0], ["free", "pro"]), fitted([20.0, 60.0], ["free", "<b>team</b>"])
    changes = old.diff(new)
    assert "num: mean_ of age was 30, is 40" in changes
    assert 'cat: categories_ of plan lost "pro"' in changes
    assert "output: the feature cat__plan_pro is gone" in changes
    assert old.diff(features.Plan.from_bytes(old.to_bytes())) == []
    drawn = new.to_mermaid()
    assert drawn.startswith("flowchart LR\n") and "num#58; StandardScaler" in drawn
    page = new._repr_html_()
    assert "num: age" in page and "OneHotEncoder" in page and new.plan_hash[:12] in page
    with pytest.raises(TypeError):
        old.diff("plan")


def test_names_are_handed_through_sklearns_pipelines():
    array = np.array([[1.0, 2.0], [3.0, 4.0], [np.nan, 6.0]])
    pipeline = sklearn.pipeline.Pipeline([("impute", SklearnImputer()), ("ours", features.StandardScaler())])
    pipeline.fit(pd.DataFrame(array, columns=["age", "height"]))
    assert pipeline.get_feature_names_out().tolist() == ["age", "height"]
    encoder = features.OneHotEncoder().fit(np.array([["a", "x"], ["b", "y"]], dtype=object))
    assert encoder.get_feature_names_out(["plan", "x1"]).tolist() == ["plan_a", "plan_b", "x1_x", "x1_y"]
    with pytest.raises(ValueError, match="1 names for 2 columns"):
        encoder.get_feature_names_out(["plan"])
    named = features.StandardScaler().fit(pd.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_, the names that were fitted"):
        named.get_feature_names_out(["b"])


def test_random_frames_agree_between_libraries_and_rows():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        frame = mixed(int(rng.integers(2, 60)), seed=seed)
        ours = features.ColumnTransformer(
            [
                ("num", features.SimpleImputer(strategy=str(rng.choice(["mean", "median", "most_frequent"])), keep_empty_features=True), ["age", "visits"]),
                ("bins", features.KBinsDiscretizer(int(rng.integers(2, 6)), strategy=str(rng.choice(["uniform", "quantile"]))), ["income"]),
                ("cat", features.OneHotEncoder(handle_unknown="ignore"), ["plan"]),
            ]
        )
        table = ours.fit_transform(frame)
        np.testing.assert_array_equal(clone(ours).fit_transform(pl.from_pandas(frame)), table)
        rows = np.array([ours.transform_row(row) for row in frame.to_dict("records")])
        np.testing.assert_array_equal(rows, table)


def test_a_table_without_columns_says_so():
    scaler = features.StandardScaler().fit({"age": [1.0, 2.0]})
    with pytest.raises(mlcore.SchemaMismatchError, match="age: the column is missing; the table has no columns; add"):
        scaler.transform(pd.DataFrame(index=range(3)))
