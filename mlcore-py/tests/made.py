"""ONNX models written byte by byte, for tests that need one that no fixture has; the package ``onnx`` is not needed."""

from __future__ import annotations

import numpy as np

#: ONNX's numbers of element types.
ELEMENTS = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "string": 8, "bool": 9,
    "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip


def varint(value):
    out = bytearray()
    value &= 2**64 - 1
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def node(operator, inputs, outputs, **integers):
    """A node; attributes are integers or lists of integers."""
    parts = [message(1, name) for name in inputs] + [message(2, name) for name in outputs] + [message(4, operator)]
    for name, value in integers.items():
        if isinstance(value, list):
            body = b"".join(number(8, item) for item in value) + number(20, 7)
        else:
            body = number(3, value) + number(20, 2)
        parts.append(message(5, message(1, name) + body))
    return message(1, b"".join(parts))


def tensor_type(dtype, shape):
    """The type of a tensor; names stand for free dimensions, and no shape at all for any."""
    body = number(1, ELEMENTS[dtype])
    if shape is not None:
        body += message(2, b"".join(message(1, message(2, dim) if isinstance(dim, str) else number(1, dim)) for dim in shape))
    return message(1, body)


def value(name, kind):
    return message(1, name) + message(2, kind)


def given(name, dtype, shape):
    return message(11, value(name, tensor_type(dtype, shape)))


def answered(name, dtype, shape):
    return message(12, value(name, tensor_type(dtype, shape)))


def weights(name, array, location=None):
    """A tensor of the model; with a location, its bytes are those of another file."""
    array = np.ascontiguousarray(array)
    body = b"".join(number(1, size) for size in array.shape) + number(2, ELEMENTS[array.dtype.name]) + message(8, name)
    if location is None:
        body += message(9, array.tobytes())
    else:
        body += message(13, message(1, "location") + message(2, location)) + number(14, 1)
    return message(5, body)


def model(*graph, opset=17):
    return number(1, 8) + message(7, b"".join(graph)) + message(8, number(2, opset))


def identity(dtype, shape=("N", 1)):
    """The input ``a`` as the output ``y``."""
    return model(node("Identity", ["a"], ["y"]), given("a", dtype, shape), answered("y", dtype, shape))


def linear(width, location=None):
    """The sum of ``width`` columns of ``x`` as ``y``, by weights that may lie in another file."""
    ones = weights("w", np.ones((width, 1), "f4"), location)
    return model(node("MatMul", ["x", "w"], ["y"]), given("x", "float32", ["N", width]), answered("y", "float32", ["N", 1]), ones)
