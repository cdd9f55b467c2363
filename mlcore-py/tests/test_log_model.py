"""Models on their way into a registry: converted, compared with their estimators, registered with where they come from."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import made
import numpy as np
import pandas as pd
import pytest
from conftest import MODELS, ROOT
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import mlcore


@pytest.fixture
def registry(tmp_path):
    mlcore.set_tracking_url(tmp_path / "tracking.db")
    with mlcore.Registry(tmp_path / "registry.db", actor="ana") as opened:
        yield opened


def rows(count=300, seed=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(count, 5))
    return X, (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)


@pytest.fixture
def converter():
    return pytest.importorskip("skl2onnx", reason="skl2onnx converts")


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, random_state=0),
        GradientBoostingClassifier(n_estimators=20, random_state=0),
        LogisticRegression(),
        make_pipeline(StandardScaler(), LogisticRegression()),
        RandomForestRegressor(20, random_state=0),
        LinearRegression(),
        StandardScaler(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_an_estimator_becomes_a_version_that_answers_as_it_does(registry, converter, estimator):
    X, y = rows()
    X = X.astype(np.float32)
    estimator.fit(X, y)
    version = mlcore.log_model(estimator, X, name="m", registry=registry)
    assert (version.model, version.version, version.format, version.stage) == ("m", 1, "onnx", "dev")
    model = registry.load("m", 1)
    (first, *_) = model.run(X[:10]).values()
    expected = estimator.predict(X[:10]) if hasattr(estimator, "predict") else estimator.transform(X[:10])
    np.testing.assert_allclose(np.asarray(first).reshape(expected.shape), expected, rtol=1e-4, atol=1e-5)
    assert mlcore.check_model(registry, "m", 1) == 5


def test_the_lineage_of_a_version_is_its_run(registry, converter):
    X, y = rows()
    frame = pd.DataFrame(X, columns=list("abcde"))
    train = mlcore.tracking.dataset(frame, name="train")
    forest = RandomForestClassifier(5, random_state=0).fit(frame.to_numpy(np.float32), y)
    with mlcore.start_run(run_name="forest") as run:
        mlcore.log_metric("auc", 0.81)
        version = mlcore.log_model(forest, X.astype(np.float32), name="forest", registered_model_name="churn", registry=registry, dataset=train, tags={"team": "growth"})
    assert (version.run, version.metrics, version.tags) == (run.info.run_id, {"auc": 0.81}, {"team": "growth"})
    assert version.dataset == mlcore.tracking.table_digest(frame)
    found = run.tracker.get_run(run.info.run_id)
    assert found.inputs.dataset_inputs[0].dataset == train
    ((model, _),) = found.outputs.model_outputs
    assert version.logged_model == model and version.source == f"models:/{model}"
    logged = run.tracker.get_logged_model(model)
    assert (logged.name, logged.status, logged.source_run_id) == ("forest", "READY", run.info.run_id)


def test_columns_of_several_types_are_inputs_of_their_own(registry, converter):
    X, y = rows()
    frame = pd.DataFrame({"age": X[:, 0], "visits": (X[:, 1] * 10).astype(int), "plan": np.where(X[:, 2] > 0, "pro", "free")})
    columns = ColumnTransformer([("numbers", StandardScaler(), ["age", "visits"]), ("words", OneHotEncoder(handle_unknown="ignore"), ["plan"])])
    pipeline = make_pipeline(columns, LogisticRegression()).fit(frame, y)
    version = mlcore.log_model(pipeline, frame, name="mixed", registry=registry)
    assert [(field.name, field.dtype) for field in version.inputs] == [("age", "float32"), ("visits", "int64"), ("plan", "string")]
    assert mlcore.check_model(registry, "mixed", 1) == 5


def test_a_model_that_answers_otherwise_is_refused_with_its_rows(registry, converter):
    X, y = rows()
    X = X.astype(np.float32)

    class Lying(LogisticRegression):
        """It is converted as what it claims to be."""

        lies = False

        def predict_proba(self, X):
            found = super().predict_proba(X)
            if self.lies:
                found[[3, 7]] += 0.25
            return found

    from skl2onnx import update_registered_converter
    from skl2onnx.common._registration import get_converter, get_shape_calculator

    def convert(scope, operator, container):
        get_converter("SklearnLinearClassifier")(scope, operator, container)

    def shapes(operator):
        get_shape_calculator("SklearnLinearClassifier")(operator)

    options = {"zipmap": [True, False, "columns"], "nocl": [True, False], "output_class_labels": [False, True], "raw_scores": [True, False]}
    update_registered_converter(Lying, "SklearnLying", shapes, convert, options=options)
    liar = Lying().fit(X, y)
    mlcore.log_model(liar, X, name="liar", registry=registry)
    liar.lies = True
    with pytest.raises(mlcore.InvalidModelError, match=r"answers otherwise than predict_proba\(\) in 2 of 300 rows, by up to 0.25 where 1e-05 \+ 0.0001 x is allowed: rows 3, 7"):
        mlcore.log_model(liar, X, name="liar", registry=registry)
    assert [version.version for version in registry.versions("liar")] == [1]
    # A tolerance that somebody stands for.
    mlcore.log_model(liar, X, name="liar", registry=registry, atol=0.5)


def test_a_tie_of_the_estimator_is_no_difference(registry, converter):
    X = np.float32([[0.0], [1.0], [-2.0]])
    even = LogisticRegression().fit(X, [0, 1, 0])
    even.coef_, even.intercept_ = np.array([[1.0]]), np.array([0.0])
    assert even.predict_proba(X)[0].tolist() == [0.5, 0.5]
    even.predict = lambda X: np.array([1, 1, 0])
    other = np.array([0, 1, 0])
    assert mlcore.log_model(even, X, name="even", registry=registry).version == 1
    even.predict = lambda X: 1 - other
    with pytest.raises(mlcore.InvalidModelError, match=r"predict\(\) in 2 of 3 rows: rows 1, 2"):
        mlcore.log_model(even, X, name="even", registry=registry)


def test_an_onnx_model_is_taken_as_it_is(registry, tmp_path):
    X = np.zeros((4, 30), np.float32)
    path = MODELS / "runner" / "rf30.onnx"
    version = mlcore.log_model(path, X, name="file", registry=registry)
    assert registry.artifact("file", version.version) == path.read_bytes()
    proto = SimpleNamespace(SerializeToString=path.read_bytes)
    assert mlcore.log_model(proto, X, name="proto", registry=registry).artifact == version.artifact
    assert mlcore.log_model(path.read_bytes(), X.astype(np.float64), name="bytes", registry=registry).artifact == version.artifact
    with pytest.raises(mlcore.NotFoundError, match="it has no golden rows"):
        mlcore.check_model(registry, "file", 1)
    with pytest.raises(mlcore.Error):
        mlcore.log_model(path, np.zeros((4, 29), np.float32), name="narrow", registry=registry)
    with pytest.raises(ValueError, match="no column"):
        mlcore.log_model(made.model(
            made.node("Add", ["a", "b"], ["y"]), made.given("a", "float32", ["N", 1]), made.given("b", "float32", ["N", 1]), made.answered("y", "float32", ["N", 1])
        ), pd.DataFrame({"a": [1.0], "c": [1.0]}), name="columns", registry=registry)  # fmt: skip


def test_what_is_no_model_is_named(registry):
    X, y = rows(20)
    for model, error, words in (
        (b"", ValueError, None), (b"\0" * 100, ValueError, None), ("absent.onnx", FileNotFoundError, None), (object(), TypeError, "an estimator of scikit-learn or an ONNX model is expected, and it is a object"),
        (None, TypeError, "it is a NoneType"), (LogisticRegression, TypeError, None),
    ):  # fmt: skip
        with pytest.raises(error, match=words):
            mlcore.log_model(model, X, name="none", registry=registry)
    for options in ({"dtype": "int8"}, {"rtol": -1.0}, {"atol": float("nan")}):
        with pytest.raises(ValueError):
            mlcore.log_model(b"", X, name="none", registry=registry, **options)
    assert registry.models() == []


def test_what_cannot_be_converted_is_said(registry, converter):
    X, y = rows(50)

    class Own(BaseEstimator):
        def fit(self, X, y=None):
            self.fitted_ = True
            return self

        def predict(self, X):
            return np.zeros(len(X))

    with pytest.raises(NotImplementedError, match="skl2onnx does not convert Own: .*; convert it by other means, and pass the ONNX model"):
        mlcore.log_model(Own().fit(X), X, name="own", registry=registry)
    with pytest.raises(mlcore.NotFittedError, match="the LogisticRegression is not fitted"):
        mlcore.log_model(LogisticRegression(), X, name="unfitted", registry=registry)
    for wrong in (np.zeros(5), np.zeros((0, 5)), np.zeros((2, 2, 5))):
        with pytest.raises(ValueError):
            mlcore.log_model(LogisticRegression().fit(X, y), wrong, name="shape", registry=registry)
    assert registry.models() == []


def test_without_the_converter_it_is_said_what_to_install(registry, monkeypatch):
    X, y = rows(50)
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match="skl2onnx is not installed; install it: pip install skl2onnx"):
        mlcore.log_model(LogisticRegression().fit(X, y), X, name="m", registry=registry)


def test_the_registry_of_the_process_is_that_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("mlcore.tracking._models._registry", None)
    monkeypatch.setenv("MLCORE_REGISTRY_URL", f"sqlite:///{tmp_path}/models.db")
    version = mlcore.log_model(MODELS / "runner" / "rf30.onnx", np.zeros((1, 30), np.float32), name="churn")
    assert (tmp_path / "models.db").exists() and mlcore.get_registry().version("churn", version.version).run is None
    mlcore.set_registry_url(mlcore.Registry("memory:"))
    assert mlcore.get_registry().models() == []


def test_the_example_searches_and_registers(tmp_path, converter):
    example = ROOT / "examples" / "experiments" / "experiments.py"
    answer = subprocess.run([sys.executable, "-W", "error", example, tmp_path], capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("depth 8: auc 0.") and answer.stdout.endswith("registered as churn/3\n")
    with mlcore.Registry(tmp_path / "registry.db") as registry:
        assert registry.model("churn").production == 3 and mlcore.check_model(registry, "churn", 3) == 5
