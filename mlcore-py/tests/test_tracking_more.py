"""The machine's metrics, logged models, runs side by side, MLflow's registry verbs, and taking over MLflow's runs."""

from __future__ import annotations

import json
import os
import sqlite3
import time

import pandas as pd
import polars as pl
import pytest
from conftest import MODELS, ROOT

import mlcore

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.fixture
def often(monkeypatch):
    """Samples fifty times a second, and nothing else than before afterwards."""
    monkeypatch.setattr(mlcore.tracking._system, "_enabled", None)
    monkeypatch.setattr(mlcore.tracking._system, "_node", None)
    monkeypatch.setattr(mlcore.tracking._system, "_interval", None)
    mlcore.set_system_metrics_sampling_interval(0.02)


def sampled(run_id, key):
    return [point.step for point in mlcore.get_metric_history(run_id, key)]


CPU = "system/cpu_utilization_percentage"


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="the machine is sampled on Linux")
def test_the_machine_is_sampled_until_a_run_ends(often):
    with mlcore.start_run(log_system_metrics=True) as run:
        mlcore.log_metric("loss", 0.5)
        deadline = time.monotonic() + 30
        while len(sampled(run.info.run_id, CPU)) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
    found = mlcore.get_run(run.info.run_id).data.metrics
    names = {key for key in found if key.startswith("system/")}
    assert {CPU, "system/system_memory_usage_megabytes", "system/system_memory_usage_percentage", "system/disk_usage_percentage"} <= names
    assert 0.0 <= found[CPU] <= 100.0 and found["system/system_memory_usage_megabytes"] > 10
    steps = sampled(run.info.run_id, CPU)
    assert len(steps) >= 3 and steps == list(range(len(steps)))
    time.sleep(0.2)
    assert sampled(run.info.run_id, CPU) == steps, "nothing samples any more"
    # A run that goes on counts further.
    with mlcore.start_run(run_id=run.info.run_id, log_system_metrics=True):
        deadline = time.monotonic() + 30
        while len(sampled(run.info.run_id, CPU)) == len(steps) and time.monotonic() < deadline:
            time.sleep(0.05)
    again = sampled(run.info.run_id, CPU)
    assert len(again) > len(steps) and again == list(range(len(again)))


@pytest.mark.skipif(not os.path.exists("/proc/stat"), reason="the machine is sampled on Linux")
def test_who_is_sampled_is_said_once_for_all(often, monkeypatch):
    def is_sampled(**options):
        with mlcore.start_run(**options) as run:
            time.sleep(0.2)
        return sorted(key.rpartition("/")[0] for key in mlcore.get_run(run.info.run_id).data.metrics)[:1]

    assert is_sampled() == []
    mlcore.set_system_metrics_node_id("node_0")
    mlcore.enable_system_metrics_logging()
    assert is_sampled() == ["system/node_0"] and is_sampled(log_system_metrics=False) == []
    mlcore.disable_system_metrics_logging()
    assert is_sampled() == [] and is_sampled(log_system_metrics=True) == ["system/node_0"]
    mlcore.set_system_metrics_node_id(None)
    monkeypatch.setattr(mlcore.tracking._system, "_enabled", None)
    monkeypatch.setenv("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "true")
    monkeypatch.setenv("MLCORE_SYSTEM_METRICS_NODE_ID", "other")
    assert is_sampled() == ["system/other"]


def test_impossible_intervals_and_names_are_refused(often, monkeypatch):
    for interval in (0, -1, 0.001, float("nan"), float("inf"), "often", [1]):
        with pytest.raises(ValueError, match="sample system metrics interval: it is"):
            mlcore.set_system_metrics_sampling_interval(interval)
    for node in ("", "a/b", "a\0b", "x" * 101, "<script>"):
        with pytest.raises(ValueError, match="sample system metrics node_id"):
            mlcore.set_system_metrics_node_id(node)
    mlcore.set_system_metrics_sampling_interval(None)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "never")
    with pytest.raises(ValueError, match="MLCORE_SYSTEM_METRICS_SAMPLING_INTERVAL: it is 'never'"):
        mlcore.start_run(log_system_metrics=True)
    assert mlcore.active_run() is None and mlcore.search_runs(output_format="list") == []


