"""MLflow's verbs for the registry, as far as a registry of ours has what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, UnsupportedError
from mlcore.tracking._fluent import get_tracker
from mlcore.tracking._models import get_registry, set_registry_url

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from mlcore.registry import Model, ModelVersion, Registry

__all__ = [
    "get_registry_uri",
    "get_registry_url",
    "register_model",
    "search_model_versions",
    "search_registered_models",
    "set_model_version_tag",
    "set_registry_uri",
]


def set_registry_uri(uri: str | os.PathLike[str] | Registry) -> None:
    """:func:`mlcore.set_registry_url` by MLflow's name."""
    set_registry_url(uri)


def get_registry_url() -> str:
    """The URL of where models are registered."""
    return get_registry().url


get_registry_uri = get_registry_url


def register_model(
    model_uri: str,
    name: str,
    await_registration_for: int | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> ModelVersion:
    """Registers an ONNX model that lies among the files of a run, or anywhere else, as the next version of ``name``.

    :func:`mlcore.log_model` converts an estimator and registers it at once.

    Parameters
    ----------
    model_uri : str
        ``runs:/<run id>/<path>``, a path, or ``file:///absolute/path``: an ONNX file, or a folder that holds one.
    name : str
        The model; it is created where it is new.
    await_registration_for : int, optional
        Taken as in MLflow. A version is there when the call returns.
    tags : dict, optional
        Labels of the version; ``str`` shows their values.
    registry : Registry, optional
        Default: :func:`mlcore.get_registry`.

    Raises
    ------
    MissingFileError
        Where there is no such file.
    InvalidModelError
        For what is no ONNX model, or one that must not be run.
    UnsupportedError
        For the address of something that is not on a disk of this machine.
    """
    from urllib.parse import unquote, urlsplit

    from mlcore.tracking import _artifacts

    store = registry or get_registry()
    labels = {str(key): str(value) for key, value in (tags or {}).items()}
    uri = str(model_uri)
    scheme = urlsplit(uri).scheme
    if scheme == "runs":
        run_id, _, path = uri.removeprefix("runs:").lstrip("/").partition("/")
        if not run_id or not path:
            problem, remedy = f"{uri!r} names no file of a run", "write runs:/<run id>/<path>"
            message = f"register model model_uri: {problem}; {remedy}"
            raise InvalidInputError(message, operation="register model", subject="model_uri", problem=problem, remedy=remedy)
        run = get_tracker().get_run(run_id)
        file = _artifacts.place(_artifacts.root(get_tracker(), run.info.artifact_uri), path)
        metrics = {key: value for key, value in run.data.metrics.items() if value - value == 0.0}
        return store.register(name, file, run=run_id, source=uri, tags=labels, metrics=metrics)
    if scheme == "file":
        return store.register(name, unquote(urlsplit(uri).path), source=uri, tags=labels)
    if len(scheme) > 1:
        problem = f"what lies at {scheme}: is not read from here"
        remedy = "pass runs:/<run id>/<path> or a path; a logged model of log_model is a version already"
        message = f"register model model_uri: {problem}; {remedy}"
        raise UnsupportedError(message, operation="register model", subject="model_uri", problem=problem, remedy=remedy)
    return store.register(name, uri, tags=labels)


def search_registered_models(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[Model]:
    """Models of the registry that pass a filter of MLflow's language: as :meth:`mlcore.Registry.search_models`, page by page."""
    return _all(get_registry().search_models, 1000, max_results, filter_string, order_by)


def search_model_versions(
    max_results: int | None = None, filter_string: str | None = None, order_by: Sequence[str] | None = None
) -> list[ModelVersion]:
    """Versions of the registry that pass a filter of MLflow's language: as :meth:`mlcore.Registry.search_versions`, page by page."""
    return _all(get_registry().search_versions, 10_000, max_results, filter_string, order_by)


def set_model_version_tag(name: str, version: int | str | None = None, key: str | None = None, value: Any = None) -> None:
    """Labels a version of a model; ``str`` shows the value."""
    if version is None or key is None:
        problem, remedy = "the version and the key are needed", "pass set_model_version_tag(name, version, key, value)"
        message = f"set tag version: {problem}; {remedy}"
        raise InvalidInputError(message, operation="set tag", subject="version", problem=problem, remedy=remedy)
    get_registry().set_tag(name, key, str(value), version=int(version))


def _all(search: Any, most: int, max_results: int | None, filter_string: str | None, order_by: Sequence[str] | None) -> list[Any]:
    found: list[Any] = []
    token = None
    while max_results is None or len(found) < max_results:
        limit = most if max_results is None else min(most, max_results - len(found))
        page = search(filter_string or "", order_by=list(order_by or ()), limit=limit, page=token)
        found += page
        token = page.token
        if token is None:
            break
    return found
