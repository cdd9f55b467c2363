"""The gate: what a challenger must show before it takes the champion's place."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlcore
from mlcore.evaluate import Gate


@pytest.fixture
def rows():
    """Labels, and the probabilities of a champion, a better and a worse model."""
    rng = np.random.default_rng(3)
    y_true = rng.random(1500) < 0.4
    score = lambda sharp: 1 / (1 + np.exp(-(sharp * (y_true - 0.5) + rng.normal(size=1500))))
    return y_true, score(2.0), score(4.0), score(0.5)


def test_the_better_model_passes_and_the_worse_does_not(rows):
    y_true, champion, better, worse = rows
    gate = Gate().require("roc_auc", at_least=0.9, non_inferior=0.01).require("log_loss", superior=0.02)
    verdict = gate.judge(y_true, better, champion)
    assert verdict.passed and repr(verdict) == "<mlcore.evaluate.GateVerdict: passed, 0 of 4 checks failed>"
    samples, reaches, not_worse, log_loss = verdict.checks
    assert samples.metric == "samples" and samples.champion is None
    assert reaches.challenger == pytest.approx(mlcore.metrics.roc_auc_score(y_true, better), rel=1e-12)
    assert (reaches.margin, not_worse.margin, log_loss.margin) == (0.9, 0.01, 0.02)
    assert log_loss.champion == pytest.approx(mlcore.metrics.log_loss(y_true, champion), rel=1e-12)
    assert log_loss.difference == pytest.approx(log_loss.challenger - log_loss.champion) and log_loss.difference < 0
    low, high = log_loss.interval
    assert low < log_loss.difference < high < -0.02
    assert str(verdict).startswith("passed\n") and log_loss.sentence in str(verdict) and log_loss.sentence in repr(log_loss)
    told = verdict.to_dict()
    assert told["passed"] and [check["metric"] for check in told["checks"]] == ["samples", "roc_auc", "roc_auc", "log_loss"]
    assert json.dumps(told)
    refused = gate.judge(y_true, worse, champion)
    assert not refused.passed and [check.passed for check in refused.checks] == [True, False, False, False]
    assert not gate.judge(y_true[:50], better[:50], champion[:50]).passed


def test_every_kind_of_column_is_taken(rows):
    y_true, champion, better, _ = rows
    gate = Gate().require("brier_score", superior=0.0).require("accuracy", non_inferior=0.01, threshold=0.4)
    expected = gate.judge(y_true, better, champion).to_dict()
    two = np.column_stack([1 - better, better])
    for labels, scores in ((y_true.astype(int), better.tolist()), (pd.Series(y_true), pl.Series(better)), (np.where(y_true, "yes", "no"), two)):
        assert gate.judge(labels, scores, champion).to_dict() == expected


def test_values_are_judged_by_their_errors():
    rng = np.random.default_rng(4)
    y_true = rng.normal(size=400)
    near, far = y_true + rng.normal(size=400) * 0.1, y_true + rng.normal(size=400) * 0.5
    gate = Gate().require("mean_squared_error", at_most=0.02, superior=0.1).require("mean_absolute_error", superior=0.1)
    verdict = gate.judge(y_true, near, far)
    assert verdict.passed and verdict.checks[1].challenger == pytest.approx(mlcore.metrics.mean_squared_error(y_true, near))
    assert not gate.judge(y_true, far, near).passed


def test_without_a_champion_only_limits_are_judged(rows):
    y_true, _, better, worse = rows
    gate = Gate().require("roc_auc", at_least=0.9)
    for scores, passed in ((better, True), (worse, False)):
        verdict = gate.judge(y_true, scores)
        _, check = verdict.checks
        assert verdict.passed is check.passed is passed
        assert (check.champion, check.difference, check.interval) == (None, None, None)
        assert check.sentence == f"roc_auc {check.challenger:.4f}; it must be at least 0.9"
    with pytest.raises(mlcore.InvalidInputError, match="champion"):
        gate.require("log_loss", non_inferior=0.1).judge(y_true, better)


def test_answers_must_come_in_time(rows):
    y_true, champion, better, _ = rows
    gate = Gate().require("roc_auc", at_least=0.5).require_latency(0.01, quantile=0.9)
    quick, slow = np.full(500, 0.001), np.full(500, 0.05)
    assert gate.judge(y_true, better, champion, challenger_latencies=quick, champion_latencies=slow).passed
    for latencies in (slow, None):
        verdict = gate.judge(y_true, better, champion, challenger_latencies=latencies)
        assert not verdict.passed and verdict.checks[-1].metric == "latency" and not verdict.checks[-1].passed
    with pytest.raises(mlcore.InvalidInputError, match="challenger_latencies"):
        gate.judge(y_true, better, champion, challenger_latencies=[-1.0])


def test_a_gate_is_a_configuration(rows):
    y_true, champion, better, _ = rows
    gate = Gate(alpha=0.01, min_samples=7, min_per_class=3).require("accuracy", superior=0.01).require_latency(0.5)
    again = Gate.from_json(gate.to_json())
    assert again.to_json() == gate.to_json() and repr(again) == "<mlcore.evaluate.Gate: accuracy>"
    assert json.loads(gate.to_json())["alpha"] == 0.01
    assert again.judge(y_true, better, champion).to_dict() == gate.judge(y_true, better, champion).to_dict()
    defaults = json.loads(Gate().to_json())
    assert (defaults["alpha"], defaults["min_samples"], defaults["min_per_class"]) == (0.05, 100, 30)
    for broken in ("", "7", '{"alhpa": 0.1}'):
        with pytest.raises(mlcore.CorruptError, match="restore gate"):
            Gate.from_json(broken)


def test_what_cannot_be_asked_is_refused(rows):
    y_true, champion, better, _ = rows
    for call, words in (
        (lambda: Gate().require("auc", at_least=0.5), "roc_auc, log_loss"),
        (lambda: Gate().require("roc_auc"), "nothing is asked"),
        (lambda: Gate().require("roc_auc", at_most=0.5), "at_least="),
        (lambda: Gate().require("log_loss", at_least=0.5), "at_most="),
        (lambda: Gate().require_latency(-1.0), "budget"),
        (lambda: Gate(alpha=2.0).require("roc_auc", at_least=0.5).judge(y_true, better), "alpha"),
        (lambda: Gate().require("roc_auc", superior=-1.0).judge(y_true, better, champion), "margin"),
        (lambda: Gate().require("roc_auc", at_least=0.5).judge(y_true, better[:7]), "7 predictions"),
        (lambda: Gate().require("log_loss", superior=0.1).judge(y_true, better, champion + 1), "champion"),
        (lambda: Gate().require("roc_auc", at_least=0.5).judge(range(1500), better), "y_true|class|label"),
    ):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    assert not Gate().judge(y_true, better, champion).passed
    # A challenger that answers nonsense does not pass; that is no error.
    verdict = Gate().require("log_loss", non_inferior=1.0).judge(y_true, better + 1, champion)
    assert not verdict.passed and "no probability" in verdict.checks[-1].sentence
