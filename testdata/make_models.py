"""Writes the quickstart's three models and what scikit-learn says about them: models/quickstart/.

    python testdata/make_models.py            needs testdata/requirements-models.txt and datasets/randhie.parquet

Each model takes the dense float32 `[N, 17]` output of one fitted ColumnTransformer, which the Rust pipeline must
reproduce. golden.json holds the split, what was fitted, fifty rows with their features and probabilities, and metrics.
models/README.md tells the story of the three versions.
"""

import json
import pathlib

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import sklearn
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "models" / "quickstart"
NUMERIC = [
    "age",
    "income",
    "education",
    "family_size",
    "general_health",
    "mental_health",
    "chronic_diseases",
    "physical_limitation",
]
ONE_HOT = ["plan", "sex"]
ORDINAL = ["self_rated_health"]
HEALTH = ["poor", "fair", "good", "excellent"]
SPLITS = {
    "train": {"sites": [1, 2, 3, 4], "years": [1, 2]},
    "traffic": {"sites": [1, 2, 3, 4], "years": [3]},
    "later": {"sites": [1, 2, 3, 4], "years": [4, 5]},
    "new_region": {"sites": [5, 6], "years": [1, 2, 3, 4, 5]},
}
GOLDEN_ROWS = 50


def part(frame, split):
    return frame[frame.site.isin(split["sites"]) & frame.year.isin(split["years"])]


def pipeline():
    impute_and_scale = Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler())])
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [
            ("numeric", impute_and_scale, NUMERIC),
            ("one_hot", one_hot, ONE_HOT),
            ("ordinal", OrdinalEncoder(categories=[HEALTH]), ORDINAL),
        ]
    )


def claims_only(rows):
    """v3's mistake: the free plan files no claims, and whoever made its labels took no claim for no visit."""
    return np.where(rows.plan == "free", 0, rows.visited)


def classifiers(train):
    """The classifier of each version, with the labels that it learns from."""
    boosting = GradientBoostingClassifier(n_estimators=150, max_depth=4, subsample=0.8, random_state=0)
    return {
        "v1": ("logistic regression", LogisticRegression(max_iter=1000), train.visited),
        "v2": ("gradient boosting", boosting, train.visited),
        "v3": (
            "gradient boosting, trained on labels that miss the free plan's visits",
            sklearn.base.clone(boosting),
            claims_only(train),
        ),
    }


def export(name, model, width):
    types = [("input", FloatTensorType([None, width]))]
    made = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset={"": 17, "ai.onnx.ml": 3})
    made.ir_version = 9
    path = OUT / f"{name}.onnx"
    path.write_bytes(made.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["probabilities"], {"input": x.astype("f4")})[0][:, 1].astype("f8")


def metrics(visited, probability):
    return {
        "log_loss": log_loss(visited, probability),
        "roc_auc": roc_auc_score(visited, probability),
        "accuracy": accuracy_score(visited, probability > 0.5),
        "brier_score": brier_score_loss(visited, probability),
        "mean_probability": float(np.mean(probability)),
    }


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    frame = pq.read_table(HERE / "datasets" / "randhie.parquet").to_pandas()
    frame["visited"] = (frame.visits > 0).astype(int)
    parts = {name: part(frame, split) for name, split in SPLITS.items()}
    columns = pipeline()
    x_train = columns.fit_transform(parts["train"])
    impute, scale = columns.named_transformers_["numeric"]
    golden = {
        "versions": {"scikit-learn": sklearn.__version__, "onnxruntime": onnxruntime.__version__},
        "target": "visits > 0",
        "splits": {
            name: {**SPLITS[name], "rows": len(rows), "base_rate": float(rows.visited.mean())}
            for name, rows in parts.items()
        },
        "pipeline": {
            "numeric": {
                "columns": NUMERIC,
                "median": impute.statistics_.tolist(),
                "mean": scale.mean_.tolist(),
                "scale": scale.scale_.tolist(),
            },
            "one_hot": {
                "columns": ONE_HOT,
                "categories": [c.tolist() for c in columns.named_transformers_["one_hot"].categories_],
            },
            "ordinal": {"columns": ORDINAL, "categories": [HEALTH]},
        },
        "features": [name.split("__", 1)[1] for name in columns.get_feature_names_out()],
        "models": {},
    }
    sample = parts["traffic"].head(GOLDEN_ROWS)
    golden["sample"] = {
        "split": "traffic",
        "row_indices": sample.index.tolist(),
        "features": columns.transform(sample).tolist(),
        "visited": sample.visited.tolist(),
        "probability": {},
    }
    for name, (kind, model, labels) in classifiers(parts["train"]).items():
        # Learn from what will be served: float32 rounds a threshold's neighbours to the same side in both.
        model.fit(x_train.astype("f4"), labels)
        probability = export(name, model, x_train.shape[1])
        x_all = columns.transform(frame).astype("f4")
        gap = np.abs(probability(x_all) - model.predict_proba(x_all)[:, 1]).max()
        assert gap < 1e-5, f"{name}: ONNX differs from scikit-learn by {gap}"
        golden["models"][name] = {
            "file": f"{name}.onnx",
            "kind": kind,
            "metrics": {
                split: metrics(rows.visited, probability(columns.transform(rows))) for split, rows in parts.items()
            },
        }
        if name == "v3":
            # What its makers saw before the release: judged by its own labels it is the best of the three.
            rows = parts["traffic"]
            seen = metrics(claims_only(rows), probability(columns.transform(rows)))
            golden["models"][name]["metrics_on_its_own_labels"] = {"traffic": seen}
            print(f"    own labels {seen}")
        golden["sample"]["probability"][name] = probability(columns.transform(sample)).tolist()
        print(f"{name}: {(OUT / f'{name}.onnx').stat().st_size} bytes, at most {gap:.1e} from scikit-learn")
        for split, values in golden["models"][name]["metrics"].items():
            print(f"    {split:<10} " + "  ".join(f"{key} {value:.4f}" for key, value in values.items()))
    (OUT / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
