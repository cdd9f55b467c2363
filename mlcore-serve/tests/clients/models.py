"""The models that stock clients ask, their inputs, and what ONNX Runtime answers in this process.

`MLCORE_TEST_MODELS` is the folder with the `.onnx` files, which the server serves under their names;
`MLCORE_TEST_GRPC` is the address of its gRPC port, `host:port`.
"""

import functools
import json
import os
from pathlib import Path

import numpy as np
import onnxruntime

FOLDER = Path(os.environ.get("MLCORE_TEST_MODELS", Path(__file__).parents[3] / "testdata/models/runner"))
GRPC = os.environ.get("MLCORE_TEST_GRPC", "127.0.0.1:8001")

# Dense, one input per column, strings, every type with FP16, several outputs, maps, other ranks, a fixed shape.
NAMES = [
    "rf30", "gb30", "mlp30", "columns", "strings", "texts8", "identity", "zipmap_int", "zipmap_string",
    "identity_scalar", "identity_cube", "fixed_batch",
]
# Models that answer a batch of no rows; ONNX Runtime itself fails on the others.
TAKE_NO_ROWS = ["rf30", "gb30", "identity", "identity_cube"]

DATATYPES = {
    "bool": "BOOL", "int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64", "uint8": "UINT8",
    "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "float16": "FP16", "float32": "FP32",
    "float64": "FP64", "object": "BYTES",
}


@functools.cache
def session(name):
    return onnxruntime.InferenceSession(FOLDER / f"{name}.onnx", providers=["CPUExecutionProvider"])


def cases(name):
    """The inputs of the cases beside the model, by name."""
    described = json.loads((FOLDER / f"{name}.json").read_text())
    return [{key: array(own) for key, own in case["inputs"].items()} for case in described["cases"]]


def array(described):
    dtype = "object" if described["dtype"] in ("string", "str", "object") else described["dtype"]
    data = [float(x) if isinstance(x, str) and dtype != "object" else x for x in described["data"]]
    return np.array(data, dtype=dtype).reshape(described["shape"])


def no_rows(name):
    first = cases(name)[0]
    return {key: own[:0] for key, own in first.items()}


def expected(name, inputs, outputs=None):
    """What ONNX Runtime answers, by name; a sequence of maps as an array of the sorted keys."""
    own = session(name)
    names = outputs or [output.name for output in own.get_outputs()]
    answers = own.run(names, inputs)
    return {key: dense(answer) for key, answer in zip(names, answers)}


def dense(answer):
    if isinstance(answer, list):
        keys = sorted(answer[0])
        return np.array([[row[key] for key in keys] for row in answer], dtype=np.float32)
    return answer


def datatype(values):
    return DATATYPES[values.dtype.name]


def check(got, due):
    """The same elements, shape and type; texts come as bytes."""
    if due.dtype == object:
        got = np.array([own.decode() if isinstance(own, bytes) else own for own in got.ravel()], dtype=object).reshape(got.shape)
    else:
        assert got.dtype == due.dtype
    assert got.shape == due.shape
    if due.dtype.kind == "f":
        np.testing.assert_allclose(got, due, rtol=1e-5, atol=1e-6, equal_nan=True)
    else:
        assert (got == due).all()
