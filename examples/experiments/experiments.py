"""From a search for parameters to a version in the registry: runs, the best of them, and its model beside its estimator's answers."""

import sys
from pathlib import Path

import mlcore
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split


def search(folder):
    mlcore.set_tracking_url(folder / "tracking.db")
    mlcore.set_registry_url(folder / "registry.db")
    X, y = make_classification(2000, 12, n_informative=6, random_state=7)
    X_train, X_test, y_train, y_test = train_test_split(X.astype(np.float32), y, random_state=7)
    data = mlcore.tracking.dataset(X_train, name="train", source="make_classification(random_state=7)")
    with mlcore.start_run(run_name="search", experiment="churn") as parent:
        for depth in (2, 4, 8):
            with mlcore.start_run(run_name=f"depth {depth}", nested=True):
                mlcore.log_params({"max_depth": depth, "n_estimators": 25})
                mlcore.log_input(data, context="training")
                forest = RandomForestClassifier(25, max_depth=depth, random_state=7).fit(X_train, y_train)
                mlcore.log_metric("auc", roc_auc_score(y_test, forest.predict_proba(X_test)[:, 1]))
                # Converted, compared with the forest on every row of X_test, and registered with the run that it comes from.
                mlcore.log_model(forest, X_test, name="forest", registered_model_name="churn", dataset=data)
    children = f"tags.mlflow.parentRunId = '{parent.info.run_id}'"
    best = mlcore.search_runs([parent.info.experiment_id], children, order_by=["metrics.auc DESC"], output_format="list")[0]
    (version,) = mlcore.get_registry().search_versions(f"run_id = '{best.info.run_id}'")
    mlcore.get_registry().move_stage("churn", version.version, "production")
    return best, version


if __name__ == "__main__":
    best, version = search(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print(f"{best.info.run_name}: auc {best.data.metrics['auc']:.3f}, registered as {version.model}/{version.version}")
