"""Trials of an endpoint: what counts against an arm, and policies that could never decide."""

from __future__ import annotations

import numpy as np
import pytest

import mlcore
from mlcore.rollout import Canary, Guardrail

ROWS = np.random.default_rng(5).normal(size=(1, 30)).astype(np.float32)


def test_answers_that_are_no_numbers_count_against_their_arm(churn):
    """A function that answers NaN for the canary alone: it is not promoted by losing its worst answers."""
    arms = {}

    def loss(outputs, label):
        return float("nan") if label == 2.0 else 0.1

    trial = Canary(salt="s", guardrails=[Guardrail("loss", 0.05)], steps=[0.5])
    endpoint = mlcore.Endpoint(churn, "churn", arms=["canary"], policy=trial, loss=loss)
    for number in range(2_000):
        answer = endpoint.predict(ROWS, f"u{number}")
        arms[answer.arm] = arms.get(answer.arm, 0) + 1
        endpoint.report_outcome(answer, 2.0 if answer.arm == "canary" and number % 5 == 0 else 1.0)
        if number % 20 == 19:
            endpoint.process()
    assert trial.phase["phase"] == "rolled_back" and "answers without a loss" in trial.phase["reason"]
    assert endpoint.arms == {"champion": 1} and endpoint.counts()["invalid_answers"] > 0


def test_a_policy_that_could_never_decide_is_refused(churn):
    guardrails = [Guardrail("error_rate", 0.05)]
    for policy, words in (
        (Canary(canary="next", salt="s", guardrails=guardrails), "next: the policy is about this arm"),
        (Canary(control="canary", canary="champion", salt="s", guardrails=guardrails), "default arm"),
        (Canary(salt="s", guardrails=[Guardrail("loss", 0.05)]), "the endpoint computes no loss"),
    ):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            mlcore.Endpoint(churn, "churn", arms=["canary"], policy=policy)
        endpoint = mlcore.Endpoint(churn, "churn", arms=["canary"])
        with pytest.raises(mlcore.InvalidInputError, match=words):
            endpoint.set_policy(policy)
    churn.delete_alias("churn", "canary")
    endpoint = mlcore.Endpoint(churn, "churn", arms=["canary"], policy=Canary(salt="s", guardrails=guardrails))
    (held,) = endpoint.process()
    assert held.kind == "held" and "churn@canary" in held.message and endpoint.process() == []
