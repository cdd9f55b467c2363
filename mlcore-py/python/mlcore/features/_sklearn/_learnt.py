"""What each class of scikit-learn learnt, as a stored plan has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlcore.features._sklearn._values import category, is_missing, number, numbers, positions, refused

#: What a class learnt, of the estimator and its columns.
Learnt = Callable[[Any, list[dict[str, Any]]], dict[str, Any]]


def _nothing(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {}


def _standard_scaler(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    seen = np.broadcast_to(np.asarray(estimator.n_samples_seen_, dtype=float), len(fields))
    return {
        "mean": numbers(estimator.mean_),
        "var": numbers(estimator.var_),
        "scale": numbers(estimator.scale_),
        "n_samples_seen": numbers(seen),
    }


def _min_max_scaler(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "data_min": numbers(estimator.data_min_),
        "data_max": numbers(estimator.data_max_),
        "data_range": numbers(estimator.data_range_),
        "scale": numbers(estimator.scale_),
        "min": numbers(estimator.min_),
        "n_samples_seen": int(estimator.n_samples_seen_),
    }


def _max_abs_scaler(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "scale": numbers(estimator.scale_),
        "max_abs": numbers(estimator.max_abs_),
        "n_samples_seen": int(estimator.n_samples_seen_),
    }


def _robust_scaler(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"center": numbers(estimator.center_), "scale": numbers(estimator.scale_)}


def _indicated(estimator: Any) -> list[int]:
    return positions(estimator.indicator_.features_) if estimator.add_indicator else []


def _simple_imputer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    statistics = []
    for field, value in zip(fields, estimator.statistics_):
        dtype, plain = field["dtype"], value.item() if hasattr(value, "item") else value
        if is_missing(plain) or estimator.strategy in ("mean", "median"):
            # A column without a value is left out.
            statistics.append("null" if is_missing(plain) else {"float": number(plain)})
        elif "int" in dtype and isinstance(plain, float) and not plain.is_integer():
            statistics.append({"float": number(plain)})
        else:
            statistics.append(category(plain, dtype, field["name"]))
    return {"statistics": statistics, "indicated": _indicated(estimator)}


def _missing_indicator(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"features": positions(estimator.features_)}


def _knn_imputer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"rows": numbers(estimator._fit_X.ravel()), "indicated": _indicated(estimator)}


def _iterative_imputer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    initial = np.asarray(estimator.initial_imputer_.statistics_, dtype=float)
    kept = ~np.isnan(initial) | np.full(len(fields), estimator.keep_empty_features)
    # Without columns that were left out, as the rounds count them.
    places, models = np.flatnonzero(kept), []
    for step in estimator.imputation_sequence_:
        weights = np.zeros(len(fields))
        weights[places[step.neighbor_feat_idx]] = step.estimator.coef_
        intercept = number(step.estimator.intercept_)
        models.append({"column": int(places[step.feat_idx]), "weights": numbers(weights), "intercept": intercept})
    empty = getattr(estimator, "_is_empty_feature", np.zeros(len(fields), dtype=bool))
    return {
        "initial": numbers(initial),
        "empty": [bool(own) for own in empty],
        "models": models,
        "n_iter": int(estimator.n_iter_),
        "n_features_with_missing": int(estimator.n_features_with_missing_),
        "indicated": _indicated(estimator),
    }


def _categories(estimator: Any, fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The categories of each column, and the positions of the infrequent ones."""
    infrequent = estimator._infrequent_indices if getattr(estimator, "_infrequent_enabled", False) else [None] * len(fields)
    columns = []
    for field, own, rare in zip(fields, estimator.categories_, infrequent):
        if sum(is_missing(value) for value in own) > 1:
            raise refused(field["name"], "None and NaN are two categories", "let missing values be of one kind, and fit again")
        column: dict[str, Any] = {"categories": [category(value, field["dtype"], field["name"]) for value in own]}
        if rare is not None and len(rare):
            column["infrequent"] = sorted(positions(rare))
        columns.append(column)
    return columns


