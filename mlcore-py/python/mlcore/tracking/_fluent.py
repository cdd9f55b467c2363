"""MLflow's verbs: a run for each thread, and what is logged to it."""

from __future__ import annotations

import atexit
import getpass
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from mlcore.exceptions import AlreadyExistsError, Error, InvalidInputError
from mlcore.tracking._run import ActiveRun, TrackingWarning
from mlcore.tracking._system import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlcore.tracking import Tracker
    from mlcore.tracking._records import Experiment, Run
else:
    from mlcore._mlcore.tracking import Tracker

__all__ = [
    "active_run",
    "end_run",
    "get_tracker",
    "get_tracking_uri",
    "get_tracking_url",
    "is_tracking_uri_set",
    "last_active_run",
    "set_experiment",
    "set_tracking_uri",
    "set_tracking_url",
    "start_run",
]

#: Where runs are kept where nobody says it.
DEFAULT_URL = "sqlite:///mlcore-tracking.db"
_NOTE_TAG, _PARENT_TAG, _NAME_TAG = "mlflow.note.content", "mlflow.parentRunId", "mlflow.runName"


class _Stack(threading.local):
    """The runs that this thread has started and not ended, the last one last."""

    def __init__(self) -> None:
        self.runs: list[ActiveRun] = []
        self.last: ActiveRun | None = None


class _Process:
    """What the verbs of a process use."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.tracker: Tracker | None = None
        self.experiment: str | None = None
        #: The runs that were started here and not ended, by their ids.
        self.started: WeakValueDictionary[str, ActiveRun] = WeakValueDictionary()
        #: Handles of runs that were logged to by their ids.
        self.others: dict[str, ActiveRun] = {}


_stack = _Stack()
_process = _Process()


def _in_child() -> None:
    """A process that was forked has no active run, as in MLflow; the runs of its parent are the parent's to end."""
    # The other threads are not there.
    _stack.runs, _stack.last = [], None
    _process.lock = threading.RLock()
    _process.started, _process.others = WeakValueDictionary(), {}


