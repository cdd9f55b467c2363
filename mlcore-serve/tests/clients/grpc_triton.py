"""Triton's stock gRPC client against a server, each answer compared with ONNX Runtime in this process.

Not in one process with KServe's client: both register the same messages. Run as
`MLCORE_TEST_GRPC=host:port MLCORE_TEST_MODELS=folder pytest grpc_triton.py`.
"""

import asyncio
import json
import queue
import threading

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

import models


@pytest.fixture(scope="module")
def client():
    with triton.InferenceServerClient(models.GRPC) as own:
        yield own


def inputs_of(arrays):
    made = []
    for name, values in arrays.items():
        own = triton.InferInput(name, list(values.shape), models.datatype(values))
        own.set_data_from_numpy(values)
        made.append(own)
    return made


def check(name, arrays, answer, outputs=None):
    for key, due in models.expected(name, arrays, outputs).items():
        models.check(answer.as_numpy(key), due)


def code(error):
    return error.value.status()


@pytest.mark.parametrize("name", models.NAMES)
def test_every_model_answers_as_onnxruntime_does(client, name):
    for arrays in models.cases(name):
        answer = client.infer(name, inputs_of(arrays), request_id="r", model_version="1")
        check(name, arrays, answer)
        response = answer.get_response()
        assert (response.model_name, response.model_version, response.id) == (name, "1", "r")
        assert response.parameters["mlcore-arm"].string_param == "champion"
        assert len(response.parameters["mlcore-outcome-id"].string_param) > 8


@pytest.mark.parametrize("name", models.TAKE_NO_ROWS)
def test_no_rows(client, name):
    arrays = models.no_rows(name)
    check(name, arrays, client.infer(name, inputs_of(arrays)))


