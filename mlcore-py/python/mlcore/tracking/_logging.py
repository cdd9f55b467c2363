"""MLflow's verbs that log: each returns at once, and a thread writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcore.tracking._fluent import _stack, current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlcore.tracking._run import RunOperations

__all__ = ["log_metric", "log_metrics", "log_param", "log_params", "set_tag", "set_tags"]


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Logs a point of a metric to the active run, which is started where there is none. It returns at once: a thread writes.

    Parameters
    ----------
    key : str
        The metric: 1 to 250 letters, digits, ``_ - . / :`` and spaces.
    value : float
        A number, also of numpy or of a framework's tensor of one element; NaN and infinities are values, too.
    step : int, optional
        The training step. Default: 0.
    synchronous : bool, optional
        Whether it is written before the call returns. Default: no, with ``None`` as the answer; ``False`` answers what can be waited for.
    timestamp : int, optional
        Milliseconds since 1970. Default: now.
    run_id : str, optional
        Another run than the active one.
    model_id : str, optional
        The logged model that it says something about.
    dataset : Dataset or table, optional
        What it was measured on.

    Raises
    ------
    InvalidInputError, InvalidTypeError
        For a key or a value against the rules: at once.
    """
    if run_id is None and synchronous is None and model_id is None and dataset is None and _stack.runs:
        _stack.runs[-1]._log.metric(key, value, step, timestamp)
        return None
    return current(run_id).log_metric(key, value, step, synchronous, timestamp, model_id, dataset)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Logs points of several metrics, by their names, at one step and time: see :func:`mlcore.log_metric`."""
    return current(run_id).log_metrics(metrics, step, synchronous, timestamp, model_id, dataset)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Logs a parameter to the active run, as ``str`` shows it, and answers the value. Its value never changes.

    Parameters
    ----------
    key : str
        1 to 250 letters, digits, ``_ - . / :`` and spaces.
    value : object
        At most 6,000 characters.
    synchronous : bool, optional
        As :func:`mlcore.log_metric` takes it.

    Raises
    ------
    InvalidInputError
        For a key or a value against the rules, and for one that the run is known to have with another value.
    """
    return current().log_param(key, value, synchronous)


def log_params(params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None) -> RunOperations | None:
    """Logs parameters, by their names: see :func:`mlcore.log_param`."""
    return current(run_id).log_params(params, synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Sets a tag of the active run, as ``str`` shows its value: at most 8,000 characters."""
    return current().set_tag(key, value, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Sets tags of the active run: see :func:`mlcore.set_tag`."""
    return current().set_tags(tags, synchronous)