def test_a_child_leaves_the_sampling_of_its_parent_alone(often):
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    with mlcore.start_run(log_system_metrics=True) as run:
        child = os.fork()
        if child == 0:
            try:
                del run
                mlcore.end_run()
                os._exit(0)
            except BaseException:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    assert mlcore.get_run(run.info.run_id).info.status == "FINISHED"


def test_logged_models_are_made_found_and_forgotten():
    assert mlcore.last_logged_model() is None
    empty = mlcore.search_logged_models(output_format="pandas")
    assert isinstance(empty, pd.DataFrame) and len(empty) == 0 and "model_id" in empty.columns
    data = mlcore.tracking.dataset({"x": [1.0, 2.0]}, name="test")
    made = []
    with mlcore.start_run() as run:
        for name, auc in (("forest", 0.8), ("boosting", 0.9)):
            model = mlcore.initialize_logged_model(name, tags={"team": "growth"}, params={"depth": 8}, model_type="classifier")
            assert (model.status, model.source_run_id, model.model_uri) == ("PENDING", run.info.run_id, f"models:/{model.model_id}")
            mlcore.log_metric("auc", auc, model_id=model.model_id, dataset=data)
            made.append(mlcore.finalize_logged_model(model.model_id, "READY"))
    outside = mlcore.create_external_model("outside", experiment_id="0")
    assert outside.status == "READY" and outside.tags == {"mlflow.model.isExternal": "true"}
    assert mlcore.last_logged_model().model_id == outside.model_id
    best = mlcore.search_logged_models(filter_string="metrics.auc > 0.5", order_by=["metrics.auc DESC"], output_format="list")
    assert [(found.name, found.metrics, found.params, found.status) for found in best] == [
        ("boosting", {"auc": 0.9}, {"depth": "8"}, "READY"),
        ("forest", {"auc": 0.8}, {"depth": "8"}, "READY"),
    ]
    as_mlflow = [{"field_name": "metrics.auc", "ascending": True}]
    frame = mlcore.search_logged_models(filter_string="metrics.auc > 0.5", order_by=as_mlflow, max_results=1)
    assert frame[["name", "metrics.auc", "params.depth", "tags.team"]].values.tolist() == [["forest", 0.8, "8", "growth"]]
    assert isinstance(mlcore.search_logged_models(output_format="polars"), pl.DataFrame)
    on_other = mlcore.search_logged_models(filter_string="metrics.auc > 0.5", datasets=[{"dataset_name": "other"}], output_format="list")
    assert on_other == []
    forest = made[0].model_id
    mlcore.set_logged_model_tags(forest, {"team": "risk", "level": 3})
    mlcore.delete_logged_model_tag(forest, "level")
    mlcore.log_model_params({"trees": 100}, forest)
    found = mlcore.get_logged_model(forest)
    assert found.tags == {"team": "risk"} and found.params == {"depth": "8", "trees": "100"}
    assert json.loads(json.dumps(found.to_dict()))["name"] == "forest"
    with pytest.raises(mlcore.Error):
        mlcore.log_model_params({"trees": 101}, forest)
    mlcore.delete_logged_model(forest)
    with pytest.raises(KeyError):
        mlcore.get_logged_model(forest)
    for options, error, words in (
        ({"output_format": "csv"}, ValueError, "output_format: 'csv' is none of"),
        ({"order_by": [{"ascending": True}]}, ValueError, "one has no field_name"),
        ({"order_by": [7]}, TypeError, "one is a int"),
        ({"order_by": [{"field_name": "metrics.auc", "dataset_name": "test"}]}, NotImplementedError, "say with datasets="),
        ({"datasets": [{"dataset_digest": "x"}]}, ValueError, "one has no dataset_name"),
        ({"datasets": ["test"]}, TypeError, "one is a str"),
        ({"filter_string": "metrics.auc >"}, ValueError, "search"),
    ):
        with pytest.raises(error, match=words):
            mlcore.search_logged_models(**options)


def test_runs_say_which_models_they_read_and_made():
    model = mlcore.create_external_model("base", experiment_id="0")
    with mlcore.start_run() as run:
        mlcore.log_input(model=model)
        mlcore.log_inputs(models=[model.model_id])
        mlcore.log_outputs([model])
        with pytest.raises(ValueError, match="log outputs models: one is a int"):
            mlcore.log_outputs([7])
    found = mlcore.get_run(run.info.run_id)
    assert found.inputs.model_inputs == [model.model_id] and found.inputs.dataset_inputs == []
    assert found.outputs.model_outputs == [(model.model_id, 0)]


