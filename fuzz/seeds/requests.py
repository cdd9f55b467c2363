"""Requests of the Open Inference Protocol V2, in JSON, with binary tensors, and as messages of protocol buffers."""

import json
import struct

INTEGERS = {"INT8": (-128, 127), "INT16": (-32768, 32767), "INT32": (-(2**31), 2**31 - 1), "INT64": (-(2**63), 2**63 - 1)}
INTEGERS |= {"UINT8": (0, 255), "UINT16": (0, 65535), "UINT32": (0, 2**32 - 1), "UINT64": (0, 2**64 - 1)}
FLOATS = ["FP16", "FP32", "FP64"]
FORMATS = dict(zip([*INTEGERS, *FLOATS, "BOOL"], "bhiqBHIQefd?"))


def tensors():
    """One tensor of each type: its type, shape and elements."""
    for datatype, bounds in INTEGERS.items():
        yield datatype, [2], list(bounds)
    for datatype in FLOATS:
        yield datatype, [1, 2], [0.5, -2.0]
    yield "BOOL", [2, 1], [True, False]
    yield "BYTES", [3], ["a", "", "\u00fcb\n\U0001f600"]


def packed(datatype, elements):
    """The elements as bytes."""
    if datatype == "BYTES":
        texts = [text.encode() for text in elements]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack(f"<{len(elements)}{FORMATS[datatype]}", *elements)


def v2_json():
    """A request of each type, one of everything, and what is no request."""
    one = lambda **of: json.dumps({"inputs": [{"name": "x", **of}]})
    for datatype, shape, elements in tensors():
        yield f"type_{datatype}.json", one(datatype=datatype, shape=shape, data=elements)
        yield f"first_{datatype}.json", one(data=elements, shape=shape, datatype=datatype)
    yield "nested.json", one(datatype="INT32", shape=[2, 1, 2], data=[[[1, 2]], [[3, 4]]])
    yield "empty.json", one(datatype="FP32", shape=[0, 3], data=[])
    yield "null.json", one(datatype="FP32", shape=[0], data=None)
    yield "scalar.json", one(datatype="FP64", shape=[], data=[0.1])
    yield "words.json", '{"inputs":[{"name":"x","datatype":"FP32","shape":[4],"data":[NaN,-Infinity,"Infinity",null]}]}'
    yield "whole.json", json.dumps(
        {
            "id": "a-1",
            "parameters": {"priority": 2, "timeout": 5000, "flag": True, "big": 2**64 - 1, "half": 0.5, "none": None},
            "inputs": [
                {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5], "parameters": {"content_type": "np"}},
                {"name": "t", "datatype": "BYTES", "shape": [1], "data": ["\ud83d\ude00"], "other": [{"a": [[]]}]},
            ],
            "outputs": [{"name": "y", "parameters": {"classification": 2, "binary_data": True}}, {"name": "z"}],
        }
    )
    wrong = {
        "ragged": one(datatype="INT32", shape=[2, 2], data=[[1, 2], [3]]),
        "too_many": one(datatype="INT32", shape=[1], data=[1, 2]),
        "too_few": one(datatype="INT32", shape=[3], data=[1, 2]),
        "huge_shape": one(datatype="FP32", shape=[2**62, 8], data=[1]),
        "huge": one(datatype="FP32", shape=[2**62], data=[1]),
        "negative": one(datatype="FP32", shape=[-1], data=[1]),
        "axes": one(datatype="INT8", shape=[1] * 7, data=[1]),
        "range": one(datatype="INT8", shape=[1], data=[300]),
        "exact": one(datatype="FP32", shape=[1], data=[16777217]),
        "bool": one(datatype="BOOL", shape=[1], data=[2]),
        "text": one(datatype="FP32", shape=[1], data=["a"]),
        "number": one(datatype="BYTES", shape=[1], data=[1]),
        "exponent": '{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1e400]}]}',
        "digits": '{"inputs":[{"name":"x","datatype":"INT64","shape":[1],"data":[' + "9" * 400 + "]}]}",
        "type": one(datatype="FP8\n", shape=[1], data=[1]),
        "bf16": one(datatype="BF16", shape=[1], data=[1]),
        "region": one(datatype="FP32", shape=[1], parameters={"shared_memory_region": "r"}),
        "twice": '{"inputs":[],"inputs":[]}',
        "twins": json.dumps({"inputs": [{"name": "x", "datatype": "INT8", "shape": [0], "data": []}] * 2}),
        "parameter_twice": '{"inputs":[],"parameters":{"a":1,"a":2}}',
        "many": json.dumps({"inputs": [{"name": str(n), "datatype": "INT8", "shape": [0], "data": []} for n in range(17)]}),
        "id": json.dumps({"inputs": [], "id": "a\r\nb"}),
        "long_id": json.dumps({"inputs": [], "id": "a" * 33}),
        "surrogate": '{"inputs":[],"id":"\\ud800"}',
        "deep": '{"inputs":[{"name":"x","own":' + "[" * 200,
        "bom": "\ufeff{}",
        "utf8": b'{"inputs":[],"id":"\xff"}',
        "trailing": '{"inputs":[]} {}',
        "cut": one(datatype="INT32", shape=[2], data=[1, 2])[:-4],
        "nothing": "",
    }
    for name, content in wrong.items():
        yield f"wrong_{name}.json", content


