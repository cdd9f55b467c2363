"""A shadow's answers beside those that callers got."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.stats import spearmanr

import mlcore
from mlcore.rollout import Comparison


def test_every_count_is_the_one_of_numpy():
    rng = np.random.default_rng(4)
    live = rng.random((800, 3))
    shadow = live + rng.normal(0, 0.1, live.shape)
    comparison = Comparison(atol=0.1, rtol=0.05)
    comparison.add_scores(live, shadow)
    report = comparison.report()
    close = np.isclose(shadow, live, atol=0.1, rtol=0.05).all(axis=1)
    assert (report.rows, report.within_tolerance, report.not_finite) == (800, close.sum(), 0)
    labels = live.argmax(axis=1), shadow.argmax(axis=1)
    assert (report.labelled, report.flips) == (800, (labels[0] != labels[1]).sum())
    assert {(pair["live"], pair["shadow"]): pair["rows"] for pair in report.confusion} == pd.crosstab(*labels).stack()[lambda count: count > 0].to_dict()
    differences = np.abs(shadow - live).max(axis=1)
    assert report.differences["count"] == 800 and abs(report.differences["mean"] - differences.mean()) < 1e-12
    assert report.differences["greatest"] == differences.max() and abs(report.differences["median"] - np.median(differences)) < 0.01
    chosen = np.arange(800), labels[0]
    found = report.rank_correlation
    assert (found["pairs"], found["standard_error"]) == (800, 0.0) and abs(found["value"] - spearmanr(live[chosen], shadow[chosen]).statistic) < 1e-12
    assert abs(report.outside["share"] - (1 - close.mean())) < 1e-12 and report.outside["low"] < report.outside["share"] < report.outside["high"]


def test_scores_come_from_every_library():
    rng = np.random.default_rng(5)
    live, shadow = rng.random(200), rng.random(200)
    expected = Comparison(threshold=0.5)
    expected.add_scores(live, shadow, draw=3)
    for made in (list, pd.Series, pl.Series, lambda values: values[:, None], lambda values: pd.DataFrame({"score": values}), lambda values: [[value] for value in values]):
        comparison = Comparison(threshold=0.5)
        comparison.add_scores(made(live), made(shadow), draw=3)
        assert comparison == expected, made
    twice = np.column_stack([1 - live, live]), np.column_stack([1 - shadow, shadow])
    comparison = Comparison(threshold=0.5)
    comparison.add_scores(*twice)
    assert comparison.report().flips == ((live >= 0.5) != (shadow >= 0.5)).sum()


def test_requests_labels_and_mismatches_are_counted():
    comparison = Comparison()
    comparison.add_request(0.01, 0.03)
    comparison.add_requests([0.02, None, None], [float("nan"), 0.04, None])
    comparison.add_mismatch()
    comparison.add_mismatch(2)
    comparison.add_labels([0, 1, 1, 99], np.array([0, 0, 1, -5]))
    report = comparison.report()
    assert (report.requests, report.live_failures, report.shadow_failures, report.both_failures, report.mismatches) == (4, 2, 2, 1, 3)
    assert (report.rows, report.within_tolerance, report.flips) == (4, 2, 2)
    assert report.confusion == [
        {"live": 0, "shadow": 0, "rows": 1}, {"live": 1, "shadow": 0, "rows": 1}, {"live": 1, "shadow": 1, "rows": 1},
        {"live": None, "shadow": None, "rows": 1},
    ]  # fmt: skip
    assert (report.live_latency["greatest"], report.shadow_latency["greatest"]) == (0.02, 0.04)
    assert report.rank_correlation is None and report.differences is None
    assert report.to_dict() == json.loads(report.to_json()) and report.to_dict()["flips"] == 2
    assert str(report).startswith("4 requests: the shadow failed 2, the arm that answered 2, both 1; 3 answers were of another shape")
    assert repr(report) == "<mlcore.rollout.ComparisonReport: 4 requests, 4 rows>" and repr(comparison) == "<mlcore.rollout.Comparison: 4 requests, 4 rows>"


def compared(rows, flips, seed=9):
    """A shadow that flips so many of a thousand, and takes twice as long."""
    rng = np.random.default_rng(seed)
    live = 0.1 + 0.3 * rng.random(rows) + 0.5 * (rng.random(rows) < 0.5)
    shadow = np.where(np.arange(rows) * 7 % 1000 < flips, 1 - live, live)
    comparison = Comparison(atol=0.05, rtol=0.0, threshold=0.5)
    comparison.add_requests(np.full(rows, 1e-4), np.full(rows, 2e-4))
    comparison.add_scores(live, shadow)
    return comparison


def test_limits_decide_once_they_are_sure():
    for rows, flips, verdict, words in [
        (500, 0, "hold", "of at least 1000"),
        (5000, 2, "agrees", "2.000 % are allowed"),
        (5000, 20, "hold", "labels that flipped: 2.000 %"),
        (5000, 60, "differs", "labels that flipped: 6.000 %"),
        (200, 1000, "differs", "100.000 %"),
    ]:
        found = compared(rows, flips).agreement(max_flip_share=0.02)
        assert found.verdict == verdict and words in found.reasons[0], str(found)
    everything = {"max_outside_share": 0.1, "max_flip_share": 0.1, "max_failure_share": 0.1, "min_rank_correlation": 0.9, "max_latency_ratio": 3.0}
    found = Comparison().agreement(**everything)
    assert found.verdict == "hold" and len(found.reasons) == 5 and str(found).startswith("hold\n  ")
    assert compared(20_000, 1).agreement(**everything).verdict == "agrees"
    slow = compared(20_000, 1).agreement(**{**everything, "max_latency_ratio": 1.5})
    assert slow.verdict == "differs" and "99 % within 2.000e-4 s beside 1.000e-4 s" in slow.reasons[0]
    assert Comparison().agreement() == Comparison().agreement() != found and repr(found) == "<mlcore.rollout.Agreement: hold>"
    assert compared(500, 0).agreement(max_flip_share=0.02, min_rows=100, alpha=0.2).verdict == "agrees"


def test_replicas_add_up_and_states_are_read_back():
    one, other, whole = compared(700, 5, seed=1), compared(900, 9, seed=2), Comparison(atol=0.05, rtol=0.0, threshold=0.5)
    for part in (one, other):
        whole.merge(part)
    merged = pickle.loads(pickle.dumps(one))
    merged.merge(json.loads(json.dumps(other.save())))
    assert merged.report().to_dict() == whole.report().to_dict() and merged.rows == 1600
    for again in (copy.deepcopy(merged), Comparison.from_state(merged.save()), pickle.loads(pickle.dumps(merged))):
        assert again == merged and again != one
    # A comparison may be merged into itself.
    merged.merge(merged)
    assert merged.rows == 3200
    with pytest.raises(mlcore.InvalidInputError, match="different tolerances"):
        one.merge(Comparison())
    saved = one.save()
    for broken in ({}, {"rows": 1}, {**saved, "flips": 10**6}, {**saved, "live_latency": "zz"}):
        with pytest.raises(mlcore.CorruptError, match="restore comparison"):
            Comparison.from_state(broken)
    with pytest.raises(mlcore.InvalidTypeError):
        one.merge(object())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Comparison(atol=-1.0), "absolute"),
        (lambda: Comparison(rtol=float("inf")), "relative"),
        (lambda: Comparison(threshold=float("nan")), "threshold"),
        (lambda: Comparison().add_scores([1.0], [1.0, 2.0]), "there are 2, and 1 were given"),
        (lambda: Comparison().add_scores([[1.0, 2.0]], [1.0, 2.0]), "add_mismatch"),
        (lambda: Comparison().add_scores([[1.0, 2.0], [1.0]], [[1.0, 2.0], [1.0]]), "rows"),
        (lambda: Comparison().add_labels([0.5], [1]), "row 0 is 0.5"),
        (lambda: Comparison().add_labels([0], [1, 2]), "there are 2"),
        (lambda: Comparison().add_request(-1.0, 0.1), "live"),
        (lambda: Comparison().add_requests([0.1, -1.0], [0.1, 0.1]), "live, row 1"),
        (lambda: Comparison().add_requests([0.1], [0.1, 0.1]), "there are 2"),
        (lambda: Comparison().agreement(max_flip_share=0.0), "max_flip_share"),
        (lambda: Comparison().agreement(alpha=0.0), "alpha"),
        (lambda: Comparison().agreement(min_rank_correlation=1.0), "min_rank_correlation"),
        (lambda: Comparison().agreement(max_latency_ratio=-1.0), "max_latency_ratio"),
    ],
)
def test_what_means_nothing_is_refused(make, words):
    with pytest.raises(mlcore.InvalidInputError, match=words):
        make()


def test_an_empty_call_adds_nothing():
    comparison = Comparison()
    comparison.add_scores([], [])
    comparison.add_labels([], [])
    comparison.add_requests([], [])
    assert comparison == Comparison()
