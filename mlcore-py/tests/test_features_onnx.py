"""Plans as graphs of ONNX, as Python's own onnx and onnxruntime take them."""

from pathlib import Path

import mlcore
import numpy as np
import pytest
from mlcore import features

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

RUNNER = Path(__file__).parents[2] / "testdata" / "models" / "runner"
AGES = [20.0, 40.0, None, 60.0, 33.0]
PLANS = ["free", "pro", "free", None, "basic"]


@pytest.fixture
def plan():
    numbers = features.Pipeline([("impute", features.SimpleImputer()), ("power", features.PowerTransformer())])
    encoder = features.OneHotEncoder(handle_unknown="ignore")
    columns = [("num", numbers, ["age"]), ("cat", encoder, ["plan"])]
    return features.ColumnTransformer(columns).fit({"age": AGES, "plan": PLANS}).plan()


def feeds():
    ages = np.array([[np.nan if age is None else age] for age in AGES])
    return {"age": ages, "plan": np.array([[plan or ""] for plan in PLANS], dtype=object)}


def session(model):
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def test_a_graph_passes_the_checker_and_answers_as_the_plan(plan):
    for opset in range(12, 25):
        model = plan.to_onnx(opset=opset)
        onnx.checker.check_model(model, full_check=True)
        (answer,) = session(model).run(["features"], feeds())
        expected = plan.transform({"age": AGES, "plan": PLANS}, dtype="float32")
        np.testing.assert_allclose(answer, expected, rtol=1e-6, atol=1e-6)


def test_plan_and_model_are_one_graph():
    rows = np.random.default_rng(0).normal(size=(20, 30))
    names = [f"c{column}" for column in range(30)]
    table = dict(zip(names, rows.T, strict=True))
    plan = features.StandardScaler().fit(table).plan()
    model = (RUNNER / "gb30.onnx").read_bytes()
    merged = plan.to_onnx(model)
    onnx.checker.check_model(merged, full_check=True)
    answers = session(merged).run(None, {name: column[:, None] for name, column in table.items()})
    expected = session(model).run(None, {"input": plan.transform(table, dtype="float32")})
    for answer, wanted in zip(answers, expected, strict=True):
        np.testing.assert_array_equal(answer, wanted)


def test_words_and_refusals_are_named(plan):
    for argument in ("float_inputs", "features", "refused_rows"):
        with pytest.raises(mlcore.InvalidInputError, match=f'{argument}: "wide" is not known'):
            plan.to_onnx(**{argument: "wide"})
    with pytest.raises(mlcore.InvalidModelError, match="it is no ONNX model"):
        plan.to_onnx(b"{}")
    texts = features.TfidfVectorizer().fit({"text": ["a few words", "more words"]}).plan()
    with pytest.raises(mlcore.UnsupportedError, match="TfidfVectorizer: on text: ONNX has no operators"):
        texts.to_onnx()


def test_a_row_that_is_refused_fails_or_is_missing():
    plan = features.StandardScaler().fit({"age": [20.0, 40.0]}).plan()
    ages = {"age": np.array([[20.0], [np.inf]])}
    with pytest.raises(Exception, match="out of data bounds"):
        session(plan.to_onnx()).run(None, ages)
    (answer,) = session(plan.to_onnx(refused_rows="missing")).run(None, ages)
    np.testing.assert_array_equal(answer, [[-1.0], [np.nan]])
