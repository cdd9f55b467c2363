"""Fitted estimators, and those inside them, as steps of a stored plan."""

from __future__ import annotations

import json
from typing import Any

from mlcore.exceptions import Error, InvalidInputError
from mlcore.features._base import Transformer
from mlcore.features._plan import Plan
from mlcore.features._sklearn._learnt import LEARNT
from mlcore.features._sklearn._parameters import is_passing, stored_parameters
from mlcore.features._sklearn._values import refused

#: A column: its name, type and shape.
Field = dict[str, Any]

#: Those that take missing values: null is allowed in their columns.
_NULLABLE = ("Imputer", "Encoder", "Hasher", "MissingIndicator")


def chosen(estimator: Any, count: int) -> list[int]:
    """The positions of the columns that it reads."""
    if isinstance(estimator, str) and estimator == "drop":
        return []
    kind = type(estimator).__name__
    if kind == "Pipeline" and not isinstance(estimator, Transformer) and estimator.steps:
        return chosen(estimator.steps[0][1], count)
    if kind == "FeatureUnion" and not isinstance(estimator, Transformer):
        return sorted({position for _, own in estimator.transformer_list for position in chosen(own, count)})
    if kind == "ColumnTransformer" and not isinstance(estimator, Transformer):
        read = {position for _, own, columns in _branches(estimator) if own != "drop" for position in columns}
        return sorted(read)
    return list(range(count))


def step_of(estimator: Any, fields: list[Any], path: str) -> tuple[Any, list[Field]]:
    """The step, and the columns that it makes; a column that nobody reads is None."""
    if isinstance(estimator, str) and estimator == "drop":
        return "Drop", []
    if is_passing(estimator):
        return {"Passthrough": fields}, fields
    if isinstance(estimator, Transformer):
        step = json.loads(estimator.to_bytes())["plan"]
        if estimator.plan().feature_names_in != [field["name"] for field in fields]:
            problem = f"it was fitted on {', '.join(estimator.plan().feature_names_in)}"
            remedy = "let it be fitted on columns with names: set_output(transform='pandas')"
            raise refused(path or "estimator", problem, remedy)
        return step, _outputs(step, path)
    kind = type(estimator).__name__
    if kind == "Pipeline":
        return _pipeline(estimator, fields, path)
    if kind == "FeatureUnion":
        return _union(estimator, fields, path)
    if kind == "ColumnTransformer":
        return _columns(estimator, fields, path)
    own = [{**field, "nullable": True} if kind.endswith(_NULLABLE) else field for field in fields]
    try:
        learnt = LEARNT[kind](estimator, own)
    except AttributeError as cause:
        raise _otherwise(path or kind, cause) from cause
    step = {"Transformer": {kind: {"parameters": stored_parameters(kind, estimator), "input": own, **learnt}}}
    return step, _outputs(step, path or kind)


def _otherwise(path: str, cause: AttributeError) -> InvalidInputError:
    """The error of a version of scikit-learn that keeps what it learnt under another name."""
    import sklearn  # type: ignore[import-untyped, unused-ignore]

    problem = f"scikit-learn {sklearn.__version__} keeps it otherwise: {cause}"
    return refused(path, problem, "report this to mlcore, with the version")


def _outputs(step: Any, path: str) -> list[Field]:
    """The columns that a step makes."""
    try:
        return list(json.loads(Plan._of_stored(json.dumps(step), [], False)._stored_outputs()))
    except Error as cause:
        raise refused(path, cause.problem, cause.remedy or "report this to mlcore") from cause


def _pipeline(estimator: Any, fields: list[Any], path: str) -> tuple[Any, list[Field]]:
    steps, current = [], fields
    for name, own in estimator.steps:
        step, current = step_of(own, current, f"{path} > {name}" if path else name)
        steps.append({"name": name, "transformer": step})
    return {"Pipeline": {"input": _read(steps[0]["transformer"], fields), "steps": steps}}, current


