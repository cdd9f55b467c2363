"""Policies by themselves: what they are made of, what is refused, what survives a restart."""

from __future__ import annotations

import json

import pytest
from conftest import ROOT

import mlcore
from mlcore.rollout import Canary, Fixed, Guardrail, Shadowed, Weighted, bucket


def canary(**options):
    return Canary(**{"salt": "churn/7", "guardrails": [Guardrail("error_rate", 0.02, limit=0.1)], **options})


def test_positions_are_those_of_every_other_language():
    vectors = json.loads((ROOT / "testdata" / "golden" / "rollout" / "buckets.json").read_text(encoding="utf-8"))
    assert len(vectors) >= 12
    for salt, unit, position in vectors:
        assert bucket(salt, unit) == position


def test_positions_are_uniform_and_units_are_checked():
    positions = [bucket("salt", f"user-{number}") for number in range(4000)]
    assert all(0.0 <= position < 1.0 for position in positions)
    even = [(number + 0.5) / 4000 for number in range(4000)]
    assert mlcore.stats.ks_2samp(positions, even).pvalue > 0.001
    for unit in ("", "a\nb", "u" * 257):
        with pytest.raises(mlcore.InvalidInputError, match="unit id"):
            bucket("salt", unit)


def test_a_canary_begins_at_its_first_step_with_the_defaults_of_rust():
    trial = canary()
    assert (trial.share, trial.phase) == (0.05, {"phase": "running", "step": 0})
    options = json.loads(trial.to_json())["options"]
    assert (options["control"], options["canary"], options["salt"]) == ("champion", "canary", "churn/7")
    ramp = options["ramp"]
    assert (ramp["steps"], ramp["alpha"], ramp["min_samples"], ramp["max_hold"], ramp["expiry"]) == ([0.05, 0.2, 0.5], 0.05, 100, None, "roll_back")
    assert trial.evidence == [{"metric": "error_rate", "margin": 0.02, "canary": {"count": 0, "mean": None}, "control": {"count": 0, "mean": None}}]
    assert repr(trial) == "<mlcore.rollout.Canary canary against champion: step 1 of 3, 5.000 %>"


def test_a_canary_takes_every_option():
    trial = canary(control="a", canary="b", steps=[0.1, 0.9], alpha=0.01, min_samples=7, max_hold=1.5, expiry="hold")
    options = json.loads(trial.to_json())["options"]
    ramp = options["ramp"]
    assert (options["control"], options["canary"]) == ("a", "b")
    assert (ramp["steps"], ramp["alpha"], ramp["min_samples"], ramp["expiry"]) == ([0.1, 0.9], 0.01, 7, "hold")
    assert ramp["max_hold"] == {"secs": 1, "nanos": 500_000_000}


def test_a_canary_survives_a_restart():
    trial = canary(steps=[0.3])
    trial.freeze("the holidays")
    again = Canary.from_json(trial.to_json())
    assert again.to_json() == trial.to_json() and "the holidays" in again.to_json()
    again.thaw()
    assert "the holidays" not in again.to_json() and "the holidays" in trial.to_json()
    saved = json.loads(trial.to_json())
    for broken in ("", "{}", trial.to_json()[:-5], json.dumps({**saved, "more": 1})):
        with pytest.raises(mlcore.CorruptError, match="restore canary"):
            Canary.from_json(broken)
    saved["options"]["ramp"]["steps"] = [0.4, 0.3]
    with pytest.raises(mlcore.InvalidInputError, match="growing shares"):
        Canary.from_json(json.dumps(saved))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: canary(guardrails=[]), "guardrails"),
        (lambda: canary(steps=[]), "growing shares"),
        (lambda: canary(steps=[0.5, 0.2]), "growing shares"),
        (lambda: canary(steps=[float("nan")]), "growing shares"),
        (lambda: canary(alpha=0.0), "alpha"),
        (lambda: canary(canary="champion"), "its own control"),
        (lambda: canary(control="no spaces please"), "arm"),
        (lambda: canary(max_hold=-1.0), "max_hold"),
        (lambda: canary(expiry="never"), "roll_back, hold"),
        (lambda: Guardrail("error_rate", 0.0), "margin"),
        (lambda: Guardrail("error_rate", float("inf")), "margin"),
        (lambda: Guardrail("latency", 0.1), "error_rate, slow_share, loss"),
        (lambda: Guardrail("slow_share", 0.1), "budget"),
        (lambda: Guardrail("slow_share", 0.1, budget=-1.0), "budget"),
        (lambda: Guardrail("loss", 0.1, budget=1.0), "budget"),
        (lambda: Guardrail("loss", 0.1, limit=0.5), "limit"),
        (lambda: Guardrail("error_rate", 0.1, limit=1.5), "limit"),
        (lambda: Weighted("s", {}), "sum"),
        (lambda: Weighted("s", {"a": -1.0}), "no weight"),
        (lambda: Weighted("s", {"a": 0.0}), "sum"),
        (lambda: Fixed(""), "arm"),
        (lambda: Shadowed(Fixed("champion"), ["next"], share=1.5), "within 0 and 1"),
    ],
)
def test_what_is_impossible_is_refused(make, words):
    with pytest.raises(mlcore.InvalidInputError, match=words):
        make()


def test_what_is_no_policy_is_refused():
    with pytest.raises(mlcore.InvalidTypeError, match="a policy is expected, and it is a str"):
        Shadowed("champion", ["next"])
    with pytest.raises(TypeError):
        canary(guardrails=["error_rate"])
    with pytest.raises(TypeError):
        Canary(guardrails=[Guardrail("loss", 0.1)])


def test_policies_say_what_they_are():
    assert repr(Guardrail("error_rate", 0.02, limit=0.1)) == "Guardrail('error_rate', 0.02, limit=0.1)"
    assert (Guardrail("loss", 0.5).metric, Guardrail("loss", 0.5).margin) == ("loss", 0.5)
    weighted = Weighted("s", {"champion": 3, "next": 1})
    assert repr(Shadowed(weighted, ["a", "b"], 0.5)) == "Shadowed(Weighted('s', {'champion': 3.0, 'next': 1.0}), ['a', 'b'], share=0.5)"
    assert repr(Shadowed(Shadowed(Fixed("champion"), ["a"]), ["b"])) == "Shadowed(Shadowed(Fixed('champion'), ['a'], share=1.0), ['b'], share=1.0)"
