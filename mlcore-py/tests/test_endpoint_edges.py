"""The endpoint at its edges: bad input, losses that raise, the worker, threads, forks, models without a plan."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import uuid

import made
import numpy as np
import pandas as pd
import pytest
from conftest import MODELS

import mlcore
from mlcore.features import ColumnTransformer, OneHotEncoder, Pipeline, StandardScaler
from mlcore.rollout import Canary, Fixed, Guardrail

FOREST = MODELS / "runner" / "rf30.onnx"
BOOSTED = MODELS / "runner" / "gb30.onnx"
ROWS = np.random.default_rng(5).normal(size=(64, 30)).astype(np.float32)


@pytest.fixture
def registry(churn):
    return churn


@pytest.fixture
def planned(registry):
    """A model with a plan of 28 numbers and a word of two categories."""
    frame = pd.DataFrame({f"f{i}": ROWS[:, i].astype(float) for i in range(28)}).assign(word=["yes", "no"] * 32)
    plan = ColumnTransformer([("scale", StandardScaler(), list(frame)[:-1]), ("encode", OneHotEncoder(), ["word"])]).fit(frame).plan()
    registry.register("planned", FOREST, plan=plan)
    registry.set_alias("planned", "champion", 1)
    return mlcore.Endpoint(registry, "planned"), frame


@pytest.fixture
def unraised(monkeypatch):
    """What went to `sys.unraisablehook`."""
    caught = []
    monkeypatch.setattr(sys, "unraisablehook", lambda info: caught.append((info.exc_type, str(info.exc_value), info.object)))
    return caught


def wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_a_version_without_a_plan_takes_tensors(registry):
    endpoint = mlcore.Endpoint(registry, "churn")
    expected = mlcore.Runner(FOREST).run({"input": ROWS})
    frame = pd.DataFrame({f"c{i}": ROWS[:, i].astype(float) for i in range(30)})
    for data in ({"input": ROWS}, ROWS, frame, {"input": ROWS.tolist()}):
        answer = endpoint.predict(data, unit="u")
        for name, value in expected.items():
            np.testing.assert_array_equal(answer.outputs[name], value)
    for data, error in (({"other": ROWS}, mlcore.SchemaMismatchError), (ROWS[:, :7], mlcore.SchemaMismatchError), ({"input": ROWS.astype(complex)}, TypeError), ("text", TypeError)):
        with pytest.raises(error):
            endpoint.predict(data, unit="u")
    endpoint.process()
    assert endpoint.counts()["failures"] == 0


def test_no_endpoint_makes_another_number(registry):
    lookup = made.model(
        made.node("Gather", ["table", "id"], ["y"]),
        made.given("id", "int64", ["N"]),
        made.answered("y", "float32", ["N"]),
        made.weights("table", np.arange(10, 14, dtype="f4")),
    )
    registry.register("lookup", lookup)
    registry.set_alias("lookup", "champion", 1)
    endpoint = mlcore.Endpoint(registry, "lookup")
    assert endpoint.predict({"id": [1, 2.0]}, unit="u").outputs["y"].tolist() == [11.0, 12.0]
    for ids in ([2.9], [1e19], [float("inf")], [2**63]):
        for data in ({"id": ids}, {"id": tuple(ids)}, pd.DataFrame({"id": ids}), [{"id": ids[0]}]):
            with pytest.raises(mlcore.SchemaMismatchError, match="id: row 0: expected int64"):
                endpoint.predict(data, unit="u")


def test_no_plan_makes_another_number(registry):
    frame = pd.DataFrame({"id": [1, 2], "size": [0.5, 1.5]})
    keep = ColumnTransformer([("keep", "passthrough", ["id", "size"])], verbose_feature_names_out=False).fit(frame)
    columns = made.model(
        made.node("Identity", ["id"], ["y"]),
        made.node("Identity", ["size"], ["z"]),
        made.given("id", "int64", ["N", 1]),
        made.given("size", "float32", ["N"]),
        made.answered("y", "int64", ["N", 1]),
        made.answered("z", "float32", ["N"]),
    )
    for name, model in (("dense", made.linear(2)), ("columns", columns)):
        registry.register(name, model, plan=keep)
        registry.set_alias(name, "champion", 1)
        endpoint = mlcore.Endpoint(registry, name)
        endpoint.predict(frame, unit="u")
        for row, words in (
            ({"id": 2.5, "size": 1.0}, "id: (row 0: )?expected int64, got float(64| 2.5)"),
            ({"id": 2**63, "size": 1.0}, "id: .*expected int64"),
            ({"id": 1, "size": 1e300}, "size: .*float32.*1e300"),
        ):
            for data in (row, pd.DataFrame([row])):
                # Side by side they are features, where any number of id is one; by itself id is what it was fitted on.
                if name == "dense" and "id" in words:
                    assert endpoint.predict(data, unit="u").version == 1
                    continue
                with pytest.raises(mlcore.Error, match=words):
                    endpoint.predict(data, unit="u")
        endpoint.process()
        assert endpoint.counts()["failures"] == 0
    # As an integer the model takes it, and as one of two floats side by side it is another.
    wide = {"id": 2**53 + 1, "size": 1.0}
    assert endpoint.predict(wide, unit="u").outputs["y"].tolist() == [[2**53 + 1]]
    registry.register("dense", made.linear(2), plan=keep)
    with pytest.raises(mlcore.InvalidInputError, match="id: float32 does not hold the integer 9007199254740993"):
        mlcore.Endpoint(registry, "dense").predict(wide, unit="u")


def test_bad_records_are_errors_by_name(planned):
    endpoint, frame = planned
    good = frame.iloc[0].to_dict()
    assert endpoint.predict(good, unit="u").version == 1
    without = {name: value for name, value in good.items() if name != "f3"}
    for data, error, words in (
        (without, mlcore.SchemaMismatchError, "f3"),
        ({}, mlcore.SchemaMismatchError, "f0"),
        ({**without, "F3": 1.0}, mlcore.SchemaMismatchError, "f3"),
        ({**good, "f3": "many"}, mlcore.SchemaMismatchError, "f3"),
        ({**good, "f3": [1.0]}, mlcore.InvalidTypeError, "f3.*it is a list"),
        ({**good, "f3": object()}, mlcore.InvalidTypeError, "f3.*it is a object"),
        ({**good, "word": 3.5}, mlcore.SchemaMismatchError, "word"),
        ({**good, "word": "perhaps"}, mlcore.InvalidInputError, "perhaps"),
        ({**good, "f3": float("inf")}, mlcore.InvalidInputError, "f3"),
        (frame.drop(columns="f3"), mlcore.SchemaMismatchError, "f3"),
        (frame.assign(word="perhaps"), mlcore.InvalidInputError, "perhaps"),
        ({name: [1.0] for name in good}, mlcore.SchemaMismatchError, "word"),
        (5, TypeError, "int"),
        (None, TypeError, "NoneType"),
    ):
        with pytest.raises(error, match=words):
            endpoint.predict(data, unit="u")
    endpoint.process()
    # None of them was the arm's fault.
    assert endpoint.counts()["failures"] == 0


def test_records_and_tables_bring_dates(registry, planned):
    frame = planned[1]
    seen = pd.Series(pd.date_range("2024-02-29", periods=len(frame), tz="Europe/Berlin", unit="us"))
    dated = frame.assign(day=seen.dt.date, seen=seen)
    keep = ColumnTransformer([("keep", "passthrough", list(dated))], verbose_feature_names_out=False)
    encode = ColumnTransformer([("scale", StandardScaler(), list(frame)[:-1]), ("encode", OneHotEncoder(), ["word"])])
    registry.register("dated", FOREST, plan=Pipeline([("keep", keep), ("encode", encode)]).fit(dated).plan())
    registry.set_alias("dated", "champion", 1)
    endpoint = mlcore.Endpoint(registry, "dated")
    expected = planned[0].predict(frame, unit="u").outputs["probabilities"]
    np.testing.assert_array_equal(endpoint.predict(dated, unit="u").outputs["probabilities"], expected)
    record = dated.iloc[0].to_dict()
    alone = planned[0].predict(frame.iloc[0].to_dict(), unit="u").outputs["probabilities"]
    for day, seen in [(record["day"], record["seen"]), ("2024-02-29", "2024-02-29T00:00:00+01:00"), (None, pd.NaT)]:
        answer = endpoint.predict({**record, "day": day, "seen": seen}, unit="u")
        np.testing.assert_array_equal(answer.outputs["probabilities"], alone)
    for wrong, words in [({"day": record["seen"]}, "day: expected date"), ({"seen": record["day"]}, "seen: expected timestamp"), ({"day": 5}, "day: .*send it as text")]:
        with pytest.raises(mlcore.SchemaMismatchError, match=words):
            endpoint.predict({**record, **wrong}, unit="u")
    del record["seen"]
    with pytest.raises(mlcore.SchemaMismatchError, match="seen: the record has no value for it.*send null"):
        endpoint.predict(record, unit="u")


def test_names_that_nobody_reads_are_passed_over_unless_strict(registry, planned):
    endpoint, frame = planned
    strict = mlcore.Endpoint(registry, "planned", strict=True)
    good = frame.iloc[0].to_dict()
    expected = endpoint.predict(good, unit="u").outputs["probabilities"]
    for more in ({"more": 1}, {"more": object()}, {7: "seven"}):
        answer = endpoint.predict({**good, **more}, unit="u")
        np.testing.assert_array_equal(answer.outputs["probabilities"], expected)
        with pytest.raises(mlcore.SchemaMismatchError, match="more|7"):
            strict.predict({**good, **more}, unit="u")
    np.testing.assert_array_equal(strict.predict(good, unit="u").outputs["probabilities"], expected)


def test_units_and_ids_are_checked(registry):
    endpoint = mlcore.Endpoint(registry, "churn")
    for unit in ("", "a\tb"):
        with pytest.raises(mlcore.InvalidInputError, match="unit id"):
            endpoint.predict(ROWS, unit)
    with pytest.raises(mlcore.InvalidInputError, match="request id"):
        endpoint.predict(ROWS, "u", request_id="with spaces")
    with pytest.raises(mlcore.InvalidInputError, match="outcome id.*before it"):
        endpoint.predict(ROWS, "u", request_id=uuid.uuid4().hex)
    with pytest.raises(TypeError):
        endpoint.predict(ROWS, 17)
    for id in (5, None):
        with pytest.raises(mlcore.InvalidTypeError, match="a Prediction or its outcome_id"):
            endpoint.report_outcome(id, 1.0)
    with pytest.raises(TypeError):
        endpoint.report_outcome("order-1", "yes")


def test_outcomes_are_joined_once_under_either_name(registry):
    endpoint = mlcore.Endpoint(registry, "churn", loss="log_loss", open_predictions=4)
    first = endpoint.predict(ROWS[:1], "u")
    second = endpoint.predict(ROWS[:1], "u")
    endpoint.predict(ROWS[:1], "u", request_id="order-17")
    endpoint.predict(ROWS[:1], "u", request_id=str(uuid.UUID(int=5)))
    assert len(first.outcome_id) == 32 and first.outcome_id != second.outcome_id
    for id in (first, second.outcome_id, "order-17", "order-17", "order-18", str(uuid.UUID(int=5))):
        endpoint.report_outcome(id, 1.0)
    endpoint.process()
    counts = endpoint.counts()
    assert (counts["outcomes"], counts["orphans"], counts["unscored"]) == (4, 2, 0)
    forgotten = [endpoint.predict(ROWS[:1], "u") for _ in range(6)]
    # One outcome for several rows, and a label that is no class, are refused.
    endpoint.report_outcome(endpoint.predict(ROWS, "u"), 1.0)
    endpoint.report_outcome(forgotten[0], 1.0)
    with pytest.raises(mlcore.InvalidInputError, match="0.5 is neither 0 nor 1"):
        endpoint.report_outcome(forgotten[-1], 0.5)
    endpoint.process()
    counts = endpoint.counts()
    assert (counts["expired"], counts["orphans"], counts["refused_outcomes"], counts["failures"]) == (3, 3, 1, 0)


def test_a_full_queue_drops_and_counts(registry):
    endpoint = mlcore.Endpoint(registry, "churn", queue_capacity=3)
    for _ in range(10):
        assert endpoint.predict(ROWS[:1], "u").version == 1
    endpoint.process()
    assert endpoint.counts()["records"] == 3 and endpoint.counts()["dropped_records"] == 7


def test_impossible_endpoints_are_refused(registry, planned):
    frame = planned[1]
    registry.register("text", b"bytes", format="text")
    registry.set_alias("text", "champion", 1)
    registry.register("slots", MODELS / "runner" / "strings.onnx")
    for options, error, words in (
        ({"model": "absent"}, mlcore.NotFoundError, "absent"),
        ({"model": "slots"}, KeyError, "slots@champion.*promote"),
        ({"model": "no such name"}, mlcore.InvalidInputError, "no such name"),
        ({"default_arm": "winner"}, mlcore.NotFoundError, "winner"),
        ({"arms": ["champion"]}, mlcore.InvalidInputError, "twice"),
        ({"model": "text"}, NotImplementedError, "text"),
        ({"policy": "canary"}, mlcore.InvalidTypeError, "a policy is expected"),
        ({"loss": "hinge"}, mlcore.InvalidInputError, "log_loss, squared_error"),
        ({"loss": 5}, mlcore.InvalidTypeError, "a name or a function"),
        ({"timeout": -1.0}, mlcore.InvalidInputError, "timeout"),
        ({"reference": frame}, mlcore.NotFoundError, "input_0: the model reads this column"),
        ({"monitor_options": {"alpha": 0.1}}, mlcore.InvalidInputError, "reference="),
        ({"model": "planned", "reference": frame, "monitor_options": {"window": 5}}, mlcore.InvalidInputError, "window_rows"),
        ({"model": "planned", "reference": frame.drop(columns="f3")}, mlcore.Error, "f3"),
    ):
        with pytest.raises(error, match=words):
            mlcore.Endpoint(registry, **{"model": "churn", **options})
    with pytest.raises(TypeError):
        mlcore.Endpoint("sqlite:///registry.db", "churn")


def test_a_loss_that_the_model_cannot_have_is_refused(registry):
    for model, file in (("three", "zipmap_int"), ("words", "zipmap_string")):
        registry.register(model, MODELS / "runner" / f"{file}.onnx")
        registry.set_alias(model, "champion", 1)
        assert mlcore.Endpoint(registry, model, loss=lambda outputs, label: 0.0).arms == {"champion": 1}
        with pytest.raises(mlcore.InvalidInputError, match="scores of two classes"):
            mlcore.Endpoint(registry, model, loss="log_loss")
    assert mlcore.Endpoint(registry, "three", loss="zero_one").arms == {"champion": 1}
    with pytest.raises(mlcore.InvalidInputError, match="scores of two classes"):
        mlcore.Endpoint(registry, "words", loss="zero_one")


def test_aliases_that_move_are_followed_when_asked(registry):
    endpoint = mlcore.Endpoint(registry, "churn")
    registry.set_alias("churn", "champion", 2)
    assert endpoint.predict(ROWS, "u").version == 1
    (event,) = endpoint.refresh()
    assert (event.kind, event.message) == ("deployed", "champion answers with version 2")
    assert repr(event) == "<mlcore.endpoint.Event deployed: champion answers with version 2>"
    np.testing.assert_array_equal(endpoint.predict(ROWS, "u").outputs["probabilities"], mlcore.Runner(BOOSTED).run(ROWS)["probabilities"])
    registry.delete_alias("churn", "champion")
    with pytest.raises(mlcore.NotFoundError, match="churn@champion"):
        endpoint.refresh()
    assert endpoint.predict(ROWS, "u").version == 2
    registry.close()
    assert endpoint.predict(ROWS, "u").version == 2
    with pytest.raises(mlcore.UnavailableError, match="it is closed"):
        mlcore.Endpoint(registry, "churn")


def test_a_decision_that_cannot_be_carried_out_is_an_event(registry, tmp_path):
    trial = Canary(salt="s", guardrails=[Guardrail("error_rate", 0.5)], steps=[0.5], min_samples=50)
    endpoint = mlcore.Endpoint(registry, "churn", arms=["canary"], policy=trial)
    other = registry.register("churn", FOREST).version
    with pytest.raises(mlcore.InvalidInputError, match="does not go from dev to production"):
        registry.set_alias("churn", "champion", other)
    registry.transition("churn", other, "staging")
    registry.set_alias("churn", "champion", other, reason="somebody else")
    for number in range(400):
        endpoint.predict(ROWS[:1], f"u{number}")
    # Somebody else's champion is followed, and the evidence against the one before says nothing about it.
    deployed, renewed = endpoint.process()
    assert (deployed.kind, renewed.kind) == ("deployed", "renewed") and endpoint.arms == {"champion": other, "canary": 2}
    assert renewed.message == f"the trial begins anew: champion answers with version {other} instead of 1"
    assert renewed.to_dict()["reason"] in renewed.message and trial.phase == {"phase": "running", "step": 0}
    # What cannot be promoted is told once, and keeps the share of its step.
    registry.transition("churn", 2, "dev")
    for number in range(400):
        endpoint.predict(ROWS[:1], f"u{number}")
    (failed,) = endpoint.process()
    assert failed.kind == "failed" and failed.to_dict()["operation"] == "promote" and "staging first" in failed.to_dict()["error"]
    assert endpoint.process() == endpoint.process() == [] and trial.share == 0.5


def test_runs_that_never_end_are_stopped_and_their_release_withdrawn(registry):
    version = registry.register("churn", MODELS / "runner" / "loop_forever.onnx").version
    registry.transition("churn", version, "staging")
    registry.set_alias("churn", "canary", version)
    trial = Canary(salt="s", guardrails=[Guardrail("error_rate", 0.05, limit=0.2)], steps=[0.5])
    endpoint = mlcore.Endpoint(registry, "churn", arms=["canary"], policy=trial, timeout=0.05)
    happened, failures = [], 0
    for number in range(100):
        if mlcore.rollout.bucket("s", f"u{number}") < trial.share:
            with pytest.raises(mlcore.TimeoutError):
                endpoint.predict({"input": np.zeros(1, dtype=np.float32)}, f"u{number}")
            failures += 1
        else:
            assert endpoint.predict(ROWS, f"u{number}").version == 1
        happened += endpoint.process()
    assert [event.kind for event in happened] == ["rolled_back", "withdrawn"]
    assert endpoint.counts()["failures"] == failures < 20 and endpoint.arms == {"champion": 1}


def test_a_loss_that_raises_is_told_and_counted(registry, unraised):
    def loss(outputs, label):
        if label == 1.0:
            raise ZeroDivisionError("by the loss")
        return {2.0: "text", 3.0: float("nan"), 4.0: np.float32(0.5), 5.0: True}[label]

    endpoint = mlcore.Endpoint(registry, "churn", loss=loss)
    for label in (1.0, 2.0, 3.0, 4.0, 5.0):
        endpoint.report_outcome(endpoint.predict(ROWS[:1], "u"), label)
    (invalid,) = endpoint.process()
    assert invalid.kind == "invalid_answers" and (invalid.to_dict()["arm"], invalid.to_dict()["count"]) == ("champion", 3)
    counts = endpoint.counts()
    assert counts["outcomes"] == 5 and counts["unscored"] == counts["failures"] == counts["invalid_answers"] == 3
    assert [kind for kind, _, _ in unraised] == [ZeroDivisionError, TypeError] and unraised[0][1:] == ("by the loss", loss)


def test_a_loss_that_asks_its_own_endpoint_is_refused_at_once(registry, unraised):
    endpoint = mlcore.Endpoint(registry, "churn", loss=lambda outputs, label: endpoint.counts()["records"])
    endpoint.report_outcome(endpoint.predict(ROWS[:1], "u"), 1.0)
    endpoint.process()
    assert endpoint.counts()["unscored"] == 1
    assert unraised[0][0] is mlcore.UnavailableError and "a loss must not use the endpoint" in unraised[0][1]


def test_a_worker_does_the_work_and_tells(registry, unraised):
    trial = Canary(salt="s", guardrails=[Guardrail("error_rate", 0.5), Guardrail("loss", 5.0)], steps=[0.5], min_samples=50)
    endpoint = mlcore.Endpoint(registry, "churn", arms=["canary"], policy=trial, loss=lambda outputs, label: label)
    told = []

    def on_event(event):
        told.append((event.kind, threading.current_thread() is threading.main_thread()))
        endpoint.counts()
        if event.kind == "promoted":
            raise RuntimeError("nobody minds")

    with endpoint.worker(interval=0.01, on_event=on_event) as worker:
        assert repr(worker) == "<mlcore.endpoint.Worker, running>"
        with pytest.raises(mlcore.InvalidInputError, match="runs already"):
            worker.__enter__()
        for number in range(400):
            endpoint.report_outcome(endpoint.predict(ROWS[:1], f"u{number}"), 0.5)
        wait_for(lambda: len(told) == 3)
        assert endpoint.arms == {"champion": 2}
        # It goes on after the exception.
        registry.set_alias("churn", "canary", 1)
        last = endpoint.predict(ROWS[:1], "u")
        wait_for(lambda: endpoint.counts()["records"] == 401)
        endpoint.report_outcome(last, 0.5)
    assert repr(worker) == "<mlcore.endpoint.Worker>"
    assert endpoint.counts()["outcomes"] == 401
    assert told == [("promoted", False), ("withdrawn", False), ("deployed", False)]
    assert [(kind, message) for kind, message, _ in unraised] == [(RuntimeError, "nobody minds")]
    with worker:
        endpoint.predict(ROWS[:1], "u")
    assert endpoint.counts()["records"] == 402
    for arguments, error, words in (({"interval": -1.0}, mlcore.InvalidInputError, "interval"), ({"on_event": 5}, mlcore.InvalidTypeError, "a function")):
        with pytest.raises(error, match=words):
            endpoint.worker(**arguments)


def test_a_worker_that_is_dropped_ends(registry):
    endpoint = mlcore.Endpoint(registry, "churn", loss=lambda outputs, label: label)
    worker = endpoint.worker(interval=0.001)
    worker.__enter__()
    for _ in range(200):
        endpoint.report_outcome(endpoint.predict(ROWS[:1], "u"), 1.0)
    del worker
    gc.collect()
    assert endpoint.counts()["outcomes"] == 200


def test_threads_share_an_endpoint(registry):
    endpoint = mlcore.Endpoint(registry, "churn", loss=lambda outputs, label: label)
    expected = mlcore.Runner(FOREST).run(ROWS)["probabilities"]
    wrong = []

    def ask(seed):
        for number in range(100):
            position = (seed + number) % 64
            answer = endpoint.predict(ROWS[position : position + 1], f"{seed}-{number}")
            endpoint.report_outcome(answer, 1.0)
            if not np.array_equal(answer.outputs["probabilities"][0], expected[position]):
                wrong.append(position)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    with endpoint.worker(interval=0.001):
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            endpoint.process()
            endpoint.set_policy(Fixed("champion"))
        for thread in threads:
            thread.join()
    assert wrong == [] and endpoint.counts()["outcomes"] == 400


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_is_told_to_build_it_again(registry, tmp_path):
    endpoint = mlcore.Endpoint(registry, "churn")
    worker = endpoint.worker(interval=0.01)
    with worker:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                endpoint.predict(ROWS, "u")
            except mlcore.UnavailableError as error:
                # Ends without waiting for a thread that is not here.
                worker.__exit__(None, None, None)
                with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="child") as own:
                    code = 0 if "forked" in str(error) and mlcore.Endpoint(own, "churn").predict(ROWS, "u").version == 1 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert endpoint.predict(ROWS, "u").version == 1


@pytest.mark.parametrize("label", [float("nan"), float("inf"), -float("inf")])
def test_a_label_that_is_no_number_does_not_use_the_prediction_up(registry, label):
    for loss in (None, "log_loss", "zero_one", lambda outputs, label: 0.0):
        endpoint = mlcore.Endpoint(registry, "churn", loss=loss)
        answer = endpoint.predict(ROWS[:1], "u")
        with pytest.raises(mlcore.InvalidInputError, match="is not a finite number"):
            endpoint.report_outcome(answer, label)
        endpoint.process()
        endpoint.report_outcome(answer, 1.0)
        endpoint.process()
        counts = endpoint.counts()
        assert (counts["outcomes"], counts["orphans"], counts["unscored"]) == (1, 0, 0)
    endpoint = mlcore.Endpoint(registry, "churn", loss="log_loss")
    with pytest.raises(mlcore.InvalidInputError, match="neither 0 nor 1"):
        endpoint.report_outcome(endpoint.predict(ROWS[:1], "u"), 0.5)
