"""Off-policy values are those of the golden files, of lists, arrays and frames."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from conftest import ROOT

from mlcore.evaluate import Gate, off_policy_value
from mlcore.exceptions import InvalidInputError, InvalidTypeError

CASES = json.loads((ROOT / "testdata" / "golden" / "bandit.json").read_text(encoding="utf-8"))["off_policy"]
LOG = ([0, 1, 0, 1], [0.5] * 4, [0.0, 1.0, 0.0, 1.0], [[0.0, 1.0]] * 4)


def value(case, estimator, **options):
    model = case["model"] if estimator in ("dr", "switch_dr") else None
    return off_policy_value(case["action"], case["propensity"], case["reward"], case["target"], estimator=estimator, model=model, **options)


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_estimates_and_intervals_are_those_of_the_definitions(case):
    options = {"alpha": case["alpha"], "clip": case["clip"], "reward_range": (0.0, 1.0)}
    for estimator in ("ips", "snips", "dr", "switch_dr"):
        found = value(case, estimator, **options, **({"tau": case["tau"]} if estimator == "switch_dr" else {}))
        expected = case["estimates"][estimator]
        assert found.value == pytest.approx(expected["value"], rel=1e-9, abs=1e-9), estimator
        assert found.standard_error == pytest.approx(expected["standard_error"], rel=1e-9, abs=1e-9)
        assert found.interval == pytest.approx((expected["low"], expected["high"]), rel=1e-9, abs=1e-9)
        assert found.effective_sample_size == pytest.approx(case["effective_sample_size"], rel=1e-9)
        assert found.logged_value == pytest.approx(case["logged_value"], rel=1e-9, abs=1e-9)
        assert found.gain == pytest.approx(expected["gain"], rel=1e-9, abs=1e-9)
        assert found.gain_interval == pytest.approx((expected["gain_low"], expected["gain_high"]), rel=1e-9, abs=1e-9)
        if estimator == "ips":
            assert found.bernstein == pytest.approx(case["ips_bernstein"], rel=1e-9, abs=1e-9)
        else:
            assert found.bernstein is None


def test_there_are_cases():
    assert len(CASES) >= 10


def test_frames_are_arrays():
    action, propensity, reward, target = LOG
    expected = off_policy_value(*LOG)
    frame = pl.DataFrame({"action": action, "propensity": propensity, "reward": reward})
    shares = pl.DataFrame({"off": [0.0] * 4, "on": [1.0] * 4})
    assert off_policy_value(frame["action"], frame["propensity"], frame["reward"], shares) == expected
    assert off_policy_value(frame["action"].to_pandas(), frame["propensity"], np.array(reward), shares.to_pandas()) == expected
    assert expected.value == 1.0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"action": [0, 1, 0, 2]}, "row 3 is none of 2 arms"),
        ({"action": [0, 1, 0, -1]}, "row 3 is -1"),
        ({"action": [0, 1, 0, 0.5]}, "row 3 is 0.5"),
        ({"propensity": [0.5, 0.5, 0.5, 0.0]}, "row 3"),
        ({"reward": [0.0, 1.0]}, "it has 2 numbers"),
        ({"reward": [0.0, 1.0, 0.0, float("nan")]}, "row 3"),
        ({"target": [[0.0, 1.0]] * 3 + [[0.0]]}, "row 3 has 1 numbers"),
        ({"target": [[0.0, 0.9]] * 4}, "another sum than 1"),
        ({"estimator": "dr"}, "needs what a model expects"),
        ({"estimator": "switch_dr", "model": [[0.0, 1.0]] * 4}, "largest weight"),
        ({"estimator": "dm"}, "is not known"),
        ({"alpha": 0.0}, "alpha"),
        ({"clip": -1.0}, "clip"),
        ({"reward_range": (0.0, 0.5)}, "row 1"),
    ],
)
def test_logs_that_say_nothing_are_refused(change, problem):
    arguments = dict(zip(("action", "propensity", "reward", "target"), LOG))
    with pytest.raises(InvalidInputError, match=problem):
        off_policy_value(**{**arguments, **change})


def test_texts_are_no_numbers():
    with pytest.raises(InvalidTypeError):
        off_policy_value(["a", "b"], *LOG[1:])


def test_a_gate_asks_for_what_would_have_been_earned():
    rng = np.random.default_rng(3)
    action = rng.integers(0, 2, 4000)
    reward = (rng.random(4000) < np.where(action == 1, 0.6, 0.4)).astype(float)
    found = off_policy_value(action, np.full(4000, 0.5), reward, np.tile([0.1, 0.9], (4000, 1)), estimator="snips")

    def judge(estimate=found, **asked):
        return Gate().require_off_policy(**asked).judge(off_policy=estimate)

    verdict = judge(superior=0.02)
    check = verdict.checks[0]
    assert verdict.passed and check.metric == "off_policy"
    assert (check.champion, check.challenger, check.difference) == (found.logged_value, found.value, found.gain)
    assert check.interval == found.gain_interval and verdict.metrics == {"off_policy": found.value}
    assert judge(non_inferior=0.0).passed and judge(at_least=found.interval[0]).passed
    for asked in ({"superior": 0.2}, {"at_least": found.value}, {"superior": 0.02, "min_effective_sample_size": 1e6}):
        assert not judge(**asked).passed, asked
    assert not judge(None, superior=0.02).passed
    gate = Gate().require_off_policy(superior=0.02).require("roc_auc", at_least=0.5)
    assert Gate.from_json(gate.to_json()).to_json() == gate.to_json()
    with pytest.raises(InvalidInputError, match="roc_auc is asked for"):
        gate.judge(off_policy=found)
    for asked in ({}, {"superior": 0.1, "at_least": 0.1}):
        with pytest.raises(InvalidInputError, match="one of at_least"):
            Gate().require_off_policy(**asked)
    for asked in ({"superior": -0.1}, {"superior": float("nan")}, {"superior": 0.1, "min_effective_sample_size": float("inf")}):
        with pytest.raises(InvalidInputError):
            judge(**asked)
