"""Which estimators and which parameters there are equals of."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from mlcore.exceptions import Error
from mlcore.features import _decomposition, _encoders, _expansion, _impute, _numbers, _bins, _scalers, _selection
from mlcore.features import _target_encoders, _texts
from mlcore.features._base import Transformer
from mlcore.features._plan import _stored_parameters
from mlcore.features._sklearn._values import is_missing

_HOMES = (_bins, _decomposition, _encoders, _expansion, _impute, _numbers, _scalers, _selection, _target_encoders, _texts)
#: The classes that have an equal of the same name.
EQUALS: dict[str, type[Transformer]] = {
    name: getattr(home, name)
    for home in _HOMES
    for name in home.__all__
    if name not in ("CountEncoder", "JamesSteinEncoder", "LeaveOneOutEncoder", "WOEEncoder", "Winsorizer")
}


def refusals(estimator: Any, path: str) -> list[str]:
    """What there is no equal of, each with the way to it."""
    at = f"{path}: " if path else ""
    if isinstance(estimator, Transformer) or is_passing(estimator) or estimator == "drop":
        return []
    kind, home = type(estimator).__name__, type(estimator).__module__
    is_theirs = home.split(".")[0] == "sklearn"
    if is_theirs and kind == "Pipeline":
        return [problem for name, step in estimator.steps for problem in refusals(step, _below(path, name))]
    if is_theirs and kind == "FeatureUnion":
        return [problem for name, step in estimator.transformer_list for problem in refusals(step, _below(path, name))]
    if is_theirs and kind == "ColumnTransformer":
        return _columns_refused(estimator, path)
    if not (is_theirs and kind in EQUALS):
        is_model = hasattr(estimator, "predict") and not hasattr(estimator, "transform")
        what = "a model" if is_model else "no transformer that there is an equal of"
        return [f"{at}{home.split('.')[0]}'s {kind} is {what}"]
    problems = [f"{at}{kind} has {parameter}={value!r}" for parameter, value in _unlike(kind, estimator)]
    if not problems:
        try:
            stored_parameters(kind, estimator)
        except Error as error:
            value = estimator.get_params(deep=False).get(error.subject)
            problems.append(f"{at}{kind} has {error.subject}={value!r}: {error.problem}")
    return problems


def is_passing(estimator: Any) -> bool:
    """Does it hand its columns on?"""
    if estimator is None or (isinstance(estimator, str) and estimator == "passthrough"):
        return True
    is_function = type(estimator).__name__ == "FunctionTransformer" and type(estimator).__module__.startswith("sklearn.")
    return is_function and estimator.func is None and not bool(estimator.validate)


def stored_parameters(kind: str, estimator: Any) -> dict[str, Any]:
    """The parameters as a stored plan has them."""
    ours = EQUALS[kind]._parameters()
    given = {name: value for name, value in estimator.get_params(deep=False).items() if name in ours}
    for name, change in {**_CHANGED_IN_ALL, **_CHANGED.get(kind, {})}.items():
        if name in given:
            given[name] = change(given[name])
    transformer = EQUALS[kind](**given)
    return dict(json.loads(_stored_parameters(transformer._specification(None, None))))  # type: ignore[arg-type]


def _below(path: str, name: str) -> str:
    return f"{path} > {name}" if path else name


def _columns_refused(estimator: Any, path: str) -> list[str]:
    at = f"{path}: " if path else ""
    problems = []
    if not isinstance(estimator.verbose_feature_names_out, bool):
        problems.append(f"{at}ColumnTransformer has verbose_feature_names_out={estimator.verbose_feature_names_out!r}")
    inside = getattr(estimator, "transformers_", None) or [*estimator.transformers, ("remainder", estimator.remainder, None)]
    return problems + [problem for name, own, _ in inside for problem in refusals(own, _below(path, name))]


def _unlike(kind: str, estimator: Any) -> list[tuple[str, Any]]:
    """The parameters of scikit-learn alone whose values change what is answered."""
    given = estimator.get_params(deep=False)
    checks = {**_REQUIRED_IN_ALL, **_REQUIRED.get(kind, {})}
    return [(name, given[name]) for name, is_fine in checks.items() if name in given and not is_fine(given[name])]


def _is(*values: Any) -> Callable[[Any], bool]:
    return lambda value: any(value is own or (type(value) is type(own) and value == own) for own in values)


def _is_width(value: Any) -> bool:
    return bool(1 <= value <= 65_536)


def _is_linear(estimator: Any) -> bool:
    return estimator is None or type(estimator).__name__ == "BayesianRidge"


#: What these parameters must be for the answers to be ours.
_REQUIRED_IN_ALL: dict[str, Callable[[Any], bool]] = {
    "missing_values": is_missing,
    "tokenizer": _is(None),
    "preprocessor": _is(None),
    "input": _is("content"),
    "kw_args": lambda value: not value,
    "inv_kw_args": lambda value: not value,
    "sample_posterior": _is(False),
    "n_nearest_features": _is(None),
}
_REQUIRED: dict[str, dict[str, Callable[[Any], bool]]] = {
    "HashingVectorizer": {"n_features": _is_width},
    "FeatureHasher": {"n_features": _is_width},
    "FunctionTransformer": {"feature_names_out": _is(None, "one-to-one")},
    "IterativeImputer": {"estimator": _is_linear, "fill_value": _is(None)},
    # It has the parameter, and says itself which values it takes.
    "SimpleImputer": {"missing_values": lambda value: True},
}


def _plain(value: Any) -> Any:
    """Lists in the place of arrays and tuples."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(own) for own in value] if isinstance(value, (list, tuple)) else value


