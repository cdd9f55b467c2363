"""Estimators of scikit-learn as ONNX models, and the golden rows that travel with a model."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import (
    CorruptError,
    InvalidInputError,
    InvalidModelError,
    MissingPackageError,
    NotFittedError,
    NotFoundError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlcore.registry import Registry

__all__ = ["check_model"]

#: The metadata of a model that holds its golden rows.
GOLDEN = "mlcore.golden"
#: The field of a ModelProto that holds metadata.
_METADATA = 14


def converted(estimator: Any, X: Any, name: str, dtype: str) -> bytes:
    """The estimator as ONNX, by skl2onnx."""
    try:
        skl2onnx = import_module("skl2onnx")
    except ModuleNotFoundError as cause:
        if cause.name not in ("skl2onnx", "onnx"):
            raise
        problem, remedy = f"{cause.name} is not installed", "install it: pip install skl2onnx"
        message = f"log model {name}: {problem}; {remedy}"
        raise MissingPackageError(message, operation="log model", subject=name, problem=problem, remedy=remedy) from cause
    _require_fitted(estimator, name)
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "classes_") else None
    try:
        model = skl2onnx.convert_sklearn(estimator, name=name, initial_types=_types(estimator, X, name, dtype), options=options)
    except (InvalidInputError, NotFittedError):
        raise
    except Exception as cause:
        lines = str(cause).strip().splitlines()
        problem = f"skl2onnx does not convert {type(estimator).__name__}: {lines[0] if lines else type(cause).__name__}"
        remedy = "convert it by other means, and pass the ONNX model"
        message = f"log model {name}: {problem}; {remedy}"
        raise UnsupportedError(message, operation="log model", subject=name, problem=problem, remedy=remedy) from cause
    return bytes(model.SerializeToString())


def _require_fitted(estimator: Any, name: str) -> None:
    try:
        import_module("sklearn.utils.validation").check_is_fitted(estimator)
    except import_module("sklearn.exceptions").NotFittedError as cause:
        problem, remedy = f"the {type(estimator).__name__} is not fitted", "call its fit() first"
        message = f"log model {name}: {problem}; {remedy}"
        raise NotFittedError(message, operation="log model", subject=name, problem=problem, remedy=remedy) from cause


def _types(estimator: Any, X: Any, name: str, dtype: str) -> list[tuple[str, Any]]:
    """The inputs of the model: one for all columns, or one for each where their types differ or their names are used."""
    import numpy as np

    data_types = import_module("skl2onnx.common.data_types")
    number = data_types.DoubleTensorType if dtype == "float64" else data_types.FloatTensorType
    if not _by_column(estimator, X):
        shape = np.shape(X)
        if len(shape) != 2 or shape[0] == 0:
            problem, remedy = f"X has the shape {shape}", "pass rows of columns, shape (rows, columns), at least one row"
            message = f"log model {name}: {problem}; {remedy}"
            raise InvalidInputError(message, operation="log model", subject=name, problem=problem, remedy=remedy)
        is_text = np.asarray(X).dtype.kind in "OUS"
        return [("X", (data_types.StringTensorType if is_text else number)([None, shape[1]]))]
    kinds = {"f": number, "i": data_types.Int64TensorType, "u": data_types.Int64TensorType, "b": data_types.BooleanTensorType}
    types = []
    for column in X.columns:
        kind = np.asarray(X[column]).dtype.kind
        types.append((str(column), kinds.get(kind, data_types.StringTensorType)([None, 1])))
    return types


def _by_column(estimator: Any, X: Any) -> bool:
    if not hasattr(X, "columns"):
        return False
    import numpy as np

    parts = [estimator, *estimator.get_params(deep=True).values()]
    if any(type(part).__name__ == "ColumnTransformer" for part in parts):
        return True
    return any(np.asarray(X[column]).dtype.kind not in "fiu" for column in X.columns)


def inputs_of(runner: Any, X: Any, name: str) -> dict[str, Any]:
    """``X`` as what the model takes, each number of the type that it has there."""
    import numpy as np

    fields = runner.inputs
    if isinstance(X, dict):
        return {str(key): np.asarray(value) for key, value in X.items()}
    if len(fields) == 1 and not (hasattr(X, "columns") and [str(column) for column in X.columns] == [fields[0].name]):
        return {fields[0].name: _typed(np.asarray(X), fields[0].dtype)}
    if hasattr(X, "columns"):
        known = {str(column): column for column in X.columns}
        missing = [field.name for field in fields if field.name not in known]
        if not missing:
            return {field.name: _typed(np.asarray(X[known[field.name]]).reshape(-1, 1), field.dtype) for field in fields}
        problem = f"X has no column {missing[0]!r}, which the model takes"
    else:
        problem = f"the model takes {len(fields)} inputs, and X is one array"
    remedy = f"pass a frame with the columns {', '.join(field.name for field in fields)}"
    message = f"log model {name}: {problem}; {remedy}"
    raise InvalidInputError(message, operation="log model", subject=name, problem=problem, remedy=remedy)


def _typed(values: Any, dtype: str) -> Any:
    if dtype == "string":
        return values.astype(object)
    # What the estimator is asked with 64 bits the model is asked with its own: the comparison says whether that matters.
    return values.astype({"bool": "?"}.get(dtype, dtype)) if dtype not in ("bfloat16",) else values


def with_golden(content: bytes, inputs: Mapping[str, Any], answers: Mapping[str, Any], rows: int, rtol: float, atol: float) -> bytes:
    """The model with its first rows and the answers to them among its metadata."""
    golden = {
        "inputs": {name: values[:rows].tolist() for name, values in inputs.items()},
        "outputs": {name: values[:rows].tolist() for name, values in answers.items()},
        "rtol": rtol,
        "atol": atol,
    }
    key, value = GOLDEN.encode(), json.dumps(golden).encode()
    entry = _field(1, key) + _field(2, value)
    # Messages of protocol buffers are joined by appending.
    return content + _field(_METADATA, entry)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(content: bytes, wanted: int) -> Iterator[bytes]:
    """The fields of this number that have a length."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = content[place]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while place < len(content):
        tag = varint()
        kind = tag & 7
        if kind == 2:
            length = varint()
            if tag >> 3 == wanted:
                yield content[place : place + length]
            place += length
        elif kind == 0:
            varint()
        else:
            place += {1: 8, 5: 4}.get(kind, len(content))


