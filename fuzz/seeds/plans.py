"""Feature plans, fitted by mlcore itself."""

import json

import numpy as np
import pandas as pd

from mlcore import features as f


def plan_bytes():
    """A fitted plan of each transformer, as it is stored and as the step inside; and what is no plan."""
    frame = pd.DataFrame(
        {
            "number": [1.0, None, 3.0, 3.5, 9.0],
            "whole": np.array([1, 1, 2, 3, 3]),
            "flag": [True, False, True, True, False],
            "text": ["a", "b", "b", None, "c"],
            "day": pd.to_datetime(["2024-02-29T12:30", None, "1969-12-31T23:59:59", "1970-01-01", "1970-01-02"], format="ISO8601"),
            "seen": pd.to_datetime(["2024-02-29T12:30", "1970-01-01", "1969-12-31T23:59:59", "1970-01-01", "1970-01-02"], utc=True, format="ISO8601"),
            "day_of_week": [0, 1, 2, 3, 4],
            "rate": [0.5, -1.0, 2.0, 0.0, 7.5],
            "note": ["to be", "or not", "to be", "", "been"],
        }
    )
    numbers, text = ["number"], ["text"]
    target = [0, 1, 1, 0, 1]
    # Of steps that read a target of several classes.
    targets = {"TargetEncoder_several": [0, 1, 2, 0, 1]}
    impute = f.SimpleImputer
    steps = {
        "StandardScaler": (f.StandardScaler(), numbers),
        "StandardScaler_flags": (f.StandardScaler(with_mean=False), ["flag", "whole"]),
        "MinMaxScaler": (f.MinMaxScaler(clip=True), numbers),
        "MaxAbsScaler": (f.MaxAbsScaler(), ["whole"]),
        "RobustScaler": (f.RobustScaler(unit_variance=True), numbers),
        "Normalizer": (f.Normalizer(norm="l1"), ["whole", "flag"]),
        "SimpleImputer": (impute(), numbers),
        "SimpleImputer_text": (impute(strategy="most_frequent", add_indicator=True), text),
        "SimpleImputer_constant": (impute(strategy="constant", fill_value=2.5), numbers),
        "OneHotEncoder": (f.OneHotEncoder(handle_unknown="ignore"), text),
        "OneHotEncoder_whole": (f.OneHotEncoder(drop="first", min_frequency=2), ["whole", "flag"]),
        "OneHotEncoder_rare": (f.OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist"), text),
        "OrdinalEncoder": (f.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), text),
        "OrdinalEncoder_whole": (f.OrdinalEncoder(), ["whole"]),
        "TargetEncoder": (f.TargetEncoder(), text),
        "TargetEncoder_several": (f.TargetEncoder(), ["whole", "text"]),
        "CountEncoder": (f.CountEncoder(handle_unknown=-1), ["text", "flag"]),
        "WOEEncoder": (f.WOEEncoder(), text),
        "JamesSteinEncoder": (f.JamesSteinEncoder(handle_missing="return_nan"), ["text", "whole"]),
        "LeaveOneOutEncoder": (f.LeaveOneOutEncoder(handle_unknown="error"), text),
        "RareLabelEncoder": (f.RareLabelEncoder(n_categories=1, tol=0.3, missing_values="ignore"), text),
        "RareLabelEncoder_encoded": (
            f.Pipeline([("rare", f.RareLabelEncoder(n_categories=1, ignore_format=True)), ("one", f.OneHotEncoder())]),
            ["whole", "flag"],
        ),
        "EmbeddingLookup": (f.EmbeddingLookup(["a", "b"], [[0.5, 1.0], [-2.0, 0.1]], handle_unknown="mean", handle_missing="zeros"), text),
        "KBinsDiscretizer": (f.KBinsDiscretizer(n_bins=2, encode="ordinal"), ["whole"]),
        "KBinsDiscretizer_onehot": (f.KBinsDiscretizer(n_bins=3, strategy="uniform"), ["whole"]),
        "Binarizer": (f.Binarizer(threshold=1.5), ["whole", "flag"]),
        "PowerTransformer": (f.PowerTransformer(), numbers),
        "PowerTransformer_positive": (f.PowerTransformer(method="box-cox", standardize=False), ["whole"]),
        "QuantileTransformer": (f.QuantileTransformer(n_quantiles=3, output_distribution="normal"), numbers),
        "SplineTransformer": (f.SplineTransformer(n_knots=3, extrapolation="linear"), ["whole"]),
        "SplineTransformer_periodic": (
            f.SplineTransformer(n_knots=4, degree=2, knots="quantile", extrapolation="periodic"),
            ["whole"],
        ),
        "FunctionTransformer": (f.FunctionTransformer("log1p", "expm1"), ["number", "whole"]),
        "Winsorizer": (f.Winsorizer(upper_quantile=0.8), numbers),
        "HashingVectorizer": (f.HashingVectorizer(n_features=3), ["note"]),
        "FeatureHasher": (f.FeatureHasher(n_features=3), ["text", "whole", "flag"]),
        "HashedCrossing": (f.HashedCrossing(num_bins=5, output_mode="one_hot"), ["text", "whole", "flag", "number"]),
        "CountVectorizer": (f.CountVectorizer(ngram_range=(1, 2)), ["note"]),
        "TfidfVectorizer": (f.TfidfVectorizer(analyzer="char"), ["note"]),
        "DatetimeFeatures": (f.DatetimeFeatures(time_zone="Europe/Berlin"), ["seen"]),
        "DatetimeFeatures_all": (f.DatetimeFeatures(features_to_extract="all", missing_values="ignore", drop_original=False), ["day"]),
        "CyclicalFeatures": (f.CyclicalFeatures(max_values=[12.0, 2.0]), ["whole", "flag"]),
        "TimeSince": (f.TimeSince(moment="2024-02-29T12:30:00Z"), ["seen"]),
        "MissingIndicator": (f.MissingIndicator(), ["number", "text", "whole"]),
        "PolynomialFeatures": (f.PolynomialFeatures((2, 3)), ["whole", "flag"]),
        "GeoDistanceFeatures": (f.GeoDistanceFeatures(method="euclidean", output_unit="miles", drop_original=True), ["whole", "flag", "day_of_week", "rate"]),
        "VarianceThreshold": (f.VarianceThreshold(0.5), ["whole", "flag"]),
        "SelectKBest": (f.SelectKBest(k=1), ["whole", "flag"]),
        "PCA": (f.PCA(1, whiten=True), ["whole", "flag"]),
        "TruncatedSVD": (f.TruncatedSVD(1), ["whole", "flag"]),
        "KNNImputer": (f.KNNImputer(n_neighbors=2, weights="distance", add_indicator=True), ["number", "whole"]),
        "IterativeImputer": (f.IterativeImputer(max_iter=2, min_value=0.0), ["number", "whole", "flag"]),
        "DerivedColumns": (f.DerivedColumns({"a": "whole / 2 if flag else lookup(text, {'a': 1.5}, -1)", "b": "year(seen)"}), ["whole", "flag", "text", "seen"]),
        "passthrough": ("passthrough", ["whole", "text"]),
        "FeatureUnion": (f.FeatureUnion([("hot", f.OneHotEncoder(drop="first", min_frequency=2)), ("kept", "passthrough"), ("gone", "drop")], transformer_weights={"hot": 0.5}), ["whole", "flag"]),
        "Pipeline": (f.Pipeline([("impute", impute(add_indicator=True)), ("scale", f.StandardScaler())]), numbers),
        "Pipeline_text": (f.Pipeline([("impute", impute(strategy="most_frequent")), ("one", f.OneHotEncoder())]), text),
    }
    known = f._plan.transformers()
    missing = [name for name in known if not any(own.split("_")[0] == name for own in steps)]
    assert not missing, f"no plan holds {missing}"
    stored = {
        name: f.ColumnTransformer([(name.lower().replace("_", ""), step, columns)]).fit(frame, targets.get(name, target)).plan()
        for name, (step, columns) in steps.items()
    }
    stored["dates"] = f.ColumnTransformer([("pass", "passthrough", ["day"]), ("drop", "drop", ["whole"])]).fit(
        pd.DataFrame({"day": pd.to_datetime(["2024-02-29", None], format="ISO8601"), "whole": [1, 2]})
    ).plan()
    stored["two_branches"] = f.ColumnTransformer(
        [("a", steps["Pipeline"][0], numbers), ("b", f.OneHotEncoder(handle_unknown="ignore"), text)], remainder="passthrough"
    ).fit(frame).plan()
    for name, plan in stored.items():
        content = plan.to_bytes()
        yield f"stored_{name}.json", content
        step = json.loads(content)["plan"]
        # A state that nobody fitted: the target gives it the digest that it needs.
        yield f"step_{name}.json", json.dumps(step, separators=(",", ":"))
    whole = stored["StandardScaler"].to_bytes().decode()
    made = {
        "other_digest": whole.replace('"digest":"', '"digest":"0'),
        "other_format": whole.replace("mlcore-plan", "mlcore-plow"),
        "other_version": whole.replace('"version":1', '"version":2'),
        "twice": whole.replace('"version":1', '"version":1,"version":1'),
        "foreign_step": whole.replace("StandardScaler", "QuantumScaler"),
        "cut": whole[: len(whole) // 2],
        "deep": '{"plan":' + '{"Pipeline":{"steps":[' * 60,
        "arrays": "[" * 200,
        "null": "null",
        "drop": '"Drop"',
        "no_utf8": b'{"format":"\xff"}',
        "controls": whole.replace("StandardScaler", "Standard\\nScaler\\u001b"),
        "empty": "",
    }
    for name, content in made.items():
        yield f"made_{name}.json", content


def words(inputs):
    """What the plans among the inputs are made of."""
    for name, content in inputs:
        if name.startswith("stored"):
            yield from (f'"{word}"' for word in names(json.loads(content)))
    yield from "null true false NaN Infinity 1e308 -1 0.5 [] {} : ,".split()


def names(document):
    """The words of a document: names of entries, and text that is short."""
    if isinstance(document, dict):
        for key, inner in document.items():
            yield key
            yield from names(inner)
    elif isinstance(document, list):
        for inner in document:
            yield from names(inner)
    elif isinstance(document, str) and len(document) < 30:
        yield document
