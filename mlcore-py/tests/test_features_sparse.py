"""Sparse answers and threads: scikit-learn's matrices, and the numbers of dense answers of one thread."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
import sklearn.compose
import sklearn.feature_extraction.text
import sklearn.preprocessing
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import mlcore
from mlcore import features

FRAME = pd.DataFrame(
    {
        "note": ["the quick fox", "lazy dog", "", "the fox and the dog"] * 5,
        "plan": ["free", "pro", "team", "gold"] * 5,
        "age": np.linspace(20, 60, 20),
    }
)


def same(ours, theirs):
    """Is it scikit-learn's matrix: its class, its layout and its numbers?"""
    assert type(ours) is type(theirs) and ours.shape == theirs.shape
    theirs = theirs.copy()
    theirs.sum_duplicates()
    theirs.eliminate_zeros()
    assert ours.has_canonical_format and ours.indices.dtype == ours.indptr.dtype == np.int32
    np.testing.assert_array_equal(ours.indptr, theirs.indptr)
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12)


def test_a_sparse_encoder_is_sklearns():
    for parameters in ({}, {"drop": "first"}, {"handle_unknown": "ignore", "max_categories": 3}):
        ours = features.OneHotEncoder(sparse_output=True, **parameters)
        theirs = sklearn.preprocessing.OneHotEncoder(sparse_output=True, **parameters)
        same(ours.fit_transform(FRAME[["plan"]]), theirs.fit_transform(FRAME[["plan"]]))
        same(ours.transform(FRAME[["plan"]], threads=2), theirs.transform(FRAME[["plan"]]))
        dense = features.OneHotEncoder(**parameters).fit_transform(FRAME[["plan"]])
        assert isinstance(dense, np.ndarray)
        np.testing.assert_array_equal(ours.transform(FRAME[["plan"]]).toarray(), dense)
    back = features.OneHotEncoder(sparse_output=True).fit(FRAME[["plan"]])
    assert back.inverse_transform(back.transform(FRAME[["plan"]])).ravel().tolist() == FRAME["plan"].tolist()


def test_sparse_bins_are_sklearns():
    ours = features.KBinsDiscretizer(3, encode="onehot")
    theirs = sklearn.preprocessing.KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf")
    same(ours.fit_transform(FRAME[["age"]]), theirs.fit_transform(FRAME[["age"]]))
    same(pickle.loads(pickle.dumps(ours)).transform(FRAME[["age"]]), theirs.transform(FRAME[["age"]]))
    assert clone(ours).encode == "onehot" and "onehot" in repr(ours)
    assert list(ours.get_feature_names_out()) == list(theirs.get_feature_names_out())
    back, expected = ours.inverse_transform(ours.transform(FRAME[["age"]])), theirs.inverse_transform(theirs.transform(FRAME[["age"]]))
    np.testing.assert_allclose(back, expected, rtol=1e-12)
    combined = features.ColumnTransformer([("bins", ours, ["age"])], sparse_threshold=1.0).fit(FRAME)
    assert combined.sparse_output_ and scipy.sparse.issparse(combined.transform(FRAME))


@pytest.mark.parametrize("name", ["CountVectorizer", "TfidfVectorizer", "HashingVectorizer"])
def test_a_sparse_vectorizer_is_sklearns(name):
    parameters = {"n_features": 2**20} if name == "HashingVectorizer" else {}
    ours = getattr(features, name)(sparse_output=True, **parameters).fit_transform(FRAME[["note"]])
    theirs = getattr(sklearn.feature_extraction.text, name)(**parameters).fit_transform(FRAME["note"])
    same(ours, theirs.astype(float))


def test_the_classes_of_scipy_are_those_that_sklearn_is_configured_for():
    encoder = features.OneHotEncoder(sparse_output=True).fit(FRAME[["plan"]])
    assert isinstance(encoder.transform(FRAME[["plan"]]), scipy.sparse.csr_matrix)
    with sklearn.config_context(sparse_interface="sparray"):
        assert isinstance(encoder.transform(FRAME[["plan"]]), scipy.sparse.csr_array)


def test_without_scipy_there_is_a_clear_error(monkeypatch):
    plan = features.OneHotEncoder().fit(FRAME[["plan"]]).plan()
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(mlcore.MissingPackageError, match="scipy is not installed"):
        plan.transform_sparse(FRAME)
    with pytest.raises(mlcore.MissingPackageError, match="scipy is not installed"):
        plan.transform_row_sparse({"plan": FRAME["plan"][0]})


