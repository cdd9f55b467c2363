"""ONNX models, written as the messages that they are: what no exporter writes, too."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
#: The largest model that is taken from testdata.
MOST_BYTES = 6_000


def varint(number):
    out, number = b"", number & (2**64 - 1)
    while number >= 0x80:
        out, number = out + bytes([number & 0x7F | 0x80]), number >> 7
    return out + bytes([number])


def message(*fields):
    """A message of protocol buffers: pairs of a field's number and an integer, text, bytes, or a list of those."""
    out = b""
    for number, value in fields:
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, int):
                out += varint(number << 3) + varint(one)
            else:
                one = one.encode() if isinstance(one, str) else one
                out += varint(number << 3 | 2) + varint(len(one)) + one
    return out


def tensor_type(element=1, *dims):
    shape = message((1, [message((2, d)) if isinstance(d, str) else message((1, d)) for d in dims]))
    return message((1, message((1, element), (2, shape))))


def value(name, kind):
    return message((1, name), (2, kind))


def node(operator, inputs, outputs, domain="", attributes=(), overload=""):
    fields = [(1, list(inputs)), (2, list(outputs)), (4, operator), (5, list(attributes)), (7, domain)]
    return message(*fields, *([(8, overload)] if overload else []))


def attribute(name, **held):
    numbers = {"f": 2, "i": 3, "s": 4, "t": 5, "g": 6, "floats": 7, "ints": 8, "strings": 9, "tensors": 10, "graphs": 11}
    return message((1, name), *[(numbers[kind], content) for kind, content in held.items()])


FLOATS = tensor_type(1, "N", 3)


def graph(nodes, inputs=None, outputs=None, initializers=(), more=()):
    inputs = [value("x", FLOATS)] if inputs is None else inputs
    outputs = [value("y", FLOATS)] if outputs is None else outputs
    return message((1, list(nodes)), (2, "g"), (5, list(initializers)), (11, inputs), (12, outputs), *more)


def model(body, functions=(), opsets=(("", 21), ("ai.onnx.ml", 3)), more=(), ir_version=10):
    return message(
        (1, ir_version),
        (2, "corpus"),
        (7, body),
        (8, [message((1, domain), (2, version)) for domain, version in opsets]),
        *more,
        (25, list(functions)),
    )


IDENTITY = node("Identity", ["x"], ["y"])


