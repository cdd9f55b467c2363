"""A model on its way into a registry: converted, compared with its estimator, registered with where it came from."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, InvalidModelError, InvalidTypeError, UnsupportedError
from mlcore.tracking import _onnx
from mlcore.tracking._datasets import content_digest, dataset_input
from mlcore.tracking._fluent import active_run
from mlcore.tracking._run import ActiveRun, TrackingWarning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from mlcore.features import Plan, Transformer
    from mlcore.registry import ModelVersion, Registry

__all__ = ["get_registry", "log_model", "set_registry_url"]

#: Where models are registered where nobody says it.
DEFAULT_REGISTRY_URL = "sqlite:///mlcore-registry.db"
_registry: Registry | None = None
_owner: int | None = None


def set_registry_url(url: str | os.PathLike[str] | Registry) -> None:
    """Says where models are registered from now on.

    Parameters
    ----------
    url : str, path or Registry
        As :class:`mlcore.Registry` takes it, or a registry. Default of the process: the environment's ``MLCORE_REGISTRY_URL``, else
        ``sqlite:///mlcore-registry.db``.
    """
    from mlcore.registry import Registry

    global _registry, _owner
    _registry, _owner = (url if isinstance(url, Registry) else Registry(url)), os.getpid()


def get_registry() -> Registry:
    """The registry that :func:`mlcore.log_model` uses; it is opened by the first that needs it."""
    if _registry is None:
        set_registry_url(os.environ.get("MLCORE_REGISTRY_URL") or DEFAULT_REGISTRY_URL)
    elif _owner != os.getpid():
        # Its connections are those of the process that this one was forked from.
        set_registry_url(_registry.url)
    assert _registry is not None
    return _registry


def log_model(
    estimator: Any,
    X: Any,
    *,
    name: str = "model",
    registered_model_name: str | None = None,
    registry: Registry | None = None,
    plan: Plan | Transformer | None = None,
    dataset: Any = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    metrics: Mapping[str, float] | None = None,
    dtype: str = "float32",
    rtol: float = 1e-4,
    atol: float = 1e-5,
    golden_rows: int = 5,
) -> ModelVersion:
    """Converts a model to ONNX, makes sure that it answers on ``X`` as the estimator does, and registers it.

    The version's lineage names the active run, where there is one, its logged model, and the dataset. With the model travel golden
    rows: inputs and the answers to them, which :func:`mlcore.check_model` compares with what the model answers elsewhere.

    Parameters
    ----------
    estimator : estimator of scikit-learn, path, bytes or onnx.ModelProto
        A fitted estimator or pipeline, which skl2onnx converts; or an ONNX model, which is taken as it is.
    X : frame or 2-D array
        Rows such as it is asked for, shape ``(rows, columns)``, on which the answers are compared: some hundreds, of every kind.
    name : str
        What the run calls it.
    registered_model_name : str, optional
        The model of the registry. Default: ``name``.
    registry : Registry, optional
        Default: :func:`mlcore.get_registry`.
    plan : Plan or fitted transformer, optional
        The feature plan that makes its input; it is stored beside it.
    dataset : Dataset or table, optional
        What it was trained on: the digest of its content is kept, and the run says that it read it.
    description, tags, metrics : optional
        As :meth:`mlcore.Registry.register` takes them. Default of ``metrics``: those of the active run that are finite.
    dtype : {"float32", "float64"}
        The type of its numbers. Not every converter of skl2onnx has the wider one.
    rtol, atol : float
        What numbers may differ by: at most ``atol + rtol * |estimator's|``. Classes must be equal, but in rows in which the estimator
        gives its two likeliest ones equal scores within that.
    golden_rows : int
        How many of the first rows travel with the model.

    Raises
    ------
    MissingPackageError
        Where skl2onnx is not installed and an estimator is to be converted.
    UnsupportedError
        For an estimator that it does not convert.
    InvalidModelError
        For a model that cannot be run, and for one that answers otherwise than the estimator: it names the rows.

    Examples
    --------
    An estimator: ``version = mlcore.log_model(forest, X_test, name="forest", registered_model_name="churn")``; a file:

    >>> import mlcore, pathlib, tempfile
    >>> mlcore.log_model(b"no model", [[1.0]], name="churn", registry=mlcore.Registry("memory:"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    mlcore.exceptions.InvalidModelError: ...
    """
    if dtype not in ("float32", "float64"):
        raise _refused(InvalidInputError, name, f"dtype {dtype!r} is none of float32, float64", "choose one of them")
    if not (rtol >= 0.0 and atol >= 0.0):
        raise _refused(InvalidInputError, name, "a tolerance is negative or NaN", "pass numbers such as 1e-4")
    content, is_estimator = _content(estimator, X, name, dtype)
    runner = _loaded(content, name)
    inputs = _onnx.inputs_of(runner, X, name)
    answers = runner.run(inputs)
    if is_estimator:
        _require_parity(estimator, X, answers, name, rtol, atol)
        content = _onnx.with_golden(content, inputs, answers, golden_rows, rtol, atol)
    run = active_run()
    used = None if dataset is None else dataset_input(dataset, "training", None)
    if run is not None and used is not None:
        run.tracker.log_inputs(run.info.run_id, [used])
    lineage: dict[str, Any] = {"plan": plan, "dataset": None if used is None else content_digest(used.dataset)}
    if run is not None:
        lineage["run"] = run.info.run_id
        if metrics is None:
            metrics = _finite(run)
    store = registry or get_registry()
    target = registered_model_name or name
    about: dict[str, Any] = {"description": description, "tags": tags, "metrics": metrics}
    return _registered(store, target, content, name, run, about | lineage)


def _registered(store: Registry, target: str, content: Any, name: str, run: ActiveRun | None, options: dict[str, Any]) -> ModelVersion:
    """Registers a version, and the logged model of the run that it comes from."""
    if run is None:
        return store.register(target, content, **options)
    logged = run.tracker.create_logged_model(run.info.experiment_id, name, run.info.run_id)
    status = "FAILED"
    try:
        version = store.register(target, content, logged_model=logged.model_id, source=f"models:/{logged.model_id}", **options)
        status = "READY"
    finally:
        run.tracker.finalize_logged_model(logged.model_id, status)
    return version


def _finite(run: ActiveRun) -> dict[str, float]:
    found = run.tracker.get_run(run.info.run_id).data.metrics
    left = {key: value for key, value in found.items() if value - value == 0.0}
    if len(left) < len(found):
        odd = ", ".join(sorted(set(found) - set(left)))
        warnings.warn(f"the registry keeps finite metrics only: {odd} of the run is left out", TrackingWarning, stacklevel=4)
    return left


def _content(estimator: Any, X: Any, name: str, dtype: str) -> tuple[Any, bool]:
    """The model as bytes or a path, and whether it was converted."""
    if isinstance(estimator, (bytes, bytearray, str, os.PathLike)):
        return estimator, False
    if hasattr(estimator, "SerializeToString"):
        return estimator.SerializeToString(), False
    if not (hasattr(estimator, "get_params") and hasattr(estimator, "fit")):
        problem = f"an estimator of scikit-learn or an ONNX model is expected, and it is a {type(estimator).__name__}"
        raise _refused(InvalidTypeError, name, problem, "pass a fitted estimator, the path or the bytes of an ONNX file, or an onnx.ModelProto")
    return _onnx.converted(estimator, X, name, dtype), True


def _loaded(content: Any, name: str) -> Any:
    from mlcore.runner import Runner

    return Runner(content, name=name)


def _require_parity(estimator: Any, X: Any, answers: Mapping[str, Any], name: str, rtol: float, atol: float) -> None:
    import numpy as np

    for what, expected, found in _pairs(estimator, X, list(answers.values()), name):
        expected = np.asarray(expected)
        found = np.asarray(found)
        if expected.shape != found.shape and expected.size == found.size:
            found = found.reshape(expected.shape)
        if expected.shape != found.shape:
            problem = f"{what}() of the estimator has the shape {expected.shape}, and the model answers {found.shape}"
            raise _refused(InvalidModelError, name, problem, "report this to skl2onnx with the estimator")
        wrong, largest = _differing(expected, found, rtol, atol)
        if what == "predict" and largest is None and len(wrong):
            wrong = wrong[~_tied(estimator, X, wrong, rtol, atol)]
        if len(wrong):
            shown = ", ".join(str(row) for row in wrong[:10]) + (", .." if len(wrong) > 10 else "")
            by = "" if largest is None else f", by up to {largest:.3g} where {atol:g} + {rtol:g} x is allowed"
            problem = f"the model answers otherwise than {what}() in {len(wrong)} of {len(expected)} rows{by}: rows {shown}"
            remedy = "look at these rows: values near a threshold need dtype='float64', or a tolerance that you can defend"
            raise _refused(InvalidModelError, name, problem, remedy)


def _tied(estimator: Any, X: Any, rows: Any, rtol: float, atol: float) -> Any:
    """Of these rows those in which the estimator itself gives its two likeliest classes equal scores, within the tolerance."""
    import numpy as np

    scores = None
    for method in ("predict_proba", "decision_function"):
        if hasattr(estimator, "classes_") and hasattr(estimator, method):
            scores = np.asarray(getattr(estimator, method)(X))[rows]
            break
    if scores is None:
        return np.zeros(len(rows), dtype=bool)
    if scores.ndim == 1:
        return np.abs(scores) <= atol
    first, second = np.sort(scores, axis=1)[:, -1], np.sort(scores, axis=1)[:, -2]
    return first - second <= atol + rtol * np.abs(first)


def _pairs(estimator: Any, X: Any, answers: Sequence[Any], name: str) -> list[tuple[str, Any, Any]]:
    """What the estimator answers, beside the outputs that stand for it."""
    pairs = []
    if hasattr(estimator, "predict"):
        pairs.append(("predict", estimator.predict(X), answers[0]))
        for method in ("predict_proba", "decision_function"):
            if len(answers) > 1 and hasattr(estimator, "classes_") and hasattr(estimator, method):
                pairs.append((method, getattr(estimator, method)(X), answers[1]))
                break
    elif hasattr(estimator, "transform"):
        found = estimator.transform(X)
        pairs.append(("transform", found.toarray() if hasattr(found, "toarray") else found, answers[0]))
    if not pairs:
        raise _refused(UnsupportedError, name, "the estimator neither predicts nor transforms", "convert it yourself, and pass the ONNX model")
    return pairs


def _differing(expected: npt.NDArray[Any], found: npt.NDArray[Any], rtol: float, atol: float) -> tuple[Any, float | None]:
    """The rows that differ, and by how much numbers do at most."""
    import numpy as np

    if expected.dtype.kind not in "fc":
        same = expected.astype(str) == found.astype(str) if expected.dtype.kind in "OUS" else expected == found
        return np.flatnonzero(~np.asarray(same).reshape(len(expected), -1).all(axis=1)), None
    left, right = expected.reshape(len(expected), -1).astype(float), found.reshape(len(expected), -1).astype(float)
    rows = np.flatnonzero(~np.isclose(right, left, rtol=rtol, atol=atol, equal_nan=True).all(axis=1))
    if not len(rows):
        return rows, None
    differences = np.abs(right[rows] - left[rows])
    return rows, float(np.nanmax(differences)) if np.isfinite(differences).any() else float("nan")


def _refused(kind: type[Any], subject: str, problem: str, remedy: str) -> Any:
    message = f"log model {subject}: {problem}; {remedy}"
    return kind(message, operation="log model", subject=subject, problem=problem, remedy=remedy)
