"""Runs as a data scientist logs them: MLflow's verbs, without a server."""

from __future__ import annotations

import json
import math
import os
import pickle
import threading
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest

import mlcore


pytestmark = pytest.mark.usefixtures("tracker")


def test_a_training_is_logged_and_found_again():
    with mlcore.start_run(run_name="forest", experiment="churn", tags={"team": "growth", "level": 3}, description="the first") as run:
        assert mlcore.active_run() is run and run.info.status == "RUNNING" and run.info.run_name == "forest"
        assert mlcore.log_param("depth", 8) == 8
        mlcore.log_params({"trees": 100, "criterion": "gini", "none": None})
        for step in range(5):
            assert mlcore.log_metric("loss", 1 / (step + 1), step) is None
        mlcore.log_metrics({"auc": np.float64(0.81), "rows": np.int32(7)}, step=4)
        mlcore.set_tag("stage", "draft")
        mlcore.set_tags({"a": 1, "b": True})
    assert mlcore.active_run() is None
    found = mlcore.get_run(run.info.run_id)
    assert (found.info.status, found.info.lifecycle_stage) == ("FINISHED", "active")
    assert found.info.end_time >= found.info.start_time > 1_700_000_000_000
    assert found.data.params == {"depth": "8", "trees": "100", "criterion": "gini", "none": "None"}
    assert found.data.metrics == {"loss": 0.2, "auc": 0.81, "rows": 7.0}
    tags = found.data.tags
    assert {key: tags[key] for key in ("team", "level", "stage", "a", "b")} == {"team": "growth", "level": "3", "stage": "draft", "a": "1", "b": "True"}
    assert tags["mlflow.runName"] == "forest" and tags["mlflow.note.content"] == "the first" and tags["mlflow.source.type"] == "LOCAL"
    history = mlcore.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(step, 1 / (step + 1)) for step in range(5)]
    assert mlcore.get_experiment_by_name("churn").experiment_id == found.info.experiment_id
    assert mlcore.last_active_run().info == found.info
    assert json.loads(json.dumps(found.to_dict()))["data"]["params"]["depth"] == "8"


def test_runs_nest_and_end_from_the_inside():
    with mlcore.start_run() as parent:
        with pytest.raises(ValueError, match="is active; end it with end_run.., or start a nested one"):
            mlcore.start_run()
        with mlcore.start_run(nested=True) as child:
            mlcore.log_metric("x", 1)
        left_open = mlcore.start_run(nested=True)
        assert mlcore.active_run() is left_open
        with pytest.raises(ValueError, match="end that run first"):
            mlcore.start_run(nested=True, parent_run_id=parent.info.run_id)
    assert mlcore.active_run() is None
    for run in (parent, child, left_open):
        assert mlcore.get_run(run.info.run_id).info.status == "FINISHED"
    assert mlcore.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id
    assert mlcore.get_parent_run(parent.info.run_id) is None
    with mlcore.start_run(parent_run_id=parent.info.run_id) as adopted:
        pass
    assert mlcore.get_run(adopted.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    children = mlcore.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list")
    assert {run.info.run_id for run in children} == {child.info.run_id, left_open.info.run_id, adopted.info.run_id}


@pytest.mark.parametrize(("raised", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "FAILED")])
def test_how_a_block_ends_is_the_status(raised, status):
    with pytest.raises(raised), mlcore.start_run() as run:
        mlcore.log_metric("loss", 0.5)
        raise raised
    found = mlcore.get_run(run.info.run_id)
    assert found.info.status == status and found.data.metrics == {"loss": 0.5} and found.info.end_time


def test_a_run_goes_on_by_its_id(monkeypatch):
    with mlcore.start_run(run_name="one") as run:
        mlcore.log_param("depth", 8)
    with mlcore.start_run(run_id=run.info.run_id, tags={"again": "yes"}, run_name="two") as again:
        assert again.info.status == "RUNNING" and again.info.run_name == "two" and again.data.tags["again"] == "yes"
        # What another process logged is known, too.
        with pytest.raises(ValueError, match='depth: it was logged as "8" and cannot become "9"'):
            mlcore.log_param("depth", 9)
        mlcore.log_param("depth", "8")
    assert mlcore.get_run(run.info.run_id).info.status == "FINISHED"
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    with mlcore.start_run() as by_environment:
        assert by_environment.info.run_id == run.info.run_id
    with mlcore.start_run() as other:
        assert other.info.run_id != run.info.run_id
    mlcore.log_metric("late", 1, run_id=run.info.run_id)
    mlcore.delete_run(run.info.run_id)
    for verb in (lambda: mlcore.start_run(run_id=run.info.run_id), lambda: mlcore.log_metric("later", 1, run_id=run.info.run_id)):
        with pytest.raises(ValueError, match="the run is deleted"):
            verb()
    assert mlcore.active_run() is None


