"""Writes a store with the stock client, as years of use leave it: a folder `mlruns` or an SQLite database with its artifacts.

`python mlflow_store.py FOLDER file` writes `FOLDER/mlruns`, `python mlflow_store.py FOLDER sqlite` writes `FOLDER/mlflow.db` and
`FOLDER/artifacts`; both write `FOLDER/expected.json`, which says what a reader must find. For the tests of import; the data is not
committed.
"""

import json
import math
import os
import sys
import warnings
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true", "GIT_PYTHON_REFRESH": "quiet"}

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput, LoggedModelStatus, Metric, Param, RunTag, ViewType

RUNS = 12
# Stages are deprecated, and stores have them.
warnings.filterwarnings("ignore", category=FutureWarning)


def write(folder, kind):
    """Fills the store; answers its tracking URI."""
    folder = Path(folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    uri = f"sqlite:///{folder}/mlflow.db" if kind == "sqlite" else (folder / "mlruns").as_uri()
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    root = {"artifact_location": (folder / "artifacts").as_uri()} if kind == "sqlite" else {}
    experiment = client.create_experiment("ünï with/slash", tags={"team": "a", "mlflow.note.content": "# Note"}, **root)
    gone = client.create_experiment("deleted one")
    runs = [one_run(client, experiment, place) for place in range(RUNS)]
    nested(client, experiment, runs[0])
    models(client, experiment, runs)
    client.delete_run(runs[-1])
    client.create_run(gone, start_time=1, run_name="in a deleted experiment")
    client.delete_experiment(gone)
    return uri


def one_run(client, experiment, place):
    run = client.create_run(experiment, start_time=1_600_000_000_000 + place, run_name=f"run {place}", tags={"place": str(place)}).info.run_id
    points = [Metric("loss", 1 / (step + 1), 1_600_000_000_000 + step, step) for step in range(50)]
    odd = [Metric("nan", math.nan, 1, 0), Metric("inf", math.inf, 1, 0), Metric("minus", -math.inf, 1, 0), Metric("negative step", 0.5, 2, -4)]
    twice = [Metric("twice", 1.0, 5, 1), Metric("twice", 2.0, 5, 1), Metric("with/slash", 3.0, 1, 0)]
    params = [Param("depth", str(place)), Param("long", "v" * 6000), Param("a/b", "ü\nlines"), Param("empty", "")]
    client.log_batch(run, points + odd + twice, params, [RunTag("unicode ü", "ö"), RunTag("mlflow.source.name", "train.py")])
    client.log_text(run, f"text of {place}", "deep/er/text ü.txt")
    client.log_dict(run, {"place": place}, "data.json")
    data = Dataset("iris", f"digest{place % 2}", "local", '{"uri": "x.csv"}', schema='{"a": "long"}', profile='{"rows": 3}')
    client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
    status = ["FINISHED", "FAILED", "KILLED", "RUNNING"][place % 4]
    if status != "RUNNING":
        client.set_terminated(run, status, 1_600_000_100_000 + place)
    return run


def nested(client, experiment, parent):
    own = parent
    for depth in range(3):
        own = client.create_run(experiment, start_time=2 + depth, run_name=f"child {depth}", tags={"mlflow.parentRunId": own}).info.run_id
        client.log_metric(own, "depth", depth, timestamp=1, step=0)


def models(client, experiment, runs):
    logged = client.create_logged_model(experiment, name="forest", source_run_id=runs[0], tags={"a": "1"}, params={"depth": "3"}, model_type="tree")
    client.log_metric(runs[0], "acc", 0.9, timestamp=3, step=1, model_id=logged.model_id, dataset_name="iris", dataset_digest="digest0")
    client.log_outputs(runs[0], [LoggedModelOutput(logged.model_id, 0)])
    client.log_inputs(runs[1], models=[LoggedModelInput(logged.model_id)])
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    client.create_logged_model(experiment, name="pending")
    for name in ("forest", "with space ü"):
        client.create_registered_model(name, tags={"team": "a"}, description="Lines\nof text")
        for place in range(4):
            made = client.create_model_version(name, f"{client.get_run(runs[place]).info.artifact_uri}/deep", runs[place], tags={"place": str(place)})
        client.set_registered_model_alias(name, "champion", "2")
        client.set_registered_model_alias(name, "other", "2")
        client.transition_model_version_stage(name, "1", "Production")
        client.transition_model_version_stage(name, "2", "Production")
        client.transition_model_version_stage(name, "3", "Archived")
        client.delete_model_version(name, made.version)
    client.create_model_version("forest", f"models:/{logged.model_id}", model_id=logged.model_id)
    client.create_registered_model("without versions")


def expected(uri):
    """What a reader must find: counts, and every value of the first run."""
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    experiments = client.search_experiments(ViewType.ALL)
    found = {own.experiment_id: [run.info.run_id for run in client.search_runs([own.experiment_id], run_view_type=ViewType.ALL)] for own in experiments}
    first = next(run for runs in found.values() for run in runs if client.get_run(run).info.run_name == "run 0")
    run = client.get_run(first)
    names = sorted(run.data.metrics)
    return {
        "experiments": {own.experiment_id: [own.name, own.lifecycle_stage] for own in experiments},
        "runs": {key: len(runs) for key, runs in found.items()},
        "first": first,
        "params": run.data.params,
        "tags": run.data.tags,
        "latest": {name: str(run.data.metrics[name]) for name in names},
        "history": {name: [[str(own.value), own.timestamp, own.step] for own in client.get_metric_history(first, name)] for name in names},
        "registered": {own.name: {"aliases": own.aliases, "tags": own.tags, "description": own.description} for own in client.search_registered_models()},
        "versions": [
            [own.name, str(own.version), own.current_stage, own.source, own.run_id, own.tags, sorted(own.aliases)]
            for own in sorted(client.search_model_versions("name LIKE '%'"), key=lambda own: (own.name, int(own.version)))
        ],
    }


if __name__ == "__main__":
    folder, kind = sys.argv[1:]
    uri = write(folder, kind)
    Path(folder, "expected.json").write_text(json.dumps(expected(uri), indent=1, ensure_ascii=False))
