"""ONNX models, with the answers that ONNX Runtime's own package gave when the fixtures were made."""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import os
import signal
import threading
import time

import made
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import MODELS

import mlcore

RUNNER = MODELS / "runner"


def answers(name):
    return json.loads((RUNNER / f"{name}.json").read_text(encoding="utf-8"))


def test_a_signature_is_read_from_the_graph():
    model = mlcore.Runner(RUNNER / "rf30.onnx")
    (given,) = model.inputs
    assert (given.dtype, given.shape) == ("float32", [None, 30])
    assert model.provider == "cpu" and model.runtime_version.startswith("1.")
    assert [field.name for field in model.outputs] == list(model.run({given.name: np.zeros((2, 30), dtype=np.float32)}))
    assert repr(model).startswith("<mlcore.Runner (")


def test_a_path_a_string_and_bytes_are_one_model():
    rows = np.random.default_rng(0).normal(size=(5, 30)).astype(np.float32)
    file = RUNNER / "rf30.onnx"
    results = []
    for given in (file, str(file), file.read_bytes(), bytearray(file.read_bytes())):
        model = mlcore.Runner(given)
        results.append(model.run({model.inputs[0].name: rows}))
    for result in results[1:]:
        for name, value in results[0].items():
            np.testing.assert_array_equal(result[name], value)


@pytest.mark.parametrize("name", ["rf30", "gb30", "mlp30"])
def test_answers_are_onnxruntimes(name):
    onnxruntime = pytest.importorskip("onnxruntime")
    rows = np.random.default_rng(1).normal(size=(64, 30)).astype(np.float32)
    session = onnxruntime.InferenceSession(RUNNER / f"{name}.onnx", providers=["CPUExecutionProvider"])
    key = session.get_inputs()[0].name
    expected = session.run(None, {key: rows})
    got = list(mlcore.Runner(RUNNER / f"{name}.onnx").run({key: rows}).values())
    for ours, theirs in zip(got, expected):
        if isinstance(theirs, list):
            theirs = np.array([list(row.values()) for row in theirs])
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    # Any layout of the same numbers is the same input, and a frame of them too.
    model = mlcore.Runner(RUNNER / f"{name}.onnx")
    for given in ({key: np.asfortranarray(rows)}, {key: rows[::-1].copy()[::-1]}, {key: rows.astype(">f4")}, {key: rows.tolist()}, rows):
        np.testing.assert_array_equal(list(model.run(given).values())[-1], got[-1])
    columns = {f"f{i}": rows[:, i].astype(float) for i in range(30)}
    for frame in (pd.DataFrame(columns), pl.DataFrame(columns)):
        np.testing.assert_array_equal(list(model.run(frame).values())[-1], got[-1])


def test_columns_and_text_are_inputs():
    model = mlcore.Runner(RUNNER / "columns.onnx")
    cells = {
        "string": ["a", "b"],
        "bool": [True, False],
    }
    columns = {field.name: cells.get(field.dtype, [1, 2]) for field in model.inputs}
    by_list = model.run(columns)
    for frame in (pd.DataFrame(columns), pl.DataFrame(columns)):
        for name, value in model.run(frame).items():
            np.testing.assert_array_equal(value, by_list[name])


def test_a_frame_loses_nothing_on_its_way_into_a_model():
    model = mlcore.Runner(RUNNER / "columns.onnx")
    good = {field.name: {"string": ["a"], "bool": [True]}.get(field.dtype, [1]) for field in model.inputs}
    expected = model.run(good)
    dtypes = {field.dtype: field.name for field in model.inputs}
    for dtype, value, words in [
        ("int64", 1.5, "expected int64, got float 1.5"),
        ("int64", None, "row 0: the value is missing, and int64 holds none; impute it first"),
        ("float32", 2**24 + 1, "expected float32, got integer 16777217"),
        ("float32", 1e300, "expected float32, got float 1e300"),
        ("float32", datetime.date(2024, 2, 29), "expected float32, got date 2024-02-29"),
        ("string", 4, "expected string, got integer 4"),
    ]:
        if dtype in dtypes:
            with pytest.raises(mlcore.SchemaMismatchError, match=f"{dtypes[dtype]}: .*{words}"):
                model.run(pd.DataFrame({**good, dtypes[dtype]: pd.Series([value], dtype=object)}))
    assert dtypes.keys() & {"int64", "float32", "string"}
    widened = {name: [float(value[0])] if isinstance(value[0], (bool, int)) else value for name, value in good.items()}
    for name, value in model.run(pl.DataFrame(widened)).items():
        np.testing.assert_array_equal(value, expected[name])


