"""What a registry answers as plain values and frames, its metrics, and how it is opened."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from conftest import MODELS

import mlcore


@pytest.fixture
def registry(tmp_path):
    with mlcore.Registry(f"sqlite:///{tmp_path}/registry.db", actor="ana") as opened:
        yield opened


def test_what_a_registry_answers_is_plain_values(registry):
    onnx = (MODELS / "runner" / "columns.onnx").read_bytes()
    first = registry.register("m", onnx, tags={"team": "growth"}, metrics={"auc": 0.1 + 0.2, "rows": 3}, run="run-7")
    second = registry.register("m", b"bytes", format="text", parent=("m", 1), description="smaller")
    registry.set_alias("m", "champion", 1, expected=None, reason="first")
    version = json.loads(json.dumps(first.to_dict()))
    assert (version["model"], version["version"], version["stage"], version["run"]) == ("m", 1, "dev", "run-7")
    assert version["metrics"] == {"auc": 0.1 + 0.2, "rows": 3.0} and version["tags"] == {"team": "growth"}
    assert datetime.fromisoformat(version["created_at"].replace("Z", "+00:00")) == first.created_at
    assert version["artifact"] == first.artifact and [field["name"] for field in version["inputs"]] == [f.name for f in first.inputs]
    assert second.to_dict()["parent"] == {"model": "m", "version": 1}
    names = [name for name in dir(first) if not name.startswith("_") and name not in ("to_dict",)]
    assert set(version) == set(names), "every property, and nothing else"

    model = json.loads(json.dumps(registry.model("m").to_dict()))
    assert (model["name"], model["last_version"], model["production"]) == ("m", 2, None)
    (move,) = registry.alias_history("m", "champion")
    assert json.loads(json.dumps(move.to_dict())) | {"at": None} == {
        "sequence": 4, "at": None, "actor": registry.actor, "reason": "first", "rolled_back": False, "previous": None, "version": 1,
    }  # fmt: skip
    entry = registry.audit()[-1]
    told = json.loads(json.dumps(entry.to_dict()))
    assert (told["operation"], told["subject"], told["hash"]) == ("set alias", "m@champion", entry.hash)
    assert told["event"] == entry.event


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_what_a_registry_answers_is_a_frame(registry, library):
    registry.register("m", b"1", format="text", metrics={"auc": 0.5}, tags={"team": "growth"})
    registry.register("m", b"2", format="text", metrics={"auc": 0.75, "f1": 1})
    registry.register("other", b"3", format="text")
    registry.set_alias("m", "champion", 1)
    frame = registry.to_frame("m", library=library)
    assert type(frame).__module__.startswith(library) and frame.shape[0] == 2
    assert frame["version"].to_list() == [1, 2] and frame["metrics.auc"].to_list() == [0.5, 0.75]
    assert frame["tags.team"].to_list()[0] == "growth" and frame["stage"].to_list() == ["dev", "dev"]
    assert frame["created_at"].to_list()[0] == registry.version("m", 1).created_at
    assert registry.to_frame(library=library)["model"].to_list() == ["m", "m", "other"]
    of = lambda records: mlcore.registry.to_frame(records, library=library)
    assert of(registry.models())["name"].to_list() == ["m", "other"]
    assert of(registry.alias_history("m", "champion"))["version"].to_list() == [1]
    log = of(registry.audit())
    assert log["operation"].to_list()[:2] == ["create model", "create version"] and len(log) == len(registry.audit())
    assert of([]).shape[0] == 0
    with pytest.raises(mlcore.InvalidTypeError, match="a int is among the records"):
        of([1])
    with pytest.raises(mlcore.NotFoundError):
        registry.to_frame("nobody")


def test_versions_have_metrics(registry, tmp_path):
    version = registry.register("m", b"1", format="text", metrics={"auc": np.float32(0.1), "n": np.int64(5), "acc": 1})
    assert version.metrics == {"acc": 1.0, "auc": float(np.float32(0.1)), "n": 5.0}
    entry = registry.set_metrics("m", 1, {"auc": 0.81, "loss": 5e-324}, reason="held-out rows")
    told = {"model": "m", "version": 1, "metrics": {"auc": 0.81, "loss": 5e-324}, "measured": True}
    assert entry.event == {"set_metrics": told}
    assert entry.reason == "held-out rows"
    registry.delete_metric("m", 1, "n")
    assert registry.version("m", 1).metrics == {"acc": 1.0, "auc": 0.81, "loss": 5e-324}
    registry.verify()
    for call, raised, words in [
        (lambda: registry.set_metrics("m", 1, {"auc": float("nan")}), mlcore.InvalidInputError, 'metrics: "auc" is NaN.*leave out'),
        (lambda: registry.set_metrics("m", 1, {"auc": np.inf}), ValueError, "finite"),
        (lambda: registry.register("m", b"1", format="text", metrics={"a": -np.inf}), ValueError, "finite"),
        (lambda: registry.set_metrics("m", 1, {}), mlcore.InvalidInputError, "metrics: there are none"),
        (lambda: registry.set_metrics("m", 1, {"auc": "0.8"}), mlcore.InvalidTypeError, '"auc" is a str.*tags='),
        (lambda: registry.set_metrics("m", 1, {"auc": None}), TypeError, "a number"),
        (lambda: registry.set_metrics("m", 1, {3: 0.5}), TypeError, "a name is a int"),
        (lambda: registry.set_metrics("m", 1, [("auc", 1)]), TypeError, "a dict of numbers"),
        (lambda: registry.set_metrics("m", 9, {"auc": 1}), mlcore.NotFoundError, "m/9"),
        (lambda: registry.delete_metric("m", 1, "f1"), mlcore.NotFoundError, 'no metric "f1"'),
        (lambda: registry.register("m", b"1", format="text", tags={"auc": 0.8}), TypeError, "pass numbers as metrics="),
        (lambda: registry.set_tag("m", "auc", 0.8, version=1), TypeError, "set_metrics"),
        (lambda: registry.set_tag("m", "live", True, version=1), TypeError, r"pass text, such as str\(value\)"),
    ]:
        with pytest.raises(raised, match=words):
            call()
    assert registry.versions("m")[0].metrics["auc"] == 0.81


def test_what_a_gate_found_becomes_metrics(registry):
    truth = [row % 3 == 0 for row in range(600)]
    gate = mlcore.evaluate.Gate().require("log_loss", at_most=0.5).require("roc_auc", at_least=0.8).require("log_loss", at_most=1)
    verdict = gate.judge(truth, [0.8 if label else 0.2 for label in truth])
    assert verdict.metrics == {"log_loss": pytest.approx(0.2231, abs=1e-4), "roc_auc": 1.0}
    version = registry.register("m", b"1", format="text", metrics=verdict.metrics)
    assert registry.version("m", version.version).metrics == verdict.metrics
    frame = verdict.to_frame()
    assert frame["metric"].tolist() == ["samples", "log_loss", "roc_auc", "log_loss"]
    assert frame["challenger"].tolist()[2] == 1.0 and frame["passed"].all()


def test_a_registry_is_opened_by_its_path(tmp_path):
    class Named:
        def __init__(self, path):
            self.path = path

        def __fspath__(self):
            return str(self.path)

    for path in (tmp_path / "a.db", Named(tmp_path / "b.db")):
        with mlcore.Registry(path) as registry:
            registry.register("m", b"1", format="text")
            assert registry.url == f"sqlite:///{Path(path.__fspath__())}"
        assert Path(path.__fspath__()).exists() and Path(path.__fspath__() + ".artifacts").is_dir()
        with mlcore.Registry(path, artifacts=Path(path.__fspath__() + ".artifacts")) as registry:
            assert registry.artifact("m", 1) == b"1"
    with pytest.raises(mlcore.InvalidTypeError, match=r"a path or a URL is expected, and it is a int; pass pathlib.Path"):
        mlcore.Registry(3)
    with pytest.raises(mlcore.InvalidInputError, match="question mark"):
        mlcore.Registry(tmp_path / "a.db?mode=rw")


def test_a_tag_that_is_not_there_is_named(registry):
    registry.create_model("m", tags={"team": "growth"})
    with pytest.raises(mlcore.NotFoundError, match='delete tag m: it has no tag "owner"'):
        registry.delete_tag("m", "owner")


def test_half_a_pair_of_surrogates_is_no_text_of_a_registry(registry):
    half = "\ud800x"
    registry.register("m", b"1", format="text")
    for call in [
        lambda: registry.register(half, b"1", format="text"),
        lambda: registry.register("m", b"1", format=half),
        lambda: registry.register("m", b"1", format="text", tags={"a": half}),
        lambda: registry.register("m", b"1", format="text", tags={half: "a"}),
        lambda: registry.register("m", b"1", format="text", metrics={half: 1}),
        lambda: registry.register("m", b"1", format="text", reason=half),
        lambda: registry.create_model("n", description=half),
        lambda: registry.set_tag("m", half, "v"),
        lambda: registry.set_tag("m", "k", half),
        lambda: registry.delete_tag("m", half),
        lambda: registry.describe("m", half),
        lambda: registry.alias("m", half),
        lambda: registry.promote("m", 1, half),
        lambda: mlcore.Registry(half),
        lambda: mlcore.Registry("memory:", actor=half),
        lambda: mlcore.rollout.Fixed(half),
        lambda: mlcore.rollout.Weighted(half, {"champion": 1}),
        lambda: mlcore.rollout.bucket("", half),
        lambda: mlcore.Endpoint(registry, half),
        lambda: mlcore.evaluate.Gate().require(half, at_least=1),
    ]:
        with pytest.raises(mlcore.InvalidInputError, match=r"half a pair of surrogates; replace it: text.encode"):
            call()
    # Another kind of object is still named with its argument.
    with pytest.raises(TypeError, match="name"):
        registry.register(3, b"1", format="text")


def test_a_plan_is_that_of_a_fitted_transformer(registry):
    pipeline = mlcore.features.Pipeline([("scale", mlcore.features.StandardScaler())])
    with pytest.raises(mlcore.NotFittedError, match=r"register version plan: the \S*Pipeline is not fitted; call its fit"):
        registry.register("m", b"1", format="text", plan=pipeline)
    pipeline.fit({"age": [1.0, 2.0]})
    assert registry.register("m", b"1", format="text", plan=pipeline).plan_hash == pipeline.plan_hash
    with pytest.raises(mlcore.InvalidTypeError, match="a plan or a fitted transformer is expected"):
        registry.register("m", b"1", format="text", plan="pipeline")


def test_a_url_says_where_the_artifacts_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with mlcore.Registry("sqlite:///registry.db") as registry:
        monkeypatch.chdir("/")
        registry.register("churn", b"bytes", format="text")
        assert registry.artifact("churn", 1) == b"bytes"
        assert (tmp_path / "registry.db.artifacts").is_dir()
        sequence, digest = registry.verify()
        assert registry.verify(since=(sequence, digest)) == (sequence, digest)
        with pytest.raises(mlcore.CorruptError, match="cut short or rewritten"):
            registry.verify(since=(sequence + 1, digest))
    elsewhere = tmp_path / "a b"
    for artifacts in (elsewhere, str(elsewhere), elsewhere.as_uri()):
        with mlcore.Registry("memory:", artifacts=artifacts) as registry:
            assert not elsewhere.exists()
            registry.register("churn", b"bytes", format="text")
            assert elsewhere.is_dir()
        shutil.rmtree(elsewhere)
    for url in ("mysql://ana:secret@host/db", "registry.db"):
        with pytest.raises(mlcore.InvalidInputError, match="sqlite:///relative/path") as caught:
            mlcore.Registry(url)
        assert "secret" not in str(caught.value)
    with pytest.raises(mlcore.InvalidInputError, match="file:///absolute/path"):
        mlcore.Registry("memory:", artifacts="ftp://bucket")
    with pytest.raises(mlcore.InvalidInputError, match="s3://bucket/prefix"):
        mlcore.Registry("memory:", artifacts="s3://")