def _mark(value: Any) -> Any:
    """The value that stands for a missing one; NaN for each of those that are missing by themselves."""
    return float("nan") if is_missing(value) else value.item() if hasattr(value, "item") else value


def _seed(value: Any) -> Any:
    return int(value) if hasattr(value, "__index__") else None


def _score_function(value: Any) -> Any:
    """A generator of random numbers that was drawn from while fitting is no seed."""
    if not isinstance(value, functools.partial) or "random_state" not in value.keywords:
        return value
    return functools.partial(value.func, *value.args, **{**value.keywords, "random_state": _seed(value.keywords["random_state"])})


#: What has an effect on fitting alone is what a plan can store; what the door takes as lists is a list.
_CHANGED_IN_ALL: dict[str, Callable[[Any], Any]] = {
    "random_state": _seed,
    "categories": _plain,
    "drop": _plain,
    "feature_range": _plain,
    "quantile_range": _plain,
    "n_bins": _plain,
    "knots": _plain,
    "sparse_output": lambda value: False,
}
_CHANGED: dict[str, dict[str, Callable[[Any], Any]]] = {
    "OneHotEncoder": {
        "handle_unknown": lambda value: "infrequent_if_exist" if value == "warn" else value,
        # The names that it made are stored themselves.
        "feature_name_combiner": lambda value: "concat",
    },
    "TargetEncoder": {
        "cv": lambda value: int(value) if hasattr(value, "__index__") else 5,
        "shuffle": lambda value: value if isinstance(value, bool) else True,
    },
    "KBinsDiscretizer": {"encode": lambda value: "onehot-dense" if value == "onehot" else value},
    "FunctionTransformer": {"feature_names_out": lambda value: "one-to-one"},
    "PCA": {"svd_solver": lambda value: "auto", "n_components": lambda value: None if value == "mle" else value},
    "TruncatedSVD": {"algorithm": lambda value: "randomized"},
    "SelectKBest": {"score_func": _score_function},
    "SimpleImputer": {"missing_values": _mark},
    "IterativeImputer": {"min_value": _plain, "max_value": _plain},
    # The terms that were learnt are stored themselves.
    "CountVectorizer": {"vocabulary": lambda value: None},
    "TfidfVectorizer": {"vocabulary": lambda value: None},
}