WAYS = {
    "pandas": lambda value: pd.DataFrame({"a": [value]}),
    "polars": lambda value: pl.DataFrame({"a": [value]}),
    "series": lambda value: {"a": pd.Series([value])},
    "list": lambda value: {"a": [value]},
    "nested list": lambda value: {"a": [[value]]},
    "nested tuple": lambda value: {"a": ((value,),)},
    "list of arrays": lambda value: {"a": [np.array([value])]},
    "records": lambda value: [{"a": value}],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("int64", 2.9),
        ("int64", 1e19),
        ("int64", 1e300),
        ("int64", float("inf")),
        ("int64", float("nan")),
        ("int64", 2**63),
        ("int32", 2**31),
        ("uint64", -1),
        ("uint64", -1.0),
        ("uint8", 256),
        ("bool", 2),
        ("bool", 0.5),
        ("float32", 1e300),
        ("float32", 2**24 + 1),
    ],
)
def test_no_way_into_a_model_makes_another_number(dtype, value, way):
    model = mlcore.Runner(made.identity(dtype))
    with pytest.raises(mlcore.SchemaMismatchError, match="a: row 0: "):
        model.run(WAYS[way](value))


@pytest.mark.parametrize("way", WAYS)
def test_every_way_into_a_model_makes_the_same_number(way):
    same = [("int64", 2.0), ("int64", 2**53 + 1), ("uint64", 2**63 - 1), ("bool", 1), ("float32", 0.1)]
    for dtype, value in [*same, ("float32", float("inf")), ("float32", 2**25), ("float64", 3), ("float64", True)]:
        answer = mlcore.Runner(made.identity(dtype)).run(WAYS[way](value))["y"]
        assert answer.dtype == dtype and answer.ravel().tolist() == [np.array([value], dtype)[0]], (dtype, value)


def test_lists_that_are_no_tensor_are_refused():
    model = mlcore.Runner(made.identity("float32", ("N", 2)))
    for ragged in [[[1, 2], [3]], [[1, 2], 3], [[1, [2]], [3, 4]], [1, [2]]]:
        with pytest.raises(mlcore.InvalidInputError, match="row 1: .*another length or depth|different lengths|row 0: "):
            model.run({"a": ragged})
    with pytest.raises(mlcore.SchemaMismatchError, match="a: row 1, column 0: expected float32, got text"):
        model.run({"a": [[1, 2], ["3", 4]]})
    assert model.run({"a": np.zeros((0, 2), "f4")})["y"].shape == (0, 2)
    scalar = mlcore.Runner(made.identity("int64", ()))
    assert scalar.run({"a": 7})["y"].tolist() == scalar.run({"a": np.int64(7)})["y"].tolist() == 7
    with pytest.raises(mlcore.SchemaMismatchError, match="row 0: expected int64, got float 7.5"):
        scalar.run({"a": 7.5})


def test_maps_come_as_columns_with_labels():
    model = mlcore.Runner(RUNNER / "zipmap_string.onnx")
    labelled = [field for field in model.outputs if field.labels]
    assert labelled and labelled[0].dtype == "float32"
    key, width = model.inputs[0].name, model.inputs[0].shape[1]
    answer = model.run({key: np.zeros((3, width), dtype=np.float32)})
    assert answer[labelled[0].name].shape == (3, len(labelled[0].labels))
    assert any(value.dtype == object for value in answer.values())


@pytest.mark.parametrize("shape", [["N", 2], [1, 1], [1], ["N"]])
def test_what_a_model_answers_counts_and_what_it_declares_is_a_note(shape):
    largest = made.model(made.node("ReduceMax", ["x"], ["y"], axes=[1], keepdims=1), made.given("x", "float32", ["N", 2]), made.answered("y", "float32", shape))
    model = mlcore.Runner(largest)
    assert len(model.notes) == 1 and model.notes[0].startswith("it declares y: float32 [")
    for rows in (0, 1, 3):
        assert model.run(np.ones((rows, 2), "f4"))["y"].tolist() == [[1.0]] * rows
    assert mlcore.Runner(made.linear(2)).notes == []


def test_an_input_may_have_any_shape_or_a_default():
    model = mlcore.Runner(made.identity("float32", None))
    assert model.inputs[0].shape is None and repr(model.inputs[0]) == 'Field(name="a", dtype="float32", shape=None)'
    for shape in ((), (3,), (2, 1, 2)):
        assert model.run({"a": np.ones(shape, "f4")})["y"].shape == shape
    assert model.run(pd.DataFrame({"p": [1.0], "q": [2.0]}))["y"].tolist() == [[1.0, 2.0]]
    added = made.model(
        made.node("Add", ["x", "more"], ["y"]),
        made.given("x", "float32", ["N", 1]),
        made.given("more", "float32", [1]),
        made.answered("y", "float32", ["N", 1]),
        made.weights("more", np.array([10.0], "f4")),
    )
    model = mlcore.Runner(added)
    assert [field.name for field in model.inputs] == ["x"] and [field.name for field in model.optional_inputs] == ["more"]
    assert model.run({"x": [1, 2]})["y"].tolist() == [[11.0], [12.0]]
    assert model.run({"x": [1, 2], "more": [0.5]})["y"].tolist() == [[1.5], [2.5]]
    with pytest.raises(mlcore.SchemaMismatchError, match="less: not one of x"):
        model.run({"x": [1], "less": [0.5]})


