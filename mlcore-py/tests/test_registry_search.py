"""Searching a registry, and what it keeps of models that live elsewhere."""

from __future__ import annotations

import pytest
from conftest import MODELS

import mlcore


@pytest.fixture
def registry(tmp_path):
    with mlcore.Registry(tmp_path / "registry.db", actor="ana") as opened:
        yield opened


def test_versions_are_found_by_what_is_known_of_them(registry):
    for name, auc in (("churn", 0.79), ("churn", 0.81), ("fraud", 0.80), ("churn", 0.60)):
        registry.register(name, b"bytes", format="text", metrics={"auc": auc}, tags={"team": name}, run=f"run{auc}")
    registry.transition("churn", 2, "staging")

    def found(*arguments, **options):
        return [(version.model, version.version) for version in registry.search_versions(*arguments, **options)]

    assert found("metrics.auc >= 0.8", order_by=["metrics.auc DESC"]) == [("churn", 2), ("fraud", 1)]
    assert found("stage = 'staging'") == [("churn", 2)] and found("tags.team = 'fraud'") == [("fraud", 1)]
    assert found("run_id = 'run0.79'", dialect="mlflow") == [("churn", 1)]
    first = registry.search_versions("name = 'churn'", order_by=["version_number ASC"], limit=2)
    assert [version.version for version in first] == [1, 2] and first.token
    last = registry.search_versions("name = 'churn'", order_by=["version_number ASC"], limit=2, page=first.token)
    assert [version.version for version in last] == [3] and last.token is None
    assert [model.name for model in registry.search_models("name LIKE 'f%'")] == ["fraud"]
    assert len(registry.search_models(limit=1)) == 1
    for arguments, options, words in (
        (("metrics.auc >",), {}, "search"), (("metrics.auc > 0.5",), {"dialect": "mlflow"}, ""), ((), {"dialect": "sql"}, "dialect"), ((), {"limit": 0}, ""),
        ((), {"page": "forged"}, "page token"), (("(" * 100_000,), {}, ""), (("name = '" + "x" * 10_000_000 + "'",), {"page": first.token}, ""), (("name = 'a\0'\0",), {}, ""),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            registry.search_versions(*arguments, **options)
        assert words in str(caught.value) and len(str(caught.value)) < 10_000


def test_a_model_that_lives_elsewhere_is_kept_by_its_title(registry):
    version = registry.register_external(
        "Rückgang (Süd)", "s3://models/churn", version=7, run="a1", run_link="https://host/runs/a1", logged_model="m-1", tags={"team": "growth"}
    )
    assert (version.version, version.format, version.external, version.source) == (7, "external", True, "s3://models/churn")
    assert (version.run, version.run_link, version.logged_model) == ("a1", "https://host/runs/a1", "m-1")
    (model,) = registry.models()
    assert model.title == "Rückgang (Süd)" and model.name == version.model and model.name.startswith("titled.")
    assert registry.register_external("Rückgang (Süd)", "s3://models/churn2").version == 8
    # By MLflow's rules: directly, several at once.
    for number in (7, 8):
        registry.move_stage(model.name, number, "production")
    assert [version.stage for version in registry.versions(model.name)] == ["production", "production"]
    registry.move_stage(model.name, 8, "production", archive_others=True)
    assert [version.stage for version in registry.versions(model.name)] == ["archived", "production"]
    with pytest.raises(ValueError, match="it is external"):
        registry.promote(model.name, 8)
    registry.rename_model(model.name, "attrition")
    assert registry.version("attrition", 8).source == "s3://models/churn2" and registry.model("attrition").title == "attrition"
    assert "Rückgang" not in registry._repr_html_() and version.to_dict()["source"] == "s3://models/churn"
    for source in ("", "x" * 10_001, "a\0b"):
        with pytest.raises(ValueError):
            registry.register_external("other", source)
    for name in ("", "x" * 1001, "a\0b"):
        with pytest.raises(ValueError):
            registry.register_external(name, "s3://models")
    assert registry.verify()[0] == len(registry.audit())


def test_an_ordinary_version_moves_through_the_stages_at_once(registry):
    for _ in range(2):
        registry.register("churn", MODELS / "runner" / "rf30.onnx", source="runs:/a1/model", run_link="https://host")
    version = registry.version("churn", 1)
    assert (version.source, version.run_link, version.external, version.logged_model) == ("runs:/a1/model", "https://host", False, None)
    registry.move_stage("churn", 1, "production", reason="it is good")
    with pytest.raises(mlcore.ConflictError, match="version 1 is in production"):
        registry.move_stage("churn", 2, "production")
    registry.move_stage("churn", 2, "production", archive_others=True)
    assert [version.stage for version in registry.versions("churn")] == ["archived", "production"]
    with pytest.raises(mlcore.ConflictError):
        registry.rename_model("churn", "other")
    with pytest.raises(ValueError):
        registry.move_stage("churn", 1, "nowhere")
    with pytest.raises(mlcore.NotFoundError):
        registry.rename_model("absent", "other")
