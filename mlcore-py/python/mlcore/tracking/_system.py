"""The machine's metrics of runs: when they are sampled, how often, and under which names."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from mlcore.exceptions import InvalidInputError

if TYPE_CHECKING:
    from mlcore.tracking import Tracker, _SystemSampler
    from mlcore.tracking._records import Run

__all__ = [
    "disable_system_metrics_logging",
    "enable_system_metrics_logging",
    "set_system_metrics_node_id",
    "set_system_metrics_sampling_interval",
]

_enabled: bool | None = None
_interval: float | None = None
_node: str | None = None

#: Seconds between two samples, as in MLflow.
DEFAULT_INTERVAL = 10.0


def enable_system_metrics_logging() -> None:
    """Samples the machine for every run from now on, unless a run is started with ``log_system_metrics=False``.

    The metrics have MLflow's names and units, such as ``system/cpu_utilization_percentage``: processors, memory, disk, network, and
    NVIDIA graphics processors where ``nvidia-smi`` answers. The environment's ``MLCORE_ENABLE_SYSTEM_METRICS_LOGGING=true`` or
    MLflow's variable does the same.
    """
    global _enabled
    _enabled = True


def disable_system_metrics_logging() -> None:
    """Samples nothing from now on, unless a run is started with ``log_system_metrics=True``."""
    global _enabled
    _enabled = False


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Sets the seconds between two samples, 0.01 or more; ``None`` is the default of 10 again, or what the environment says."""
    global _interval
    if interval is not None:
        _seconds(interval, "interval")
    _interval = interval


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Names this machine among several: its metrics are ``system/<node_id>/..`` from now on. ``None`` removes the name."""
    global _node
    if node_id is not None:
        _checked(str(node_id))
    _node = None if node_id is None else str(node_id)


def settings(wanted: bool | None) -> tuple[float, str | None] | None:
    """The interval in seconds and the name of this machine, where a run is to be sampled."""
    if wanted is None:
        wanted = _variable("ENABLE_SYSTEM_METRICS_LOGGING").lower() in ("1", "true") if _enabled is None else _enabled
    if not wanted:
        return None
    interval = _interval
    if interval is None:
        said = _variable("SYSTEM_METRICS_SAMPLING_INTERVAL")
        interval = _seconds(said, "MLCORE_SYSTEM_METRICS_SAMPLING_INTERVAL") if said else DEFAULT_INTERVAL
    node = _node
    if node is None:
        node = _variable("SYSTEM_METRICS_NODE_ID") or None
        if node is not None:
            _checked(node)
    return interval, node


def sampler(tracker: Tracker, run: Run, interval: float, node: str | None) -> _SystemSampler:
    """What samples the machine into a run. A run that goes on counts its steps further."""
    prefix = "system/" if node is None else f"system/{node}/"
    before = next((key for key in run.data.metrics if key.startswith(prefix) and "/" not in key.removeprefix(prefix)), None)
    step = 0
    if before is not None:
        step = 1 + max(point.step for point in tracker.get_metric_history(run.info.run_id, before))
    return tracker._sample_system(run.info.run_id, interval, node, step)


def _variable(name: str) -> str:
    return os.environ.get(f"MLCORE_{name}") or os.environ.get(f"MLFLOW_{name}") or ""


def _seconds(value: object, subject: str) -> float:
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = float("nan")
    if not 0.01 <= seconds < float("inf"):
        raise _refused(subject, f"it is {value!r}", "pass seconds, 0.01 or more")
    return seconds


def _checked(node: str) -> None:
    if not re.fullmatch(r"[\w.\- ]{1,100}", node, re.ASCII):
        raise _refused("node_id", f"it is {node!r}", "pass 1 to 100 letters, digits, spaces, _, - or .")


def _refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"sample system metrics {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation="sample system metrics", subject=subject, problem=problem, remedy=remedy)
