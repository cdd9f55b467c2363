"""A stock MLflow tracking server as the registry of `mlcore-serve`: models are logged and registered by MLflow's own client, and served
by the environment that a deployment sets. Run as `MLCORE_TEST_PROGRAM=mlcore-serve pytest mlflow_registry.py`.
"""

import contextlib
import json
import socket
import time

import mlflow
import mlflow.onnx
import numpy as np
import onnx
import pandas as pd
import pytest
import requests
from mlflow.models import infer_signature
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

import models
from mlflow_server import stock
from program import serve

NAME = "random_forest_classifier"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`mlflow server` on SQLite that hands its artifacts out."""
    with stock(tmp_path_factory.mktemp("mlflow")) as address:
        mlflow.set_tracking_uri(address)
        yield address


@pytest.fixture(scope="module")
def client(server):
    """Versions 1 to 4: a forest with a signature, a net with its weights in a file of their own, no ONNX, a forest again."""
    columns = pd.DataFrame(models.cases("rf30")[0]["input"].astype("float64"), columns=[f"c{place}" for place in range(30)])
    forest = onnx.load(models.FOLDER / "rf30.onnx")
    with mlflow.start_run():
        given = {"registered_model_name": NAME, "pip_requirements": []}
        mlflow.onnx.log_model(forest, name="forest", signature=infer_signature(columns), **given)
        net = onnx.load(models.FOLDER / "mlp30.onnx")
        # MLflow puts weights that are bytes and not short into a file of their own.
        for weights in net.graph.initializer:
            weights.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weights), weights.name))
        logged = mlflow.onnx.log_model(net, name="net", **given)
        mlflow.pyfunc.log_model(name="python", python_model=lambda model_input: model_input, **given)
        mlflow.onnx.log_model(onnx.load(models.FOLDER / "gb30.onnx"), name="boosted", **given)
    files = {file.path.rsplit("/", 1)[-1] for file in mlflow.artifacts.list_artifacts(logged.model_uri)}
    others = {"MLmodel", "conda.yaml", "model.onnx", "python_env.yaml", "requirements.txt"}
    assert len(files - others) == 1, files
    own = mlflow.MlflowClient()
    own.set_model_version_tag(NAME, "1", "version", "v1.0.0")
    own.set_model_version_tag(NAME, "4", "version", "v1.1.0")
    own.set_registered_model_alias(NAME, "champion", "1")
    own.set_registered_model_alias(NAME, "python", "3")
    return own


@contextlib.contextmanager
def deployed(server, version=None, **variables):
    """The program without arguments, in the environment of a deployment."""
    own = {"MLFLOW_TRACKING_URI": server, "MODEL_NAME": NAME} | variables
    if version is not None:
        own["MODEL_VERSION"] = version
    with serve(**own) as running:
        yield running


def check(running, name):
    """All of V2, MLflow's scoring and the probes answer as ONNX Runtime does with this file."""
    address, arrays = f"http://127.0.0.1:{running.port}", models.cases(name)[0]
    expected = models.expected(name, arrays)
    client = ScoringServerClient("127.0.0.1", running.port)
    client.ping()
    assert requests.get(f"{address}/health", timeout=60).ok and requests.get(f"{address}/v2/health/ready", timeout=60).ok
    answer = client.invoke(arrays["input"])["predictions"]
    values = arrays["input"]
    inputs = [{"name": "input", "shape": list(values.shape), "datatype": "FP32", "data": values.ravel().tolist()}]
    infer = requests.post(f"{address}/v2/models/{NAME}/infer", json={"inputs": inputs}, timeout=60).json()
    of_v2 = {output["name"]: output["data"] for output in infer["outputs"]}
    for key, due in expected.items():
        np.testing.assert_allclose(np.array(answer[key]).reshape(due.shape), due, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(np.array(of_v2[key]).reshape(due.shape), due, rtol=1e-5, atol=1e-6)
    return infer["model_version"]


@pytest.mark.parametrize(
    "word, version, name",
    [(None, "1", "rf30"), ("champion", "1", "rf30"), ("1", "1", "rf30"), ("v1.0.0", "1", "rf30"), ("2", "2", "mlp30"),
     ("v1.1.0", "4", "gb30")],
)
def test_a_version_is_served_by_each_of_its_names(server, client, word, version, name):
    with deployed(server, word) as running:
        assert running.wait(), running.logged()
        assert check(running, name) == version


@pytest.mark.parametrize("uri", ["mlflow+{}", "{}/"])
def test_the_address_is_that_of_a_registry_too(server, client, uri):
    variables = {"MODEL_NAME": "", "MLFLOW_TRACKING_URI": ""}
    with serve("--registry", uri.format(server), "--load-model", NAME, **variables) as running:
        assert running.wait(), running.logged()
        assert check(running, "rf30") == "1"


def test_aliases_and_stages_are_followed_while_it_serves(server, client):
    client.transition_model_version_stage(NAME, "2", "Production")
    with deployed(server, "champion") as alias, deployed(server, "Production") as stage:
        assert alias.wait() and stage.wait(), alias.logged() + stage.logged()
        assert (check(alias, "rf30"), check(stage, "mlp30")) == ("1", "2")
        client.set_registered_model_alias(NAME, "champion", "4")
        client.transition_model_version_stage(NAME, "4", "Production", archive_existing_versions=True)
        eventually(lambda: answering(alias) == "4" and answering(stage) == "4")
        assert (check(alias, "gb30"), check(stage, "gb30")) == ("4", "4")
        # A version that cannot be served leaves the one that is.
        client.set_registered_model_alias(NAME, "champion", "3")
        eventually(lambda: "onnx is none of them" in alias.logged())
        assert check(alias, "gb30") == "4"
    client.set_registered_model_alias(NAME, "champion", "1")


def answering(running):
    row = models.cases("rf30")[0]["input"][:1]
    inputs = [{"name": "input", "shape": [1, 30], "datatype": "FP32", "data": row.ravel().tolist()}]
    address = f"http://127.0.0.1:{running.port}/v2/models/{NAME}/infer"
    return requests.post(address, json={"inputs": inputs}, timeout=60).json()["model_version"]


def eventually(is_so):
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "not after a minute"
        time.sleep(0.1)


def test_columns_come_in_the_order_of_the_signature(server, client):
    arrays = models.cases("rf30")[0]
    frame = pd.DataFrame(arrays["input"].astype("float64"), columns=[f"c{place}" for place in range(30)])
    with deployed(server, "1") as running:
        assert running.wait(), running.logged()
        asked = lambda frame: requests.post(
            f"http://127.0.0.1:{running.port}/invocations",
            data=json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split", double_precision=15))}),
            headers={"Content-Type": "application/json"}, timeout=60,
        )
        due = asked(frame).json()["predictions"]
        assert asked(frame[frame.columns[::-1]]).json()["predictions"] == due
        missing = asked(frame.drop(columns="c7"))
        assert missing.status_code == 400 and "it lacks the column c7" in missing.json()["message"]


@pytest.mark.parametrize(
    "word, sentence",
    [
        ("3", "its flavors are python_function, and onnx is none of them; convert the model, log it by mlflow.onnx.log_model("),
        ("python", "its flavors are python_function, and onnx is none of them"),
        ("9", "not found"),
        ("v9", '"v9" is no alias, no stage with a version, no number of a version, and no version\'s tag "version"'),
    ],
)
def test_what_cannot_be_served_ends_the_start_with_one_line(server, client, word, sentence):
    with deployed(server, word) as running:
        assert not running.wait()
        assert running.process.wait(timeout=60) == 1
        last = running.logged().splitlines()[-1]
        assert last.startswith("mlcore-serve: ") and sentence in last, running.logged()


def test_a_deployment_listens_on_port_8080(server, client):
    with contextlib.closing(socket.socket()) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(("0.0.0.0", 8080))
        except OSError:
            pytest.skip("the port 8080 is taken on this machine")
    variables = {"MLCORE_GRPC_PORT": "0", "MLCORE_METRICS_PORT": "0"}
    with deployed(server, "v1.0.0", MLCORE_HTTP_PORT=None, **variables) as running:
        assert running.wait() and running.port == 8080, running.logged()
        assert "address=0.0.0.0:8080" in running.logged()
        assert check(running, "rf30") == "1"