def test_the_environment_says_which_experiment(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from the environment")
    with mlcore.start_run() as run:
        pass
    assert mlcore.get_experiment(run.info.experiment_id).name == "from the environment"
    chosen = mlcore.set_experiment("chosen")
    with mlcore.start_run() as run:
        pass
    assert run.info.experiment_id == chosen.experiment_id
    # Another tracker has experiments of its own.
    mlcore.set_tracking_url(tmp_path / "other.db")
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    with mlcore.start_run() as run:
        pass
    assert run.info.experiment_id == "0"
    with pytest.raises(KeyError):
        mlcore.set_experiment(experiment_id=chosen.experiment_id)
    for arguments in ({}, {"experiment_name": "a", "experiment_id": "0"}):
        with pytest.raises(ValueError, match="give exactly one"):
            mlcore.set_experiment(**arguments)


def test_experiments_come_and_go(tracker):
    number = mlcore.create_experiment("churn", artifact_location="file:///nowhere", tags={"team": "growth"})
    found = mlcore.get_experiment(number)
    assert (found.name, found.artifact_location, found.tags) == ("churn", "file:///nowhere", {"team": "growth"})
    with pytest.raises(mlcore.AlreadyExistsError):
        mlcore.create_experiment("churn")
    mlcore.rename_experiment(number, "attrition")
    assert mlcore.get_experiment_by_name("churn") is None
    mlcore.set_experiment("attrition")
    mlcore.set_experiment_tags({"level": 3})
    assert mlcore.get_experiment(number).tags == {"team": "growth", "level": "3"}
    mlcore.delete_experiment(number)
    assert [found.name for found in mlcore.search_experiments()] == ["Default"]
    assert [found.name for found in mlcore.search_experiments(mlcore.tracking.ViewType.DELETED_ONLY)] == ["attrition"]
    with pytest.raises(ValueError, match="deleted"):
        mlcore.set_experiment("attrition")
    mlcore.restore_experiment(number)
    for position in range(5):
        mlcore.create_experiment(f"e{position}")
    names = [found.name for found in mlcore.search_experiments(filter_string="name LIKE 'e%'", order_by=["name ASC"], max_results=3)]
    assert names == ["e0", "e1", "e2"]
    page = tracker.search_experiments(max_results=2)
    assert len(page) == 2 and page.token
    assert len(tracker.search_experiments(max_results=50, page_token=page.token)) == 5


def test_runs_are_frames_and_lists():
    for depth in (2, 4, 8):
        with mlcore.start_run(run_name=f"d{depth}"):
            mlcore.log_param("depth", depth)
            mlcore.log_metric("loss", 1 / depth)
            if depth == 8:
                mlcore.log_metric("only", math.nan)
                mlcore.log_param("late", "yes")
    frame = mlcore.search_runs(order_by=["metrics.loss ASC"])
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns[:6]) == ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    assert frame["params.depth"].tolist() == ["8", "4", "2"] and frame["metrics.loss"].tolist() == [0.125, 0.25, 0.5]
    assert frame["params.late"].tolist()[0] == "yes" and frame["params.late"].isna().tolist() == [False, True, True]
    assert str(frame["start_time"].dt.tz) == "UTC" and frame["start_time"].dt.year.min() > 2020
    polars = mlcore.search_runs(output_format="polars", order_by=["metrics.loss ASC"])
    assert isinstance(polars, pl.DataFrame) and polars["params.depth"].to_list() == ["8", "4", "2"]
    assert pl.DataFrame(mlcore.search_runs(output_format="arrow")).height == 3
    runs = mlcore.search_runs(filter_string="params.depth = '4'", output_format="list")
    assert [run.info.run_name for run in runs] == ["d4"] and isinstance(runs[0], mlcore.tracking.Run)
    assert len(mlcore.search_runs(max_results=2)) == 2
    assert len(mlcore.search_runs(experiment_names=["Default", "absent"])) == 3
    assert len(mlcore.search_runs(search_all_experiments=True)) == 3
    none = mlcore.search_runs(filter_string="metrics.loss > 9")
    assert none.shape == (0, 6)
    for options, words in (
        ({"output_format": "csv"}, "output_format: 'csv' is none of pandas, polars, arrow, list"),
        ({"experiment_ids": ["0"], "experiment_names": ["Default"]}, "give one of them"),
        ({"filter_string": "metrics.loss >"}, "search"),
        ({"run_view_type": 4}, "view type"),
    ):
        with pytest.raises(ValueError, match=words):
            mlcore.search_runs(**options)


