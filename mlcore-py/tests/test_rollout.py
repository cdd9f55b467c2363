"""Policies by themselves: what they are made of, what is refused, what survives a restart."""

from __future__ import annotations

import copy
import doctest
import json
import pickle
import warnings
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType

import numpy as np
import pytest
from conftest import ROOT

import mlcore
from mlcore.rollout import Canary, Fixed, Guardrail, Policy, Shadowed, Traffic, Weighted, bucket, from_state

ARMS = ["champion", "challenger", "canary"]


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
    options = trial.save()["options"]
    assert (options["control"], options["canary"], options["salt"]) == ("champion", "canary", "churn/7")
    ramp = options["ramp"]
    assert (ramp["steps"], ramp["alpha"], ramp["min_samples"], ramp["max_hold"], ramp["expiry"]) == ([0.05, 0.2, 0.5], 0.05, 100, None, "roll_back")
    assert trial.evidence == [{"metric": "error_rate", "margin": 0.02, "canary": {"count": 0, "mean": None}, "control": {"count": 0, "mean": None}}]
    assert repr(trial) == "<mlcore.rollout.Canary canary against champion: step 1 of 3, 5.000 %>"


def test_a_canary_takes_every_option():
    trial = canary(control="a", canary="b", steps=[0.1, 0.9], alpha=0.01, min_samples=7, max_hold=1.5, expiry="hold")
    options = trial.save()["options"]
    ramp = options["ramp"]
    assert (options["control"], options["canary"]) == ("a", "b")
    assert (ramp["steps"], ramp["alpha"], ramp["min_samples"], ramp["expiry"]) == ([0.1, 0.9], 0.01, 7, "hold")
    assert ramp["max_hold"] == {"secs": 1, "nanos": 500_000_000}


def assignments(policy, units=2000):
    return [policy.assign(f"user-{number}", ARMS, draw=number) for number in range(units)]


def test_a_context_is_names_and_plain_values():
    policy = Weighted("homepage", {"champion": 1, "challenger": 1})
    plain = {"country": "PT", "premium": True, "visits": 3, "score": 0.5, "plan": None, "since": date(2024, 2, 29), "seen": datetime.now(timezone.utc), "n": np.int64(3)}
    for context in (None, {}, plain, MappingProxyType(plain)):
        assert policy.assign("user-17", ARMS[:2], context=context) == policy.assign("user-17", ARMS[:2])
    for context, words in [
        ({"basket": [1, 2]}, "assign basket: it is a list"),
        ({1: "one"}, "assign context: the name 1 must be a str"),
        ("PT", "assign context: a dict is expected, and it is a str"),
        ({"span": timedelta(1)}, "assign span: it is a duration"),
    ]:
        with pytest.raises(mlcore.InvalidTypeError, match=words):
            policy.assign("user-17", ARMS, context=context)


def made(cls):
    """The object that the example in the docstring makes."""
    names = {}
    for example in doctest.DocTestParser().get_examples(cls.__doc__):
        try:
            names["_"] = eval(example.source, names)
        except SyntaxError:
            exec(example.source, names)
        for found in names.values():
            if type(found) is cls:
                return found
    raise AssertionError(f"the docstring of {cls.__name__} makes none")


@pytest.mark.parametrize("cls", Policy.__subclasses__(), ids=lambda cls: cls.__name__)
def test_every_policy_survives_a_restart(cls):
    policy = made(cls)
    state = json.loads(json.dumps(policy.save()))
    for again in (from_state(state), pickle.loads(pickle.dumps(policy)), copy.deepcopy(policy)):
        assert type(again) is cls and repr(again) == repr(policy)
        assert again.save() == state and assignments(again) == assignments(policy)
        # Some take a step when they are asked.
        assert again.decide(0.0) == from_state(state).decide(0.0)
    policy.restore(state)
    policy.merge(from_state(state).save())
    for foreign in ({**state, "kind": "conformance"}, {**state, "version": 99}, {**state, "options": {"arm": "stranger"}}):
        with pytest.raises(mlcore.Error) as caught:
            policy.restore(foreign)
        assert isinstance(caught.value, (mlcore.InvalidInputError, mlcore.UnsupportedError))
        with pytest.raises(mlcore.Error):
            policy.merge(foreign)
    assert policy.save() == state
    with pytest.raises(TypeError):
        type("Sub", (cls,), {})


def test_a_canary_goes_on_where_it_was():
    trial = canary(steps=[0.3, 0.6])
    for number in range(6000):
        assignment = trial.assign(f"user-{number}", ["champion", "canary"])
        trial.observe(assignment, latency=0.001, failed=assignment.arm == "stranger")
    assert trial.decide(1.0)["decision"] == "step" and trial.share == 0.6
    trial.freeze("the holidays")
    again = from_state(trial.save())
    assert (again.share, again.evidence, again.phase) == (0.6, trial.evidence, {"phase": "running", "step": 1})
    again.thaw()
    assert again.decide(2.0)["reason"].startswith("error rate: 0 of 100")
    assert trial.decide(2.0) == {"decision": "hold", "reason": "the holidays"}
    again.observe("canary", breach="seen by an operator")
    assert again.decide(3.0) == {"decision": "roll_back", "arm": "canary", "reason": "seen by an operator"}
    assert all(assignment.arm == "champion" for assignment in assignments(again, 200))
    # What one replica found is so for the other.
    trial.merge(again.save())
    assert trial.decide(4.0)["decision"] == "roll_back"


