"""Logs that are replayed: what another policy, detector or monitor would have done with their traffic."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import textwrap
from datetime import datetime, timedelta, timezone

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from made_log import BEGIN, SECOND, outcome, prediction, write

import mlcore
from mlcore.bandit import ThompsonBeta
from mlcore.drift import ADWIN, Monitor
from mlcore.replay import ReplayLog, SimulatedAnswer, Truth
from mlcore.rollout import BanditRollout, Canary, Fixed, Guardrail, RewardRule, Weighted

ARMS = ["champion", "canary"]


def at(number):
    return datetime.fromtimestamp(BEGIN / SECOND, timezone.utc) + timedelta(seconds=number)


def canary(salt, margin, steps, **options):
    return Canary(salt=salt, guardrails=[Guardrail("error_rate", margin)], steps=steps, **options)


def endless(salt, margin):
    return canary(salt, margin, [0.5], min_samples=1_000_000)


def released(folder, requests, worse_from):
    """Traffic that a canary with a share of a half answered: it fails on 20 % of its requests from ``worse_from`` on, and all on 1 %."""
    units = [f"user-{number % 5000}" for number in range(requests)]
    arms = endless("release", 0.9).assign_many(units, library="polars")["arm"].to_list()
    lot, predictions, outcomes = random.Random(3), [], []
    for number, (unit, arm) in enumerate(zip(units, arms)):
        failed = lot.random() < (0.2 if arm == "canary" and number >= worse_from else 0.01)
        predictions.append(prediction(number, arm, unit=unit, error="internal" if failed else None))
        if not failed:
            outcomes.append(outcome(number, lot.random()))
    return write(folder, predictions, outcomes)


def drawn(folder, requests):
    """Arms that were drawn with unequal chances, of which the canary loses less."""
    lot, predictions, outcomes = random.Random(8), [], []
    for number in range(requests):
        arm, share, mean = ("canary", 0.3, 0.3) if lot.random() < 0.3 else ("champion", 0.7, 0.5)
        predictions.append(prediction(number, arm, propensity=share, probabilities=[("champion", 0.7), ("canary", 0.3)]))
        outcomes.append(outcome(number, float(lot.random() < mean), delay=5))
    return write(folder, predictions, outcomes)


def test_a_canary_whose_errors_grew_is_rolled_back_and_the_report_says_when(tmp_path):
    released(tmp_path, 6000, 1000)
    worse_from = at(1000) - timedelta(milliseconds=2)
    truth = Truth.worse("canary", worse_from)
    log = ReplayLog.read(tmp_path)
    assert (log.requests, len(log), log.arms) == (6000, 6000, ARMS)
    assert repr(log) == "<mlcore.replay.ReplayLog: 6000 requests, arms champion, canary>"
    assert set(log.left_out.values()) == {0}

    report = log.replay(endless("release", 0.05), truth=truth)
    rollback, found = report.rollback, report.judged["detection"]
    assert (report.judged["false_alarms"], report.judged["promoted_worse"], rollback["arm"]) == (0, False, "canary")
    assert rollback["at"] == found["at"] and 20 < found["requests"] < 1000
    # A request a second: a decision at the second of a request comes before it or after it.
    assert found["requests"] - int(found["delay_seconds"]) in (0, 1) and rollback["requests"] - int(rollback["elapsed_seconds"]) in (0, 1)
    assert rollback["arm_requests"] == report.arms[1]["requests"] == report.arms[1]["matched"]
    assert report.shares[-1]["shares"] == [1.0, 0.0] and report.worse_arm["by"] == "truth"
    assert report.requests / 2 < report.matched < report.requests
    assert "canary rolled back: " in str(report) and "false alarms: 0; found after " in str(report)
    assert report.span[0] == at(0) - timedelta(milliseconds=2) and at(5999) <= report.span[1] <= at(6029)
    assert (report.mode, report.seed) == ("logged_arms", 0)

    blind = log.replay(endless("release", 0.9), truth=truth)
    assert blind.rollback is None and blind.judged["detection"] is None and blind.decisions == []
    assert blind.waits_for
    # A canary that was never worse is let pass.
    before = ReplayLog.read(tmp_path, until=at(1000))
    fine = before.replay(canary("release", 0.05, [0.5]), truth=Truth.equal())
    assert fine.judged["false_alarms"] == 0 and fine.rollback is None and fine.promotion["requests"] < 1000
    assert fine.shares[-1]["shares"] == [0.0, 1.0]
    assert [made["decision"] for made in fine.decisions] == ["promote"]


def test_reports_are_dicts_json_and_frames_of_every_library(tmp_path):
    drawn(tmp_path, 2000)
    log = ReplayLog.read(str(tmp_path), model="risk")
    report = log.replay(Weighted("even", {"champion": 1, "canary": 1}), reward=RewardRule.scaled_loss(0.0, 1.0), share_points=10)
    told = report.to_dict()
    assert told == json.loads(report.to_json())
    for name in ("mode", "seed", "requests", "matched", "effective_sample_size", "left_out", "arms", "decisions", "shares", "value", "regret", "worse_arm"):
        assert told[name] == getattr(report, name), name
    arms = report.arms_frame()
    assert arms["arm"].tolist() == ARMS and arms["requests"].sum() == 2000
    assert arms["value"].tolist() == [arm["value"]["value"] for arm in told["arms"]]
    assert arms["value_low"].tolist() == [arm["value"]["interval"][0] for arm in told["arms"]]
    shares = report.shares_frame("polars")
    assert shares.columns == ["at", "requests", "share.champion", "share.canary"] and shares.height == 10
    assert shares["at"].dtype == pl.Datetime("us", "UTC") and shares["requests"].sum() == 2000
    assert np.allclose(shares["share.champion"] + shares["share.canary"], 1.0)
    table = pa.table(report.decisions_frame("arrow"))
    assert table.column_names == ["at", "elapsed_seconds", "decision", "arm", "share", "requests", "arm_requests", "reason"] and table.num_rows == 0
    pandas = report.shares_frame("pandas")
    assert str(pandas["at"].dt.tz) == "UTC" and pandas["at"][0].to_pydatetime() == at(0) - timedelta(milliseconds=2)
    stepped = log.replay(canary("release", 0.5, [0.2, 0.5]), decide_interval=0.0)
    steps = stepped.decisions_frame()
    assert steps["decision"].tolist() == [made["decision"] for made in stepped.decisions]
    with pytest.raises(mlcore.InvalidInputError, match="makes no frames here"):
        report.arms_frame("dask")


def test_the_same_replay_gives_the_same_report_to_the_last_bit(tmp_path):
    released(tmp_path, 2000, 500)
    log, rule = ReplayLog.read(tmp_path), RewardRule.scaled_loss(0.0, 1.0)

    def told(**options):
        bandit = BanditRollout("replayed", ARMS, ThompsonBeta(), reward=rule, min_prob=0.05)
        return log.replay(bandit, reward=rule, matching="rejection", **options).to_json()

    assert told() == told() and told() != told(seed=2)
    # A policy with another salt matches a half, and one of the same units everything.
    assert 900 < log.replay(endless("another", 0.9)).matched < 1100
    own = log.replay(endless("release", 0.9))
    assert own.matched == 2000 and abs(own.effective_sample_size - 2000) < 1e-9


def test_values_and_regret_are_estimated_by_propensities(tmp_path):
    drawn(tmp_path, 8000)
    log, rule = ReplayLog.read(tmp_path), RewardRule.scaled_loss(0.0, 1.0)
    report = log.replay(Weighted("even", {"champion": 1, "canary": 1}), reward=rule)
    low, high = report.value["interval"]
    assert low < 0.6 < high and report.value["standard_error"] < 0.02
    champion, best = (arm["value"]["value"] for arm in report.arms)
    assert abs(champion - 0.5) < 0.03 and abs(best - 0.7) < 0.04
    assert report.regret["is_estimated"] and report.regret["best"] == "canary" and abs(report.regret["per_request"] - 0.1) < 0.03
    assert abs(report.regret["total"] - 8000 * report.regret["per_request"]) < 1e-6
    assert (report.worse_arm["arms"], report.worse_arm["by"]) == (["champion"], "estimated_rewards")
    assert abs(report.effective_sample_size / 8000 - 1 / (0.25 / 0.7 + 0.25 / 0.3)) < 0.02
    wide = log.replay(Weighted("even", {"champion": 1, "canary": 1}), reward=rule, alpha=0.5)
    assert low < wide.value["interval"][0] < wide.value["interval"][1] < high
    # A bandit learns from it, and ends with the arm that earns more.
    bandit = BanditRollout("learns", ARMS, reward=rule, min_prob=0.01)
    learnt = log.replay(bandit, reward=rule, matching="rejection")
    assert learnt.shares[-1]["shares"][1] > 0.9 and learnt.regret["per_request"] < 0.05
    assert bandit.allocation["canary"] > 0.9 and bandit.outcomes == learnt.matched


def test_simulated_arms_are_all_asked_and_regret_is_known(tmp_path):
    released(tmp_path, 3000, 3000)
    log, seen = ReplayLog.read(tmp_path), []

    def answer(request, arm):
        if request.number < 2:
            seen.append((request.number, arm, request.arm, request.unit, request.elapsed, request.time, request.draw, request.context, request.features))
        if request.draw < (0.3 if arm == "canary" else 0.01):
            return SimulatedAnswer(0.003, failed=True)
        return SimulatedAnswer(0.003, loss=0.5, loss_delay=60.0)

    def run():
        return log.simulate(canary("other", 0.02, [0.2, 0.5]), answer, reward=RewardRule.answered(), seed=5)

    report = run()
    assert report.rollback is not None and report.effective_sample_size is None and report.matched == report.requests
    assert (report.worse_arm["arms"], report.worse_arm["by"], report.worse_arm["requests"]) == (["canary"], "simulated_rewards", report.arms[1]["requests"])
    values = [arm["value"]["value"] for arm in report.arms]
    assert abs(values[0] - 0.99) < 0.01 and abs(values[1] - 0.7) < 0.03
    assert not report.regret["is_estimated"] and 0 < report.regret["total"] <= report.worse_arm["requests"]
    assert [row[1] for row in seen] == ARMS * 2
    first, second = seen[0], seen[2]
    assert (first[0], first[3], first[4], first[5]) == (0, "user-0", 0.0, at(0)) and (second[0], second[4]) == (1, 1.0)
    assert first[6] == seen[1][6] != second[6] and 0 <= first[6] < 1 and (first[7], first[8]) == ({}, [])
    assert run().to_json() == report.to_json()


def test_what_a_function_raises_ends_the_simulation(tmp_path):
    released(tmp_path, 3000, 3000)
    log, asked = ReplayLog.read(tmp_path), []

    def broken(request, arm):
        asked.append(request.number)
        if request.number == 10:
            raise RuntimeError("out of luck")
        return SimulatedAnswer(0.001)

    with pytest.raises(RuntimeError, match="out of luck"):
        log.simulate(Fixed("champion"), broken)
    assert max(asked) == 10
    with pytest.raises(KeyboardInterrupt):
        log.simulate(Fixed("champion"), lambda request, arm: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(mlcore.InvalidTypeError, match="the function answered a float"):
        log.simulate(Fixed("champion"), lambda request, arm: 0.5)
    with pytest.raises(mlcore.InvalidTypeError, match="a function is expected"):
        log.simulate(Fixed("champion"), 7)
    with pytest.raises(mlcore.InvalidInputError, match="latency"):
        log.simulate(Fixed("champion"), lambda request, arm: SimulatedAnswer(-1.0))


def test_context_and_features_reach_policies_and_functions(tmp_path):
    context = json.dumps({"attributes": {"country": "PT"}, "features": [0.5]})
    rows = [prediction(number, "champion", context=context, features={"age": 41.0, "plan": "pro"}, propensity=1.0) for number in range(5)]
    log, seen = ReplayLog.read(write(tmp_path, rows)), []

    def answer(request, arm):
        seen.append((request.context, request.features))
        return SimulatedAnswer(0.001)

    log.simulate(Fixed("champion"), answer)
    assert seen[0] == ({"country": "PT"}, [{"age": 41.0, "plan": "pro"}])


def test_bad_rows_are_left_out_and_counted(tmp_path):
    rows = [prediction(0), prediction(1, time=0), *(prediction(2 + i, propensity=share) for i, share in enumerate([float("nan"), 0.0, -0.5, 1.5]))]
    rows += [prediction(6, epoch=None), prediction(7, "canary"), prediction(8, "canary", version=3), prediction(9, unit=None)]
    outcomes = [outcome(7, None, delay=0, time=BEGIN, status="orphan"), outcome(7, 0.5, delay=60)]
    log = ReplayLog.read(write(tmp_path, rows, outcomes), arms=ARMS)
    out = log.left_out
    assert (out["without_propensity"], out["without_policy"], out["unknown_arm"], out["other_version"]) == (4, 1, 0, 1)
    assert (out["out_of_order"], out["without_unit"], out["early_outcomes"], out["outcomes_without_loss"], log.requests) == (1, 1, 1, 1, 4)
    assert ReplayLog.read(tmp_path, arms=["champion"]).left_out["unknown_arm"] == 2
    assert ReplayLog.read(tmp_path, arms=ARMS, versions="all").requests == 5
    assert ReplayLog.read(tmp_path, arms=ARMS, since="2023-11-14T22:13:27Z", until=at(8)).requests == 1


def test_what_cannot_be_read_or_replayed_is_refused_with_a_remedy(tmp_path):
    released(tmp_path / "log", 50, 50)
    log = ReplayLog.read(tmp_path / "log")
    for options, words in [
        ({"alpha": 0.0}, "alpha"),
        ({"share_points": 0}, "share_points"),
        ({"decide_interval": -1.0}, "decide_interval"),
        ({"matching": "some"}, "every, rejection"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words) as caught:
            log.replay(Fixed("champion"), **options)
        assert caught.value.remedy or words == "every, rejection"
    for options, words in [
        ({"arms": ["nobody"]}, "no row of it can be replayed; 50 were left out"),
        ({"arms": ["champion", "champion"]}, "twice"),
        ({"arms": ["no spaces please"]}, "arm"),
        ({"since": at(5), "until": at(5)}, "since"),
        ({"since": datetime(2023, 11, 14)}, "without a time zone"),
        ({"since": "yesterday"}, "since"),
        ({"versions": "some"}, "first, all"),
        ({"model": ""}, "model"),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            ReplayLog.read(tmp_path / "log", **options)
    with pytest.raises(mlcore.InvalidTypeError, match="a moment is expected"):
        ReplayLog.read(tmp_path / "log", since=5)
    with pytest.raises(mlcore.NotFoundError, match="no such folder"):
        ReplayLog.read(tmp_path / "nowhere")
    with pytest.raises(mlcore.InvalidTypeError, match="a policy is expected"):
        log.replay("champion")
    write(tmp_path / "later", [prediction(0)], version=99)
    with pytest.raises(mlcore.UnsupportedError, match="version 99"):
        ReplayLog.read(tmp_path / "later")
    (tmp_path / "later" / "predictions").rename(tmp_path / "broken")
    file = next((tmp_path / "broken").iterdir())
    (tmp_path / "torn" / "predictions").mkdir(parents=True)
    (tmp_path / "torn" / "predictions" / file.name).write_bytes(file.read_bytes()[:-20])
    with pytest.raises(mlcore.CorruptError):
        ReplayLog.read(tmp_path / "torn")
    write(tmp_path / "two", [prediction(0), prediction(1, model="fraud")])
    with pytest.raises(mlcore.InvalidInputError, match="the log has the models fraud, risk"):
        ReplayLog.read(tmp_path / "two")
    assert ReplayLog.read(tmp_path / "two", model="fraud").requests == 1


def test_detectors_are_replayed_on_failures_and_losses(tmp_path):
    released(tmp_path, 6000, 3000)
    log, truth = ReplayLog.read(tmp_path), Truth.worse("canary", at(3000))
    failures = log.replay_detector(ADWIN(), "failure", arm="canary", truth=truth)
    found = failures.judged["detection"]
    assert failures.judged["false_alarms"] == 0 and found["requests"] < 500 and (failures.detector, failures.arm) == ("adwin", "canary")
    frame = failures.alarms_frame()
    assert len(frame) == len(failures.alarms) >= 1 and frame["at"][0].to_pydatetime() > at(3000)
    assert frame["value"].tolist() == [alarm["value"] for alarm in failures.alarms]
    assert str(failures).startswith("adwin on ") and failures.to_dict() == json.loads(failures.to_json())
    champion = log.replay_detector(ADWIN(), "failure", arm="champion", truth=truth)
    assert champion.alarms == [] and champion.judged["detection"] is None
    losses = log.replay_detector(ADWIN(), "loss")
    assert losses.values > 5000 and losses.alarms == [] and losses.judged is None
    assert log.replay_detector(ADWIN(), "latency_seconds").values + failures.warnings > 5000
    assert log.replay_detector(ADWIN(), "label").values == losses.values
    assert log.replay_detector(ADWIN(), feature="age").values == 0
    # The detector is the object that was handed in.
    own = ADWIN()
    log.replay_detector(own, "failure")
    assert own.n_values == 6000
    for given, words in [({}, "nothing is said"), ({"value": "errors"}, "errors"), ({"value": "loss", "feature": "age"}, "a value and a feature")]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            log.replay_detector(ADWIN(), **given)
    with pytest.raises(mlcore.NotFoundError, match="the arms are champion, canary"):
        log.replay_detector(ADWIN(), "loss", arm="nobody")
    with pytest.raises(mlcore.InvalidTypeError, match="a detector is expected"):
        log.replay_detector("adwin", "loss")


def test_a_monitor_is_replayed_on_raw_features(tmp_path):
    log = ReplayLog.read(write(tmp_path, [prediction(number, features={"age": 41.0}) for number in range(200)]))
    reference = {"age": [20.0 + i % 40 for i in range(500)]}
    report = log.replay_monitor(Monitor(reference, window_rows=100), truth=Truth.equal())
    assert (report.rows, report.refused, len(report.windows)) == (200, 0, 2)
    assert all(window["overall"] == "drifted" and window["columns"] == ["age"] for window in report.windows)
    assert report.judged["false_alarms"] == 2
    frame = report.windows_frame("polars")
    assert frame["first_row"].to_list() == [0, 100] and frame["last_row"].to_list() == [99, 199] and frame["columns"].to_list() == ["age", "age"]
    assert str(report).startswith("200 rows, 2 windows, 2 drifted") and report.to_dict() == json.loads(report.to_json())
    with pytest.raises(mlcore.NotFoundError, match="no row has one of the columns height"):
        log.replay_monitor(Monitor({"height": [1.0] * 100}))
    with pytest.raises(mlcore.InvalidTypeError, match="a monitor is expected"):
        log.replay_monitor(reference)


def test_values_say_what_they_are():
    assert repr(SimulatedAnswer(0.5, failed=True)) == "SimulatedAnswer(0.5, failed=True)" and SimulatedAnswer(0.5) == SimulatedAnswer(0.5)
    assert SimulatedAnswer(0.5) != SimulatedAnswer(0.5, loss=1.0) and Truth.equal() != Truth.worse("canary", at(0))
    with pytest.raises(mlcore.InvalidInputError, match="without a time zone"):
        Truth.worse("canary", datetime(2023, 1, 1))
    with pytest.raises(mlcore.InvalidInputError):
        Truth.worse("", at(0))


def test_ctrl_c_ends_a_long_replay(tmp_path):
    write(tmp_path, [prediction(number, propensity=0.5) for number in range(20_000)])
    code = f"""
        import os, subprocess, time
        from mlcore.replay import ReplayLog, SimulatedAnswer
        from mlcore.rollout import BanditRollout, Fixed, RewardRule

        log = ReplayLog.read({str(tmp_path)!r})
        answered = RewardRule.answered()

        def replay():
            arms = [f"arm-{{number}}" for number in range(48)]
            bandit = BanditRollout("slow", ["champion", "canary", *arms], reward=answered, publish_interval=0.0, refresh=0.0)
            log.replay(bandit, decide_interval=0.0)

        def simulate():
            log.simulate(Fixed("champion"), lambda request, arm: time.sleep(0.001) or SimulatedAnswer(0.001))

        for call in (replay, simulate):
            signal = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -INT {{os.getpid()}}"])
            begin = time.monotonic()
            try:
                call()
                print("finished", round(time.monotonic() - begin, 2))
            except KeyboardInterrupt:
                print("interrupted", round(time.monotonic() - begin - 0.3, 3))
            signal.wait()
        assert log.replay(Fixed("champion")).requests == 20_000
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    waits = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("interrupted")]
    assert len(waits) == 2 and max(waits) < 1.0, done.stdout