@atexit.register
def _at_exit() -> None:
    for run in list(_process.started.values()):
        try:
            run.end()
        except Error as error:
            warnings.warn(f"run {run.info.run_id} could not be ended: {error}", TrackingWarning, stacklevel=1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def _refused(operation: str, subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"{operation} {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation=operation, subject=subject, problem=problem, remedy=remedy)


def _variable(name: str) -> str | None:
    """Of the environment: ours, or MLflow's."""
    return os.environ.get(f"MLCORE_{name}") or os.environ.get(f"MLFLOW_{name}") or None


def set_tracking_url(url: str | os.PathLike[str] | Tracker) -> None:
    """Says where runs are kept from now on. What was logged before is written first; runs that go on stay where they are.

    Parameters
    ----------
    url : str, path or Tracker
        As :class:`mlcore.Tracker` takes it, or a tracker. Default of the process: the environment's ``MLCORE_TRACKING_URL``, else
        ``sqlite:///mlcore-tracking.db``.
    """
    tracker = url if isinstance(url, Tracker) else Tracker(url, artifacts=os.environ.get("MLCORE_ARTIFACTS"))
    with _process.lock:
        old = _process.tracker
        if old is not None and old is not tracker:
            old.flush()
        if old is None or old.url != tracker.url or tracker.url == "memory:":
            _process.experiment = None
        _process.tracker = tracker


def set_tracking_uri(uri: str | os.PathLike[str] | Tracker) -> None:
    """:func:`mlcore.set_tracking_url` by MLflow's name."""
    set_tracking_url(uri)


def get_tracker() -> Tracker:
    """The tracker that the verbs of this module use; it is opened by the first that needs it."""
    tracker = _process.tracker
    if tracker is not None:
        return tracker
    with _process.lock:
        if _process.tracker is None:
            set_tracking_url(os.environ.get("MLCORE_TRACKING_URL") or DEFAULT_URL)
        assert _process.tracker is not None
        return _process.tracker


def get_tracking_url() -> str:
    """The URL of where runs are kept."""
    return get_tracker().url


get_tracking_uri = get_tracking_url


def is_tracking_uri_set() -> bool:
    """Whether somebody has said where runs are kept: by a call, or in the environment."""
    return _process.tracker is not None or bool(os.environ.get("MLCORE_TRACKING_URL"))


def set_experiment(experiment_name: str | None = None, experiment_id: str | None = None) -> Experiment:
    """Makes an experiment that of the runs that are started from now on, by any thread; a name that is new is created.

    Parameters
    ----------
    experiment_name, experiment_id : str, optional
        One of them.

    Raises
    ------
    InvalidInputError
        For both or neither, and for a deleted experiment.
    NotFoundError
        For an id that is not there.
    """
    if (experiment_name is None) == (experiment_id is None):
        raise _refused("set experiment", "experiment", "one of experiment_name and experiment_id is needed", "give exactly one")
    tracker = get_tracker()
    with _process.lock:
        if experiment_name is not None:
            found = tracker.get_experiment(_named(tracker, experiment_name))
        else:
            found = tracker.get_experiment(str(experiment_id))
        if found.lifecycle_stage != "active":
            raise _refused("set experiment", found.name, "the experiment is deleted", "restore it first, or choose another name")
        _process.experiment = found.experiment_id
    return found


def _named(tracker: Tracker, name: str) -> str:
    """The id of the experiment of this name, which is created where it is new."""
    found = tracker.get_experiment_by_name(name)
    if found is None:
        try:
            return tracker.create_experiment(name)
        except AlreadyExistsError:
            # Another one was faster.
            found = tracker.get_experiment_by_name(name)
            if found is None:
                raise
    return found.experiment_id


def current_experiment(tracker: Tracker) -> str:
    """The id of the experiment of runs for which nobody says it."""
    if tracker is _process.tracker and _process.experiment is not None:
        return _process.experiment
    name, number = _variable("EXPERIMENT_NAME"), _variable("EXPERIMENT_ID")
    if name is not None:
        return _named(tracker, name)
    if number is not None:
        return tracker.get_experiment(number).experiment_id
    return "0"


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    *,
    experiment: str | None = None,
    tracker: Tracker | None = None,
) -> ActiveRun:
    """Starts a run, or goes on with one, and makes it the one that this thread logs to.

    A context manager: at the end of the block the run is ``FINISHED``, after an exception ``FAILED``, after Ctrl-C ``KILLED``. Without
    ``with``, :func:`mlcore.end_run` ends it, and so does the end of the process.

    Parameters
    ----------
    run_id : str, optional
        The run to go on with, which is ``RUNNING`` again; of the other parameters only the name, tags and description count then. Default:
        what the environment's ``MLCORE_RUN_ID`` or ``MLFLOW_RUN_ID`` says, for the first run.
    experiment_id : str, optional
        Default: that of the parent, else what :func:`mlcore.set_experiment` said, else the environment's ``MLCORE_EXPERIMENT_NAME``, ``MLCORE_EXPERIMENT_ID`` or
        MLflow's variables, else the experiment ``Default``.
    run_name : str, optional
        Default: three words that follow from the id.
    nested : bool
        Whether it may begin while this thread has an active run, whose child it is then.
    parent_run_id : str, optional
        The run whose child it is.
    tags : dict, optional
        Tags to set; ``str`` shows their values.
    description : str, optional
        Words for people: the tag ``mlflow.note.content``.
    log_system_metrics : bool, optional
        Whether the machine is sampled into the run until it ends: see :func:`mlcore.enable_system_metrics_logging`, which says the default.
    experiment : str, optional
        The name of the experiment, which is created where it is new, instead of its id.
    tracker : Tracker, optional
        Where it is kept. Default: :func:`mlcore.get_tracker`.

    Raises
    ------
    InvalidInputError
        While a run is active and ``nested`` is false; for a run, parent or experiment that is deleted.
    NotFoundError
        For a run, parent or experiment that is not there.

    Examples
    --------
    >>> import mlcore
    >>> mlcore.set_tracking_url("memory:")
    >>> with mlcore.start_run(run_name="search", experiment="churn") as parent:
    ...     for depth in (4, 8):
    ...         with mlcore.start_run(nested=True):
    ...             mlcore.log_params({"depth": depth})
    ...             mlcore.log_metric("loss", 1 / depth)
    >>> experiment = parent.info.experiment_id
    >>> best = mlcore.search_runs([experiment], "metrics.loss < 1", order_by=["metrics.loss ASC"], output_format="list")
    >>> [run.data.params["depth"] for run in best], mlcore.get_run(parent.info.run_id).info.status
    (['8', '4'], 'FINISHED')
    """
    runs = _stack.runs
    if runs and not nested:
        problem = f"run {runs[0].info.run_id} is active"
        raise _refused("start run", "run", problem, "end it with end_run(), or start a nested one with nested=True")
    sampled = settings(log_system_metrics)
    if experiment is not None and experiment_id is not None:
        raise _refused("start run", "experiment", "it is given by its name and by its id", "give one of them")
    tracker = tracker or (runs[-1]._tracker if runs else get_tracker())
    if not run_id and not runs:
        run_id = _variable("RUN_ID")
        # The runs after it are others, as in MLflow.
        for name in ("MLCORE_RUN_ID", "MLFLOW_RUN_ID"):
            os.environ.pop(name, None)
    labels = _labels(tags, description)
    if run_id:
        run = _resumed(tracker, run_id, run_name, labels)
    else:
        if experiment is not None:
            experiment_id = _named(tracker, experiment)
        parent = _parent(tracker, parent_run_id, runs)
        if experiment_id is None and parent is not None:
            experiment_id = tracker.get_run(parent).info.experiment_id
        run = _created(tracker, experiment_id, run_name, parent, labels)
    active = ActiveRun(tracker, run)
    if sampled is not None:
        active._sample(*sampled)
    runs.append(active)
    _process.started[run.info.run_id] = active
    return active


def _labels(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, Any]:
    labels = dict(tags or {})
    if description:
        if _NOTE_TAG in labels:
            raise _refused("start run", "description", f"the tag {_NOTE_TAG} says one, too", "give one of them")
        labels[_NOTE_TAG] = description
    return labels


def _resumed(tracker: Tracker, run_id: str, name: str | None, labels: dict[str, Any]) -> Run:
    found = tracker.get_run(run_id)
    chosen = _process.experiment if tracker is _process.tracker else None
    if chosen is not None and chosen != found.info.experiment_id:
        problem = f"it belongs to experiment {found.info.experiment_id}, and the active one is {chosen}"
        raise _refused("start run", run_id, problem, "set the run's experiment with set_experiment()")
    tracker.update_run(run_id, status="RUNNING", name=name)
    if labels:
        tracker.log(run_id).tags(labels, synchronous=True)
    return tracker.get_run(run_id)


def _parent(tracker: Tracker, parent: str | None, runs: list[ActiveRun]) -> str | None:
    if parent is None:
        return runs[-1].info.run_id if runs else None
    if runs and parent != runs[-1].info.run_id:
        problem = f"the parent is {parent}, and run {runs[-1].info.run_id} is active"
        raise _refused("start run", "parent_run_id", problem, "end that run first")
    if tracker.get_run(parent).info.lifecycle_stage != "active":
        raise _refused("start run", parent, "the parent is deleted", "restore it first")
    return parent


def _created(tracker: Tracker, experiment: str | None, name: str | None, parent: str | None, labels: dict[str, Any]) -> Run:
    experiment = current_experiment(tracker) if experiment is None else str(experiment)
    user = _user()
    script = sys.argv[0] if sys.argv and sys.argv[0] else "<console>"
    about: dict[str, Any] = {"mlflow.user": user, "mlflow.source.name": script, "mlflow.source.type": "LOCAL"}
    about.update(labels)
    if parent is not None:
        about[_PARENT_TAG] = parent
    if name:
        about[_NAME_TAG] = name
    return tracker.create_run(experiment, None, about, name, user_id=user)


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, OSError, KeyError):
        return "unknown"