def test_bfloat16_is_float32():
    model = mlcore.Runner(made.identity("bfloat16"))
    assert model.inputs[0].dtype == "float32"
    assert model.run({"a": [1.5, 1.001]})["y"].tolist() == [[1.5], [1.0]]


def test_providers_are_read_as_they_are_printed():
    model = mlcore.Runner(made.identity("float32"), providers=["CPUExecutionProvider"])
    assert model.provider == "cpu" and "CPUExecutionProvider" in mlcore.doctor()["onnx_runtime"]["providers"]


def test_what_does_not_fit_is_refused_before_it_runs():
    model = mlcore.Runner(RUNNER / "rf30.onnx")
    key = model.inputs[0].name
    good = np.zeros((1, 30), dtype=np.float32)
    for inputs, words in [
        ({}, key),
        ({"other": good}, "other|missing"),
        ({key: good.astype(np.float64)}, "expected float32 .*, got float64"),
        ({key: good[:, :7]}, r"\[1, 7\]"),
        ({key: good[0]}, r"\[30\]"),
        ({key: good, "more": good}, "more"),
    ]:
        with pytest.raises(mlcore.SchemaMismatchError, match=words):
            model.run(inputs)
    with pytest.raises(TypeError, match="complex"):
        model.run({key: good.astype(complex)})
    assert len(model.run({key: good})) == len(model.outputs)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        mlcore.Runner(tmp_path / "absent.onnx")
    with pytest.raises(KeyError):
        mlcore.Runner("absent.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model at all")
    with pytest.raises(mlcore.InvalidModelError, match="broken.onnx"):
        mlcore.Runner(broken)
    with pytest.raises(mlcore.InvalidModelError):
        mlcore.Runner((RUNNER / "rf30.onnx").read_bytes()[:2000])
    with pytest.raises(mlcore.Error, match="parent|folder"):
        mlcore.Runner(RUNNER / "external_parent.onnx")
    with pytest.raises(TypeError, match="a path or bytes"):
        mlcore.Runner(5)
    for options, words in [({"providers": ["tpu"]}, "cpu, cuda"), ({"optimization": "max"}, "extended"), ({"fallback": "yes"}, "forbidden"), ({"load_timeout": -1.0}, "load_timeout")]:
        with pytest.raises(mlcore.InvalidInputError, match=words):
            mlcore.Runner(RUNNER / "rf30.onnx", **options)
    with pytest.raises(mlcore.UnavailableError, match="nothing.so"):
        mlcore.Runner(RUNNER / "rf30.onnx", library=tmp_path / "nothing.so")


def test_a_run_that_never_ends_is_stopped():
    model = mlcore.Runner(RUNNER / "loop_forever.onnx", warm_up=0)
    inputs = {field.name: np.zeros([size or 1 for size in field.shape], dtype=field.dtype) for field in model.inputs}
    with pytest.raises(TimeoutError) as caught:
        model.run(inputs, timeout=0.2)
    assert isinstance(caught.value, mlcore.TimeoutError)


def test_threads_share_a_model_and_the_interpreter_is_free():
    model = mlcore.Runner(RUNNER / "rf30.onnx")
    key = model.inputs[0].name
    rows = np.random.default_rng(2).normal(size=(2000, 30)).astype(np.float32)
    expected = model.run({key: rows})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: model.run({key: rows}), range(16)):
            for name, value in expected.items():
                np.testing.assert_array_equal(result[name], value)
    endless = mlcore.Runner(RUNNER / "loop_forever.onnx", warm_up=0)
    inputs = {field.name: np.zeros([size or 1 for size in field.shape], dtype=field.dtype) for field in endless.inputs}

    def wait():
        with pytest.raises(mlcore.TimeoutError):
            endless.run(inputs, timeout=0.5)

    thread = threading.Thread(target=wait)
    thread.start()
    runs = 0
    while thread.is_alive():
        model.run({key: rows[:1]})
        runs += 1
    thread.join()
    assert runs > 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_runs_the_models_of_its_parent():
    model = mlcore.Runner(RUNNER / "rf30.onnx")
    endless = mlcore.Runner(RUNNER / "loop_forever.onnx", warm_up=0)
    rows = np.random.default_rng(3).normal(size=(4, 30)).astype(np.float32)
    inputs = {field.name: np.zeros([size or 1 for size in field.shape], dtype=field.dtype) for field in endless.inputs}
    expected = model.run(rows, timeout=5.0)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            same = all(np.array_equal(value, expected[name]) for name, value in model.run(rows, timeout=5.0).items())
            try:
                endless.run(inputs, timeout=0.1)
            except mlcore.TimeoutError:
                code = 0 if same else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


