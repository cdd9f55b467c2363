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
        if ast.unparse(function.args.args[1].annotation) == kind and set(options) <= has and (options or not has):
            names.append(function.name)
    assert names
    return names


AVERAGED = listed("_Labels", "labels", "pos_label", "average", "zero_division")

#: Metrics that do not guess which of two texts is the positive label, as scikit-learn's do not.
ASK_FOR_TEXT = ("average_precision_score", "brier_score_loss")


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
    if labels == ("no", "yes") and name in ASK_FOR_TEXT:
        with pytest.raises(mlcore.InvalidInputError, match='pos_label.*"no", "yes"'):
            getattr(metrics, name)(named.tolist(), score, sample_weight=weight)
        got = getattr(metrics, name)(named.tolist(), score, sample_weight=weight, pos_label="yes")
        assert got == pytest.approx(numbers, rel=1e-9)
        return
    for given in (named.tolist(), pd.Series(named.tolist()), pl.Series(named.tolist())):
        got = getattr(metrics, name)(given, score, sample_weight=weight)
        assert got == pytest.approx(numbers, rel=1e-9)
    assert getattr(metrics, name)(named.tolist(), score, sample_weight=weight, pos_label=labels[1]) == pytest.approx(numbers, rel=1e-9)


@pytest.mark.parametrize("labels", [(1, 2), (2, 1), (0, 1), (-1, 1), (-1, 0), (0, 5), (False, True), ("a", "b"), (0, 0), (1, 1)])
@pytest.mark.parametrize("name", listed("_Scores", "pos_label"))
def test_the_positive_class_is_sklearns(name, labels):
    truth, score = [labels[row] for row in (0, 1, 1, 0, 1)], [0.1, 0.4, 0.35, 0.8, 0.7]
    # Of a single label scikit-learn's log_loss knows nothing; ours knows 0 and 1.
    options = {"labels": [0, 1]} if name == "log_loss" and len(set(labels)) == 1 else {}
    try:
        expected = getattr(sklearn.metrics, name)(truth, score, **options)
    except (ValueError, UserWarning):
        # Also where scikit-learn warns and answers NaN or 0.
        with pytest.raises(mlcore.InvalidInputError):
            getattr(metrics, name)(truth, score)
        return
    assert getattr(metrics, name)(truth, score) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 3.0, 4.0]])
@pytest.mark.parametrize("values", [[1, 0, 1, 1], [1, 0, 1, 0.3], [0.1, 0.7, 0.25, 1e-7], [0, 0, 1, 1]])
def test_losses_are_computed_in_the_type_of_the_probabilities(values, weight, dtype):
    truth, given = [0, 0, 1, 1], np.array(values, dtype)
    frames = [given, pd.Series(given), np.column_stack([1 - given, given]), given.reshape(-1, 1)]
    if dtype == "f4":
        frames += [pl.Series(given), pl.Series(given).to_arrow()]
    for name in ("log_loss", "brier_score_loss"):
        expected = getattr(sklearn.metrics, name)(truth, given, sample_weight=weight)
        for frame in frames:
            got = getattr(metrics, name)(truth, frame, sample_weight=weight)
            assert got == pytest.approx(expected, rel=1e-6, abs=1e-9), type(frame)


def test_the_gate_counts_a_certain_mistake_as_the_metric_does():
    truth = [0, 1] * 200
    guess = np.where(np.arange(400) < 4, 1, truth).astype("f4")
    gate = mlcore.evaluate.Gate().require("log_loss", at_most=1)
    for dtype in ("f4", "f8"):
        check = gate.judge(truth, guess.astype(dtype)).checks[1]
        assert check.challenger == pytest.approx(sklearn.metrics.log_loss(truth, guess.astype(dtype)), rel=1e-5)
    # A champion of another type is clipped alike: neither is better for its type.
    gate = mlcore.evaluate.Gate().require("log_loss", non_inferior=0.1)
    check = gate.judge(truth, guess, guess.astype("f8")).checks[1]
    assert check.difference == 0.0


