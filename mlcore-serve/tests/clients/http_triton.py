"""Triton's stock HTTP client and curl against a server, each answer compared with ONNX Runtime in this process.

Run as `MLCORE_TEST_HTTP=host:port MLCORE_TEST_MODELS=folder pytest http_triton.py`.
"""

import asyncio
import json
import shutil
import subprocess
import threading

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

import models


@pytest.fixture(scope="module")
def client():
    with triton.InferenceServerClient(models.HTTP, concurrency=8) as own:
        yield own


def inputs_of(arrays, binary=True):
    made = []
    for name, values in arrays.items():
        own = triton.InferInput(name, list(values.shape), models.datatype(values))
        own.set_data_from_numpy(values, binary_data=binary or values.dtype == np.float16)
        made.append(own)
    return made


def outputs_of(name, binary):
    return [triton.InferRequestedOutput(output.name, binary_data=binary) for output in models.session(name).get_outputs()]


def check(name, arrays, answer, outputs=None):
    for key, due in models.expected(name, arrays, outputs).items():
        models.check(answer.as_numpy(key), due)


@pytest.mark.parametrize("name", models.NAMES)
def test_every_model_answers_as_onnxruntime_does(client, name):
    for arrays in models.cases(name):
        for binary in [True, False]:
            answer = client.infer(name, inputs_of(arrays, binary), request_id="r", model_version="1")
            check(name, arrays, answer)
            response = answer.get_response()
            assert (response["model_name"], response["model_version"], response["id"]) == (name, "1", "r")
        if any(own.dtype == np.float16 for own in models.expected(name, arrays).values()):
            continue
        check(name, arrays, client.infer(name, inputs_of(arrays), outputs=outputs_of(name, False)))


@pytest.mark.parametrize("name", models.TAKE_NO_ROWS)
def test_no_rows(client, name):
    arrays = models.no_rows(name)
    check(name, arrays, client.infer(name, inputs_of(arrays)))


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("rf30") and client.is_model_ready("rf30", "1")
    assert not client.is_model_ready("rf30", "9") and not client.is_model_ready("none")
    server = client.get_server_metadata()
    assert server["name"] == "mlcore" and "statistics" in server["extensions"]
    assert not [name for name in server["extensions"] if "shared_memory" in name]
    model = client.get_model_metadata("columns")
    assert model["inputs"][0] == {"name": "age", "datatype": "FP32", "shape": [-1, 1]}
    assert [own["datatype"] for own in model["inputs"]] == ["FP32", "INT64", "BYTES", "BYTES"]
    config = client.get_model_config("columns")
    assert config["input"][3]["data_type"] == "TYPE_STRING" and config["backend"] == "onnxruntime"


def test_some_outputs_and_classes(client):
    arrays = models.cases("rf30")[0]
    answer = client.infer("rf30", inputs_of(arrays), outputs=[triton.InferRequestedOutput("probabilities")])
    check("rf30", arrays, answer, ["probabilities"])
    assert answer.as_numpy("label") is None
    asked = [triton.InferRequestedOutput("probabilities", class_count=1)]
    classes = client.infer("rf30", inputs_of(arrays), outputs=asked).as_numpy("probabilities")
    due = models.expected("rf30", arrays)["probabilities"]
    for own, scores in zip(classes.ravel(), due):
        own = own.decode() if isinstance(own, bytes) else own
        score, place = own.split(":")[:2]
        assert int(place) == scores.argmax() and abs(float(score) - scores.max()) < 1e-5


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_packed_both_ways(client, algorithm):
    arrays = {"input": np.tile(models.cases("rf30")[0]["input"], (500, 1))[:2000]}
    answer = client.infer(
        "rf30", inputs_of(arrays), request_compression_algorithm=algorithm, response_compression_algorithm=algorithm
    )
    check("rf30", arrays, answer)


def test_parameters_sequences_and_timeouts(client):
    arrays = models.cases("rf30")[0]
    answer = client.infer(
        "rf30", inputs_of(arrays), sequence_id=7, sequence_start=True, sequence_end=True, priority=1, timeout=10_000_000,
        parameters={"text": "é", "flag": True, "number": 3},
    )
    check("rf30", arrays, answer)
    with pytest.raises(InferenceServerException) as refused:
        client.infer("rf30", inputs_of(arrays), timeout=1)
    assert refused.value.status() == "504"


def test_async_calls(client):
    arrays = models.cases("mlp30")[0]
    for asked in [client.async_infer("mlp30", inputs_of(arrays)) for _ in range(50)]:
        check("mlp30", arrays, asked.get_result(timeout=60))


def test_asyncio():
    arrays = models.cases("gb30")[0]

    async def ask():
        async with triton_aio.InferenceServerClient(models.HTTP) as own:
            return await asyncio.gather(*[own.infer("gb30", inputs_of(arrays)) for _ in range(20)])

    for answer in asyncio.run(ask()):
        check("gb30", arrays, answer)


def test_threads_at_once():
    failures = []

    def ask(name):
        try:
            with triton.InferenceServerClient(models.HTTP) as own:
                for _ in range(50):
                    for arrays in models.cases(name):
                        check(name, arrays, own.infer(name, inputs_of(arrays)))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ["rf30", "mlp30", "columns", "strings"] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_errors_say_what_is_wrong(client):
    arrays = models.cases("rf30")[0]
    for ask, status, words in [
        (lambda: client.infer("none", inputs_of(arrays)), "404", "no model of this name"),
        (lambda: client.infer("rf30", inputs_of({"input": np.zeros((1, 29), np.float32)})), "400", "input"),
        (lambda: client.infer("rf30", inputs_of({"other": arrays["input"]})), "400", "input"),
        (lambda: client.infer("rf30", inputs_of(arrays), request_id="x" * 1000), "400", "id"),
        (lambda: client.infer("rf30", inputs_of(arrays), model_version="9"), "404", "version 9"),
    ]:
        with pytest.raises(InferenceServerException) as refused:
            ask()
        assert refused.value.status() == status and words in refused.value.message()


