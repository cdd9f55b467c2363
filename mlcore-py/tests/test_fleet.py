"""A monitor's reference that travels with the version, and one verdict for many replicas."""

import concurrent.futures
import importlib.util
import multiprocessing
import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import MODELS, ROOT

import mlcore
from mlcore import drift


def rows(count, seed, shift=0.0):
    random = np.random.default_rng(seed)
    amount = random.normal(size=count) + shift
    return pd.DataFrame({
        "amount": amount,
        "grade": np.floor(np.abs(amount) * 2),
        "plan": np.where(amount > 0.2, "pro", "free"),
        "member": random.random(count) < 0.5,
    })


@pytest.fixture
def reference():
    return drift.MonitorReference(rows(5000, 1), window_rows=1000, numeric_test="psi")


def counted(arguments):
    stored, seed, shift = arguments
    counter = drift.WindowCounter(drift.MonitorReference.from_bytes(stored))
    counter.observe(rows(250, seed, shift))
    return counter.take()


@pytest.mark.parametrize("shift", [0.0, 0.6])
def test_processes_count_apart_and_are_judged_as_one(reference, shift):
    stored = reference.to_bytes()
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(counted, [(stored, seed, shift) for seed in range(10, 14)]))
    fleet = drift.Fleet(reference)
    verdicts = [fleet.add(f"worker {place}", part) for place, part in enumerate(parts)]
    assert verdicts[:-1] == [None] * 3
    together = verdicts[-1]
    assert together.replicas == {f"worker {place}": 250 for place in range(4)}
    (alone,) = reference.monitor().observe(pd.concat([rows(250, seed, shift) for seed in range(10, 14)]))
    numbers = lambda verdict: [(c.column, c.test, c.outcome, c.statistic, c.pvalue, c.effect, c.pvalue_adjusted) for c in verdict.columns]
    assert numbers(together.verdict) == numbers(alone)
    assert together.drifted == (shift > 0)
    assert "worker 2" in together.to_html() and "worker 2" in together._repr_html_()
    again = pickle.loads(pickle.dumps(together))
    assert again.to_json() == together.to_json() and str(again) == str(together)


def test_counts_travel_and_are_put_back(reference):
    counter = drift.WindowCounter(reference)
    counter.observe(rows(300, 2).drop(columns="plan").assign(colour=1))
    lost = counter.take()
    assert lost.vanished_columns == ["plan"] and lost.new_columns == ["colour"]
    assert (lost.rows, counter.rows) == (300, 0)
    counter.put_back(pickle.loads(pickle.dumps(lost)))
    assert counter.take() == lost == drift.WindowCounts.from_bytes(lost.to_bytes())
    with pytest.raises(mlcore.CorruptError, match="not those that were written"):
        drift.WindowCounts.from_bytes(lost.to_bytes()[:-3] + b"abc")
    with pytest.raises(mlcore.InvalidInputError, match="another reference"):
        counter.put_back(drift.WindowCounter(drift.MonitorReference(rows(400, 3))).take())
    monitor = reference.monitor()
    monitor.observe(rows(200, 5))
    counter.observe(rows(200, 5))
    assert monitor.counts() == counter.take()


def test_a_fleet_goes_on_in_another_process(reference):
    fleet = drift.Fleet(reference)
    fleet.add("a", counted((reference.to_bytes(), 1, 0.0)))
    again = drift.Fleet(reference)
    again.restore(fleet.save())
    assert again.rows_in_window == 250 and "250 of 1000" in repr(again)
    with pytest.raises(mlcore.CorruptError):
        again.restore("no state")


def test_a_reference_is_stored_and_pickled(reference):
    again = pickle.loads(pickle.dumps(reference))
    assert again.to_bytes() == reference.to_bytes()
    assert reference.columns == ["amount", "grade", "plan", "member"] and reference.rows == 5000
    assert again.options["window_rows"] == 1000
    monitor = pickle.loads(pickle.dumps(reference.monitor()))
    monitor.observe(rows(600, 2))
    copy = pickle.loads(pickle.dumps(monitor))
    assert copy.rows_in_window == 600
    assert [v.to_json() for v in copy.observe(rows(400, 3))] == [v.to_json() for v in monitor.observe(rows(400, 3))]
    assert len(reference.with_max_values(100).to_bytes()) < len(reference.to_bytes()) / 4
    for record in rows(3, 4).to_dict("records"):
        monitor.observe_row(record)
    assert monitor.rows_in_window == 3
    with pytest.raises(mlcore.InvalidInputError, match="window"):
        drift.MonitorReference(rows(10, 1), window=3)


def test_a_version_brings_its_monitor(tmp_path):
    registry, model = mlcore.Registry(f"sqlite:///{tmp_path}/registry.db"), MODELS / "runner" / "mlp30.onnx"
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(2000, 30)), columns=[f"input_{i}" for i in range(30)])
    own = drift.MonitorReference(frame, window_rows=200)
    version = registry.register("fraud", model, monitor=own)
    registry.transition("fraud", 1, "staging")
    registry.promote("fraud", 1)
    assert version.monitor.startswith("sha256:") and version.to_dict()["monitor"] == version.monitor
    assert registry.monitor("fraud", 1).to_bytes() == own.to_bytes()
    endpoint = mlcore.Endpoint(registry, "fraud", fleet_counts=True)
    random = np.random.default_rng(3)
    for shift in (0.0, 3.0):
        for row in range(200):
            endpoint.predict({"input": (random.normal(size=(1, 30)) + shift).astype(np.float32)}, f"user {row}")
    judged = [event.verdict.drifted for event in endpoint.process() if event.kind == "judged"]
    assert judged == [False, True]
    counts = endpoint.take_counts()
    assert counts.rows == 400 and endpoint.take_counts().rows == 0
    assert endpoint.put_back_counts(counts) and endpoint.take_counts() == counts
    verdict = drift.Fleet(endpoint.monitor_reference()).add("here", counts)
    assert verdict.drifted and verdict.replicas == {"here": 400}
    plain = registry.register("fraud", model)
    assert plain.monitor is None and registry.monitor("fraud", 2) is None


def test_the_example_of_a_model_monitor():
    spec = importlib.util.spec_from_file_location("model_monitor", ROOT / "examples" / "model-monitor" / "model_monitor.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monitor = example.ModelMonitor("churn_example", rows(2000, 1))
    # Categories whose totals differ, new ones among them, are compared like any others.
    current = rows(1500, 2, 0.5).assign(plan=lambda frame: frame["plan"].where(frame["amount"] < 2, "team"))
    found = monitor.detect_data_drift(current)
    assert {name: result["drift_detected"] for name, result in found.items()} == {"amount": True, "grade": True, "plan": True, "member": False}
    assert all(0 <= result["p_value"] <= 1 and result["statistic"] >= 0 for result in found.values())
    quiet = monitor.detect_data_drift(rows(1500, 3))
    assert not any(result["drift_detected"] for result in quiet.values())
    assert monitor.log_prediction({"amount": 3.0}, lambda features: features["amount"] > 2) is True
    text = monitor.export_metrics()
    assert "churn_example_prediction_duration_seconds_count 1" in text
    assert 'mlcore_drift_share_of_drifted_columns{model="churn_example"} 0' in text
    assert 'mlcore_drift_verdicts_total{model="churn_example",outcome="drifted"} 1' in text