def test_replicas_add_up():
    one, other = canary(), canary()
    for trial, requests in ((one, 7), (other, 5)):
        for number in range(requests):
            trial.observe(trial.assign(f"user-{number}", ["champion", "canary"]), latency=0.5, loss=0.1)
    one.merge(other.save())
    assert one.evidence[0]["canary"]["count"] + one.evidence[0]["control"]["count"] == 12


def test_what_is_no_state_is_refused():
    saved = canary().save()
    for broken in ({}, {"kind": "canary"}, {**saved, "more": 1}, {**saved, "progress": {"phase": 1}}, {**saved, "version": float("nan")}):
        with pytest.raises(mlcore.CorruptError, match="restore policy"):
            from_state(broken)
    with pytest.raises(mlcore.InvalidInputError, match="growing shares"):
        from_state({**saved, "options": {**saved["options"], "ramp": {**saved["options"]["ramp"], "steps": [0.4, 0.3]}}})
    with pytest.raises(mlcore.UnsupportedError, match="oracle is not one of fixed, weighted, canary, shadowed"):
        from_state({"kind": "oracle", "version": 1, "options": None})
    with pytest.raises(mlcore.InvalidInputError, match="ramp.alpha is 0.05 there and 0.01 here"):
        canary(alpha=0.01).restore(saved)
    for none in (json.dumps(saved), None, [saved]):
        with pytest.raises(mlcore.InvalidTypeError, match="a dict is expected"):
            from_state(none)


def test_shadows_hold_the_policy_that_they_were_given():
    trial = canary()
    shadowed = Shadowed(trial, ["champion"])
    assert shadowed.policy is trial
    trial.freeze("the holidays")
    again = pickle.loads(pickle.dumps(shadowed))
    assert again.policy.decide(0.0) == {"decision": "hold", "reason": "the holidays"}
    again.policy.thaw()
    assert again.decide(0.0)["reason"] != "the holidays", "the object inside is not the policy inside"
    both = {tuple(assignment.shadows) for assignment in assignments(shadowed, 500)}
    assert both == {(), ("champion",)}


def test_questions_are_checked():
    policy = Fixed("champion")
    for arms, words in (([], "0 arms"), (["a", "a"], "twice"), (["no spaces please"], "arm")):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            policy.assign("u", arms)
    with pytest.raises(mlcore.InvalidInputError, match="unit"):
        policy.assign("", ["champion"])
    with pytest.raises(mlcore.InvalidInputError, match="nothing was seen"):
        policy.observe("champion")
    with pytest.raises(mlcore.InvalidTypeError, match="an assignment is expected"):
        policy.observe(7, failed=True)
    for seconds in (-1.0, float("nan")):
        with pytest.raises(mlcore.InvalidInputError, match="now"):
            policy.decide(seconds)
    with pytest.raises(TypeError):
        Policy()


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
        (lambda: Guardrail("latency", 0.1), "error_rate, slow_share, loss, or a measure of the host"),
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


def test_a_plan_says_beforehand_what_it_takes():
    guardrails = [Guardrail("error_rate", 0.01), Guardrail("loss", 0.05)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trial = Canary(salt="s", guardrails=guardrails, traffic=Traffic("error_rate", 0.02, 0.02, requests=10**6))
    for asked in ({"harm": 0.02}, {"harm": 0.02, "baseline": 0.02, "metric": "error_rate"}, {"harm": Traffic("error_rate", 0.02, 0.02)}):
        steps = trial.expected_requests(**asked)
        assert [step["share"] for step in steps] == [0.05, 0.2, 0.5]
        assert 30_000 < steps[0]["to_roll_back"] < 80_000 and 20_000 < steps[0]["to_step"] < 80_000
        assert steps[1]["to_roll_back"] < steps[0]["to_roll_back"]
    assert trial.expected_requests(0.005)[0]["to_roll_back"] is None
    assert trial.expected_requests(0.2, metric="loss", baseline=0.5)[0]["to_roll_back"] > 0
    with pytest.raises(mlcore.InvalidInputError, match="what the control does is not known"):
        trial.expected_requests(0.2, metric="loss")
    with pytest.raises(mlcore.InvalidInputError, match="no guardrail watches it"):
        trial.expected_requests(0.2, metric="slow_share")
    with pytest.raises(mlcore.InvalidInputError, match="harm"):
        trial.expected_requests(-1.0)
    with pytest.warns(UserWarning) as told:
        Canary(salt="s", guardrails=guardrails, traffic=Traffic("error_rate", 0.02, 0.02, requests=5_000))
    messages = [str(warning.message) for warning in told]
    assert messages[0].startswith("step 1 (5 % of the units): error rate worse by 0.02 takes about")
    assert "and the step has 5000" in messages[0] and "a canary that is no worse" in messages[1]
    # Without a plan the control has shown its share.
    seen = Canary(salt="s", guardrails=guardrails)
    for number in range(1_000):
        seen.observe(seen.assign(f"u{number}", ["champion", "canary"]), latency=0.1)
    assert seen.expected_requests(0.05)[0]["to_roll_back"] > 0
    with pytest.raises(mlcore.InvalidInputError):
        Traffic("error_rate", 0.5, 0.6)