def v2_binary():
    """Requests with their tensors behind the JSON; the first two bytes say how long that is."""

    def request(inputs, tail, length=None, **more):
        head = json.dumps({"inputs": inputs, **more}).encode()
        return struct.pack("<H", len(head) if length is None else length) + head + tail

    def sized(name, datatype, shape, size):
        return {"name": name, "datatype": datatype, "shape": shape, "parameters": {"binary_data_size": size}}

    whole = []
    for datatype, shape, elements in tensors():
        tail = packed(datatype, elements)
        whole.append((sized(datatype.lower(), datatype, shape, len(tail)), tail))
        yield f"type_{datatype}", request([sized("x", datatype, shape, len(tail))], tail)
    yield "all", request([head for head, _ in whole], b"".join(tail for _, tail in whole), id="q")
    data = {"name": "j", "datatype": "INT8", "shape": [1], "data": [1]}
    yield "mixed", request([data, sized("x", "FP32", [1], 4)], bytes(4))
    yield "empty", request([sized("x", "BYTES", [0], 0)], b"")
    yield "nan", request([sized("x", "FP32", [2], 8)], b"\x01\x00\xc0\x7f\xff\xff\xff\xff")
    wrong = {
        "short": request([sized("x", "FP32", [2], 7)], bytes(7)),
        "long": request([sized("x", "FP32", [1], 4)], bytes(5)),
        "left": request([sized("x", "INT8", [1], 2)], b"\x01"),
        "negative": request([sized("x", "INT8", [1], -1)], b"\x01"),
        "huge": request([sized("x", "INT8", [1], 2**64 - 1)], b"\x01"),
        "text": request([sized("x", "INT8", [1], "many")], b"\x01"),
        "bool": request([sized("x", "BOOL", [1], 1)], b"\x02"),
        "text_cut": request([sized("x", "BYTES", [1], 6)], b"\x05\0\0\0ab"),
        "text_huge": request([sized("x", "BYTES", [1], 6)], b"\xff\xff\xff\xffab"),
        "text_utf8": request([sized("x", "BYTES", [1], 5)], b"\x01\0\0\0\xff"),
        "text_many": request([sized("x", "BYTES", [2**62], 5)], b"\x01\0\0\0a"),
        "both": request([{**data, "parameters": {"binary_data_size": 1}}], b"\x01"),
        "head_long": request([data], b"", length=60000),
        "head_short": request([data], b"", length=3),
        "head_none": request([data], b"", length=0),
        "nothing": b"",
    }
    for name, content in wrong.items():
        yield f"wrong_{name}", content