MIXED = [
    (["0", "0", "1", "1"], [0, 1, 1, 1]),
    ([0, 1], ["0", "1"]),
    (["True", "False"], [True, False]),
    (pd.Series(["a", "b"]), np.array([0, 1])),
    (pd.Series(["a", "b"], dtype="category"), pl.Series([0.0, 1.0])),
]


@pytest.mark.parametrize("name", [*listed("_Labels"), *AVERAGED, "confusion_matrix"])
@pytest.mark.parametrize("truth, guess", MIXED)
def test_text_is_not_compared_with_numbers(name, truth, guess):
    with pytest.raises(mlcore.InvalidInputError, match=f"{name} y_pred: it holds (text|numbers), and y_true holds"):
        getattr(metrics, name)(truth, guess)


def test_other_arguments_are_of_the_labels_kind_too():
    with pytest.raises(mlcore.InvalidInputError, match="labels: it holds text, and y_true holds numbers"):
        metrics.confusion_matrix([0, 1], [0, 1], labels=["0", "1"])
    with pytest.raises(mlcore.InvalidInputError, match='pos_label: "1" is none of the labels, which are 0, 1'):
        metrics.f1_score([0, 1], [0, 1], pos_label="1")
    with pytest.raises(mlcore.InvalidInputError, match="pos_label: 1 is none of the labels, which are 0, 2"):
        metrics.f1_score([0, 0], [2, 2])
    with pytest.raises(mlcore.InvalidInputError, match='pos_label: 1 is none of the labels, which are "no", "yes"'):
        metrics.f1_score(["no", "yes"], ["no", "yes"])
    assert metrics.accuracy_score([True, False], [1, 0]) == metrics.accuracy_score([1.0, 0.0], np.array([1, 0], "u1")) == 1.0
    huge = np.array([2**64 - 1, 1], dtype="u8")
    assert metrics.accuracy_score(huge, huge) == 1.0


@pytest.mark.parametrize("name", AVERAGED)
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


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize("labels", [None, ["c", "z", "a"], ["b"]])
@pytest.mark.parametrize("name", AVERAGED)
def test_averages_over_labels_are_sklearns(binary, name, labels, average):
    truth, _, weight = binary
    rng = np.random.default_rng(7)
    names = np.array(["b", "a", "c"])[rng.integers(0, 3, len(truth))]
    guess = np.where(rng.random(len(truth)) < 0.6, names, "a")
    for zero in (0, 1, np.nan):
        options = dict(labels=labels, average=average, sample_weight=weight, zero_division=zero)
        expected = getattr(sklearn.metrics, name)(names, guess, **options)
        got = getattr(metrics, name)(pd.Series(names), pl.Series(guess), **options)
        np.testing.assert_allclose(got, expected, rtol=1e-12)
        assert type(got) is (np.ndarray if average is None else float)


@pytest.fixture(params=["f8", "f4"])
def classes(request):
    """Labels of four classes, their names in ascending order, and a row of probabilities for each label."""
    rng = np.random.default_rng(9)
    names = np.array(["a", "b", "c", "d"])
    truth = rng.integers(0, 4, 300)
    proba = rng.random((300, 4)) + 0.8 * np.eye(4)[truth]
    proba = (proba / proba.sum(axis=1, keepdims=True)).astype(request.param)
    return names[truth], truth, proba, rng.random(300)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_areas_and_precisions_of_many_classes_are_sklearns(classes, average, weighted):
    names, truth, proba, weight = classes
    weight = weight if weighted else None
    for labels in (names.tolist(), pd.Series(names), truth):
        for frame in (proba, pd.DataFrame(proba), pl.DataFrame(proba), proba.tolist()):
            expected = sklearn.metrics.average_precision_score(labels, proba, average=average, sample_weight=weight)
            got = metrics.average_precision_score(labels, frame, average=average, sample_weight=weight)
            np.testing.assert_allclose(got, expected, rtol=1e-9)
            options = dict(multi_class="ovr", average=average, sample_weight=weight)
            np.testing.assert_allclose(
                metrics.roc_auc_score(labels, frame, **options), sklearn.metrics.roc_auc_score(labels, proba, **options), rtol=1e-9
            )
    if average in ("macro", "weighted") and not weighted:
        options = dict(multi_class="ovo", average=average)
        expected = sklearn.metrics.roc_auc_score(names, proba, **options)
        assert metrics.roc_auc_score(names, proba, **options) == pytest.approx(expected, rel=1e-9)


