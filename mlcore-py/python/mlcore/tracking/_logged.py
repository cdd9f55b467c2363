"""MLflow's verbs for logged models: models as runs made them, before they are registered."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError
from mlcore.tracking._fluent import active_run, current, current_experiment, get_tracker
from mlcore.tracking._records import LoggedModel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlcore.tracking import Tracker

__all__ = [
    "create_external_model",
    "delete_logged_model",
    "delete_logged_model_tag",
    "finalize_logged_model",
    "get_logged_model",
    "initialize_logged_model",
    "last_logged_model",
    "log_model_params",
    "log_outputs",
    "search_logged_models",
    "set_logged_model_tags",
]

#: MLflow's label of a model whose files it does not keep.
_EXTERNAL_TAG = "mlflow.model.isExternal"
#: The columns of every frame; after them come metrics, parameters and tags.
_COLUMNS = tuple(part.name for part in fields(LoggedModel) if part.name not in ("metrics", "params", "tags"))


def initialize_logged_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """Begins a logged model, which is ``PENDING`` until :func:`mlcore.finalize_logged_model`. :func:`mlcore.log_model` does all of it.

    Parameters
    ----------
    name : str, optional
        Its name, which others may have, too. Default: ``model``.
    source_run_id : str, optional
        The run that makes it. Default: the active one.
    tags, params : dict, optional
        Its labels and parameters; ``str`` shows their values.
    model_type : str, optional
        What kind it is.
    experiment_id : str, optional
        Default: that of the run, else the active one.

    Examples
    --------
    >>> import mlcore
    >>> mlcore.set_tracking_url("memory:")
    >>> with mlcore.start_run():
    ...     model = mlcore.create_external_model("forest", params={"depth": 8})
    ...     _ = mlcore.log_metric("auc", 0.81, model_id=model.model_id, synchronous=True)
    >>> [(found.name, found.metrics) for found in mlcore.search_logged_models(output_format="list")]
    [('forest', {'auc': 0.81})]
    """
    tracker = get_tracker()
    active = active_run()
    if source_run_id is None and active is not None:
        tracker, source_run_id = active.tracker, active.info.run_id
    if experiment_id is None:
        experiment_id = current_experiment(tracker) if source_run_id is None else tracker.get_run(source_run_id).info.experiment_id
    return tracker.create_logged_model(experiment_id, name or "model", source_run_id, tags, params, model_type)


def create_external_model(
    name: str | None = None,
    source_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    model_type: str | None = None,
    experiment_id: str | None = None,
) -> LoggedModel:
    """A logged model whose files are kept elsewhere: ``READY`` at once. See :func:`mlcore.initialize_logged_model`."""
    labels = {**(tags or {}), _EXTERNAL_TAG: "true"}
    made = initialize_logged_model(name, source_run_id, labels, params, model_type, experiment_id)
    return finalize_logged_model(made.model_id, "READY")


def finalize_logged_model(model_id: str, status: str) -> LoggedModel:
    """Says how a logged model went, ``READY`` or ``FAILED``, and answers it."""
    return _tracker().finalize_logged_model(model_id, str(getattr(status, "value", status)))


def get_logged_model(model_id: str) -> LoggedModel:
    """A logged model; what this process logged of it is written first."""
    return _tracker().get_logged_model(model_id)


def last_logged_model() -> LoggedModel | None:
    """The logged model that was created last in the experiment of the active run, or in the active experiment; ``None`` before the first."""
    tracker, active = _tracker(), active_run()
    experiment = current_experiment(tracker) if active is None else active.info.experiment_id
    found = tracker.search_logged_models([experiment], max_results=1)
    return found[0] if found else None


def set_logged_model_tags(model_id: str, tags: Mapping[str, Any]) -> None:
    """Labels a logged model; ``str`` shows the values."""
    _tracker().set_logged_model_tags(model_id, tags)


def delete_logged_model_tag(model_id: str, key: str) -> None:
    """Removes a label of a logged model, which must be there."""
    _tracker().delete_logged_model_tag(model_id, key)


def log_model_params(params: Mapping[str, Any], model_id: str) -> None:
    """Logs parameters of a logged model, whose values never change; ``str`` shows them."""
    _tracker().log_model_params(model_id, params)


def delete_logged_model(model_id: str) -> None:
    """Deletes a logged model: it is found no longer."""
    _tracker().delete_logged_model(model_id)


def log_outputs(models: Sequence[Any] | None = None) -> None:
    """Says which logged models the active run made.

    Parameters
    ----------
    models : list
        Logged models, or their ids, or MLflow's ``LoggedModelOutput`` with the training step at which each was made.
    """
    run = current()
    outputs = [(model_id_of(model, "log outputs"), int(getattr(model, "step", 0) or 0)) for model in models or ()]
    run.tracker.log_outputs(run.info.run_id, outputs)


def search_logged_models(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str | None = None,
    datasets: Sequence[Mapping[str, str]] | None = None,
    max_results: int | None = None,
    order_by: Sequence[Any] | None = None,
    output_format: str | None = None,
) -> Any:
    """Logged models that pass a filter, in order.

    Parameters
    ----------
    experiment_ids : list of str, optional
        Where to look. Default: the active experiment.
    filter_string : str, optional
        MLflow's language, such as ``metrics.auc > 0.8 AND name = 'forest'``.
    datasets : list of dict, optional
        Metrics count only if they were measured on one of these: ``{"dataset_name": "test"}``, perhaps with ``dataset_digest``.
    max_results : int, optional
        The most models. Default: all.
    order_by : list of str or dict, optional
        Columns, such as ``metrics.auc DESC``, or MLflow's dicts. Default: the last created first.
    output_format : {"pandas", "polars", "list"}, optional
        A frame, with a column for each metric, parameter and tag, or a list of :class:`mlcore.tracking.LoggedModel`. Default: pandas if it is
        installed, otherwise polars.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame or list of LoggedModel
    """
    formats = ("pandas", "polars", "list")
    if output_format is not None and output_format not in formats:
        raise _refused("output_format", f"{output_format!r} is none of {', '.join(formats)}", "choose one of them")
    tracker = _tracker()
    wanted = [str(number) for number in experiment_ids or ()] or [current_experiment(tracker)]
    found: list[LoggedModel] = []
    token = None
    while max_results is None or len(found) < max_results:
        most = 1000 if max_results is None else min(1000, max_results - len(found))
        page = tracker.search_logged_models(wanted, filter_string, datasets, most, order_by, token)
        found += page
        token = page.token
        if token is None:
            break
    if output_format == "list":
        return found
    from mlcore._frame import frame

    return frame([_row(model) for model in found], library=output_format, columns=_COLUMNS)


def _row(model: LoggedModel) -> dict[str, Any]:
    """A row with a column for each metric, parameter and tag."""
    row = model.to_dict()
    for kind in ("metrics", "params", "tags"):
        row.update({f"{kind}.{key}": value for key, value in sorted(row.pop(kind).items())})
    return row


def model_id_of(model: Any, operation: str) -> str:
    """The id of a logged model, however it is given."""
    found = model if isinstance(model, str) else getattr(model, "model_id", None)
    if not isinstance(found, str):
        problem, remedy = f"one is a {type(model).__name__}", "pass logged models or their ids"
        message = f"{operation} models: {problem}; {remedy}"
        raise InvalidInputError(message, operation=operation, subject="models", problem=problem, remedy=remedy)
    return found


def _tracker() -> Tracker:
    """That of the active run, else that of the process."""
    active = active_run()
    return get_tracker() if active is None else active.tracker


def _refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"search logged models {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation="search logged models", subject=subject, problem=problem, remedy=remedy)