def test_datasets_are_known_by_what_they_hold():
    frame = pd.DataFrame({"age": [20.0, None, 40.0], "plan": ["a", None, "b"]})
    one, two = mlcore.tracking.dataset(frame, name="train"), mlcore.tracking.dataset(pl.from_pandas(frame), name="train")
    assert one == two and json.loads(one.profile)["num_rows"] == 3
    assert mlcore.tracking.dataset(frame.assign(age=[20.0, None, 41.0])).digest != one.digest
    assert mlcore.tracking.table_digest(frame) == mlcore.tracking.table_digest({"age": [20.0, float("nan"), 40.0], "plan": ["a", None, "b"]})
    with mlcore.start_run() as run:
        mlcore.log_input(one, context="training", tags={"fold": "1"})
        mlcore.log_input(one, context="training")
        mlcore.log_input(frame.head(2))
        mlcore.log_metric("auc", 0.8, dataset=one)
    inputs = mlcore.get_run(run.info.run_id).inputs.dataset_inputs
    assert [used.dataset.digest for used in inputs] == [one.digest, mlcore.tracking.dataset(frame.head(2)).digest]
    assert inputs[0].tags == {"fold": "1", "mlflow.data.context": "training"} and inputs[0].dataset == one
    (point,) = mlcore.get_metric_history(run.info.run_id, "auc")
    assert (point.dataset_name, point.dataset_digest) == ("train", one.digest)
    with pytest.raises(TypeError, match="a dataset or a table is expected, and it is a str"), mlcore.start_run():
        mlcore.log_input("s3://bucket/data")
    with pytest.raises(ValueError, match="there is no column 'absent'"):
        mlcore.tracking.dataset(frame, targets="absent")


def test_files_lie_in_the_folder_of_the_run(tracker, tmp_path):
    (tmp_path / "made" / "deep").mkdir(parents=True)
    (tmp_path / "made" / "a.txt").write_text("one")
    (tmp_path / "made" / "deep" / "b.txt").write_text("two")
    with mlcore.start_run() as run:
        mlcore.log_artifact(tmp_path / "made" / "a.txt")
        mlcore.log_artifact(tmp_path / "made", "whole")
        mlcore.log_artifacts(tmp_path / "made", "parts")
        mlcore.log_text("words", "notes/one.txt")
        mlcore.log_dict({"a": [1, 2]}, "facts.json")
        assert mlcore.get_artifact_uri("x") == f"{run.info.artifact_uri}/x"
    folder = tmp_path / "tracking.db.artifacts" / "0" / run.info.run_id / "artifacts"
    files = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert json.loads(files.pop("facts.json")) == {"a": [1, 2]}
    assert files == {
        "a.txt": "one", "whole/made/a.txt": "one", "whole/made/deep/b.txt": "two", "parts/a.txt": "one", "parts/deep/b.txt": "two",
        "notes/one.txt": "words",
    }  # fmt: skip
    (folder / "out").symlink_to(tmp_path)
    with mlcore.start_run(run_id=run.info.run_id):
        for path in ("../x", "/etc/x", "a/../../x", "x\0y", "", "a\\b", "x" * 5000, "out/x"):
            with pytest.raises(ValueError, match="log artifact artifact path"):
                mlcore.log_text("no", path)
        with pytest.raises(FileNotFoundError):
            mlcore.log_artifact(tmp_path / "absent")
        nested = {}
        for _ in range(100_000):
            nested = {"a": nested}
        with pytest.raises(ValueError, match="nested less deeply"):
            mlcore.log_dict(nested, "deep.json")
    assert not (tmp_path / "x").exists()


def test_where_no_folder_is_known_it_is_said(tmp_path):
    memory = mlcore.Tracker("memory:")
    assert memory.artifacts is None
    with mlcore.start_run(tracker=memory), pytest.raises(NotImplementedError, match="no folder for the files of runs is known; open the tracker with artifacts="):
        mlcore.log_text("words", "notes.txt")
    remote = memory.create_experiment("remote", "s3://bucket/runs")
    with mlcore.start_run(experiment_id=remote, tracker=memory), pytest.raises(NotImplementedError, match="lie at s3://"):
        mlcore.log_text("words", "notes.txt")
    own = memory.create_experiment("own", f"file://{tmp_path}/own%20place")
    with mlcore.start_run(experiment_id=own, tracker=memory):
        mlcore.log_text("words", "notes.txt")
    assert (next((tmp_path / "own place").rglob("notes.txt"))).read_text() == "words"


