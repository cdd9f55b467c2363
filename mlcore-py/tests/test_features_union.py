"""FeatureUnion: scikit-learn's numbers, names, errors and protocol."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import sklearn.pipeline
import sklearn.preprocessing
from conftest import mixed
from sklearn.base import clone

import mlcore
from mlcore import features


def unions(**parameters):
    both = [
        (home.FeatureUnion, [("std", scalers.StandardScaler()), ("kept", "passthrough"), ("gone", "drop"), ("range", scalers.MinMaxScaler())])
        for home, scalers in ((features, features), (sklearn.pipeline, sklearn.preprocessing))
    ]
    return [union(steps, **parameters) for union, steps in both]


@pytest.mark.parametrize("parameters", [{}, {"transformer_weights": {"std": 0.3, "range": 10, "kept": None}}])
def test_a_union_is_sklearns(parameters):
    frame = mixed()[["age", "income", "visits"]]
    ours, theirs = unions(**parameters)
    np.testing.assert_allclose(ours.fit_transform(frame), theirs.fit_transform(frame), rtol=1e-12)
    assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()
    assert ours.n_features_in_ == theirs.n_features_in_ == 3
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist()
    # The transformers are fitted in place, as in scikit-learn.
    np.testing.assert_allclose(ours["std"].mean_, theirs["std"].mean_, rtol=1e-12)
    assert list(ours.named_transformers) == list(theirs.named_transformers)
    for row, expected in zip(frame.to_dict("records")[:20], ours.transform(frame)):
        np.testing.assert_array_equal(ours.transform_row(row), expected)
    again = pickle.loads(pickle.dumps(ours))
    assert again.plan_hash == ours.plan_hash and again["std"].mean_.tolist() == ours["std"].mean_.tolist()
    with pytest.raises(NotImplementedError, match="FeatureUnion"):
        ours.inverse_transform(ours.transform(frame))


def test_what_makes_no_union_is_refused():
    scaler = features.StandardScaler()
    for union, words in [
        (features.FeatureUnion([]), "no transformers"),
        (features.FeatureUnion([("a", scaler)], transformer_weights={"b": 1.0}), "a weight of b"),
        (features.FeatureUnion([("a", scaler)], transformer_weights={"a": float("inf")}), "no finite number"),
        (features.FeatureUnion([("a", scaler)], transformer_weights={"a": "much"}), "the weight of a is a str"),
        (features.FeatureUnion([("a", scaler)], transformer_weights=[1.0]), "a dict of names and numbers"),
        (features.FeatureUnion([("a", scaler), ("b", clone(scaler))], verbose_feature_names_out=False), "two output columns"),
        (features.FeatureUnion([("a", scaler), ("a", "drop")]), "two steps have this name"),
        (features.FeatureUnion(["a"]), "no tuple"),
        (features.FeatureUnion([("a", sklearn.preprocessing.StandardScaler())]), "pipeline of scikit-learn"),
    ]:
        with pytest.raises((ValueError, TypeError), match=words) as caught:
            union.fit({"x": [1.0, 2.0]})
        assert isinstance(caught.value, mlcore.Error)
    with pytest.raises(KeyError):
        features.FeatureUnion([("a", scaler)])[0]


def test_parameters_reach_the_transformers_inside():
    union, _ = unions()
    union.set_params(std__with_mean=False, range="drop", transformer_weights={"std": 2.0})
    assert union["std"].with_mean is False and union["range"] == "drop"
    assert clone(union).get_params()["std__with_mean"] is False
    assert "std * 2.0" in union._repr_html_() and "std * 2" in union.fit({"x": [1.0, 2.0]}).plan()._repr_html_()


def test_a_target_is_kept_out_of_its_own_rows():
    frame, y = mixed()[["plan"]].dropna(), np.arange(len(mixed()["plan"].dropna())) % 2
    alone = features.TargetEncoder(shuffle=False).fit_transform(frame, y)
    union = features.FeatureUnion([("target", features.TargetEncoder(shuffle=False)), ("code", features.OrdinalEncoder())], transformer_weights={"target": 2.0})
    crossed = union.fit_transform(frame, y)
    np.testing.assert_array_equal(crossed[:, :1], 2.0 * alone)
    assert not np.array_equal(crossed, union.transform(frame))
