"""KServe's stock REST client against a server, each answer compared with ONNX Runtime in this process.

Not in one process with Triton's client: both register the same messages. Run as
`MLCORE_TEST_HTTP=host:port MLCORE_TEST_MODELS=folder pytest http_kserve.py`.
"""

import asyncio

import httpx
import numpy as np
import pytest
from kserve import InferInput, InferRequest
from kserve.inference_client import InferenceRESTClient, RESTConfig

import models

URL = f"http://{models.HTTP}"


def run(ask, protocol="v2"):
    async def own():
        client = InferenceRESTClient(RESTConfig(protocol=protocol, retries=1, timeout=60))
        try:
            return await ask(client)
        finally:
            await client.close()

    return asyncio.run(own())


def request_of(name, arrays, binary):
    made = []
    for key, values in arrays.items():
        own = InferInput(key, list(values.shape), models.datatype(values))
        own.set_data_from_numpy(values, binary_data=binary)
        made.append(own)
    return InferRequest(model_name=name, infer_inputs=made, request_id="r")


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("name", models.NAMES)
def test_every_model_answers_as_onnxruntime_does(name, binary):
    for arrays in models.cases(name):
        if not binary and any(own.dtype == np.float16 for own in arrays.values()):
            # The protocol has no JSON for them.
            continue
        due = models.expected(name, arrays)
        answer = run(lambda client: client.infer(URL, request_of(name, arrays, binary), model_name=name))
        assert sorted(output.name for output in answer.outputs) == sorted(due)
        for output in answer.outputs:
            models.check(output.as_numpy(), due[output.name])


def test_health():
    assert run(lambda client: client.is_server_live(URL))
    assert run(lambda client: client.is_server_ready(URL))
    assert run(lambda client: client.is_model_ready(URL, "rf30"))


def test_first_protocol():
    arrays = models.cases("rf30")[0]
    values = arrays["input"].tolist()
    answer = run(lambda client: client.infer(URL, {"instances": values}, model_name="rf30"), "v1")
    assert len(answer["predictions"]) == len(values)
    assert run(lambda client: client.is_model_ready(URL, "rf30"), "v1")
    assert run(lambda client: client.is_server_live(URL), "v1")


def test_errors_say_what_is_wrong():
    arrays = models.cases("rf30")[0]
    with pytest.raises(httpx.HTTPStatusError) as refused:
        run(lambda client: client.infer(URL, request_of("none", arrays, True), model_name="none"))
    assert refused.value.response.status_code == 404 and "no model of this name" in str(refused.value)
