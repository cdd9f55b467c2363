"""A script that trains, registers, promotes and compares by the stock client, as a team's own code does, against a stock server and the one
under test. Its class is `MLflowManager` as it was handed to us, with the one change that mlflow 3.17.2 needs against any server:
`serialization_format="cloudpickle"`, since its default format refuses a forest. Nothing in it may be changed for one of the servers.
"""

import os
import time

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from mlflow.models.signature import infer_signature
from mlflow.tracking import MlflowClient
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import train_test_split

from mlflow_server import UNDER_TEST, stock, under_test

NAME = "RandomForestClassifier"


class MLflowManager:
    def __init__(self, tracking_uri="http://localhost:5000", experiment_name="default"):
        mlflow.set_tracking_uri(tracking_uri)
        mlflow.set_experiment(experiment_name)
        self.client = MlflowClient()

    def train_and_log_model(self, X, y, model_params=None, tags=None):
        with mlflow.start_run() as run:
            X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
            mlflow.log_param("dataset_size", len(X))
            mlflow.log_param("features", X.shape[1])
            mlflow.log_param("train_size", len(X_train))
            mlflow.log_param("test_size", len(X_test))
            if model_params is None:
                model_params = {"n_estimators": 100, "max_depth": 10, "random_state": 42}
            model = RandomForestClassifier(**model_params)
            mlflow.log_params(model_params)
            model.fit(X_train, y_train)
            y_pred = model.predict(X_test)
            accuracy = accuracy_score(y_test, y_pred)
            precision = precision_score(y_test, y_pred, average="weighted")
            recall = recall_score(y_test, y_pred, average="weighted")
            f1 = f1_score(y_test, y_pred, average="weighted")
            mlflow.log_metric("accuracy", accuracy)
            mlflow.log_metric("precision", precision)
            mlflow.log_metric("recall", recall)
            mlflow.log_metric("f1_score", f1)
            signature = infer_signature(X_train, y_pred)
            mlflow.sklearn.log_model(
                sk_model=model,
                artifact_path="model",
                signature=signature,
                registered_model_name="RandomForestClassifier",
                serialization_format="cloudpickle",
            )
            if tags:
                mlflow.set_tags(tags)
            if hasattr(model, "feature_importances_"):
                feature_importance = pd.DataFrame(
                    {"feature": X.columns, "importance": model.feature_importances_}
                ).sort_values("importance", ascending=False)
                feature_importance.to_csv("feature_importance.csv", index=False)
                mlflow.log_artifact("feature_importance.csv")
            return run.info.run_id, model

    def promote_model_to_production(self, model_name, version):
        self.client.transition_model_version_stage(name=model_name, version=version, stage="Production")
        return f"モデル {model_name} v{version} を本番に昇格"

    def compare_model_versions(self, model_name, metric="accuracy"):
        versions = self.client.search_model_versions(f"name='{model_name}'")
        comparison = []
        for version in versions:
            run_id = version.run_id
            run = mlflow.get_run(run_id)
            comparison.append({
                "version": version.version,
                "stage": version.current_stage,
                "run_id": run_id,
                metric: run.data.metrics.get(metric),
                "created_at": version.creation_timestamp,
            })
        return pd.DataFrame(comparison).sort_values("version", ascending=False)


@pytest.fixture(scope="module", params=["stock", "under test"])
def address(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mission")
    if request.param == "under test" and not UNDER_TEST:
        pytest.skip("MLCORE_TEST_TRACKING chooses the server under test: mlflow, or mlcore")
    before = os.getcwd()
    # The class writes a file of its own where it runs.
    os.chdir(folder)
    try:
        with (stock if request.param == "stock" else under_test)(folder / "server") as own:
            yield own
    finally:
        os.chdir(before)


def data():
    values, labels = make_classification(n_samples=400, n_features=8, n_informative=5, random_state=7)
    return pd.DataFrame(values, columns=[f"f{place}" for place in range(8)]), labels


def test_train_register_promote_and_compare(address):
    X, y = data()
    begin = time.time() * 1000
    manager = MLflowManager(address, "mission")
    first, forest = manager.train_and_log_model(X, y, tags={"version": "v1.0.0"})
    second, smaller = manager.train_and_log_model(X, y, model_params={"n_estimators": 5, "max_depth": 2, "random_state": 42})
    assert first != second and forest.n_estimators == 100 and smaller.n_estimators == 5

    run = mlflow.get_run(first)
    assert run.info.status == "FINISHED" and run.data.tags["version"] == "v1.0.0"
    expected = {"dataset_size": "400", "features": "8", "train_size": "320", "test_size": "80"}
    assert run.data.params == expected | {"n_estimators": "100", "max_depth": "10", "random_state": "42"}
    assert set(run.data.metrics) == {"accuracy", "precision", "recall", "f1_score"}
    assert run.outputs.model_outputs and [file.path for file in manager.client.list_artifacts(first)] == ["feature_importance.csv"]

    assert manager.promote_model_to_production(NAME, "1") == f"モデル {NAME} v1 を本番に昇格"
    # Promoting another leaves the first where it is.
    manager.promote_model_to_production(NAME, 2)
    table = manager.compare_model_versions(NAME)
    assert list(table.columns) == ["version", "stage", "run_id", "accuracy", "created_at"]
    assert [int(version) for version in table["version"]] == [2, 1]
    assert list(table["stage"]) == ["Production", "Production"]
    # The client sends none: the server fills it in from the logged model.
    assert list(table["run_id"]) == [second, first]
    due = [mlflow.get_run(own).data.metrics["accuracy"] for own in (second, first)]
    assert list(table["accuracy"]) == due and all(0.5 < own <= 1 for own in due)
    assert all(begin - 5000 < own < time.time() * 1000 + 5000 for own in table["created_at"])
    assert manager.compare_model_versions(NAME, "f1_score")["f1_score"].notna().all()

    loaded = mlflow.pyfunc.load_model(f"models:/{NAME}/1")
    assert np.array_equal(loaded.predict(X), forest.predict(X))
    again = mlflow.sklearn.load_model(f"models:/{NAME}/Production")
    assert np.array_equal(again.predict(X), smaller.predict(X))


def test_a_name_without_versions_cannot_be_compared(address):
    manager = MLflowManager(address, "mission")
    # The class sorts an empty table by a column that is not there; what matters is that the server answers an empty list.
    with pytest.raises(KeyError):
        manager.compare_model_versions("absent")
    with pytest.raises(mlflow.MlflowException, match="not found") as told:
        manager.promote_model_to_production("absent", "1")
    assert told.value.error_code == "RESOURCE_DOES_NOT_EXIST"
