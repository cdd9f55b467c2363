"""Outcomes of batches, row by row and together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from conftest import MODELS

import mlcore

ROWS = np.random.default_rng(5).normal(size=(64, 30)).astype(np.float32)


@pytest.fixture
def registry():
    """A model that takes tensors."""
    with mlcore.Registry("memory:", actor="ana") as opened:
        opened.register("churn", MODELS / "runner" / "rf30.onnx")
        opened.set_alias("churn", "champion", 1, expected=None)
        yield opened


def test_a_batch_takes_an_outcome_for_each_row(registry):
    seen = []

    def loss(outputs, label):
        seen.append((len(next(iter(outputs.values()))), label))
        return label

    endpoint = mlcore.Endpoint(registry, "churn", loss=loss)
    answer = endpoint.predict(ROWS[:3], unit="batch")
    assert answer.rows == 3
    endpoint.report_outcomes(answer, [0, 1, 0.5])
    other = endpoint.predict(ROWS[:2], unit="batch", request_id="nightly")
    for row, label in ((1, 7.0), (0, 8.0)):
        endpoint.report_outcome_of_row("nightly", row, label)
    assert endpoint.process() == []
    assert seen == [(1, 0.0), (1, 1.0), (1, 0.5), (1, 7.0), (1, 8.0)]
    counts = endpoint.counts()
    assert (counts["records"], counts["outcomes"], counts["orphans"], counts["refused_outcomes"]) == (2, 5, 0, 0)
    assert other.rows == 2 and endpoint.predict(ROWS[:1], unit="one").rows == 1


def test_outcomes_that_fit_no_batch_are_refused_and_use_nothing_up(registry):
    endpoint = mlcore.Endpoint(registry, "churn", loss="log_loss")
    answer = endpoint.predict(ROWS[:3], unit="batch")
    for call, words in [
        (lambda: endpoint.report_outcomes(answer, [0, 1]), "labels: there are 2, and the prediction has 3 rows; pass a label for each"),
        (lambda: endpoint.report_outcomes(answer, [0, 1, np.nan]), "row 2: NaN is not a finite number; report the rows"),
        (lambda: endpoint.report_outcomes(answer, [0, 2, 1]), "row 1: 2 is neither 0 nor 1"),
        (lambda: endpoint.report_outcomes(answer.outcome_id, []), "labels: there are none"),
        (lambda: endpoint.report_outcome_of_row(answer, 3, 1.0), "row: it is 3, and the prediction has 3 rows"),
        (lambda: endpoint.report_outcome_of_row(answer, 0, np.inf), "finite"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            call()
    # Of an id the rows are known when outcomes are joined.
    endpoint.report_outcomes(answer.outcome_id, [0, 1])
    endpoint.report_outcome(answer, 1.0)
    (event,) = endpoint.process()
    assert event.kind == "refused_outcomes" and event.to_dict()["count"] == 3
    assert str(event) == "3 outcomes were refused: the request had 3 rows, and one outcome was reported: report one for each row"
    endpoint.report_outcomes(answer, pd.Series([0, 1, 1]))
    endpoint.process()
    counts = endpoint.counts()
    assert (counts["outcomes"], counts["refused_outcomes"], counts["unscored"]) == (3, 3, 0)


def test_a_quantile_is_a_share(registry):
    endpoint = mlcore.Endpoint(registry, "churn")
    endpoint.predict(ROWS[:1], unit="a")
    endpoint.process()
    assert endpoint.latency_quantile(0.99) > 0
    for q in (99, -0.1, float("nan")):
        with pytest.raises(mlcore.InvalidInputError, match="no share between 0 and 1; pass 0.99"):
            endpoint.latency_quantile(q)