def _union(estimator: Any, fields: list[Any], path: str) -> tuple[Any, list[Field]]:
    branches: list[Any] = []
    read: dict[str, Field] = {}
    for name, own in estimator.transformer_list:
        step, _ = step_of(own, fields, f"{path} > {name}" if path else name)
        branches.append({"name": name, "weight": _weight(estimator, name), "transformer": step})
        _add(read, _read(step, fields))
    union = _beside(branches, estimator.verbose_feature_names_out, _ordered(read, fields))
    return union, _outputs(union, path or "FeatureUnion")


def _beside(branches: list[Any], verbose: bool, fields: list[Field]) -> Any:
    """Steps beside each other on the same columns."""
    return {"FeatureUnion": {"verbose_feature_names_out": verbose, "input": fields, "branches": branches}}


def _weight(estimator: Any, name: str) -> float | None:
    """What the features of the step of this name are multiplied by."""
    weight = (estimator.transformer_weights or {}).get(name)
    return None if weight is None else float(weight)


def _add(read: dict[str, Field], fields: list[Field]) -> None:
    """Notes that a step reads these columns; what one takes as missing is missing for all."""
    for field in fields:
        is_nullable = field.get("nullable", False) or read.get(field["name"], {}).get("nullable", False)
        read[field["name"]] = {**field, **({"nullable": True} if is_nullable else {})}


def _ordered(read: dict[str, Field], fields: list[Any]) -> list[Field]:
    """The columns that are read, in their own order."""
    return [read[field["name"]] for field in fields if field is not None and field["name"] in read]


def _columns(estimator: Any, fields: list[Any], path: str) -> tuple[Any, list[Field]]:
    branches: list[Any] = []
    read: dict[str, Field] = {}
    for name, own, columns in _branches(estimator):
        if len(set(columns)) != len(columns):
            raise refused(f"{path} > {name}" if path else name, "a column stands twice in it", "name each once")
        inside = [fields[position] for position in columns]
        step, _ = step_of(own, inside, f"{path} > {name}" if path else name)
        weight = _weight(estimator, name)
        if weight is not None:
            # A plan has weights in unions alone.
            step = _beside([{"name": name, "weight": weight, "transformer": step}], False, _read(step, inside))
        names = estimator_names(estimator, fields, columns)
        branches.append({"name": name, "columns": names, "transformer": step})
        _add(read, _read(step, inside))
    step = {
        "ColumnTransformer": {
            "verbose_feature_names_out": estimator.verbose_feature_names_out,
            "input": _ordered(read, fields),
            "branches": branches,
        }
    }
    return step, _outputs(step, path or "ColumnTransformer")


def estimator_names(estimator: Any, fields: list[Any], columns: list[int]) -> list[str]:
    """The names of columns, of which those that are dropped may have no type."""
    fitted = getattr(estimator, "feature_names_in_", None)
    own = [field["name"] if field is not None else None for field in fields]
    return [
        str(own[position] if own[position] is not None else fitted[position] if fitted is not None else f"x{position}")
        for position in columns
    ]


def _branches(estimator: Any) -> list[tuple[str, Any, list[int]]]:
    """Names, fitted transformers and the positions of their columns; those of no columns have no part in it."""
    try:
        positions = estimator._transformer_to_input_indices
    except AttributeError as cause:
        raise _otherwise("ColumnTransformer", cause) from cause
    branches = [(name, own, [int(at) for at in positions[name]]) for name, own, _ in estimator.transformers_]
    return [branch for branch in branches if branch[2]]


def _read(step: Any, fields: list[Any]) -> list[Field]:
    """The columns that a step reads."""
    if step == "Drop":
        return []
    ((kind, inside),) = step.items()
    if kind == "Passthrough":
        return list(inside)
    if kind == "Transformer":
        ((_, own),) = inside.items()
        return list(own["input"])
    return list(inside["input"])
