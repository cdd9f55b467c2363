"""scikit-learn's metrics through the door."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn.metrics

import mlcore
from mlcore import metrics


def listed(kind, *options):
    """The metrics of the stub that answer one number of labels, scores or values and have these options."""
    stub = ast.parse(Path(metrics.__file__).with_suffix(".pyi").read_text())
    functions = [node for node in stub.body if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns) == "float"]
    names = []
    for function in functions:
        has = {option.arg for option in function.args.kwonlyargs} - {"sample_weight"}
        if ast.unparse(function.args.args[1].annotation) == kind and has == set(options):
            names.append(function.name)
    assert names
    return names


@pytest.fixture(params=range(4))
def binary(request):
    rng = np.random.default_rng(request.param)
    truth = rng.integers(0, 2, 200)
    score = np.clip(truth * 0.3 + rng.random(200) * 0.7, 0, 1).round(2)
    weight = rng.random(200) if request.param % 2 else None
    return truth, score, weight


@pytest.mark.parametrize("name", listed("_Scores", "pos_label"))
@pytest.mark.parametrize("labels", [(0, 1), (-1, 1), (False, True), ("no", "yes")])
def test_scores_are_sklearns(binary, name, labels):
    truth, score, weight = binary
    named = np.array(labels, dtype=object)[truth]
    numbers = getattr(sklearn.metrics, name)(truth, score, sample_weight=weight)
    for given in (named.tolist(), pd.Series(named.tolist()), pl.Series(named.tolist())):
        got = getattr(metrics, name)(given, score, sample_weight=weight)
        assert got == pytest.approx(numbers, rel=1e-9)
    assert getattr(metrics, name)(named.tolist(), score, sample_weight=weight, pos_label=labels[1]) == pytest.approx(numbers, rel=1e-9)


@pytest.mark.parametrize("name", listed("_Labels", "pos_label", "zero_division"))
def test_binary_scores_are_sklearns(binary, name):
    truth, score, weight = binary
    guess = (score > 0.5).astype(int)
    expected = getattr(sklearn.metrics, name)(truth, guess, sample_weight=weight)
    assert getattr(metrics, name)(truth, guess, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    words = np.array(["no", "yes"])
    got = getattr(metrics, name)(words[truth], words[guess], pos_label="yes", sample_weight=weight)
    assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", listed("_Labels"))
def test_scores_of_many_labels_are_sklearns(binary, name):
    truth, _, weight = binary
    rng = np.random.default_rng(5)
    names = np.array(["b", "a", "c"])[rng.integers(0, 3, len(truth))]
    guess = np.where(rng.random(len(truth)) < 0.7, names, "a")
    expected = getattr(sklearn.metrics, name)(names, guess, sample_weight=weight)
    got = getattr(metrics, name)(pd.Series(names), pl.Series(guess), sample_weight=weight)
    assert got == pytest.approx(expected, rel=1e-12)


def test_labels_are_counted_as_sklearn_counts_them(binary):
    truth, _, weight = binary
    rng = np.random.default_rng(5)
    names = np.array(["b", "a", "c"])[rng.integers(0, 3, len(truth))]
    guess = np.where(rng.random(len(truth)) < 0.7, names, "a")
    expected = sklearn.metrics.confusion_matrix(names, guess, sample_weight=weight)
    np.testing.assert_allclose(metrics.confusion_matrix(names, guess, sample_weight=weight), expected, rtol=1e-12)
    expected = sklearn.metrics.confusion_matrix(names, guess, labels=["c", "a"])
    np.testing.assert_array_equal(metrics.confusion_matrix(names, guess, labels=["c", "a"]), expected)


@pytest.mark.parametrize("name", listed("_Values"))
def test_regression_scores_are_sklearns(binary, name):
    _, _, weight = binary
    rng = np.random.default_rng(6)
    truth = rng.normal(size=200)
    guess = truth + rng.normal(0, 0.3, 200)
    expected = getattr(sklearn.metrics, name)(truth, guess, sample_weight=weight)
    assert getattr(metrics, name)(truth, guess, sample_weight=weight) == pytest.approx(expected, rel=1e-10)


def test_two_columns_of_probabilities_are_taken(binary):
    truth, score, _ = binary
    both = np.column_stack([1 - score, score])
    assert metrics.log_loss(truth, both) == metrics.log_loss(truth, score)
    with pytest.raises(ValueError, match="3 columns"):
        metrics.log_loss(truth, np.ones((200, 3)))


def test_what_means_nothing_is_an_error():
    for call, words in [
        (lambda: metrics.roc_auc_score([1, 1], [0.2, 0.3]), "roc_auc_score"),
        (lambda: metrics.roc_auc_score([0, 1], [0.2, float("nan")]), "NaN"),
        (lambda: metrics.accuracy_score([], []), "no rows|empty"),
        (lambda: metrics.accuracy_score([1, 2], [1]), "accuracy_score"),
        (lambda: metrics.accuracy_score([1, None], [1, 2]), "row 1 has no label"),
        (lambda: metrics.f1_score([0, 1, 2], [0, 1, 1]), "more than two labels"),
        (lambda: metrics.log_loss([0, 1], [0.5, 1.5]), "row 1 is no probability"),
        (lambda: metrics.precision_score([0, 1], [0, 1], zero_division=3), "zero_division"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    with pytest.raises(TypeError, match="0.5, which is no label"):
        metrics.accuracy_score([0.5, 1.0], [0, 1])
    assert metrics.precision_score([0, 1], [0, 0]) == 0.0
    assert metrics.precision_score([0, 1], [0, 0], zero_division=1) == 1.0
