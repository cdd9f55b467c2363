"""MLflow's stock scoring client against a server, each answer compared with ONNX Runtime and with MLflow's own scoring server, both
in this process.

The answers of MLflow are those of the flavor onnx, whose wrapper it loads as `mlflow models serve` does. Run as
`MLCORE_TEST_PROGRAM=mlcore-serve MLCORE_TEST_MODELS=folder pytest mlflow_scoring.py`.
"""

import contextlib
import json
import os
import shutil

import mlflow.onnx
import numpy as np
import onnx
import pandas as pd
import pytest
import requests
from fastapi.testclient import TestClient
from mlflow.pyfunc import scoring_server
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

import models
from program import serve

JSON = "application/json"
# Models whose inputs a data frame holds: one matrix, or a column for each input.
TABLES = ["rf30", "gb30", "mlp30", "columns", "strings"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The models in Triton's layout."""
    root = tmp_path_factory.mktemp("models")
    for name in models.NAMES:
        version = root / name / "1"
        version.mkdir(parents=True)
        shutil.copy(models.FOLDER / f"{name}.onnx", version / "model.onnx")
    return root


@pytest.fixture(scope="module", params=models.NAMES)
def both(request, folder, tmp_path_factory):
    """A model, its server, and MLflow's for the same file."""
    name = request.param
    saved = tmp_path_factory.mktemp("mlflow") / name
    mlflow.onnx.save_model(onnx.load(models.FOLDER / f"{name}.onnx"), saved, pip_requirements=[])
    due = TestClient(scoring_server.init(mlflow.pyfunc.load_model(str(saved))))
    with one_model(folder, name) as own:
        yield name, own, due


@contextlib.contextmanager
def one_model(folder, name):
    arguments = ["--model-repository", str(folder), "--model-control-mode", "explicit", "--load-model", name]
    with serve(*arguments) as running:
        assert running.wait(), running.logged()
        yield f"http://127.0.0.1:{running.port}"


def ask(address, body, kind=JSON):
    return requests.post(f"{address}/invocations", data=body, headers={"Content-Type": kind}, timeout=60)


def bodies(name, arrays):
    """The forms that hold these inputs, by name."""
    lists = {key: values.tolist() for key, values in arrays.items()}
    yield "inputs", {"inputs": lists}
    if len({len(values) if values.ndim else None for values in arrays.values()}) == 1 and arrays[next(iter(arrays))].ndim:
        rows = len(next(iter(lists.values())))
        if rows:
            yield "instances", {"instances": [{key: own[row] for key, own in lists.items()} for row in range(rows)]}
    if len(lists) == 1:
        yield "only", {"inputs": next(iter(lists.values()))}


def table(arrays):
    """The inputs as a data frame: the columns of the only one, or one for each."""
    if len(arrays) == 1:
        (values,) = arrays.values()
        return pd.DataFrame(values, columns=[f"c{place}" for place in range(values.shape[1])])
    return pd.DataFrame({key: values.reshape(-1) for key, values in arrays.items()})


def same(got, due):
    """The same JSON but for the last digits; maps of MLflow are lists of their values in the order of their keys here."""
    if isinstance(due, dict) and isinstance(got, list):
        due = [value for _, value in sorted(due.items())]
    if isinstance(due, dict):
        assert isinstance(got, dict) and list(got) == sorted(due), (got, due)
        for key, value in due.items():
            same(got[key], value)
    elif isinstance(due, list):
        assert isinstance(got, list) and len(got) == len(due), (got, due)
        for own, value in zip(got, due):
            same(own, value)
    elif isinstance(due, float):
        # JSON has no NaN; MLflow writes the word.
        assert (got is None) if not np.isfinite(due) else got == pytest.approx(due, rel=1e-6, abs=1e-9)
    else:
        assert got == due and type(got) is type(due), (got, due)


def test_tensors_are_answered_as_onnxruntime_and_mlflow_do(both):
    name, own, mlflows = both
    compared = 0
    for arrays in models.cases(name):
        expected = models.expected(name, arrays)
        for form, body in bodies(name, arrays):
            text = json.dumps(body)
            answer = ask(own, text)
            if answer.status_code != 200:
                # Numbers that JSON cannot say of this type, or no rows in a model that takes none.
                assert answer.status_code == 400 and mlflows.post("/invocations", content=text, headers={"Content-Type": JSON}).status_code == 400
                continue
            predictions = answer.json()["predictions"]
            assert sorted(predictions) == sorted(expected), form
            for key, due in expected.items():
                values = due.tolist()
                same(predictions[key], values)
            theirs = mlflows.post("/invocations", content=text, headers={"Content-Type": JSON})
            # MLflow knows no type but those of JSON; where it answers, the answers agree.
            if theirs.status_code == 200:
                same(predictions, theirs.json()["predictions"])
                compared += 1
    if name in ["rf30", "gb30", "mlp30", "strings", "zipmap_int", "zipmap_string"]:
        assert compared > 0


@pytest.mark.parametrize("both", TABLES, indirect=True)
def test_data_frames_are_answered_as_mlflow_does(both):
    name, own, mlflows = both
    for arrays in models.cases(name):
        frame = table(arrays)
        if frame.empty:
            continue
        split = json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split", double_precision=15))})
        records = json.dumps({"dataframe_records": json.loads(frame.to_json(orient="records", double_precision=15))})
        texts = [(split, JSON), (split, f"{JSON}; charset=utf-8"), (records, JSON)]
        if not (frame == "").any(axis=None):
            # In CSV an empty text is a missing one.
            texts.append((frame.to_csv(index=False), "text/csv"))
        first = None
        for text, kind in texts:
            answer = ask(own, text.encode(), kind)
            assert answer.status_code == 200, answer.text
            predictions = answer.json()["predictions"]
            first = first or predictions
            same(predictions, first)
            theirs = mlflows.post("/invocations", content=text.encode(), headers={"Content-Type": kind})
            if theirs.status_code == 200:
                same(predictions, theirs.json()["predictions"])
        expected = models.expected(name, arrays)
        assert len(first) in (len(frame), *(due.size for due in expected.values()))


def test_the_scoring_client_is_answered(both):
    name, own, _ = both
    port = own.rsplit(":", 1)[1]
    client = ScoringServerClient("127.0.0.1", port)
    client.wait_server_ready(timeout=10)
    client.ping()
    assert client.get_version() == mlflow.__version__
    if name not in ["rf30", "gb30", "mlp30"]:
        return
    arrays = models.cases(name)[0]
    values = arrays["input"]
    expected = models.expected(name, arrays)
    # Of what it says that it sends, arrays and data frames; for a dict it fails before it sends anything.
    answer = client.invoke(values, params={"unit": "user-17"})["predictions"]
    for key, due in expected.items():
        np.testing.assert_allclose(np.array(answer[key]).reshape(due.shape), due, rtol=1e-5, atol=1e-6)
    frame = client.invoke(table(arrays)).get_predictions()
    assert isinstance(frame, pd.DataFrame) and set(frame.columns) == set(expected)


def test_probes_and_errors_are_those_of_mlflow(folder, tmp_path):
    saved = tmp_path / "rf30"
    mlflow.onnx.save_model(onnx.load(models.FOLDER / "rf30.onnx"), saved, pip_requirements=[])
    mlflows = TestClient(scoring_server.init(mlflow.pyfunc.load_model(str(saved))))
    with one_model(folder, "rf30") as own:
        for path in ["/ping", "/health", "/version"]:
            got, due = requests.get(own + path, timeout=60), mlflows.get(path)
            assert (got.status_code, got.text) == (due.status_code, due.text)
            assert got.headers["content-type"] == due.headers["content-type"]
        row = [0.5] * 30
        for kind, text in [
            (JSON, "{"),
            (JSON, ""),
            (JSON, "[1, 2]"),
            (JSON, "5"),
            (JSON, "{}"),
            (JSON, json.dumps({"inputs": [row], "instances": [row]})),
            (JSON, json.dumps({"columns": ["a"], "data": [[1]]})),
            (JSON, json.dumps({"dataframe_split": [[1]]})),
            (JSON, json.dumps({"dataframe_split": {"columns": ["a"]}})),
            (JSON, json.dumps({"dataframe_split": {"data": [row], "more": 1}})),
            (JSON, json.dumps({"dataframe_records": {"a": 1}})),
            (JSON, json.dumps({"inputs": [row[1:]]})),
            (JSON, json.dumps({"inputs": [row, row[1:]]})),
            (JSON, json.dumps({"inputs": {"other": [row]}})),
            (JSON, json.dumps({"inputs": [["high"] * 30]})),
            ("text/csv", ""),
            ("text/csv", "a,b\n1,2,3,4\n5\n"),
            ("text/csv", "a,b\n1,2\n"),
            ("application/xml", "{}"),
            ("text/plain", "{}"),
            (f"{JSON}; charset=latin-1", "{}"),
            (f"{JSON}; format=pandas-split", "{}"),
        ]:
            got = ask(own, text, kind)
            due = mlflows.post("/invocations", content=text, headers={"Content-Type": kind})
            assert got.status_code == due.status_code, (kind, text, got.text, due.text)
            if due.status_code == 415:
                assert got.headers["content-type"] == due.headers["content-type"]
            else:
                assert got.json()["error_code"] == due.json()["error_code"] and got.json()["message"], (text, got.text)


def test_several_models_want_a_name():
    # A server of several models, which whoever runs the tests has started.
    address = os.environ["MLCORE_TEST_HTTP"]
    refused = ask(f"http://{address}", json.dumps({"inputs": [[0.5] * 30]}))
    assert refused.status_code == 400 and "/mlcore/models/NAME/invocations" in refused.json()["message"]
    host, port = address.split(":")
    arrays = models.cases("rf30")[0]
    answer = ScoringServerClient(host, f"{port}/mlcore/models/rf30").invoke(arrays["input"])["predictions"]
    assert answer["label"] == models.expected("rf30", arrays)["label"].tolist()