def test_what_is_against_the_rules_is_refused_at_once():
    halves = "\ud800"
    with mlcore.start_run() as run:
        for key in ("", "a\0b", "x" * 251, "x" * 10_000_000, "../up", "/root", "a//b", "tab\t", "new\nline", "semi;", "<script>", halves):
            for verb in (lambda: mlcore.log_metric(key, 1.0), lambda: mlcore.log_param(key, 1), lambda: mlcore.set_tag(key, 1), lambda: mlcore.log_metrics({key: 1.0})):
                with pytest.raises(ValueError):
                    verb()
        for key in (None, 1, b"bytes", ["list"], object()):
            with pytest.raises(TypeError):
                mlcore.log_metric(key, 1.0)
            with pytest.raises(TypeError):
                mlcore.log_params({key: 1} if not isinstance(key, list) else [key])
        for value in (None, "0.5", [1.0], {"a": 1}, 1j, np.zeros(2), object(), 10**400, pd.DataFrame({"a": [1]})):
            with pytest.raises(TypeError, match="log metric loss: its value is a .*, and a number of 64 bits is expected"):
                mlcore.log_metric("loss", value)
        for step in (0.5, "1", 2**63, -(2**63) - 1, [1]):
            with pytest.raises(TypeError, match="log metric step"):
                mlcore.log_metric("loss", 1.0, step)
        with pytest.raises(ValueError, match="before 1970"):
            mlcore.log_metric("loss", 1.0, timestamp=-1)
        with pytest.raises(ValueError, match="longer than the 6000 characters"):
            mlcore.log_param("long", "x" * 6001)
        with pytest.raises(ValueError, match="longer than the 8000 characters"):
            mlcore.set_tag("long", "x" * 10_000_000)
        nested = []
        for _ in range(100_000):
            nested = [nested]
        with pytest.raises((ValueError, RecursionError)):
            mlcore.log_param("deep", nested)
        mlcore.log_param("depth", 8)
        with pytest.raises(ValueError, match="cannot become"):
            mlcore.log_param("depth", 9)
        assert run.flush() == (1, 0, 0, 0, None)
    found = mlcore.get_run(run.info.run_id)
    assert found.data.params == {"depth": "8"} and found.data.metrics == {}


def test_numbers_that_are_none_are_values():
    with mlcore.start_run() as run:
        for step, value in enumerate((math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, np.float32(0.1), np.array([2.5]), True, 2**62)):
            mlcore.log_metric("x", value, step)
        mlcore.log_metric("x", 1.0, -3)
    values = [point.value for point in mlcore.get_metric_history(run.info.run_id, "x")]
    assert sum(map(math.isnan, values)) == 1 and {math.inf, -math.inf, 5e-324, 2.5, 1.0, float(2**62), float(np.float32(0.1))} <= set(values)
    # The latest step counts.
    assert mlcore.get_run(run.info.run_id).data.metrics["x"] == float(2**62)


def test_synchronous_logging_tells_what_the_tracker_refuses(tracker):
    with mlcore.start_run() as run:
        assert mlcore.log_param("depth", 8, synchronous=True) == 8
        assert run.tracker.get_run(run.info.run_id).data.params == {"depth": "8"}
        other = tracker.log(run.info.run_id)
        tracker.log(run.info.run_id).params({"late": 1}, synchronous=True)
        with pytest.raises(ValueError, match="cannot become"):
            other.params({"late": 2}, synchronous=True)
        operations = mlcore.log_metrics({"a": 1.0, "b": 2.0}, synchronous=False)
        operations.wait()
        assert run._log.progress().written == 3
        mlcore.log_metric("c", 3.0, synchronous=True)
        with pytest.raises(mlcore.NotFoundError):
            mlcore.log_metric("d", 1.0, model_id="m-absent", synchronous=True)


def test_what_is_refused_later_is_counted_and_told(tracker):
    with pytest.warns(mlcore.tracking.TrackingWarning, match='of what was logged 1 refused; the first refusal: .* late: it was logged as "1" and cannot become "2"'):
        with mlcore.start_run() as run:
            tracker.log(run.info.run_id).params({"late": 1}, synchronous=True)
            mlcore.log_metric("loss", 0.5)
            mlcore.log_param("late", 2)
            flushed = run.flush()
            assert (flushed.written, flushed.refused, flushed.dropped, flushed.waiting) == (1, 1, 0, 0)
    assert mlcore.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