def test_a_single_sparse_row_is_that_of_the_table():
    words = features.HashingVectorizer(n_features=2**20)
    combined = features.ColumnTransformer([("num", features.StandardScaler(), ["age"]), ("cat", features.OneHotEncoder(), ["plan"]), ("text", words, ["note"])]).fit(FRAME)
    plan = combined.plan()
    for dtype in ("float64", "float32"):
        expected = plan.transform_sparse(FRAME, dtype)
        for row in range(len(FRAME)):
            record = {name: FRAME[name][row] for name in ("age", "plan", "note")}
            found = plan.transform_row_sparse(record, dtype)
            assert found.shape == (1, plan.transform_sparse(FRAME[:1]).shape[1]) and found.dtype == dtype
            same(found, expected[row])
    same(combined.transform_row_sparse(record), plan.transform_row_sparse(record))
    with pytest.raises(mlcore.InvalidInputError, match="dtype"):
        plan.transform_row_sparse(record, "int8")
    with pytest.raises(mlcore.SchemaMismatchError, match="note"):
        plan.transform_row_sparse({"age": 1.0, "plan": FRAME["plan"][0]})
    with pytest.raises(mlcore.Error, match="extra"):
        plan.transform_row_sparse({**record, "extra": 1}, strict=True)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.3, 0.5, 1.0])
def test_a_column_transformer_is_sparse_where_sklearns_is(threshold):
    def combined(home, scaler, encoder):
        transformers = [("num", scaler, ["age"]), ("cat", encoder, ["plan"])]
        return home.ColumnTransformer(transformers, sparse_threshold=threshold).fit(FRAME)

    ours = combined(features, features.StandardScaler(), features.OneHotEncoder(sparse_output=True))
    theirs = combined(sklearn.compose, sklearn.preprocessing.StandardScaler(), sklearn.preprocessing.OneHotEncoder())
    assert ours.sparse_output_ == theirs.sparse_output_
    found, expected = ours.transform(FRAME), theirs.transform(FRAME)
    if theirs.sparse_output_:
        same(found, expected.tocsr())
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    again = pickle.loads(pickle.dumps(ours))
    assert again.sparse_output_ == ours.sparse_output_ and type(again.transform(FRAME)) is type(found)


def test_dense_is_the_default_everywhere():
    combined = features.ColumnTransformer([("cat", features.OneHotEncoder(), ["plan"]), ("text", features.TfidfVectorizer(), ["note"])])
    assert isinstance(combined.fit_transform(FRAME), np.ndarray) and combined.sparse_output_ is False
    with pytest.raises(mlcore.InvalidInputError, match="sparse_threshold"):
        features.ColumnTransformer([("cat", features.OneHotEncoder(), ["plan"])], sparse_threshold=2).fit(FRAME)


def test_combinations_hand_sparse_answers_on():
    texts = features.Pipeline([("kept", "passthrough"), ("words", features.TfidfVectorizer(sparse_output=True))])
    union = features.FeatureUnion([("words", texts), ("chars", features.CountVectorizer(analyzer="char"))], transformer_weights={"words": 2.0})
    matrix = union.fit_transform(FRAME[["note"]])
    assert isinstance(matrix, scipy.sparse.csr_matrix)
    np.testing.assert_array_equal(matrix.toarray(), clone(union).set_params(words__words__sparse_output=False).fit_transform(FRAME[["note"]]))
    model = make_pipeline(union, LogisticRegression()).fit(FRAME[["note"]], np.arange(20) % 2)
    assert model.predict(FRAME[["note"]]).shape == (20,)
    with pytest.raises(mlcore.InvalidInputError, match="no sparse matrix"):
        union.set_output(transform="pandas").transform(FRAME[["note"]])


def test_features_are_the_same_on_any_number_of_threads():
    frame = pd.concat([FRAME] * 200, ignore_index=True)
    combined = features.ColumnTransformer([("num", features.StandardScaler(), ["age"]), ("cat", features.OneHotEncoder(), ["plan"])]).fit(frame)
    plan, expected = combined.plan(), combined.transform(frame)
    for threads in (1, 2, 7):
        np.testing.assert_array_equal(combined.transform(frame, threads=threads), expected)
        np.testing.assert_array_equal(plan.transform(frame, threads=threads), expected)
        np.testing.assert_array_equal(plan.transform_sparse(frame, "float32", threads=threads).toarray(), expected.astype(np.float32))
        assert plan.transform_table(frame, threads=threads).to_numpy().tolist() == expected.tolist()
    numbers = features.StandardScaler().fit(expected).plan()
    np.testing.assert_array_equal(numbers.transform(expected, threads=3), numbers.transform(expected))
    frame.loc[3333, "plan"] = "never seen"
    frame.loc[1111, "plan"] = "never seen"
    with pytest.raises(mlcore.InvalidInputError, match="row 1111"):
        plan.transform(frame, threads=4)
    for wrong in (0, -1, 1.5, "two"):
        with pytest.raises(mlcore.InvalidInputError, match="threads"):
            plan.transform(frame, threads=wrong)
