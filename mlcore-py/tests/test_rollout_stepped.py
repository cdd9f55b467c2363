"""Releases in steps, and guardrails on measures of one's own."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import datetime, time, timedelta, timezone

import pytest

import mlcore
from mlcore.rollout import Canary, CanaryStep, Guardrail, Schedule, SteppedCanary, Window, from_state

SET, PAUSE, GATE, ANALYSIS = CanaryStep.set_weight, CanaryStep.pause, CanaryStep.manual_gate(), CanaryStep.analysis()
WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def release(steps, **options):
    return SteppedCanary(**{"salt": "churn/7", "steps": steps, **options})


def answered(policy, requests, failures=0.0, begin=0):
    for number in range(begin, begin + requests):
        assignment = policy.assign(f"user-{number}")
        bad = assignment.arm == "canary" and number % 100 < 100 * failures
        policy.observe(assignment, latency=None if bad else 0.001, failed=bad)


def test_steps_are_taken_one_after_the_other():
    policy = release([SET(0.05), PAUSE(600.0), SET(0.5), GATE])
    assert (policy.share, policy.phase, policy.evidence) == (0.0, {"phase": "running", "step": 0}, [])
    assert policy.assign("user-1").arm == "champion"
    first = policy.decide(0.0)
    assert (first["decision"], first["arm"], first["share"]) == ("step", "canary", 0.05)
    assert policy.decide(599.0)["reason"] == "step 2 of 4: paused for 599s of 600s"
    assert policy.decide(600.0)["share"] == 0.5 and policy.share == 0.5
    assert repr(policy) == "<mlcore.rollout.SteppedCanary canary against champion: step 4 of 4, 50.000 %>"
    shares = policy.assign_many([f"user-{number}" for number in range(4000)], library="polars")["arm"]
    assert abs((shares == "canary").mean() - 0.5) < 0.03
    with pytest.raises(mlcore.InvalidInputError):
        release([SET(0.05)]).resume()
    policy.resume()
    assert policy.decide(602.0)["decision"] == "promote" and policy.phase["phase"] == "passed"


def test_an_analysis_passes_by_evidence_and_harm_rolls_back():
    guardrails = [Guardrail("error_rate", 0.05)]
    policy = release([SET(0.5), ANALYSIS], guardrails=guardrails, min_samples=200)
    policy.decide(0.0)
    assert policy.decide(1.0)["decision"] == "hold"
    answered(policy, 3000)
    evidence = policy.evidence[0]
    assert (evidence["metric"], evidence["margin"]) == ("error_rate", 0.05)
    assert evidence["canary"]["count"] + evidence["control"]["count"] == 3000 and evidence["canary"]["mean"] == 0.0
    again = from_state(json.loads(json.dumps(policy.save())))
    assert policy.decide(2.0)["decision"] == "promote" == again.decide(2.0)["decision"]
    bad = release([SET(0.5), PAUSE(1e6)], guardrails=guardrails)
    bad.decide(0.0)
    answered(bad, 1000, failures=0.5)
    assert bad.decide(1.0)["decision"] == "roll_back" and bad.share == 0.0
    bad.retry()
    assert bad.phase == {"phase": "running", "step": 0} and bad.evidence[0]["canary"]["count"] == 0


def test_operators_abort_promote_freeze_and_retry():
    policy = release([SET(0.1), GATE])
    policy.decide(0.0)
    policy.freeze("the holidays")
    policy.resume()
    assert policy.decide(1.0) == {"decision": "hold", "reason": "the holidays"}
    policy.thaw()
    assert policy.decide(2.0)["decision"] == "promote"
    policy = release([SET(0.1), GATE])
    policy.decide(0.0)
    policy.abort("seen by an operator")
    assert policy.decide(1.0) == {"decision": "roll_back", "arm": "canary", "reason": "seen by an operator"}
    assert policy.phase == {"phase": "rolled_back", "reason": "seen by an operator"}
    with pytest.raises(mlcore.InvalidInputError):
        policy.promote()
    policy.retry()
    with pytest.raises(mlcore.InvalidInputError):
        policy.retry()
    policy.promote()
    assert policy.decide(2.0)["decision"] == "promote"


def test_a_schedule_holds_until_it_is_open():
    office = Schedule([Window(["friday"], time(9), "17:00")])
    policy = release([SET(0.1), GATE], schedule=office)
    assert policy.decide(0.0)["decision"] == "hold" and "time" in policy.decide(0.0)["reason"]
    policy.tell_time("2026-11-27T08:59:59Z")
    assert "its schedule is closed; it is open on friday from 09:00:00 to 17:00:00 in UTC" in policy.decide(1.0)["reason"]
    policy.tell_time(datetime(2026, 11, 27, 10, tzinfo=timezone(timedelta(hours=1))))
    assert policy.decide(2.0)["decision"] == "step"
    for now, words in ((datetime(2026, 11, 27), "without a time zone"), ("noon", "now")):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            policy.tell_time(now)
    with pytest.raises(mlcore.InvalidTypeError, match="a moment is expected"):
        policy.tell_time(5)


def test_windows_are_those_of_their_clocks():
    night = Schedule([Window(["friday"], "22:00", "02:00")], offset_minutes=-300)
    begin = datetime(2026, 11, 28, 3, tzinfo=timezone.utc)
    moments = [begin - timedelta(seconds=1), begin, begin + timedelta(hours=4) - timedelta(microseconds=1), begin + timedelta(hours=4)]
    assert [night.is_open(moment) for moment in moments] == [False, True, True, False]
    assert str(night) == "on friday from 22:00:00 to 02:00:00 at -05:00" and repr(night) == f"<mlcore.rollout.Schedule {night}>"
    always = Schedule([Window(WEEK, time(0), time(0))])
    assert all(always.is_open(begin + timedelta(hours=hours)) for hours in range(0, 200, 7))
    for part in (night, Window(["friday"], "22:00", "02:00"), GATE, SET(0.3), PAUSE(1.5), ANALYSIS):
        for again in (pickle.loads(pickle.dumps(part)), copy.deepcopy(part)):
            assert again == part and repr(again) == repr(part)
    assert SET(0.3) != SET(0.4) and night != always


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: release([]), "no step gives the canary a share below 1"),
        (lambda: release([SET(0.5), SET(0.2)]), "growing"),
        (lambda: release([SET(0.2), SET(20)]), "write a share as 0.2"),
        (lambda: release([SET(0.5), SET(1.0), GATE]), "steps follow"),
        (lambda: release([ANALYSIS, SET(0.5)]), "no units yet"),
        (lambda: release([SET(0.5), ANALYSIS]), "guardrails"),
        (lambda: release([SET(0.5)], canary="champion"), "its own control"),
        (lambda: release([SET(0.5)], alpha=0.0), "alpha"),
        (lambda: release([SET(0.5)], schedule=Schedule([])), "never open"),
        (lambda: release([SET(0.5)], schedule=Schedule([Window(["friday"], "09:00", "09:00")])), "begins and ends at 09:00"),
        (lambda: release([SET(0.5)], schedule=Schedule([Window(["friday"], "09:00", "10:00")], 1440)), "1440 minutes off"),
        (lambda: PAUSE(-1.0), "seconds"),
        (lambda: Window(["someday"], "09:00", "10:00"), "monday"),
        (lambda: Window(["friday"], "nine", "10:00"), "start"),
    ],
)
def test_what_is_no_release_is_refused(make, words):
    with pytest.raises(mlcore.InvalidInputError, match=words):
        make()


def test_what_is_of_another_type_is_refused():
    with pytest.raises(mlcore.InvalidTypeError, match="a time of day is expected"):
        Window(["friday"], 9, "10:00")
    with pytest.raises(TypeError):
        release([0.5])


def test_measures_and_verdicts_of_ones_own_are_judged():
    guardrails = [Guardrail("measured:cost", 0.5), Guardrail("judged:drift", 0.2)]
    assert [guardrail.metric for guardrail in guardrails] == ["measured:cost", "judged:drift"]
    assert repr(guardrails[0]) == "Guardrail('measured:cost', 0.5)"
    trial = Canary(salt="s", guardrails=guardrails, steps=[0.5])
    for number in range(2000):
        assignment = trial.assign(f"user-{number}")
        trial.observe(assignment, measured={"cost": 1.0 + number % 3 / 10, "time": 9.0}, judged={"drift": number % 50 == 0})
    known = {entry["metric"]: entry for entry in trial.evidence}
    assert set(known) == {"measured:cost", "judged:drift"}
    assert known["measured:cost"]["canary"]["count"] + known["measured:cost"]["control"]["count"] == 2000
    assert abs(known["measured:cost"]["canary"]["mean"] - 1.1) < 0.02 and known["judged:drift"]["control"]["mean"] < 0.1
    assert trial.decide(1.0)["decision"] == "promote"
    dear = Canary(salt="s", guardrails=guardrails, steps=[0.5])
    for number in range(2000):
        assignment = dear.assign(f"user-{number}")
        dear.observe(assignment, measured={"cost": 3.0 if assignment.arm == "canary" else 1.0 + number % 3 / 10})
    assert dear.decide(1.0)["decision"] == "roll_back"
    for metric, words in (("measured", "behind a colon"), ("judged:", "name"), ("error_rate:x", "no further name")):
        with pytest.raises(mlcore.InvalidInputError, match=words):
            Guardrail(metric, 0.1)
    with pytest.raises(mlcore.InvalidInputError):
        trial.observe("canary", measured={"no spaces please": 1.0})