def test_a_full_queue_drops_and_counts(tmp_path):
    small = mlcore.Tracker(tmp_path / "small.db", queue_bytes=20_000)
    with pytest.warns(mlcore.tracking.TrackingWarning, match=r"of what was logged \d+ dropped"), mlcore.start_run(tracker=small) as run:
        for step in range(20_000):
            run.log_metric("loss", 0.5, step)
        flushed = run.flush()
        assert flushed.dropped > 0 and flushed.written + flushed.dropped == 20_000
    assert len(small.get_metric_history(run.info.run_id, "loss")) == flushed.written


def test_100_000_points_of_8_threads():
    with mlcore.start_run() as run:
        barrier = threading.Barrier(8)

        def train(thread):
            # A thread has a run of its own, unless it logs to one by name.
            assert mlcore.active_run() is None
            barrier.wait()
            for step in range(12_500):
                run.log_metric(f"loss{thread}", step, step)

        threads = [threading.Thread(target=train, args=(thread,)) for thread in range(8)]
        start = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.perf_counter() - start
        assert run.flush() == (100_000, 0, 0, 0, None)
    assert took < 20
    for thread in range(8):
        assert [point.step for point in mlcore.get_metric_history(run.info.run_id, f"loss{thread}")] == list(range(12_500))


def test_each_thread_has_its_own_run():
    found = {}

    def train(number):
        with mlcore.start_run(run_name=f"t{number}") as run:
            mlcore.log_metric("number", number)
            found[number] = run.info.run_id

    with mlcore.start_run():
        threads = [threading.Thread(target=train, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {number: mlcore.get_run(run).data.metrics["number"] for number, run in found.items()} == {n: float(n) for n in range(8)}
    # None is a child of the run of the main thread.
    assert all(mlcore.get_parent_run(run) is None for run in found.values())


def test_handles_travel_by_their_url(tracker):
    again = pickle.loads(pickle.dumps(tracker))
    assert again.url == tracker.url and again.artifacts == tracker.artifacts
    with mlcore.start_run() as run:
        copy = pickle.loads(pickle.dumps(run))
        copy.log_metric("loss", 0.5)
        copy.flush()
        assert mlcore.get_run(run.info.run_id).data.metrics == {"loss": 0.5}
        for record in (run.info, mlcore.get_run(run.info.run_id), mlcore.get_experiment("0")):
            assert pickle.loads(pickle.dumps(record)) == record
    with pytest.raises(NotImplementedError, match="it is in the memory of this process"):
        pickle.dumps(mlcore.Tracker("memory:"))


def test_notebooks_show_text_as_text(tracker):
    mlcore.create_experiment("<script>alert(1)</script>")
    with mlcore.start_run(run_name="<b>bold</b>", tags={"t": "<img src=x onerror=y>"}) as run:
        pass
    for shown in (tracker._repr_html_(), mlcore.get_run(run.info.run_id)._repr_html_(), run._repr_html_(), mlcore.search_experiments()[0]._repr_html_()):
        assert "<script>alert" not in shown and "<b>bold" not in shown and "<img" not in shown
    assert "&lt;b&gt;bold" in run._repr_html_()
    assert repr(run) == f"<mlcore.tracking.ActiveRun {run.info.run_id}: <b>bold</b>>"


def test_a_closed_tracker_says_so(tmp_path):
    with mlcore.Tracker(tmp_path / "t.db") as tracker:
        run = tracker.create_run("0")
        log = tracker.log(run.info.run_id)
        log.metric("loss", 0.5)
    tracker.close()
    assert repr(tracker).endswith("t.db, closed>")
    for verb in (lambda: log.metric("loss", 0.5), log.flush, lambda: tracker.get_run(run.info.run_id), tracker.flush):
        with pytest.raises(OSError, match="it is closed; open it again"):
            verb()
    assert tracker._repr_html_() is None
    with mlcore.Tracker(tmp_path / "t.db") as again:
        assert again.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


def test_what_is_no_tracker_is_named(tmp_path):
    (tmp_path / "text.db").write_text("no database, but a text that is long enough to be read as one")
    for url, error in (
        ("http://host:5000", ValueError), ("", ValueError), ("sqlite:///", ValueError), ("mysql://user:secret@host/db", ValueError),
        (tmp_path / "no" / "folder.db", KeyError), (tmp_path, ValueError), (tmp_path / "text.db", ValueError), (7, TypeError),
        ("a\0b", ValueError), ("x" * 10_000_000, Exception), ("\ud800", ValueError),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            mlcore.Tracker(url)
        assert isinstance(caught.value, mlcore.Error) and "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="patience"):
        mlcore.Tracker("memory:", patience=float("nan"))
    with pytest.raises(ValueError, match="status"):
        mlcore.start_run()
        mlcore.end_run("DONE")
    assert os.path.exists(tmp_path / "tracking.db")
