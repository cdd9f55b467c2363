"""KServe's stock gRPC client against a server, each answer compared with ONNX Runtime in this process.

Not in one process with Triton's client: both register the same messages. Run as
`MLCORE_TEST_GRPC=host:port MLCORE_TEST_MODELS=folder pytest grpc_kserve.py`.
"""

import asyncio

import grpc
import numpy as np
import pytest
from kserve import InferenceGRPCClient, InferInput, InferRequest
from kserve.protocol.grpc import grpc_predict_v2_pb2 as messages
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as stubs

import models


def run(ask):
    async def own():
        async with InferenceGRPCClient(models.GRPC) as client:
            return await ask(client)

    return asyncio.run(own())


def request_of(name, arrays, binary):
    made = []
    for key, values in arrays.items():
        own = InferInput(key, list(values.shape), models.datatype(values))
        own.set_data_from_numpy(values, binary_data=binary)
        made.append(own)
    return InferRequest(model_name=name, infer_inputs=made, request_id="r")


def check(name, arrays, answer):
    due = models.expected(name, arrays)
    assert sorted(output.name for output in answer.outputs) == sorted(due)
    for output in answer.outputs:
        models.check(output.as_numpy(), due[output.name])


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("name", models.NAMES)
def test_every_model_answers_as_onnxruntime_does(name, binary):
    for arrays in models.cases(name):
        if not binary and any(own.dtype == np.float16 for own in arrays.values()):
            # The protocol has no typed contents for them.
            continue
        answer = run(lambda client: client.infer(request_of(name, arrays, binary)))
        check(name, arrays, answer)
        assert (answer.id, answer.model_name, answer.model_version) == ("r", name, "1")


@pytest.mark.parametrize("name", models.TAKE_NO_ROWS)
def test_no_rows(name):
    arrays = models.no_rows(name)
    check(name, arrays, run(lambda client: client.infer(request_of(name, arrays, True))))


def test_health():
    assert run(lambda client: client.is_server_live()) and run(lambda client: client.is_server_ready())
    assert run(lambda client: client.is_model_ready("rf30"))
    assert not run(lambda client: client.is_model_ready("none"))


def test_many_at_once():
    arrays = models.cases("mlp30")[0]

    async def ask(client):
        return await asyncio.gather(*[client.infer(request_of("mlp30", arrays, True)) for _ in range(50)])

    for answer in run(ask):
        check("mlp30", arrays, answer)


def test_errors_and_deadlines():
    arrays = models.cases("rf30")[0]
    for name, timeout, code in [
        ("none", None, grpc.StatusCode.NOT_FOUND),
        ("strings", None, grpc.StatusCode.INVALID_ARGUMENT),
        ("gb30", 0.01, grpc.StatusCode.DEADLINE_EXCEEDED),
    ]:
        if timeout:
            arrays = {"input": np.zeros((400_000, 30), np.float32)}
        with pytest.raises(grpc.RpcError) as refused:
            run(lambda client: client.infer(request_of(name, arrays, True), timeout=timeout))
        assert refused.value.code() == code
    wide = {"int8_in": np.array([300], np.int32)}
    with pytest.raises(grpc.RpcError) as refused:
        request = request_of("identity", wide, False)
        request.inputs[0]._datatype = "INT8"
        run(lambda client: client.infer(request))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "element 0: 300 is no int8" in refused.value.details()


def test_repository_in_the_layout_of_kserve():
    with grpc.insecure_channel(models.GRPC) as channel:
        stub = stubs.GRPCInferenceServiceStub(channel)
        answer = stub.RepositoryModelUnload(messages.RepositoryModelUnloadRequest(model_name="identity_cube"))
        assert (answer.model_name, answer.isUnloaded) == ("identity_cube", True)
        assert not stub.ModelReady(messages.ModelReadyRequest(name="identity_cube")).ready
        answer = stub.RepositoryModelLoad(messages.RepositoryModelLoadRequest(model_name="identity_cube"))
        assert (answer.model_name, answer.isLoaded) == ("identity_cube", True)
        assert stub.ModelReady(messages.ModelReadyRequest(name="identity_cube")).ready
        metadata = stub.ModelMetadata(messages.ModelMetadataRequest(name="rf30"))
        assert [(own.name, own.datatype, list(own.shape)) for own in metadata.inputs] == [("input", "FP32", [-1, 30])]
        assert stub.ServerMetadata(messages.ServerMetadataRequest()).name == "mlcore"