def golden_of(content: bytes) -> dict[str, Any] | None:
    """The golden rows of a model, or ``None``."""
    found = None
    try:
        for entry in _fields(content, _METADATA):
            if next(_fields(entry, 1), b"") == GOLDEN.encode():
                found = json.loads(next(_fields(entry, 2), b"null"))
    except (IndexError, ValueError) as cause:
        problem, remedy = "its golden rows cannot be read", "register the model again"
        message = f"check model golden rows: {problem}; {remedy}"
        raise CorruptError(message, operation="check model", subject="golden rows", problem=problem, remedy=remedy) from cause
    return found


def check_model(registry: Registry, name: str, version: int) -> int:
    """Asks a version for its golden rows again, and compares the answers with those that it was registered with.

    Parameters
    ----------
    registry : Registry
        Where it is.
    name, version : str, int
        The version, as :func:`mlcore.log_model` registered it.

    Returns
    -------
    int
        How many rows were compared.

    Raises
    ------
    InvalidModelError
        Where an answer differs by more than was allowed then: it names the output and the rows.
    NotFoundError
        For a version without golden rows.
    """
    import numpy as np

    golden = golden_of(registry.artifact(name, version))
    subject = f"{name}/{version}"
    if golden is None:
        problem, remedy = "it has no golden rows", "register it with mlcore.log_model"
        message = f"check model {subject}: {problem}; {remedy}"
        raise NotFoundError(message, operation="check model", subject=subject, problem=problem, remedy=remedy)
    runner = registry.load(name, version)
    types = {field.name: field.dtype for field in runner.inputs}
    inputs = {key: _typed(np.asarray(values), types[key]) for key, values in golden["inputs"].items()}
    answers = runner.run(inputs)
    rows = 0
    for output, values in golden["outputs"].items():
        expected, found = np.asarray(values), np.asarray(answers[output])
        rows = len(expected)
        if expected.dtype.kind == "f":
            same = np.isclose(found, expected, rtol=golden["rtol"], atol=golden["atol"], equal_nan=True)
        else:
            same = found == expected
        wrong = np.flatnonzero(~np.asarray(same).reshape(rows, -1).all(axis=1))
        if len(wrong):
            problem = f"the output {output} differs in the golden rows {', '.join(map(str, wrong))}"
            remedy = "do not serve it here: compare the versions of ONNX Runtime"
            message = f"check model {subject}: {problem}; {remedy}"
            raise InvalidModelError(message, operation="check model", subject=subject, problem=problem, remedy=remedy)
    return rows