def compared():
    for depth, loss in ((4, 0.5), (8, 0.25), (16, float("nan"))):
        with mlcore.start_run(run_name=f"depth {depth}", tags={"note": "<b>bold</b>"}):
            mlcore.log_params({"depth": depth, "trees": 100})
            mlcore.log_metric("loss", loss)
    return mlcore.search_runs(order_by=["params.depth ASC"], output_format="list")


def test_runs_stand_side_by_side():
    runs = compared()
    comparison = mlcore.compare_runs(runs)
    names = [run.info.run_name for run in runs]
    assert len(comparison) == 3 and [run.run_name for run in comparison.runs] == names
    told = comparison.to_dict()
    assert told["runs"] == [run.info.run_id for run in runs] and told["params"] == {"depth": ["16", "4", "8"], "trees": ["100"] * 3}
    assert told["metrics"]["loss"][1:] == [0.5, 0.25] and told["metrics"]["loss"][0] != told["metrics"]["loss"][0]
    assert comparison.differing().to_dict()["params"] == {"depth": ["16", "4", "8"]}
    assert comparison.best("loss", greater_is_better=False) == runs[2].info.run_id
    assert comparison.best("loss", greater_is_better=True) == runs[1].info.run_id
    assert comparison.best("absent", greater_is_better=True) is None
    frame = comparison.to_frame()
    assert isinstance(frame, pd.DataFrame) and frame["run_name"].tolist() == names
    assert frame["params.depth"].tolist() == ["16", "4", "8"] and frame["metrics.loss"].tolist()[1:] == [0.5, 0.25]
    assert isinstance(comparison.to_frame(library="polars"), pl.DataFrame)
    text = str(comparison)
    assert "* depth" in text and "  trees" in text
    page = comparison.to_html()
    assert page.startswith("<!DOCTYPE html>") and "* depth" in page and "<b>bold" not in page and "&lt;b&gt;bold" in page
    assert "depth 16" in comparison._repr_html_() and repr(comparison) == "<mlcore.tracking.RunComparison of 3 runs>"


def test_what_is_compared_may_be_runs_ids_or_a_frame():
    runs = compared()
    ids = [run.info.run_id for run in runs]
    for given in (ids, tuple(runs), mlcore.search_runs(order_by=["params.depth ASC"]), mlcore.search_runs(order_by=["params.depth ASC"], output_format="polars")):
        assert mlcore.compare_runs(given).to_dict()["runs"] == ids
    assert len(mlcore.compare_runs(ids[0])) == 1 and len(mlcore.compare_runs([])) == 0
    with pytest.raises(KeyError):
        mlcore.compare_runs(["0" * 32])
    with pytest.raises(TypeError, match="compare runs runs: one is a int"):
        mlcore.compare_runs([7])
    assert mlcore.compare_runs([]).to_frame().shape == (0, 3)


def test_small_verbs_of_mlflow():
    assert mlcore.is_tracking_uri_set()
    with mlcore.start_run() as run:
        mlcore.log_metric("loss", 0.5)
        mlcore.flush_async_logging()
        mlcore.flush_artifact_async_logging()
        assert mlcore.get_tracker().log(run.info.run_id).progress().waiting == 0
    mlcore.set_experiment_tag("team", "growth")
    mlcore.delete_experiment_tag("team")
    assert mlcore.get_experiment("0").tags == {}
    with pytest.raises(mlcore.Error):
        mlcore.delete_experiment_tag("team")
    mlcore.delete_run(run.info.run_id)
    mlcore.restore_run(run.info.run_id)
    assert mlcore.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_a_file_of_a_run_becomes_a_version(tmp_path):
    mlcore.set_registry_uri(mlcore.Registry("memory:", actor="ana"))
    assert mlcore.get_registry_uri() == mlcore.get_registry_url() == "memory:"
    with mlcore.start_run() as run:
        mlcore.log_metric("auc", 0.81)
        mlcore.log_artifact(MODELS / "runner" / "rf30.onnx", "model")
    uri = f"runs:/{run.info.run_id}/model"
    version = mlcore.register_model(uri, "churn", tags={"level": 3})
    assert (version.run, version.source, version.tags, version.metrics) == (run.info.run_id, uri, {"level": "3"}, {"auc": 0.81})
    mlcore.set_model_version_tag("churn", 1, "level", 4)
    assert [found.tags for found in mlcore.search_model_versions(filter_string="name = 'churn'")] == [{"level": "4"}]
    assert [found.name for found in mlcore.search_registered_models()] == ["churn"] and mlcore.search_registered_models(max_results=0) == []
    assert mlcore.register_model((MODELS / "runner" / "gb30.onnx").as_uri(), "churn").version == 2
    assert mlcore.register_model(str(MODELS / "runner" / "gb30.onnx"), "churn").version == 3
    for address, error, words in (
        (f"runs:/{run.info.run_id}", ValueError, "names no file of a run"),
        (f"{uri}/../../x", ValueError, "leads out of the run's folder"),
        (f"runs:/{run.info.run_id}/absent.onnx", FileNotFoundError, "absent.onnx"),
        ("models:/m-1", NotImplementedError, "what lies at models: is not read from here"),
        ("s3://bucket/model.onnx", NotImplementedError, "s3:"),
    ):
        with pytest.raises(error, match=words):
            mlcore.register_model(address, "churn")
    with pytest.raises(ValueError, match="the version and the key are needed"):
        mlcore.set_model_version_tag("churn")