def test_health_and_metadata(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("rf30") and client.is_model_ready("rf30", "1")
    assert not client.is_model_ready("rf30", "9") and not client.is_model_ready("none")
    server = client.get_server_metadata(as_json=True)
    assert server["name"] == "mlcore" and "statistics" in server["extensions"]
    assert not [name for name in server["extensions"] if "shared_memory" in name]
    model = client.get_model_metadata("columns", as_json=True)
    assert model["inputs"][0] == {"name": "age", "datatype": "FP32", "shape": ["-1", "1"]}
    assert [own["datatype"] for own in model["inputs"]] == ["FP32", "INT64", "BYTES", "BYTES"]
    assert model["versions"] == ["1"] and model["platform"] == "onnxruntime_onnx"
    config = client.get_model_config("columns", as_json=True)["config"]
    assert config["input"][3] == {"name": "city", "data_type": "TYPE_STRING", "dims": ["-1", "1"]}
    assert config["backend"] == "onnxruntime"
    types = [own.data_type for own in client.get_model_config("identity").config.input]
    assert types == [1, 6, 7, 8, 9, 2, 3, 4, 5, 10, 11, 12, 13]


def test_some_outputs_and_classes(client):
    arrays = models.cases("rf30")[0]
    answer = client.infer("rf30", inputs_of(arrays), outputs=[triton.InferRequestedOutput("probabilities")])
    check("rf30", arrays, answer, ["probabilities"])
    assert answer.as_numpy("label") is None
    asked = [triton.InferRequestedOutput("probabilities", class_count=1), triton.InferRequestedOutput("label")]
    answer = client.infer("rf30", inputs_of(arrays), outputs=asked)
    due = models.expected("rf30", arrays)
    classes = answer.as_numpy("probabilities")
    assert classes.shape == (len(due["label"]), 1)
    for own, scores in zip(classes.ravel(), due["probabilities"]):
        score, place = own.decode().split(":")[:2]
        assert int(place) == scores.argmax() and abs(float(score) - scores.max()) < 1e-5


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_packed_both_ways(client, algorithm):
    arrays = {"input": np.tile(models.cases("rf30")[0]["input"], (500, 1))[:2000]}
    answer = client.infer("rf30", inputs_of(arrays), compression_algorithm=algorithm)
    check("rf30", arrays, answer)


def test_large_messages(client):
    rows = np.random.default_rng(0).normal(size=(120_000, 30)).astype(np.float32)
    answer = client.infer("mlp30", inputs_of({"input": rows}))
    check("mlp30", {"input": rows}, answer)
    rows = np.zeros((600_000, 30), np.float32)
    with pytest.raises(InferenceServerException) as refused:
        client.infer("mlp30", inputs_of({"input": rows}))
    assert code(refused) == "StatusCode.RESOURCE_EXHAUSTED"


def test_parameters_sequences_and_timeouts(client):
    arrays = models.cases("rf30")[0]
    answer = client.infer(
        "rf30", inputs_of(arrays), sequence_id=7, sequence_start=True, sequence_end=True, priority=1, timeout=10_000_000,
        client_timeout=20.0, parameters={"text": "é", "flag": True, "number": 3},
    )
    check("rf30", arrays, answer)
    check("rf30", arrays, client.infer("rf30", inputs_of(arrays), sequence_id="seven"))
    with pytest.raises(InferenceServerException) as refused:
        client.infer("rf30", inputs_of(arrays), timeout=1)
    assert code(refused) == "StatusCode.DEADLINE_EXCEEDED"


def test_async_calls(client):
    arrays = models.cases("mlp30")[0]
    answers = queue.Queue()
    for _ in range(50):
        client.async_infer("mlp30", inputs_of(arrays), callback=lambda result, error: answers.put((result, error)))
    for _ in range(50):
        result, error = answers.get(timeout=60)
        assert error is None
        check("mlp30", arrays, result)


def test_asyncio(client):
    arrays = models.cases("gb30")[0]

    async def ask():
        async with triton_aio.InferenceServerClient(models.GRPC) as own:
            return await asyncio.gather(*[own.infer("gb30", inputs_of(arrays)) for _ in range(20)])

    for answer in asyncio.run(ask()):
        check("gb30", arrays, answer)


def test_threads_at_once(client):
    failures = []

    def ask(name):
        try:
            for _ in range(50):
                for arrays in models.cases(name):
                    check(name, arrays, client.infer(name, inputs_of(arrays)))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ["rf30", "mlp30", "columns", "strings"] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_streams_answer_in_order_and_outlive_errors():
    arrays = models.cases("rf30")[0]
    answers = queue.Queue()
    with triton.InferenceServerClient(models.GRPC) as own:
        own.start_stream(callback=lambda result, error: answers.put((result, error)))
        for number in range(100):
            own.async_stream_infer("rf30", inputs_of(arrays), request_id=str(number))
        own.async_stream_infer("none", inputs_of(arrays))
        own.async_stream_infer("rf30", inputs_of(arrays), request_id="last", sequence_id=3, sequence_end=True)
        for number in range(100):
            result, error = answers.get(timeout=60)
            assert error is None and result.get_response().id == str(number)
            check("rf30", arrays, result)
        result, error = answers.get(timeout=60)
        assert "no model of this name" in error.message()
        result, error = answers.get(timeout=60)
        assert error is None and result.get_response().id == "last"
        own.stop_stream()


def test_errors_say_what_is_wrong(client):
    arrays = models.cases("rf30")[0]
    with pytest.raises(InferenceServerException) as refused:
        client.infer("none", inputs_of(arrays))
    assert code(refused) == "StatusCode.NOT_FOUND" and "no model of this name" in refused.value.message()
    wrong = {"input": np.zeros((1, 29), np.float32)}
    with pytest.raises(InferenceServerException) as refused:
        client.infer("rf30", inputs_of(wrong))
    assert code(refused) == "StatusCode.INVALID_ARGUMENT" and "input" in refused.value.message()
    with pytest.raises(InferenceServerException) as refused:
        client.infer("rf30", inputs_of(arrays), request_id="x" * 1000)
    assert code(refused) == "StatusCode.INVALID_ARGUMENT"
    not_text = np.array([[b"\xff\xfe", b"a"]], dtype=object)
    with pytest.raises(InferenceServerException) as refused:
        client.infer("strings", inputs_of({"input": not_text}))
    assert code(refused) == "StatusCode.INVALID_ARGUMENT" and "is not UTF-8" in refused.value.message()
    with pytest.raises(InferenceServerException) as refused:
        client.infer("fails_at_run", inputs_of({"index": np.array([7], np.int64)}))
    assert code(refused) in ("StatusCode.INTERNAL", "StatusCode.INVALID_ARGUMENT")


def test_statistics(client):
    arrays = models.cases("strings")[0]
    before = client.get_inference_statistics("strings", as_json=True)["model_stats"][0]
    client.infer("strings", inputs_of(arrays))
    after = client.get_inference_statistics("strings", "1", as_json=True)["model_stats"][0]
    count = lambda own: int(own["inference_stats"]["success"].get("count", 0))
    assert count(after) == count(before) + 1
    assert len(client.get_inference_statistics().model_stats) >= len(models.NAMES)


def test_repository(client):
    index = {own["name"]: own for own in client.get_model_repository_index(as_json=True)["models"]}
    assert index["rf30"]["state"] == "READY" and index["rf30"]["version"] == "1"
    client.unload_model("texts8", unload_dependents=True)
    assert not client.is_model_ready("texts8")
    with pytest.raises(InferenceServerException) as refused:
        client.infer("texts8", inputs_of(models.cases("texts8")[0]))
    assert code(refused) == "StatusCode.UNAVAILABLE"
    client.load_model("texts8")
    assert client.is_model_ready("texts8")
    with pytest.raises(InferenceServerException) as refused:
        client.load_model("none")
    assert code(refused) == "StatusCode.NOT_FOUND"


def test_a_client_brings_the_model(client):
    files = {"file:1/model.onnx": (models.FOLDER / "gb30.onnx").read_bytes()}
    config = json.dumps({"max_batch_size": 64, "dynamic_batching": {"preferred_batch_size": [16]}})
    client.load_model("brought", config=config, files=files)
    for arrays in models.cases("gb30"):
        answer = client.infer("brought", inputs_of(arrays))
        for key, due in models.expected("gb30", arrays).items():
            models.check(answer.as_numpy(key), due)
    assert client.get_model_config("brought", as_json=True)["config"]["dynamic_batching"]["preferred_batch_size"] == [16]
    for wrong in [{}, {"config": "{"}, {"config": "{}", "files": {"file:../model.onnx": b"x"}}, {"config": '{"backend": "python"}'}]:
        with pytest.raises(InferenceServerException) as refused:
            client.load_model("brought", **{"files": files, **wrong})
        assert code(refused) == "StatusCode.INVALID_ARGUMENT" or "backend" in str(refused.value), refused.value
    # What was loaded goes on.
    assert client.is_model_ready("brought")
    client.unload_model("brought")
    assert not client.is_model_ready("brought")
    # A configuration alone is that of the folder's model until it is loaded anew.
    client.load_model("texts8", config=json.dumps({"max_batch_size": 8, "dynamic_batching": {}}))
    assert "dynamic_batching" in client.get_model_config("texts8", as_json=True)["config"]
    client.load_model("texts8")
    assert "dynamic_batching" not in client.get_model_config("texts8", as_json=True)["config"]


def test_settings(client):
    assert client.get_log_settings(as_json=True)["settings"]["log_info"] == {"bool_param": True}
    now = client.update_log_settings({"log_verbose_level": 1, "log_info": True, "log_format": "ISO8601"}, as_json=True)
    assert now["settings"]["log_verbose_level"] == {"uint32_param": 1}
    client.update_log_settings({"log_verbose_level": 0, "log_format": "default"})
    assert client.get_trace_settings(as_json=True)["settings"]["trace_level"] == {"value": ["OFF"]}
    now = client.update_trace_settings("rf30", {"trace_level": ["TIMESTAMPS"], "trace_rate": "1"}, as_json=True)
    assert now["settings"]["trace_level"] == {"value": ["TIMESTAMPS"]}
    client.infer("rf30", inputs_of(models.cases("rf30")[0]))
    now = client.update_trace_settings("rf30", {"trace_level": None, "trace_rate": None}, as_json=True)
    assert now["settings"]["trace_level"] == {"value": ["OFF"]} and now["settings"]["trace_rate"] == {"value": ["1000"]}


def test_shared_memory_is_not_there(client):
    assert not client.get_system_shared_memory_status().regions
    assert not client.get_cuda_shared_memory_status().regions
    for refuse in [
        lambda: client.register_system_shared_memory("r", "/r", 8),
        lambda: client.unregister_system_shared_memory("r"),
        lambda: client.register_cuda_shared_memory("r", b"", 0, 8),
        lambda: client.unregister_cuda_shared_memory("r"),
    ]:
        with pytest.raises(InferenceServerException) as refused:
            refuse()
        assert code(refused) == "StatusCode.UNIMPLEMENTED" and "shares no memory" in refused.value.message()
    asked = triton.InferInput("input", [1, 30], "FP32")
    asked.set_shared_memory("r", 120)
    with pytest.raises(InferenceServerException) as refused:
        client.infer("rf30", [asked])
    assert code(refused) == "StatusCode.UNIMPLEMENTED"


def test_health_of_grpc():
    with grpc.insecure_channel(models.GRPC) as channel:
        check_health = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check_health(b"") == b"\x08\x01"
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
        assert next(watch) == b"\x08\x01"
        watch.cancel()
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary("/inference.GRPCInferenceService/Other")(b"")
        assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