def test_statistics(client):
    arrays = models.cases("strings")[0]
    count = lambda: client.get_inference_statistics("strings")["model_stats"][0]["inference_stats"]["success"]["count"]
    before = count()
    client.infer("strings", inputs_of(arrays))
    assert count() == before + 1
    assert len(client.get_inference_statistics()["model_stats"]) >= len(models.NAMES)


def test_repository(client):
    index = {own["name"]: own for own in client.get_model_repository_index()}
    assert index["rf30"]["state"] == "READY" and index["rf30"]["version"] == "1"
    client.unload_model("texts8", unload_dependents=True)
    assert not client.is_model_ready("texts8")
    with pytest.raises(InferenceServerException) as refused:
        client.infer("texts8", inputs_of(models.cases("texts8")[0]))
    assert refused.value.status() == "503"
    client.load_model("texts8")
    assert client.is_model_ready("texts8")
    with pytest.raises(InferenceServerException) as refused:
        client.load_model("none")
    assert refused.value.status() == "404"


def test_a_client_brings_the_model(client):
    files = {"file:1/model.onnx": (models.FOLDER / "gb30.onnx").read_bytes()}
    config = json.dumps({"max_batch_size": 64, "dynamic_batching": {"preferred_batch_size": [16]}})
    client.load_model("brought", config=config, files=files)
    for arrays in models.cases("gb30"):
        answer = client.infer("brought", inputs_of(arrays))
        for key, due in models.expected("gb30", arrays).items():
            models.check(answer.as_numpy(key), due)
    assert client.get_model_config("brought")["dynamic_batching"]["preferred_batch_size"] == [16]
    for wrong in [{}, {"config": "{"}, {"config": "{}", "files": {"file:../model.onnx": b"x"}}, {"config": '{"backend": "python"}'}]:
        with pytest.raises(InferenceServerException) as refused:
            client.load_model("brought", **{"files": files, **wrong})
        assert refused.value.status() == "400" or "backend" in str(refused.value), refused.value
    # What was loaded goes on.
    assert client.is_model_ready("brought")
    client.unload_model("brought")
    assert not client.is_model_ready("brought")
    # A configuration alone is that of the folder's model until it is loaded anew.
    client.load_model("texts8", config=json.dumps({"max_batch_size": 8, "dynamic_batching": {}}))
    assert "dynamic_batching" in client.get_model_config("texts8")
    client.load_model("texts8")
    assert "dynamic_batching" not in client.get_model_config("texts8")


def test_settings(client):
    assert client.get_log_settings()["log_info"] is True
    now = client.update_log_settings({"log_verbose_level": 1, "log_info": True, "log_format": "ISO8601"})
    assert now["log_verbose_level"] == 1
    client.update_log_settings({"log_verbose_level": 0, "log_format": "default"})
    assert client.get_trace_settings()["trace_level"] == ["OFF"]
    now = client.update_trace_settings("rf30", {"trace_level": ["TIMESTAMPS"], "trace_rate": "1"})
    assert now["trace_level"] == ["TIMESTAMPS"]
    client.infer("rf30", inputs_of(models.cases("rf30")[0]))
    now = client.update_trace_settings("rf30", {"trace_level": None, "trace_rate": None})
    assert now["trace_level"] == ["OFF"] and now["trace_rate"] == "1000"


def test_shared_memory_is_not_there(client):
    assert client.get_system_shared_memory_status() == []
    assert client.get_cuda_shared_memory_status() == []
    asked = triton.InferInput("input", [1, 30], "FP32")
    asked.set_shared_memory("r", 120)
    for refuse in [
        lambda: client.register_system_shared_memory("r", "/r", 8),
        lambda: client.unregister_system_shared_memory("r"),
        lambda: client.unregister_cuda_shared_memory("r"),
        lambda: client.infer("rf30", [asked]),
    ]:
        with pytest.raises(InferenceServerException) as refused:
            refuse()
        assert refused.value.status() == "400" and "shares no memory" in refused.value.message()


def curl(path, body=None, *more):
    """The status and the JSON of an answer."""
    command = ["curl", "-sS", "-w", "\n%{http_code}", f"http://{models.HTTP}{path}", *more]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    text, status = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rsplit("\n", 1)
    return int(status), json.loads(text) if text else None


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_curl():
    assert curl("/v2/health/live") == (200, {"live": True})
    arrays = models.cases("rf30")[0]
    values = arrays["input"]
    tensor = {"name": "input", "shape": list(values.shape), "datatype": "FP32", "data": values.tolist()}
    status, answer = curl("/v2/models/rf30/infer", {"id": "r", "inputs": [tensor]})
    assert status == 200 and answer["id"] == "r"
    due = models.expected("rf30", arrays)
    for output in answer["outputs"]:
        got = np.array(output["data"], dtype=due[output["name"]].dtype).reshape(output["shape"])
        models.check(got, due[output["name"]])
    status, answer = curl("/v1/models/rf30:predict", {"instances": values.tolist()})
    assert status == 200 and len(answer["predictions"]) == len(values)
    status, answer = curl("/v2/models/none/infer", {"inputs": []})
    assert status == 404 and "no model of this name" in answer["error"]
    assert curl("/v2/models/rf30/infer")[0] == 405
    assert curl("/v2/models/rf30/infer", None, "-d", "{\"inputs\": [")[0] == 415
