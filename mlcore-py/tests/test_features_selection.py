"""Columns that are chosen by what they tell of the target, with scikit-learn's scores."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import sklearn.feature_selection
from sklearn.base import clone

from mlcore import features


def test_columns_are_scored_by_mutual_information(frame):
    table = frame[["age", "income", "visits"]].dropna()
    classes, numbers = np.arange(len(table)) % 3, table["income"].to_numpy() + np.arange(len(table))
    for function, y in [("mutual_info_classif", classes), ("mutual_info_regression", numbers)]:
        theirs = getattr(sklearn.feature_selection, function)
        for options in [{}, {"n_neighbors": 5, "discrete_features": [2]}, {"discrete_features": np.array([False, False, True]), "copy": False}]:
            score = partial(theirs, random_state=7, **options)
            ours, expected = features.SelectKBest(score, k=1).fit(table, y), sklearn.feature_selection.SelectKBest(score, k=1).fit(table, y)
            np.testing.assert_allclose(ours.scores_, expected.scores_, rtol=1e-9, atol=1e-14)
            assert ours.pvalues_ is None
            assert ours.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
            np.testing.assert_array_equal(clone(ours).fit(table, y).scores_, ours.scores_)
        # Without a seed it is the seed 0, by the function as by its name.
        expected = theirs(table, y, random_state=0)
        for score in (theirs, function):
            np.testing.assert_allclose(features.SelectKBest(score).fit(table, y).scores_, expected, rtol=1e-9, atol=1e-14)
    for score, words in [
        (partial(sklearn.feature_selection.mutual_info_classif, discrete_features=[9]), "column 9"),
        (partial(sklearn.feature_selection.mutual_info_classif, n_neighbors=0), "n_neighbors"),
        (partial(sklearn.feature_selection.mutual_info_classif, neighbors=3), "no option"),
        (partial(sklearn.feature_selection.f_classif, n_neighbors=3), "no options"),
        (partial(sklearn.feature_selection.mutual_info_classif, table), "without a name|no name"),
    ]:
        with pytest.raises(ValueError, match=words):
            features.SelectKBest(score).fit(table, classes)