@pytest.fixture
def store(tmp_path):
    """The database of an MLflow server, which its own client wrote."""
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path) as database:
        database.executescript((ROOT / "testdata" / "mlflow" / "store.sql").read_text())
    database.close()
    return path


def test_runs_of_an_mlflow_server_are_taken_over(store, tracker, tmp_path):
    expected = json.loads((ROOT / "testdata" / "mlflow" / "expected.json").read_text())
    taken = tracker.import_mlflow(store)
    assert taken.experiments == len(expected["experiments"]) and taken.left_out == len(taken.left)
    for number, (name, stage) in expected["experiments"].items():
        found = mlcore.get_experiment(number)
        assert (found.name, found.lifecycle_stage) == (name, stage)
        assert len(mlcore.search_runs([number], run_view_type=3, output_format="list")) == expected["runs"][number]
    first = mlcore.get_run(expected["first"])
    assert first.data.params == expected["params"] and set(first.data.metrics) == set(expected["latest"])
    numbers = list(expected["experiments"])

    def told():
        return [run.to_dict() for run in mlcore.search_runs(numbers, run_view_type=3, output_format="list")]

    before = repr(told())
    assert tracker.import_mlflow(str(store)).experiments == taken.experiments and repr(told()) == before
    # What is given back is what was taken.
    written = tracker.export_mlflow(tmp_path / "back.db")
    assert (written.experiments, written.runs) == (taken.experiments, taken.runs)
    mlcore.set_tracking_url(mlcore.Tracker("memory:"))
    mlcore.get_tracker().import_mlflow(tmp_path / "back.db")
    assert repr(told()) == before
    with pytest.raises(mlcore.AlreadyExistsError):
        tracker.export_mlflow(tmp_path / "back.db")
    with pytest.raises(FileNotFoundError):
        tracker.import_mlflow(tmp_path / "absent.db")
    (tmp_path / "other.db").write_bytes(b"no database")
    with pytest.raises(mlcore.Error):
        tracker.import_mlflow(tmp_path / "other.db")
    with sqlite3.connect(tmp_path / "empty.db") as database:
        database.execute("CREATE TABLE other (x)")
    database.close()
    with pytest.raises(ValueError, match="it is no database of an MLflow server"):
        tracker.import_mlflow(tmp_path / "empty.db")


def test_runs_of_a_folder_are_taken_over(tracker, tmp_path):
    files = json.loads((ROOT / "testdata" / "mlflow" / "mlruns.json").read_text())
    for path, content in files.items():
        (tmp_path / "mlruns" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mlruns" / path).write_text(content)
    taken = tracker.import_mlflow(tmp_path / "mlruns")
    assert taken.runs > 0 and taken.points > 0
    runs = mlcore.search_runs(search_all_experiments=True, run_view_type=3, output_format="list")
    assert runs and any(run.data.metrics for run in runs)
    (tmp_path / "empty").mkdir()
    with pytest.raises(mlcore.Error):
        tracker.import_mlflow(tmp_path / "empty")