def _one_hot_encoder(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    columns = _categories(estimator, fields)
    dropped = estimator._drop_idx_after_grouping
    dropped = [None] * len(fields) if dropped is None else [None if own is None else int(own) for own in dropped]
    learnt: dict[str, Any] = {"columns": columns, "dropped": dropped}
    if callable(estimator.feature_name_combiner):
        names = iter(estimator.get_feature_names_out([field["name"] for field in fields]).tolist())
        widths = [
            len(own["categories"]) - max(len(own.get("infrequent", [])) - 1, 0) - (drop is not None)
            for own, drop in zip(columns, dropped)
        ]
        learnt["names"] = [[next(names) for _ in range(width)] for width in widths]
    return learnt


def _ordinal_encoder(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"columns": _categories(estimator, fields)}


def _target_encoder(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    classes = getattr(estimator, "classes_", None)
    width = len(estimator.classes_) if estimator.target_type_ == "multiclass" else 1
    columns = []
    for position, learnt in enumerate(_categories(estimator, fields)):
        own = np.stack(estimator.encodings_[position * width : (position + 1) * width], axis=1)
        columns.append({"learnt": learnt, "numbers": numbers(own.ravel())})
    stored: dict[str, Any] = {"target_mean": numbers(np.atleast_1d(estimator.target_mean_)), "columns": columns}
    if classes is not None:
        kind = classes.dtype.kind
        dtype = "string" if kind in "OUT" else "bool" if kind == "b" else str(classes.dtype)
        stored["classes"] = {"dtype": dtype, "values": [category(own, dtype, "classes_") for own in classes]}
    return stored


def _k_bins_discretizer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"bin_edges": [numbers(edges) for edges in estimator.bin_edges_]}


def _power_transformer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    scaler = estimator._scaler if estimator.standardize else None
    return {
        "lambdas": numbers(estimator.lambdas_),
        "mean": None if scaler is None else numbers(scaler.mean_),
        "scale": None if scaler is None else numbers(scaler.scale_),
    }


def _quantile_transformer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"quantiles": numbers(estimator.quantiles_.T)}


def _spline_transformer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"knots": [numbers(spline.t) for spline in estimator.bsplines_]}


def _variance_threshold(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"variances": numbers(estimator.variances_)}


def _select_k_best(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    # Mutual information has no p-values.
    pvalues = None if estimator.pvalues_ is None else numbers(estimator.pvalues_)
    return {"scores": numbers(estimator.scores_), "pvalues": pvalues}


def _directions(estimator: Any) -> dict[str, Any]:
    return {
        "components": numbers(estimator.components_),
        "explained_variance": numbers(estimator.explained_variance_),
        "explained_variance_ratio": numbers(estimator.explained_variance_ratio_),
        "singular_values": numbers(estimator.singular_values_),
    }


def _pca(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "mean": numbers(estimator.mean_),
        **_directions(estimator),
        "noise_variance": number(estimator.noise_variance_),
        "n_samples": int(estimator.n_samples_),
    }


def _truncated_svd(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return _directions(estimator)


def _vocabulary(estimator: Any) -> list[list[str]]:
    terms = estimator.vocabulary_
    return [sorted(terms, key=terms.__getitem__)]


def _count_vectorizer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {"vocabularies": _vocabulary(estimator)}


def _tfidf_vectorizer(estimator: Any, fields: list[dict[str, Any]]) -> dict[str, Any]:
    idf = numbers(estimator.idf_) if estimator.use_idf else None
    return {"vocabularies": _vocabulary(estimator), "idf": idf}


LEARNT: dict[str, Learnt] = {
    "Binarizer": _nothing,
    "CountVectorizer": _count_vectorizer,
    "FeatureHasher": _nothing,
    "FunctionTransformer": _nothing,
    "HashingVectorizer": _nothing,
    "IterativeImputer": _iterative_imputer,
    "KBinsDiscretizer": _k_bins_discretizer,
    "KNNImputer": _knn_imputer,
    "MaxAbsScaler": _max_abs_scaler,
    "MinMaxScaler": _min_max_scaler,
    "MissingIndicator": _missing_indicator,
    "Normalizer": _nothing,
    "OneHotEncoder": _one_hot_encoder,
    "OrdinalEncoder": _ordinal_encoder,
    "PCA": _pca,
    "PolynomialFeatures": _nothing,
    "PowerTransformer": _power_transformer,
    "QuantileTransformer": _quantile_transformer,
    "RobustScaler": _robust_scaler,
    "SelectKBest": _select_k_best,
    "SimpleImputer": _simple_imputer,
    "SplineTransformer": _spline_transformer,
    "StandardScaler": _standard_scaler,
    "TargetEncoder": _target_encoder,
    "TfidfVectorizer": _tfidf_vectorizer,
    "TruncatedSVD": _truncated_svd,
    "VarianceThreshold": _variance_threshold,
}
