"""Writes the ONNX models that the runner's tests load, and beside each what ONNX Runtime answered in Python.

    python testdata/make_runner_models.py          needs testdata/requirements-models.txt

Seeded; run again with the same versions it writes the same numbers. models/README.md describes each file.
"""

import json
import os
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

OUT = pathlib.Path(__file__).resolve().parent / "models" / "runner"
OPSETS = {"": 17, "ai.onnx.ml": 3}
IR_VERSION = 9
DTYPES = {
    "bool": TensorProto.BOOL,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "uint8": TensorProto.UINT8,
    "uint16": TensorProto.UINT16,
    "uint32": TensorProto.UINT32,
    "uint64": TensorProto.UINT64,
    "float16": TensorProto.FLOAT16,
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "string": TensorProto.STRING,
}


def scalar(value):
    """A JSON value that reads back as the same number; what JSON cannot say becomes a string."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def tensor(array):
    array = np.asarray(array)
    dtype = "string" if array.dtype.kind in "OU" else array.dtype.name
    return {"dtype": dtype, "shape": list(array.shape), "data": [scalar(v) for v in array.ravel()]}


def value(output):
    """A tensor, or the sequence of maps that ZipMap makes: its sorted keys and one row of values per map."""
    if not isinstance(output, list):
        return tensor(output)
    keys = sorted(output[0])
    return {
        "keys": tensor(np.array(keys)),
        "values": tensor(np.array([[row[key] for key in keys] for row in output], dtype="f4")),
    }


def declared(node):
    return {"name": node.name, "type": node.type, "shape": list(node.shape)}


def write(name, model, *cases):
    """Saves `name`.onnx; with cases also `name`.json, its signature and answers as ONNX Runtime gives them."""
    path = OUT / f"{name}.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    if cases:
        expect(name, path, *cases)
    return path


def expect(name, path, *cases):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    expected = {
        "onnxruntime": onnxruntime.__version__,
        "inputs": [declared(node) for node in session.get_inputs()],
        "outputs": [declared(node) for node in session.get_outputs()],
        "cases": [
            {
                "inputs": {key: tensor(array) for key, array in feed.items()},
                "outputs": {key: value(output) for key, output in zip(names, session.run(None, feed))},
            }
            for feed in cases
        ],
    }
    (OUT / f"{name}.json").write_text(json.dumps(expected) + "\n")


def graph_model(name, nodes, inputs, outputs, weights=(), opset=17, domains=()):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(*each) for each in outputs],
        list(weights),
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)


def from_sklearn(model, initial_types, **options):
    made = to_onnx(model, initial_types=initial_types, options={id(model): options}, target_opset=OPSETS)
    made.ir_version = IR_VERSION
    return made


def dense_models():
    """rf30, gb30, mlp30: `[N, 30]` float32 in; label and probabilities out."""
    x, y = make_classification(4000, 30, n_informative=12, random_state=0)
    x = x.astype("f4")
    models = {
        "rf30": RandomForestClassifier(50, max_depth=7, random_state=0),
        "gb30": GradientBoostingClassifier(n_estimators=100, max_depth=3, random_state=0),
        "mlp30": MLPClassifier((64, 32), max_iter=200, tol=1e-3, random_state=0),
    }
    for name, model in models.items():
        model.fit(x, y)
        onnx_model = from_sklearn(model, [("input", FloatTensorType([None, 30]))], zipmap=False)
        # ONNX Runtime 1.31 refuses zero rows in the perceptron (ArrayFeatureExtractor) and answers them in the trees.
        empty = [] if name == "mlp30" else [{"input": np.zeros((0, 30), "f4")}]
        write(name, onnx_model, {"input": x[:8]}, {"input": x[:1]}, *empty)


def people(rows, rng):
    return {
        "age": rng.normal(40, 12, (rows, 1)).astype("f4"),
        "visits": rng.integers(0, 9, (rows, 1)),
        "plan": rng.choice(["basic", "plus", "pro"], (rows, 1)).astype(object),
        "city": rng.choice(["Łódź", "Zürich", "東京"], (rows, 1)).astype(object),
    }


def column_models():
    """columns: one `[N, 1]` input per column, float32, int64 and string, encoded inside the graph."""
    import pandas as pd

    rng = np.random.default_rng(1)
    columns = people(500, rng)
    frame = pd.DataFrame({key: array.ravel() for key, array in columns.items()})
    y = (frame.age / 40 + frame.visits / 4 + (frame.plan == "pro") + rng.normal(0, 0.3, 500) > 2.3).astype(int)
    encode = ColumnTransformer(
        [
            ("scale", StandardScaler(), ["age", "visits"]),
            ("onehot", OneHotEncoder(handle_unknown="ignore"), ["plan", "city"]),
        ]
    )
    model = Pipeline([("encode", encode), ("model", LogisticRegression())]).fit(frame, y)
    types = [
        ("age", FloatTensorType([None, 1])),
        ("visits", Int64TensorType([None, 1])),
        ("plan", StringTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
    ]
    unseen = {key: array[:3].copy() for key, array in columns.items()}
    unseen["plan"][1, 0] = "enterprise"
    made = from_sklearn(model, types, zipmap=False)
    write("columns", made, {key: array[:6] for key, array in columns.items()}, unseen)


def string_model():
    """strings: one `[N, 2]` string input, encoded inside the graph."""
    rng = np.random.default_rng(2)
    x = np.column_stack([rng.choice(list("abc"), 400), rng.choice(["", "x", "ÿ🙂"], 400)]).astype(object)
    y = (x[:, 0] == "a") ^ (rng.random(400) < 0.1)
    model = Pipeline([("onehot", OneHotEncoder(handle_unknown="ignore")), ("model", LogisticRegression())])
    model.fit(x, y.astype(int))
    made = from_sklearn(model, [("input", StringTensorType([None, 2]))], zipmap=False)
    write("strings", made, {"input": x[:6]}, {"input": np.array([["never seen", "x"]], object)})


def text_columns_model():
    """texts8: eight `[N, 1]` string inputs, each one-hot over twenty words inside the graph, into one linear layer."""
    rng = np.random.default_rng(4)
    words = [f"word_{i}" for i in range(19)] + ["a word of more letters than fit in place"]
    nodes, inputs = [], []
    for column in range(8):
        inputs.append((f"t{column}", TensorProto.STRING, [None, 1]))
        nodes.append(helper.make_node("OneHotEncoder", [f"t{column}"], [f"h{column}"], domain="ai.onnx.ml", cats_strings=words, zeros=1))
    nodes.append(helper.make_node("Concat", [f"h{column}" for column in range(8)], ["rows"], axis=2))
    nodes.append(helper.make_node("Squeeze", ["rows", "axis"], ["flat"]))
    nodes.append(helper.make_node("MatMul", ["flat", "weights"], ["scores"]))
    weights = [
        numpy_helper.from_array(np.array([1], "i8"), "axis"),
        numpy_helper.from_array(rng.normal(size=(160, 2)).astype("f4"), "weights"),
    ]
    made = graph_model("texts8", nodes, inputs, [("scores", TensorProto.FLOAT, [None, 2])], weights)
    made.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    known = {f"t{column}": rng.choice(words, (6, 1)).astype(object) for column in range(8)}
    unseen = {name: np.array([["never seen"]], object) for name in known}
    write("texts8", made, known, unseen)


def zipmap_models():
    """zipmap_int, zipmap_string: probabilities as a sequence of maps from the class label."""
    x, y = make_classification(600, 4, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=3)
    x = x.astype("f4")
    for name, labels in (("zipmap_int", y * 10), ("zipmap_string", np.array(["low", "mid", "high"])[y])):
        model = LogisticRegression(max_iter=500).fit(x, labels)
        made = from_sklearn(model, [("input", FloatTensorType([None, 4]))], zipmap=True)
        write(name, made, {"input": x[:5]}, {"input": x[:1]})


def extremes(dtype):
    if dtype == "bool":
        return np.array([True, False, True])
    if dtype == "string":
        return np.array(["", "naïve", "日本 🙂"], object)
    if dtype.startswith("float"):
        return np.array([np.finfo(dtype).max, np.nan, -np.inf], dtype)
    return np.array([np.iinfo(dtype).min, 7, np.iinfo(dtype).max], dtype)


def identity_models():
    """identity: every dtype in and out unchanged; identity_scalar and identity_cube: ranks 0 and 3."""
    names = list(DTYPES)
    nodes = [helper.make_node("Identity", [f"{name}_in"], [f"{name}_out"]) for name in names]
    inputs = [(f"{name}_in", DTYPES[name], ["N"]) for name in names]
    outputs = [(f"{name}_out", DTYPES[name], ["N"]) for name in names]
    write("identity", graph_model("identity", nodes, inputs, outputs), {f"{name}_in": extremes(name) for name in names})
    for name, shape, array in (
        ("identity_scalar", [], np.float32(2.5)),
        ("identity_cube", ["N", 2, "M"], np.arange(12, dtype="f4").reshape(2, 2, 3)),
    ):
        node = helper.make_node("Identity", ["input"], ["output"])
        sides = [("input", TensorProto.FLOAT, shape)], [("output", TensorProto.FLOAT, shape)]
        write(name, graph_model(name, [node], *sides), {"input": np.asarray(array)})


def linear(name, weights, batch="N", opset=17, domain="", domains=()):
    """y = x W, `[N, 3]` to `[N, 2]`; the operator may be asked of another domain or operator set."""
    operator = "MatMul" if not domain else "Mystery"
    node = helper.make_node(operator, ["input", "weights"], ["output"], domain=domain)
    sides = [("input", TensorProto.FLOAT, [batch, 3])], [("output", TensorProto.FLOAT, [batch, 2])]
    return graph_model(name, [node], *sides, [weights], opset, domains)


def structural_models():
    """fixed_batch (exactly 4 rows), fails_at_run (an index out of range), loop_forever (ends only when stopped)."""
    weights = numpy_helper.from_array(np.arange(6, dtype="f4").reshape(3, 2), "weights")
    write("fixed_batch", linear("fixed_batch", weights, batch=4), {"input": np.ones((4, 3), "f4")})

    gather = helper.make_node("Gather", ["table", "index"], ["output"])
    table = numpy_helper.from_array(np.array([10, 20, 30], "f4"), "table")
    sides = [("index", TensorProto.INT64, ["N"])], [("output", TensorProto.FLOAT, ["N"])]
    write("fails_at_run", graph_model("fails_at_run", [gather], *sides, [table]), {"index": np.array([2, 0])})

    step = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["sum", "one"], ["sum_next"])],
        "step",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["N"]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("sum_next", TensorProto.FLOAT, ["N"]),
        ],
        [numpy_helper.from_array(np.array(1, "f4"), "one")],
    )
    loop = helper.make_node("Loop", ["", "go_first", "input"], ["output"], body=step)
    go = numpy_helper.from_array(np.array(True), "go_first")
    sides = [("input", TensorProto.FLOAT, ["N"])], [("output", TensorProto.FLOAT, ["N"])]
    write("loop_forever", graph_model("loop_forever", [loop], *sides, [go]))


def refused_models():
    """Models that must be refused by name: an operator set from the future, an operator nobody has."""
    weights = numpy_helper.from_array(np.arange(6, dtype="f4").reshape(3, 2), "weights")
    write("opset_999", linear("opset_999", weights, opset=999))
    write("custom_domain", linear("custom_domain", weights, domain="com.example.unknown", domains=["com.example.unknown"]))


def external_models():
    """Weights outside the file: inside the model's folder (good), above it, absolute, missing, and as an address."""
    values = np.arange(6, dtype="f4").reshape(3, 2)
    locations = {
        "external_inside": "external_inside.bin",
        "external_subfolder": "weights/external.bin",
        "external_parent": "../external_parent.bin",
        "external_parent_hidden": "weights/../../external_parent.bin",
        "external_absolute": "/etc/hostname",
        "external_missing": "no_such_file.bin",
        "external_memory_address": "*/_ORT_MEM_ADDR_/*",
    }
    for name, location in locations.items():
        weights = TensorProto(name="weights", dims=values.shape, data_type=TensorProto.FLOAT)
        weights.data_location = TensorProto.EXTERNAL
        for key, entry in (("location", location), ("offset", "0"), ("length", str(values.nbytes))):
            weights.external_data.add(key=key, value=entry)
        path = write(name, linear(name, weights))
        if name in ("external_inside", "external_subfolder"):
            side = OUT / location
            side.parent.mkdir(exist_ok=True)
            side.write_bytes(values.tobytes())
            expect(name, path, {"input": np.array([[1, 2, 3], [0, 0, 1]], "f4")})
    # What the escaping models point at exists, so that only the guard, not a missing file, can refuse them.
    (OUT.parent / "external_parent.bin").write_bytes(values.tobytes())


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    dense_models()
    column_models()
    string_model()
    text_columns_model()
    zipmap_models()
    identity_models()
    structural_models()
    refused_models()
    external_models()
    for file in sorted(OUT.rglob("*.onnx")):
        print(f"{file.stat().st_size:>8} {file.relative_to(OUT)}")