def test_log_loss_of_many_classes_is_sklearns(classes):
    names, truth, proba, weight = classes
    close = 1e-9 if proba.dtype == "f8" else 1e-5
    for sample_weight in (None, weight):
        expected = sklearn.metrics.log_loss(names, proba, sample_weight=sample_weight)
        assert metrics.log_loss(names, proba, sample_weight=sample_weight) == pytest.approx(expected, rel=close)
    certain = np.eye(4, dtype=proba.dtype)[(truth + (truth == 0)) % 4]
    assert metrics.log_loss(truth, certain) == pytest.approx(sklearn.metrics.log_loss(truth, certain), rel=close)
    # Classes that no row has.
    some = truth < 3
    expected = sklearn.metrics.log_loss(truth[some], proba[some], labels=[0, 1, 2, 3])
    assert metrics.log_loss(truth[some], proba[some], labels=[0, 1, 2, 3]) == pytest.approx(expected, rel=close)
    assert metrics.log_loss([1, 1], [0.5, 0.25], labels=[0, 1]) == pytest.approx(sklearn.metrics.log_loss([1, 1], [0.5, 0.25], labels=[0, 1]))


def test_scores_of_many_classes_that_do_not_fit_are_refused(classes):
    names, truth, proba, weight = classes
    for call, words in [
        (lambda: metrics.roc_auc_score(names, proba), 'more than two classes; pass multi_class="ovr" or "ovo"'),
        (lambda: metrics.roc_auc_score(names, proba, multi_class="one"), "multi_class"),
        (lambda: metrics.roc_auc_score(names, proba, multi_class="ovo", average=None), "average"),
        (lambda: metrics.roc_auc_score(names, proba, multi_class="ovo", average="micro"), "average"),
        (lambda: metrics.roc_auc_score(names, proba, multi_class="ovo", sample_weight=weight), "sample_weight"),
        (lambda: metrics.roc_auc_score(names, proba, multi_class="ovr", pos_label="a"), "pos_label"),
        (lambda: metrics.roc_auc_score(names, proba[:, 0], multi_class="ovr"), "1 columns, and there are 4 classes"),
        (lambda: metrics.log_loss(names, proba[:, :3]), "3 columns, and there are 4 classes"),
        (lambda: metrics.log_loss(names, proba, labels=["d", "c", "b", "a"]), "ascending"),
        (lambda: metrics.log_loss(names, proba, labels=["a", "b", "c", "x"]), "not among labels"),
        (lambda: metrics.log_loss(names, proba, labels=[0, 1, 2, 3]), "labels: it holds numbers, and y_true holds text"),
        (lambda: metrics.log_loss(names, proba * 0.5), "row 0 does not sum to 1"),
        (lambda: metrics.log_loss([0, 1], [0.5, 0.5], labels=[1, 0]), "ascending"),
        (lambda: metrics.log_loss([0, 2], [0.5, 0.5], labels=[0, 1]), "2 is not among labels"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()


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
        (lambda: metrics.f1_score([0, 1, 2], [0, 1, 1]), "more than two labels; pass average="),
        (lambda: metrics.f1_score([0, 1], [0, 1], average="samples"), "average"),
        (lambda: metrics.log_loss([0, 1], [0.5, 1.5]), "row 1 is no probability"),
        (lambda: metrics.precision_score([0, 1], [0, 1], zero_division=3), "zero_division"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    with pytest.raises(TypeError, match="0.5, which is no label"):
        metrics.accuracy_score([0.5, 1.0], [0, 1])
    assert metrics.precision_score([0, 1], [0, 0]) == 0.0
    assert metrics.precision_score([0, 1], [0, 0], zero_division=1) == 1.0
