"""Models over HTTP from Python, and what is measured of them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import textwrap
import threading
import urllib.error
import urllib.request

import numpy as np
import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families

import mlcore
from conftest import MODELS

ROW = (np.arange(30, dtype=np.float32) / 16 - 1).reshape(1, 30)


def ask(url, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as refused:
        # It keeps the connection open.
        refused.close()
        raise


def infer(url, model, rows=ROW):
    tensor = {"name": "input", "shape": list(rows.shape), "datatype": "FP32", "data": rows.ravel().tolist()}
    answer = ask(url, f"/v2/models/{model}/infer", {"inputs": [tensor]})
    return answer, np.array(next(o["data"] for o in answer["outputs"] if o["name"] == "probabilities"), np.float32)


def sample(name, **labels):
    """The value of a series, or None."""
    for family in text_string_to_metric_families(mlcore.metrics_text()):
        for found in family.samples:
            if found.name == name and labels.items() <= found.labels.items():
                return found.value
    return None


def test_an_endpoint_is_served(churn):
    endpoint = mlcore.Endpoint(churn, "churn")
    expected = endpoint.predict(ROW, "u").outputs["probabilities"]
    with mlcore.serve(endpoint, http_port=0, grpc_port=0) as server:
        assert server.alive and server.url in repr(server)
        assert server.grpc_address.startswith("127.0.0.1:") and server.grpc_address not in server.url
        answer, probabilities = infer(server.url, "churn")
        assert answer["model_version"] == "1"
        assert np.array_equal(probabilities, expected.ravel())
        assert ask(server.url, "/v2/models/churn")["versions"] == ["1"]
        assert "/v2/models/{model}/infer" in ask(server.url, "/openapi.json")["paths"]
        with urllib.request.urlopen(server.url + "/metrics") as scrape:
            assert b"mlcore_request_duration_seconds_count" in scrape.read()
        url = server.url
    assert not server.alive and repr(server).endswith(", stopped>")
    server.stop()
    with pytest.raises(urllib.error.URLError):
        ask(url, "/v2")
    # The workers have worked everything off.
    assert endpoint.counts()["records"] == 2


def test_many_ask_at_once_while_the_interpreter_works(churn):
    losses = []

    def loss(outputs, label):
        losses.append(label)
        return float(abs(outputs["probabilities"][0, 1] - label))

    endpoint = mlcore.Endpoint(churn, "churn", loss=loss)
    with mlcore.serve([endpoint], http_port=0) as server:

        def client(_):
            for _ in range(20):
                tensor = {"name": "input", "shape": [1, 30], "datatype": "FP32", "data": ROW.ravel().tolist()}
                request = urllib.request.Request(
                    f"{server.url}/v2/models/churn/infer", json.dumps({"inputs": [tensor]}).encode(), {"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=30) as answer:
                    outcome = answer.headers["mlcore-outcome-id"]
                ask(server.url, "/mlcore/models/churn/outcomes", {"outcomes": [{"outcome_id": outcome, "label": 1.0}]})

        threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert endpoint.counts()["outcomes"] == 80 and losses == [1.0] * 80


def test_a_folder_is_served(tmp_path):
    for name in ("rf30", "gb30"):
        version = tmp_path / "models" / name / "1"
        version.mkdir(parents=True)
        shutil.copy(MODELS / "runner" / f"{name}.onnx", version / "model.onnx")
    with mlcore.serve(tmp_path / "models", http_port=0) as server:
        assert server.grpc_address is None
        for name in ("rf30", "gb30"):
            expected = mlcore.Runner(MODELS / "runner" / f"{name}.onnx").run(ROW)["probabilities"]
            assert np.array_equal(infer(server.url, name)[1], np.asarray(expected).ravel())
    (tmp_path / "models" / "gb30" / "1" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(mlcore.InvalidModelError, match="gb30"):
        mlcore.serve(tmp_path / "models", http_port=0)


def test_what_changes_the_server_needs_a_key(churn, tmp_path):
    keys = tmp_path / "keys.toml"
    digest = hashlib.sha256(b"a long secret of somebody's").hexdigest()
    keys.write_text(f'[[auth.keys]]\nname = "ana"\nroles = ["admin"]\ntoken_sha256 = "{digest}"\n')
    with mlcore.serve(mlcore.Endpoint(churn, "churn"), http_port=0, auth_file=keys) as server:
        assert ask(server.url, "/v2/health/ready") == {"ready": True}
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(server.url, "/v2/logging", {"log_verbose_level": 1}, **headers)
            assert refused.value.code == 401
        assert ask(server.url, "/v2/logging", Authorization="Bearer a long secret of somebody's")


def test_what_cannot_be_served_is_refused(churn, tmp_path):
    endpoint = mlcore.Endpoint(churn, "churn")
    with mlcore.serve(endpoint, http_port=0) as server:
        port = int(server.url.rsplit(":", 1)[1])
        for models, options, error, words in (
            (endpoint, {"http_port": port}, mlcore.UnavailableError, "another program"),
            (endpoint, {"host": "somewhere"}, mlcore.InvalidInputError, "no address"),
            (endpoint, {"tls_cert": "c.pem"}, mlcore.InvalidInputError, "together"),
            (endpoint, {"auth_file": tmp_path / "none.toml"}, mlcore.NotFoundError, "none.toml"),
            (endpoint, {"drain_timeout": -1.0}, mlcore.InvalidInputError, "drain_timeout"),
            ([endpoint, endpoint], {}, mlcore.InvalidInputError, "twice"),
            ([], {}, mlcore.InvalidInputError, "there are none"),
            (tmp_path / "none", {}, mlcore.NotFoundError, "none"),
            (5, {}, mlcore.InvalidTypeError, "an endpoint, a list of endpoints or a path"),
            ([5], {}, mlcore.InvalidTypeError, "got int"),
        ):
            with pytest.raises(error, match=words):
                mlcore.serve(models, **{"http_port": 0, **options})
        # Nothing of it is left over.
        assert infer(server.url, "churn")[0]["model_version"] == "1"


def test_metrics_without_a_server(churn):
    labels = {"model": "churn", "version": "1", "arm": "champion"}
    before = sample("mlcore_requests_total", **labels) or 0.0
    endpoint = mlcore.Endpoint(churn, "churn")
    for number in range(5):
        endpoint.predict(ROW, f"user-{number}")
    endpoint.process()
    assert sample("mlcore_requests_total", **labels) == before + 5
    assert sample("mlcore_arm_version", model="churn", arm="champion") == 1.0
    # Served as well, it is counted once.
    with mlcore.serve(endpoint, http_port=0) as server:
        infer(server.url, "churn")
    assert sample("mlcore_requests_total", **labels) == before + 6
    assert sample("mlcore_requests_total", **labels) == before + 6


def test_a_registry_of_prometheus_client_collects_the_same(churn):
    endpoint = mlcore.Endpoint(churn, "churn")
    endpoint.predict(ROW, "u")
    endpoint.process()
    registry = prometheus_client.CollectorRegistry()
    registry.register(mlcore.prometheus.Collector())
    text = prometheus_client.generate_latest(registry).decode()
    series = [line for line in text.splitlines() if line.startswith('mlcore_requests_total{arm="champion",model="churn"')]
    assert len(series) == 1 and float(series[0].rsplit(" ", 1)[1]) == sample("mlcore_requests_total", model="churn", arm="champion")
    assert "process_" not in text


def test_the_process_ends_while_it_serves(tmp_path):
    version = tmp_path / "models" / "rf30" / "1"
    version.mkdir(parents=True)
    shutil.copy(MODELS / "runner" / "rf30.onnx", version / "model.onnx")
    program = textwrap.dedent(
        """
        import mlcore, sys, urllib.request
        server = mlcore.serve(sys.argv[1], http_port=0)
        print(urllib.request.urlopen(server.url + "/v2/health/ready").status)
        """
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path / "models")], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "200\n", "")
