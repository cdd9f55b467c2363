"""Stores that the stock MLflow client 3.17.2 wrote are taken over by `mlcore-serve import`, and the client then reads the same from our server
as from a stock `mlflow server` on the store itself. Run as `MLCORE_TEST_PROGRAM=mlcore-serve pytest mlflow_import.py`.
"""

import contextlib
import copy
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import mlflow
import mlflow.onnx
import numpy as np
import onnx
import pandas as pd
import pytest
import requests
from mlflow import MlflowClient
from mlflow.models import infer_signature

import models
from mlflow_compare import walk
from mlflow_server import empty_store, stock
from postgres import postgres
from program import PROGRAM, serve

HERE = Path(__file__).parent
NAME = "forest"


def run(folder, *arguments):
    """A Python script beside this one, in a process of its own: the client remembers servers."""
    script, *rest = arguments
    done = subprocess.run([sys.executable, HERE / script, *map(str, rest)], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr


def told(folder, address):
    """What the client reads there, with the address taken out."""
    file = folder / "told.json"
    run(folder, "mlflow_told.py", address, file)
    return json.loads(file.read_text().replace(address, "<server>"))


def imported(source, registry, artifacts, *more):
    """Runs the import; answers its exit code, and what it printed by name."""
    command = [PROGRAM, "import", str(source), "--registry", registry, "--artifacts", str(artifacts), *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    print(done.stdout, done.stderr)
    assert done.returncode in (0, 3), done.stderr
    lines = done.stdout.splitlines()
    counts = {name: int(count) for name, count in (line.rsplit(": ", 1) for line in lines if not line.startswith("- "))}
    return done.returncode, counts, [line for line in lines if line.startswith("- ")]


@contextlib.contextmanager
def ours(registry, artifacts):
    with serve("--registry", registry, "--artifacts", str(artifacts), "--model-control-mode", "explicit") as running:
        assert running.wait(), running.logged()
        yield f"http://127.0.0.1:{running.port}"


@contextlib.contextmanager
def registry_of(kept, folder):
    if kept == "PostgreSQL":
        with postgres() as url:
            yield url
    else:
        yield f"sqlite:///{folder}/registry.db"


def differences(due, got):
    return [f"{path}: due {a!r}, got {b!r}" for path, a, b in walk(due, got, "$")]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A store of either kind, and what the client reads of it from a stock server; each made once."""

    @functools.cache
    def of(kind):
        folder = tmp_path_factory.mktemp(kind)
        store = folder / "store" / ("mlflow.db" if kind == "sqlite" else "mlruns")
        store.parent.mkdir()
        if kind == "sqlite":
            empty_store(store)
        run(folder, "mlflow_store.py", folder / "store", kind)
        uri = f"sqlite:///{store}" if kind == "sqlite" else str(store)
        with stock(folder / "stock", store=uri) as address:
            return store, told(folder, address)

    return of


@pytest.mark.parametrize("kind, kept", [("sqlite", "SQLite"), ("sqlite", "PostgreSQL"), ("file", "SQLite")])
def test_the_client_reads_the_same_from_us(tmp_path, written, kind, kept):
    """Experiments, nested runs, histories, datasets, logged models, tags, deleted runs, artifacts, registered models."""
    store, due = written(kind)[0], copy.deepcopy(written(kind)[1])
    # There is something to compare.
    assert len(due["runs"]) >= 16 and len(due["registered models"]) == 3, {key: len(own) for key, own in due.items()}
    history = next(own["history"] for own in due["runs"].values() if "nan" in own["history"])
    assert [point["value"] for point in history["nan"]] == ["nan"] and len(history["loss"]) == 50
    assert [point["value"] for point in history["inf"]] == ["inf"]
    with registry_of(kept, tmp_path) as registry:
        artifacts = tmp_path / "files"
        code, counts, left = imported(store, registry, artifacts)
        assert (code, left) == (0, [])
        versions = sum(len(own["versions"]) for own in due["registered models"].values())
        assert (counts["runs"], counts["versions"], counts["aliases"]) == (len(due["runs"]), versions, 4)
        with ours(registry, artifacts) as address:
            got = told(tmp_path, address)
            if kind == "file":
                # MLflow reads 0 from a folder where a point names a dataset; what was logged stands in it.
                own = next(own for own in due["runs"].values() if "acc" in own["history"])
                assert [point["step"] for point in own["history"]["acc"]] == [0]
                own["history"]["acc"][0]["step"] = 1
            assert not (found := differences(due, got)), "\n".join(found[:40])
        # Again, which changes nothing. Into runs that are deleted nobody looks.
        code, again, left = imported(store, registry, artifacts)
        of_models = ["registered models", "versions", "aliases"]
        assert (code, left, [again[name] for name in of_models]) == (0, [], [counts[name] for name in of_models])
        with ours(registry, artifacts) as address:
            assert not (found := differences(due, told(tmp_path, address))), "\n".join(found[:40])
            # The number of the version that was deleted last is not given again.
            client = MlflowClient(tracking_uri=address, registry_uri=address)
            one = next(own for own in due["runs"].values() if own["info"]["run_name"] == "run 0")["info"]["run_id"]
            made = client.create_model_version("with space ü", f"runs:/{one}/deep", run_id=one)
            assert int(made.version) == 5


def test_the_files_of_a_server_come_with_it_and_its_onnx_models_are_served(tmp_path):
    """A server with a proxy of artifacts: its files are copied, and its versions with the ONNX flavor become ordinary ones."""
    with stock(tmp_path / "stock") as address:
        mlflow.set_tracking_uri(address)
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        columns = pd.DataFrame(models.cases("rf30")[0]["input"].astype("float64"), columns=[f"c{place}" for place in range(30)])
        given = {"registered_model_name": NAME, "pip_requirements": []}
        with mlflow.start_run(run_name="all of them") as active:
            mlflow.log_metric("auc", 0.9, step=3)
            mlflow.log_text("a note", "notes/note ü.txt")
            mlflow.onnx.log_model(onnx.load(models.FOLDER / "rf30.onnx"), name="one", signature=infer_signature(columns), **given)
            mlflow.pyfunc.log_model(name="python", python_model=lambda model_input: model_input, **given)
            broken = mlflow.onnx.log_model(onnx.load(models.FOLDER / "mlp30.onnx"), name="broken", **given)
            mlflow.onnx.log_model(onnx.load(models.FOLDER / "gb30.onnx"), name="last", **given)
        client.set_registered_model_alias(NAME, "champion", "1")
        client.update_model_version(NAME, "2", description="no ONNX")
        for number in ("1", "2", "4"):
            client.transition_model_version_stage(NAME, number, "Production")
        place = client.get_logged_model(broken.model_id).artifact_location
        mlflow_files = tmp_path / "stock" / "artifacts"
        (mlflow_files / place.removeprefix("mlflow-artifacts:/") / "model.onnx").write_text("no model")
        due = told(tmp_path, address)
    mlflow.set_tracking_uri(None)
    store, files = tmp_path / "stock" / "mlflow.db", tmp_path / "files"
    # Without the folder of the files it is told that they are missing, and nothing can be served.
    code, counts, left = imported(store, f"sqlite:///{tmp_path}/without.db", tmp_path / "without")
    assert code == 3 and counts["versions that can be served"] == 0 and "behind MLflow's proxy" in left[0], left
    registry = f"sqlite:///{tmp_path}/registry.db"
    code, counts, left = imported(store, registry, files, "--artifacts-from", mlflow_files)
    assert (code, counts["versions"], counts["versions that can be served"]) == (3, 4, 2)
    assert len(left) == 1 and "version 4 is in production" in left[0], left
    copied = sum(path.is_file() for path in mlflow_files.rglob("*"))
    assert counts["files"] == copied > 10
    with ours(registry, files) as address:
        got = told(tmp_path, address)
        found = differences(due, got)
        # Of versions that we serve one is in production; what a signature says becomes a tag; and why a file did not pass stands in one.
        expected = [
            r"\.versions\.1\.current_stage: due 'Production', got 'Archived'$",
            r"\.versions\.1\.tags\.mlflow\.input_columns: due '<nothing>'",
            r"\.versions\.3\.tags\.mlcore\.unchecked: due '<nothing>', got .*no ONNX model",
            r"\.latest_versions",
        ]
        rest = [line for line in found if not any(re.search(pattern, line) for pattern in expected)]
        assert not rest, "\n".join(rest[:40])
        assert all(any(re.search(pattern, line) for line in found) for pattern in expected), "\n".join(found)
        assert got["runs"][active.info.run_id]["artifacts"]["notes/note ü.txt"][0] == 6
    # The champion answers as it did there.
    with serve("--registry", registry, "--artifacts", str(files), "--load-model", NAME) as running:
        assert running.wait(), running.logged()
        values = models.cases("rf30")[0]["input"]
        inputs = [{"name": "input", "shape": list(values.shape), "datatype": "FP32", "data": values.ravel().tolist()}]
        answer = requests.post(f"http://127.0.0.1:{running.port}/v2/models/{NAME}/infer", json={"inputs": inputs}, timeout=60).json()
        outputs = {output["name"]: output["data"] for output in answer["outputs"]}
        for key, own in models.expected("rf30", models.cases("rf30")[0]).items():
            np.testing.assert_allclose(np.array(outputs[key]).reshape(own.shape), own, rtol=1e-5, atol=1e-6)


def test_the_models_of_a_running_server_are_mirrored(tmp_path):
    """`import mlflow+http://..`: versions with the ONNX flavor, with their run and where they came from; again, only what is new."""
    registry, files = f"sqlite:///{tmp_path}/registry.db", tmp_path / "files"
    with stock(tmp_path / "stock") as address:
        mlflow.set_tracking_uri(address)
        given = {"registered_model_name": NAME, "pip_requirements": []}
        with mlflow.start_run() as active:
            mlflow.log_metric("auc", 0.9)
            mlflow.log_param("depth", 3)
            mlflow.onnx.log_model(onnx.load(models.FOLDER / "rf30.onnx"), name="one", **given)
            mlflow.pyfunc.log_model(name="python", python_model=lambda model_input: model_input, **given)
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        client.update_registered_model(NAME, "Sees the wood")
        client.set_registered_model_alias(NAME, "champion", "1")
        code, counts, left = imported(f"mlflow+{address}", registry, files)
        assert (code, counts["versions"], counts["versions that are new"], counts["aliases"]) == (3, 1, 1, 1)
        assert len(left) == 1 and "onnx is none of them" in left[0], left
        code, counts, _ = imported(f"mlflow+{address}", registry, files)
        assert (code, counts["versions"], counts["versions that are new"]) == (3, 1, 0)
        with mlflow.start_run():
            mlflow.onnx.log_model(onnx.load(models.FOLDER / "gb30.onnx"), name="two", **given)
        code, counts, _ = imported(f"mlflow+{address}", registry, files)
        assert (code, counts["versions"], counts["versions that are new"]) == (3, 2, 1)
    mlflow.set_tracking_uri(None)
    # The server is gone; its models are here.
    with ours(registry, files) as own:
        client = MlflowClient(tracking_uri=own, registry_uri=own)
        assert client.get_registered_model(NAME).description == "Sees the wood"
        version = client.get_model_version_by_alias(NAME, "champion")
        assert (version.run_id, version.source) == (active.info.run_id, f"mlflow+{address}/models/{NAME}/1")
        assert version.run_link.startswith(f"{address}/#/experiments/") and version.run_link.endswith(f"/runs/{active.info.run_id}")
        assert version.tags["mlflow.param.depth"] == "3"
        assert [int(own.version) for own in client.search_model_versions(f"name='{NAME}'")] == [2, 1]
    with serve("--registry", registry, "--artifacts", str(files), "--load-model", NAME) as running:
        assert running.wait(), running.logged()
        assert requests.get(f"http://127.0.0.1:{running.port}/v2/models/{NAME}/ready", timeout=60).ok
