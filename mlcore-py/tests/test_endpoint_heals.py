"""An endpoint that follows what others move, keeps its steps over a restart, and says when nobody works for it."""

from __future__ import annotations

import time

import numpy as np
import pytest

import mlcore
from mlcore.rollout import Canary, Guardrail

ROWS = np.random.default_rng(5).normal(size=(64, 30)).astype(np.float32)


@pytest.fixture
def registry(churn):
    return churn


def test_aliases_that_others_move_are_followed(registry):
    watching = mlcore.Endpoint(registry, "churn", arms=["canary"], follow_interval=0.0)
    deaf = mlcore.Endpoint(registry, "churn", follow_interval=None)
    registry.set_alias("churn", "champion", 2)
    assert [event.message for event in watching.process()] == ["champion answers with version 2"] and deaf.process() == []
    assert (watching.predict(ROWS, "u").version, deaf.predict(ROWS, "u").version) == (2, 1)
    trial = Canary(salt="s", guardrails=[Guardrail("error_rate", 0.5)], steps=[0.5])
    watching.set_policy(trial)
    registry.delete_alias("churn", "canary")
    ended, withdrawn = watching.process()
    assert (ended.kind, withdrawn.kind) == ("trial_ended", "withdrawn") and ended.to_dict()["version"] == 2
    assert "churn@canary is not set any more" in ended.message
    for bad in (-1.0, float("nan")):
        with pytest.raises(mlcore.InvalidInputError, match="follow_interval"):
            mlcore.Endpoint(registry, "churn", follow_interval=bad)


def test_a_ramp_survives_a_restart(registry, tmp_path):
    def served():
        trial = Canary(salt="s", guardrails=[Guardrail("error_rate", 0.5)], steps=[0.1, 0.5], min_samples=30)
        return trial, mlcore.Endpoint(registry, "churn", arms=["canary"], policy=trial, actor="nightly", snapshot=tmp_path / "served.json")

    trial, endpoint = served()
    number = 0
    while trial.phase["step"] == 0:
        endpoint.predict(ROWS[:1], f"u{number}")
        endpoint.process()
        number += 1
    arms = [endpoint.predict(ROWS[:1], f"u{number}").arm for number in range(200)]
    entry = registry.audit(start=1)[-1]
    assert entry.actor == "nightly" and "error rate" in entry.reason and "mlcore.release.canary" in registry.model("churn").tags
    again, restarted = served()
    assert again.share == 0.5 and [restarted.predict(ROWS[:1], f"u{number}").arm for number in range(200)] == arms
    assert (tmp_path / "served.json").exists()
    registry.delete_alias("churn", "canary")
    assert [event.kind for event in restarted.refresh()] == ["trial_ended", "withdrawn"]
    assert "mlcore.release.canary" not in registry.model("churn").tags


def test_what_is_in_dev_is_not_tried(registry):
    registry.transition("churn", 2, "dev")
    trial = Canary(salt="s", guardrails=[Guardrail("error_rate", 0.5)], steps=[0.5])
    with pytest.raises(mlcore.InvalidInputError, match="churn version 2: it is in stage dev.*take it to staging first"):
        mlcore.Endpoint(registry, "churn", arms=["canary"], policy=trial)
    endpoint = mlcore.Endpoint(registry, "churn", arms=["canary"])
    with pytest.raises(mlcore.InvalidInputError, match="stage dev"):
        endpoint.set_policy(trial)


def test_an_outcome_id_says_nothing_of_its_neighbours(registry):
    endpoint = mlcore.Endpoint(registry, "churn")
    ids = [int(endpoint.predict(ROWS, "u").outcome_id, 16) for _ in range(100)]
    assert len({abs(a - b) for a, b in zip(ids, ids[1:])}) == 99 and min(abs(a - b) for a, b in zip(ids, ids[1:])) > 2**64
    endpoint.report_outcome(f"{ids[1] - 1:032x}", 1.0)
    endpoint.process()
    assert (endpoint.counts()["outcomes"], endpoint.counts()["orphans"]) == (0, 1)
    same = [mlcore.Endpoint(registry, "churn", seed=7).predict(ROWS, "u").outcome_id for _ in range(2)]
    assert same[0] == same[1]


def test_a_worker_lives_and_an_endpoint_without_one_says_so(registry):
    endpoint = mlcore.Endpoint(registry, "churn", queue_capacity=4)
    for _ in range(10):
        endpoint.predict(ROWS, "u")
    time.sleep(0.05)
    assert endpoint.since_processed() >= 0.05
    (dropped,) = endpoint.process()
    assert dropped.kind == "dropped" and dropped.to_dict()["count"] == 6 and "6 records" in dropped.message
    assert endpoint.since_processed() < 0.05
    worker = endpoint.worker(interval=0.001)
    assert worker.alive is False
    with worker:
        assert worker.alive is True
    assert worker.alive is False and endpoint.counts()["panics"] == 0