def trees(operator="TreeEnsembleRegressor", packed=False, **changed):
    lists = {
        "nodes_treeids": [0, 0, 0, 1],
        "nodes_nodeids": [0, 1, 2, 0],
        "nodes_truenodeids": [1, 0, 0, 0],
        "nodes_falsenodeids": [2, 0, 0, 0],
        "nodes_featureids": [2, 0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
    }
    if operator == "TreeEnsemble":
        lists = {
            "tree_roots": [0],
            "nodes_truenodeids": [1, 1],
            "nodes_trueleafs": [0, 1],
            "nodes_falsenodeids": [0, 1],
            "nodes_falseleafs": [1, 1],
            "leaf_targetids": [0, 0],
            "nodes_featureids": [0, 1],
        }
    elif operator == "TreeEnsembleClassifier":
        lists |= {"class_treeids": [0, 0, 1], "class_nodeids": [1, 2, 0], "class_ids": [0, 1, 0]}
        lists |= {"classlabels_int64s": [0, 1]}
    else:
        lists |= {"target_treeids": [0, 0, 1], "target_nodeids": [1, 2, 0], "target_ids": [0, 0, 0]}
    attributes = []
    for name, values in (lists | changed).items():
        if isinstance(values[0], str):
            attributes.append(attribute(name, strings=values))
        elif packed:
            attributes.append(attribute(name, ints=b"".join(varint(number) for number in values)))
        else:
            attributes.append(attribute(name, ints=values))
    return model(graph([node(operator, ["x"], ["y"], "ai.onnx.ml", attributes)]))


def nested(depth):
    body = graph([node("Identity", ["x"], ["z"])], [], [value("z", FLOATS)])
    for _ in range(depth):
        inner = node("If", ["c"], ["z"], attributes=[attribute("then_branch", g=body), attribute("else_branch", g=body[:0])])
        body = graph([inner], [], [value("z", FLOATS)])
    return model(graph([IDENTITY, node("If", ["c"], ["z"], attributes=[attribute("then_branch", g=body)])]))


def function(name, calls, domain="own", overload=""):
    nodes = [node(other, ["x"], ["y"], other_domain) for other_domain, other in calls]
    return message((1, name), (4, ["x"]), (5, ["y"]), (7, nodes), (10, domain), *([(13, overload)] if overload else []))


def typed(kind, position=12):
    """A model whose output (or input, 11) has this TypeProto."""
    sides = {11: [value("x", FLOATS)], 12: [value("y", FLOATS)]}
    sides[position] = [value("y" if position == 12 else "x", kind)]
    return model(graph([IDENTITY], sides[11], sides[12]))


def weights(*locations, outside=1):
    entries = [message((1, "location"), (2, location)) for location in locations]
    tensor = message((1, 3), (2, 1), (8, "w"), (13, entries), (14, outside))
    return model(graph([node("Add", ["x", "w"], ["y"])], initializers=[tensor]))


def onnx_scan():
    """The small models of testdata, whole and cut, and one for each thing that the scan looks at."""
    for path in sorted((ROOT / "testdata" / "models").rglob("*.onnx")):
        content = path.read_bytes()
        if len(content) <= MOST_BYTES:
            yield f"model_{path.stem}", content
            yield f"cut_{path.stem}", content[: len(content) * 2 // 3]
    string = tensor_type(8, "N")
    labels = attribute("classlabels_int64s", ints=[0, 1])
    probabilities = message((4, message((1, message((5, message((1, 7), (2, tensor_type(1)))))))))
    zip_map = node("ZipMap", ["x"], ["y"], "ai.onnx.ml", [labels])
    made = {
        "identity": model(graph([IDENTITY])),
        "trees": trees(),
        "trees_packed": trees(packed=True),
        "trees_classifier": trees("TreeEnsembleClassifier"),
        "trees_by_position": trees("TreeEnsemble"),
        "trees_in_a_circle": trees(nodes_truenodeids=[0, 0, 0, 0]),
        "trees_lead_nowhere": trees(nodes_truenodeids=[1 << 40, 0, 0, 0]),
        "trees_negative": trees(nodes_featureids=[-1, 0, 0, 0]),
        "trees_wide": trees(nodes_featureids=[3, 0, 0, 0]),
        "trees_many_targets": trees(target_ids=[0, 7, 0]),
        "nested": nested(4),
        "nested_too_deep": nested(33),
        "functions": model(
            graph([node("Twice", ["x"], ["y"], "own")]),
            [function("Twice", [("own", "Once"), ("own", "Once")]), function("Once", [("", "Neg")])],
            (("", 21), ("own", 1)),
        ),
        "function_calls_itself": model(graph([node("F", ["x"], ["y"], "own")]), [function("F", [("own", "F")])]),
        "function_overload": model(
            graph([node("F", ["x"], ["y"], "own", overload="o")]), [function("F", [("", "Neg")], overload="o")]
        ),
        "functions_double": model(
            graph([node("F20", ["x"], ["y"], "own")]),
            [function("F0", [("", "Neg")])]
            + [function(f"F{i}", [("own", f"F{i - 1}")] * 2) for i in range(1, 21)],
        ),
        "foreign": model(graph([node("Gelu", ["x"], ["y"], "com.microsoft")])),
        "sequence": typed(message((4, message((1, tensor_type(1, "N")))))),
        "optional": typed(message((9, message((1, tensor_type(1, "N")))))),
        "map": typed(message((5, message((1, 7), (2, tensor_type(1)))))),
        "sparse": typed(message((8, message((1, 1))))),
        "bfloat16": typed(tensor_type(16, "N")),
        "complex": typed(tensor_type(14, "N")),
        "input_sequence": typed(message((4, message((1, tensor_type(1))))), 11),
        "no_shape": typed(message((1, message((1, 1))))),
        "strings": typed(string, 11),
        "negative_axis": typed(tensor_type(1, -1, -2)),
        "zip_map": model(graph([zip_map], outputs=[value("y", probabilities)])),
        "zip_map_without_classes": model(graph([node("ZipMap", ["x"], ["y"], "ai.onnx.ml")], outputs=[value("y", probabilities)])),
        "weights_inside": weights("w.bin"),
        "weights_two": weights("w.bin", "../w.bin"),
        "weights_parent": weights("a/../../w.bin"),
        "weights_nowhere": weights(),
        "weights_not_outside": weights("w.bin", outside=0),
        "defaults": model(
            graph([IDENTITY], [value("x", FLOATS), value("w", FLOATS)], initializers=[message((1, 3), (2, 1), (8, "w"))])
        ),
        "sparse_weights": model(graph([IDENTITY], more=[(15, message((1, message((8, "s"))), (2, message((8, "i")))))])),
        "training": model(graph([IDENTITY]), more=[(20, message((1, graph([IDENTITY]))))]),
        "metadata": model(graph([IDENTITY]), more=[(14, message((1, "key"), (2, "value")))]),
        "two_graphs": model(graph([IDENTITY]), more=[(7, graph([IDENTITY]))]),
        "no_opset": model(graph([IDENTITY]), opsets=()),
        "two_inputs_of_a_name": model(graph([IDENTITY], [value("x", FLOATS)] * 2)),
        "name_with_controls": model(graph([IDENTITY], [value("x\n\x1b[2J", tensor_type(14))])),
        "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0\x8c\x07sklearn",
        "html": b"<!DOCTYPE html><html>404",
        "empty": b"",
    }
    for name, content in made.items():
        yield f"made_{name}", content


def words():
    """What models are made of."""
    yield from "Identity If Loop Scan ZipMap TreeEnsemble TreeEnsembleRegressor TreeEnsembleClassifier Constant Add".split()
    yield from "location ai.onnx ai.onnx.ml com.microsoft LEAF BRANCH_LEQ n_targets ../ then_branch body _ORT_MEM_ADDR_".split()
    yield from "nodes_treeids nodes_nodeids nodes_truenodeids nodes_falsenodeids nodes_featureids nodes_modes".split()
