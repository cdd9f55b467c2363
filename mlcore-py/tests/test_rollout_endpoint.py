"""Endpoints with policies that look at requests, at the clock and at what was earned."""

from __future__ import annotations

import time

import numpy as np
import pytest

import mlcore
from mlcore.bandit import LinUcb
from mlcore.rollout import BanditRollout, CanaryStep, ContextualRollout, Experiment, Experiments, Layer, RewardRule, Rule, Schedule, SteppedCanary, Window

ROW = np.zeros((1, 30), dtype="f4")


def test_experiments_read_the_context_of_requests(churn):
    ranker = Experiment("ranker", "champion", {"canary": 0.5}, audience=Rule.equals("country", "PT"))
    policy = Experiments("shop", [Layer("models", [ranker])])
    endpoint = mlcore.Endpoint(churn, "churn", arms=["canary"], policy=policy)
    given = set()
    for number in range(50):
        unit, context = f"user-{number}", {"country": "PT" if number % 2 else "ES"}
        answer, due = endpoint.predict(ROW, unit=unit, context=context), policy.assign(unit, ["champion", "canary"], context=context)
        assert (answer.arm, answer.propensity) == (due.arm, due.propensity)
        given.add((number % 2, answer.arm))
    assert given == {(0, "champion"), (1, "champion"), (1, "canary")}
    assert endpoint.predict(ROW, unit="user-1").arm == "champion"
    with pytest.raises(mlcore.InvalidTypeError, match="predict context: a dict is expected"):
        endpoint.predict(ROW, unit="user-1", context="PT")
    with pytest.raises(mlcore.InvalidTypeError, match="features"):
        endpoint.predict(ROW, unit="user-1", features=["red"])


def test_bandits_learn_from_answers(churn):
    plain = BanditRollout("offers", ["champion", "canary"], reward=RewardRule.answered(), min_prob=0.1, publish_interval=0.0)
    contextual = ContextualRollout("ranking", ["champion", "canary"], LinUcb(), 2, reward=RewardRule.answered(), min_prob=0.1)
    for policy in (plain, contextual):
        endpoint = mlcore.Endpoint(churn, "churn", arms=["canary"], policy=policy)
        for number in range(40):
            answer = endpoint.predict(ROW, unit=f"user-{number}", features=[1.0, number % 2])
            assert 0.1 <= answer.propensity <= 0.9
        endpoint.process()
        assert (policy.outcomes, policy.ignored) == (40, 0)
    assert endpoint.predict(ROW, unit="user-1").propensity == 1.0 and contextual.without_context == 1


def test_steps_are_taken_by_the_worker_and_by_operators(churn):
    always = Schedule([Window(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], "00:00", "00:00")])
    policy = SteppedCanary(salt="churn/7", steps=[CanaryStep.set_weight(0.5), CanaryStep.manual_gate()], schedule=always)
    endpoint = mlcore.Endpoint(churn, "churn", arms=["canary"], policy=policy)
    events = []
    with endpoint.worker(0.01, on_event=lambda event: events.append(event.kind)):
        deadline = time.monotonic() + 30
        while policy.share == 0.0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert policy.share == 0.5
        assert {endpoint.predict(ROW, unit=f"user-{number}").arm for number in range(50)} == {"champion", "canary"}
        policy.resume()
        while endpoint.arms != {"champion": 2} and time.monotonic() < deadline:
            time.sleep(0.01)
    assert endpoint.arms == {"champion": 2} and "promoted" in events