def varint(number):
    number &= 2**64 - 1
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def field(number, content):
    """A field of a message: a number, or bytes."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor(name, datatype, shape, contents=None):
    message = field(1, name) + field(2, datatype) + field(3, b"".join(varint(axis) for axis in shape))
    return message if contents is None else message + field(5, contents)


def typed(datatype, elements):
    """`InferTensorContents` of these elements."""
    if datatype == "BYTES":
        return b"".join(field(8, text) for text in elements)
    numbers = {"BOOL": 1, "INT8": 2, "INT16": 2, "INT32": 2, "INT64": 3, "UINT8": 4, "UINT16": 4, "UINT32": 4, "UINT64": 5}
    if datatype in numbers:
        return field(numbers[datatype], b"".join(varint(int(element)) for element in elements))
    return field(6 if datatype == "FP32" else 7, packed(datatype, elements))


def v2_protobuf():
    """`ModelInferRequest`s of each type, raw and typed, and bytes that are none."""
    to = field(1, "m") + field(2, "1")
    for datatype, shape, elements in tensors():
        raw = field(5, tensor("x", datatype, shape)) + field(7, packed(datatype, elements))
        yield f"raw_{datatype}", to + raw
        if datatype != "FP16":
            yield f"typed_{datatype}", to + field(5, tensor("x", datatype, shape, typed(datatype, elements)))
    parameter = lambda key, value: field(4, field(1, key) + field(2, value))
    parameters = [("flag", field(1, 1)), ("int", field(2, -1)), ("text", field(3, "\u00e9")), ("big", field(5, 2**64 - 1))]
    parameters += [("double", varint(4 << 3 | 1) + struct.pack("<d", 0.5)), ("none", b"")]
    asked = field(6, field(1, "y") + field(2, field(1, "classification") + field(2, field(2, 2)))) + field(6, field(1, "z"))
    yield "whole", to + field(3, "a-1") + b"".join(parameter(*own) for own in parameters) + asked + field(
        5, tensor("x", "FP32", [1, 2], typed("FP32", [0.5, 1.0]))
    )
    single = b"".join(field(2, element) for element in [1, 2])
    yield "unpacked", field(5, field(1, "x") + field(2, "INT8") + field(3, 2) + field(5, single))
    yield "empty", field(5, tensor("x", "BYTES", [0])) + field(7, b"")
    yield "unknown_fields", to + field(90, 1) + field(91, b"abc") + varint(92 << 3 | 5) + bytes(4) + varint(93 << 3 | 1) + bytes(8)
    x = lambda *of: field(5, tensor("x", *of))
    wrong = {
        "negative": x("INT8", [-1]) + field(7, b"\x01"),
        "huge": x("FP32", [2**62, 8]) + field(7, b"\x01"),
        "axes": x("INT8", [1] * 7) + field(7, b"\x01"),
        "count": x("INT8", [2], typed("INT8", [1])),
        "range": x("INT8", [1], typed("INT8", [300])),
        "field": x("INT8", [1], typed("FP32", [0.5])),
        "half": x("FP16", [1], typed("FP32", [0.5])),
        "both": x("INT8", [1], typed("INT8", [1])) + field(7, b"\x01"),
        "raw_count": x("INT8", [1]) + field(7, b"\x01") * 2,
        "raw_short": x("FP32", [1]) + field(7, b"\x01"),
        "contents_twice": field(5, tensor("x", "INT8", [1], typed("INT8", [1])) + field(5, typed("INT8", [1]))),
        "twins": x("INT8", [1], typed("INT8", [1])) * 2,
        "parameter_twice": parameter("a", field(1, 1)) * 2,
        "region": field(5, tensor("x", "INT8", [1]) + field(4, field(1, "shared_memory_region") + field(2, field(3, "r")))),
        "many": b"".join(field(5, tensor(str(n), "INT8", [0])) for n in range(17)),
        "id": field(3, "a\r\nb"),
        "long_id": field(3, "a" * 33),
        "utf8": field(3, b"\xff"),
        "kind": field(3, 1),
        "group": b"\x0b\x0c",
        "length": b"\x2a\xff\xff\xff\xff\x7f",
        "varint": b"\x08" + b"\xff" * 11,
        "zero": b"\x00\x01",
        "cut": (to + x("INT8", [1], typed("INT8", [1])))[:-2],
    }
    for name, content in wrong.items():
        yield f"wrong_{name}", content


def words():
    """What requests in JSON are made of."""
    yield from (f'"{word}"' for word in [*FORMATS, "BYTES", "BF16", "NaN", "Infinity", "-Infinity", "name", "datatype", "shape"])
    yield from (f'"{word}"' for word in ["data", "inputs", "outputs", "parameters", "id", "binary_data_size", "binary_data"])
    yield from (f'"{word}"' for word in ["classification", "binary_data_output", "shared_memory_region"])
    yield from "null true false NaN -Infinity 1e308 1e400 -1 0.5 18446744073709551616 4611686018427387904 [] {} : , [[ ]]".split()