FORKED = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def in_child(work) -> int:
    """What ``work`` answers in a forked child: an exit code, 99 where it raised, 98 where it did not end."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 98


@FORKED
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_that_is_forked_while_deadlines_pass_never_hangs():
    endless = mlcore.Runner(RUNNER / "loop_forever.onnx", warm_up=0)
    inputs = {"input": np.ones(1, dtype=np.float32)}
    quick = mlcore.Runner(RUNNER / "rf30.onnx")
    rows = np.zeros((2, 30), dtype=np.float32)
    done = threading.Event()

    def deadlines():
        while not done.is_set():
            quick.run(rows, timeout=5.0)
            with pytest.raises(mlcore.TimeoutError):
                endless.run(inputs, timeout=0.001)

    def deadline_in_child() -> int:
        quick.run(rows, timeout=5.0)
        try:
            endless.run(inputs, timeout=0.05)
        except mlcore.TimeoutError:
            return 0
        return 1

    threads = [threading.Thread(target=deadlines) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert [in_child(deadline_in_child) for _ in range(40)] == [0] * 40
    finally:
        done.set()
        for thread in threads:
            thread.join()


@FORKED
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_told_of_threads_that_are_not_there():
    rows = np.zeros((2, 30), dtype=np.float32)
    threaded = mlcore.Runner(RUNNER / "mlp30.onnx", intra_threads=2)
    threaded.run(rows)

    def child() -> int:
        try:
            threaded.run(rows)
        except mlcore.UnavailableError as error:
            told = "before this process was forked; load it again in the child" in str(error)
            again = mlcore.Runner(RUNNER / "mlp30.onnx", intra_threads=2)
            return 0 if told and len(again.run(rows)) == 2 else 2
        return 1

    assert in_child(child) == 0
    assert len(threaded.run(rows)) == 2


def test_a_call_returns_at_its_deadline_though_a_kernel_goes_on():
    model = mlcore.Runner(RUNNER / "rf30.onnx")
    many = np.full((2_000_000, 30), 0.5, dtype=np.float32)
    refused = None
    # A run that is left alone ends by itself; while two go on a third is refused.
    for _ in range(20):
        begin = time.monotonic()
        with pytest.raises((mlcore.TimeoutError, mlcore.UnavailableError)) as ended:
            model.run(many, timeout=0.02)
        assert time.monotonic() - begin < 1.0
        assert model.abandoned_runs <= 2
        if isinstance(ended.value, mlcore.UnavailableError):
            refused = ended.value
            break
    assert "2 threads that did not end in time" in str(refused)
    end = time.monotonic() + 120
    while model.abandoned_runs and time.monotonic() < end:
        time.sleep(0.02)
    assert model.abandoned_runs == 0
    assert len(model.run(many[:5], timeout=60.0, isolated=True)) == 2


def test_memory_is_refused_before_it_is_taken():
    model = mlcore.Runner(RUNNER / "rf30.onnx", max_run_bytes=1000)
    assert len(model.run(np.zeros((1, 30), dtype=np.float32))) == 2
    with pytest.raises(mlcore.OverloadedError, match="more than the 1000 bytes that one run may take"):
        model.run(np.zeros((1000, 30), dtype=np.float32))


def test_a_process_of_its_own_tries_a_model_first():
    from mlcore.runner import Probe

    probe = Probe(timeout=60.0)
    assert probe == Probe(timeout=60.0) != Probe(timeout=1.0)
    assert repr(probe) == "Probe(timeout=60.0, max_memory_bytes=4294967296)"
    assert probe.max_memory_bytes == 4 << 30
    assert mlcore.Runner(RUNNER / "rf30.onnx", probe=probe).inputs[0].name == "input"
    with pytest.raises(mlcore.InvalidModelError, match="it is no ONNX model"):
        mlcore.Runner(b"no model", probe=probe)
    with pytest.raises(mlcore.TimeoutError, match="in a process of its own it did not load and run within"):
        mlcore.Runner(RUNNER / "loop_forever.onnx", probe=Probe(timeout=3.0))
    with pytest.raises(mlcore.InvalidInputError):
        Probe(timeout=-1.0)
    registry = mlcore.Registry("memory:", actor="ana")
    registry.register("forest", RUNNER / "rf30.onnx")
    registry.transition("forest", 1, "staging")
    registry.promote("forest", 1, expected=None)
    assert mlcore.Endpoint(registry, "forest", probe=probe).arms == {"champion": 1}
