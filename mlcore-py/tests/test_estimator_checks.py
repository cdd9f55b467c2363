"""scikit-learn's own checks of estimators, on every transformer; what fails stands in `docs/estimator-checks.md` with its reason."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import sklearn.pipeline
from conftest import ROOT
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.utils import estimator_checks as checks

import mlcore
from mlcore import features

#: What is no table of any numbers: scikit-learn has no checks for it, because it could not make the data.
READING = {
    "HashingVectorizer": {"note": ["red apple", "green pear", "red pear"]},
    "CountVectorizer": {"note": ["red apple", "green pear", "red pear"]},
    "TfidfVectorizer": {"note": ["red apple", "green pear", "red pear"]},
    "DatetimeFeatures": {"day": pd.to_datetime(["2024-02-29", "2024-03-01", "2025-01-01"])},
    "TimeSince": {"day": pd.to_datetime(["2024-02-29", "2024-03-01", "2025-01-01"])},
    "RareLabelEncoder": {"plan": ["free", "pro", "free"]},
    "EmbeddingLookup": {"plan": ["free", "pro", "free"]},
    "HashedCrossing": {"plan": ["free", "pro", "free"], "floor": [1, 2, 1]},
    "GeoDistanceFeatures": {"lat1": [47.0, 46.9, 0.0], "lon1": [8.5, 7.4, 0.0], "lat2": [46.2, 47.5, 0.0], "lon2": [6.1, 7.6, 180.0]},
}
MADE: dict[str, dict[str, Any]] = {
    "DerivedColumns": {"columns": {"more": "x0 + 1"}},
    "FeatureHasher": {"n_features": 16},
    "TimeSince": {"moment": "2024-01-01"},
    "EmbeddingLookup": {"keys": ["free", "pro"], "vectors": [[1.0, 2.0], [3.0, 4.0]]},
}


def every(reading: bool) -> list[features.Transformer]:
    names = [name for name in features._plan.transformers() if (name in READING) == reading]
    made = [getattr(features, name)(**MADE.get(name, {})) for name in names]
    if not reading:
        made.append(features.Pipeline([("scale", features.StandardScaler())]))
        made.append(features.ColumnTransformer([("scale", features.StandardScaler(), slice(None))]))
    return made


def excepted() -> dict[str, dict[str, str]]:
    """The reasons by class and check, as the documentation has them."""
    table = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", (ROOT / "docs" / "estimator-checks.md").read_text(), re.MULTILINE)
    reasons: dict[str, dict[str, str]] = {}
    for check, classes, reason in table:
        named = re.findall(r"`(\w+)`", classes)
        for name in named or [type(estimator).__name__ for estimator in every(reading=False)]:
            reasons.setdefault(name, {})[check] = reason
    return reasons


EXCEPTED = excepted()
#: scikit-learn runs these on its own estimators only.
FURTHER = [
    checks.check_transformer_get_feature_names_out,
    checks.check_transformer_get_feature_names_out_pandas,
    checks.check_get_feature_names_out_error,
    checks.check_dataframe_column_names_consistency,
    checks.check_set_output_transform,
    checks.check_set_output_transform_pandas,
    checks.check_set_output_transform_polars,
    checks.check_global_output_transform_pandas,
    checks.check_global_set_output_transform_polars,
]


def asked() -> list[tuple[features.Transformer, Any]]:
    """Each check of each transformer."""
    found = []
    for estimator in every(reading=False):
        with warnings.catch_warnings():
            # They have the methods of scikit-learn's base class, and not the class: mlcore does not need scikit-learn.
            warnings.filterwarnings("ignore", ".*does not inherit from", UserWarning)
            found += checks.estimator_checks_generator(estimator)
        found += [(estimator, partial(check, type(estimator).__name__)) for check in FURTHER]
    # It skips itself where an estimator does not say that it takes arrays of other libraries than numpy.
    return [(estimator, check) for estimator, check in found if name_of(check) != "check_array_api_input"]


def name_of(check) -> str:
    return check.func.__name__


ASKED = asked()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), ASKED, ids=[f"{type(own).__name__}-{name_of(check)}" for own, check in ASKED])
def test_scikit_learns_checks_pass(estimator, check):
    reason = EXCEPTED.get(type(estimator).__name__, {}).get(name_of(check))
    if reason is None:
        check(estimator)
        return
    # An exception that is none any more is to be taken out of the documentation.
    with pytest.raises((AssertionError, mlcore.Error)):
        check(estimator)


def test_every_exception_is_of_a_check_that_there_is():
    classes = {type(estimator).__name__ for estimator in every(reading=False)}
    assert len(ASKED) > 1_700 and classes >= EXCEPTED.keys()
    assert {check for reasons in EXCEPTED.values() for check in reasons} <= {name_of(check) for _, check in ASKED}


@pytest.mark.parametrize("estimator", every(reading=True), ids=lambda own: type(own).__name__)
def test_what_reads_texts_and_times_keeps_the_protocol(estimator):
    table = pd.DataFrame(READING[type(estimator).__name__])
    unfitted = clone(estimator)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        unfitted.transform(table)
    before = copy.deepcopy(estimator.get_params())
    expected = estimator.fit(table).transform(table)
    assert estimator.fit(table) is estimator and estimator.get_params() == before
    assert estimator.n_features_in_ == table.shape[1] and estimator.feature_names_in_.tolist() == list(table)
    np.testing.assert_array_equal(estimator.fit_transform(table), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(estimator)).transform(table), expected)
    np.testing.assert_array_equal(clone(estimator).fit(table).transform(table[::-1]), expected[::-1])
    names = estimator.get_feature_names_out().tolist()
    assert len(names) == expected.shape[1]
    for kind, library in (("pandas", pd), ("polars", pl)):
        frame = clone(estimator).set_output(transform=kind).fit(table).transform(table)
        assert isinstance(frame, library.DataFrame) and list(frame.columns) == names


def columns_and_model() -> sklearn.pipeline.Pipeline:
    columns = features.ColumnTransformer(
        [
            ("numbers", features.Pipeline([("impute", features.SimpleImputer()), ("scale", features.StandardScaler())]), ["age", "income"]),
            ("words", features.OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ]
    )
    return sklearn.pipeline.Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=500))])


def test_a_search_changes_parameters_inside_a_column_transformer(frame):
    target = (frame["visits"] > 15).astype(int)
    grid = {
        "columns__numbers__impute__strategy": ["mean", "median"],
        "columns__words__min_frequency": [None, 200],
    }
    search = GridSearchCV(columns_and_model(), grid, cv=3, error_score="raise").fit(frame, target)
    assert len(search.cv_results_["params"]) == 4 and np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_.named_steps["columns"]
    assert best.named_transformers_["numbers"].named_steps["impute"].strategy == search.best_params_["columns__numbers__impute__strategy"]
    assert best.named_transformers_["words"].min_frequency == search.best_params_["columns__words__min_frequency"]
    # The plan of the search answers as the search does.
    model = search.best_estimator_.named_steps["model"]
    plan = features.Plan.from_bytes(best.to_bytes())
    np.testing.assert_array_equal(model.predict_proba(plan.transform(frame)), search.predict_proba(frame))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_frames_go_through_a_pipeline_of_scikit_learn(frame, kind):
    target = (frame["visits"] > 15).astype(int)
    pipeline = columns_and_model().set_output(transform=kind).fit(frame, target)
    made = pipeline[:-1].transform(frame)
    assert type(made).__module__.split(".")[0] == kind
    assert list(made.columns) == pipeline[:-1].get_feature_names_out().tolist()
    assert pipeline.named_steps["model"].feature_names_in_.tolist() == list(made.columns)


def test_weights_are_routed(frame):
    table, target = frame[["income", "visits"]], (frame["visits"] > 15).astype(int)
    weights = np.linspace(0.5, 2.0, len(table))
    expected = features.StandardScaler().fit(table, sample_weight=weights).mean_
    with sklearn.config_context(enable_metadata_routing=True):
        for ask in (True, "importance"):
            scaler = clone(features.StandardScaler().set_fit_request(sample_weight=ask))
            scaler = pickle.loads(pickle.dumps(scaler))
            model = LogisticRegression(max_iter=500).set_fit_request(sample_weight=False)
            pipeline = sklearn.pipeline.Pipeline([("scale", scaler), ("model", model)])
            pipeline.fit(table, target, **{"sample_weight" if ask is True else ask: weights})
            np.testing.assert_array_equal(pipeline.named_steps["scale"].mean_, expected)
        unasked = sklearn.pipeline.Pipeline([("scale", features.StandardScaler()), ("model", LogisticRegression())])
        with pytest.raises(ValueError, match="sample_weight"):
            unasked.fit(table, target, sample_weight=weights)
    with pytest.raises(TypeError, match="sample_weight"):
        features.MinMaxScaler().fit(table, sample_weight=weights)