def end_run(status: str = "FINISHED") -> None:
    """Ends the run that this thread started last, after what was logged of it is written. Without one nothing is done.

    Parameters
    ----------
    status : {"FINISHED", "FAILED", "KILLED"}
        How it ended.

    Warns
    -----
    TrackingWarning
        When something that was logged was refused or dropped.
    """
    if _stack.runs:
        _leave(_stack.runs[-1], status)


def _leave(run: ActiveRun, status: str) -> None:
    """Ends a run, and those of this thread that were started in it and go on."""
    inner = []
    if any(active is run for active in _stack.runs):
        while _stack.runs:
            last = _stack.runs.pop()
            if last is run:
                break
            inner.append(last)
    _stack.last = run
    for other in [*inner, run]:
        # A process that was forked leaves the runs of its parent alone.
        if _process.started.get(other.info.run_id) is other:
            del _process.started[other.info.run_id]
            other.end(status)


def active_run() -> ActiveRun | None:
    """The run that this thread started last and has not ended, or ``None``."""
    return _stack.runs[-1] if _stack.runs else None


def last_active_run() -> Run | None:
    """The active run, else the one that this thread ended last, as it is now; ``None`` before the first."""
    if _stack.runs:
        return _stack.runs[-1]
    last = _stack.last
    return None if last is None else last.tracker.get_run(last.info.run_id)


def current(run_id: str | None = None) -> ActiveRun:
    """The run of this id, else the active one, which is started where there is none, as MLflow does it."""
    if run_id is None:
        return _stack.runs[-1] if _stack.runs else start_run()
    for active in reversed(_stack.runs):
        if active.info.run_id == run_id:
            return active
    found = _process.started.get(run_id) or _process.others.get(run_id)
    if found is None:
        tracker = get_tracker()
        run = tracker.get_run(run_id)
        if run.info.lifecycle_stage != "active":
            raise _refused("log", run_id, "the run is deleted", "restore it first")
        found = ActiveRun(tracker, run)
        if len(_process.others) >= _MOST_OTHERS:
            _process.others.clear()
        _process.others[run_id] = found
    return found


def forget(run_id: str) -> None:
    """Keeps no handle of a run that is deleted."""
    _process.others.pop(run_id, None)


#: Handles that are kept of runs that others started.
_MOST_OTHERS = 1000
