"""A run that goes on: what is logged of it, and how it ends."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import Error
from mlcore.tracking._records import Flushed, Run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from mlcore.tracking import RunLog, Tracker, _SystemSampler

__all__ = ["ActiveRun", "RunOperations", "TrackingWarning"]


class TrackingWarning(UserWarning):
    """Something that was logged is not in the tracker."""


class RunOperations:
    """What was handed over and is not yet known to be written: what ``synchronous=False`` answers, as in MLflow."""

    def __init__(self, run: ActiveRun) -> None:
        self._run = run

    def wait(self) -> None:
        """Waits until it is written.

        Raises
        ------
        UnavailableError
            When the tracker was away for longer than its patience.
        """
        self._run.flush()


class ActiveRun(Run):
    """A run that goes on: a context manager that ends it, and the verbs that log of it.

    Made by :func:`mlcore.start_run`. ``info``, ``data``, ``inputs`` and ``outputs`` are those of the moment at which it was started;
    :func:`mlcore.get_run` answers the present ones. Its verbs log to this run, in whichever thread, task or process they are called;
    those of the module log to the run that the thread started last.

    Examples
    --------
    >>> import mlcore
    >>> with mlcore.start_run(run_name="forest", tracker=mlcore.Tracker("memory:")) as run:
    ...     run.log_metric("loss", 0.25)
    ...     run.flush()
    Flushed(written=1, refused=0, dropped=0, waiting=0, first_refusal=None)
    """

    _tracker: Tracker
    _log: RunLog
    _ended: bool
    _sampler: _SystemSampler | None

    def __init__(self, tracker: Tracker, run: Run) -> None:
        super().__init__(run.info, run.data, run.inputs, run.outputs)
        # A record is frozen.
        vars(self).update(_tracker=tracker, _log=tracker.log(run.info.run_id), _ended=False, _sampler=None)

    def __enter__(self) -> ActiveRun:
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None) -> None:
        from mlcore.tracking import _fluent

        if kind is None:
            _fluent._leave(self, "FINISHED")
            return
        status = "KILLED" if issubclass(kind, KeyboardInterrupt) else "FAILED"
        try:
            _fluent._leave(self, status)
        except Error as error:
            # What the block raised says more.
            warnings.warn(f"run {self.info.run_id} could not be ended: {error}", TrackingWarning, stacklevel=2)

    def __reduce__(self) -> tuple[Any, ...]:
        return ActiveRun, (self._tracker, Run(self.info, self.data, self.inputs, self.outputs))

    def __repr__(self) -> str:
        return f"<mlcore.tracking.ActiveRun {self.info.run_id}: {self.info.run_name}>"

    @property
    def tracker(self) -> Tracker:
        """The tracker that keeps it."""
        return self._tracker

    def log_metric(
        self,
        key: str,
        value: float,
        step: int | None = None,
        synchronous: bool | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> RunOperations | None:
        """As :func:`mlcore.log_metric`."""
        if synchronous is None and model_id is None and dataset is None:
            self._log.metric(key, value, step, timestamp)
            return None
        return self.log_metrics({key: value}, step, synchronous, timestamp, model_id, dataset)

    def log_metrics(
        self,
        metrics: Mapping[str, float],
        step: int | None = None,
        synchronous: bool | None = None,
        timestamp: int | None = None,
        model_id: str | None = None,
        dataset: Any = None,
    ) -> RunOperations | None:
        """As :func:`mlcore.log_metrics`."""
        of = None
        if dataset is not None:
            from mlcore.tracking._datasets import dataset_input

            used = dataset_input(dataset, None, None)
            of = (used.dataset.name, used.dataset.digest)
            self._tracker.log_inputs(self.info.run_id, [used])
        self._log.metrics(metrics, step, timestamp, model=model_id, dataset=of, synchronous=bool(synchronous))
        return self._operations(synchronous)

    def log_param(self, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """As :func:`mlcore.log_param`."""
        if synchronous is None:
            self._log.param(key, value)
            return value
        self._log.params({key: value}, synchronous=synchronous)
        return value if synchronous else RunOperations(self)

    def log_params(self, params: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
        """As :func:`mlcore.log_params`."""
        self._log.params(params, synchronous=bool(synchronous))
        return self._operations(synchronous)

    def set_tag(self, key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
        """As :func:`mlcore.set_tag`."""
        return self.set_tags({key: value}, synchronous)

    def set_tags(self, tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
        """As :func:`mlcore.set_tags`."""
        self._log.tags(tags, synchronous=bool(synchronous))
        return self._operations(synchronous)

    def delete_tag(self, key: str) -> None:
        """As :func:`mlcore.delete_tag`."""
        self._tracker.delete_tag(self.info.run_id, key)

    def flush(self) -> Flushed:
        """Waits until everything that was logged of it is written or refused, and answers how much of it.

        What it answers as written is kept: it survives the process, and power loss as far as the tracker does.

        Raises
        ------
        UnavailableError
            When the tracker was away for longer than its patience: what waits goes on waiting.
        """
        return self._log.flush()

    def end(self, status: str = "FINISHED") -> None:
        """Ends it, wherever it was started: what was logged is written first. A run that has ended stays as it is.

        Parameters
        ----------
        status : {"FINISHED", "FAILED", "KILLED"}
            How it ended.

        Raises
        ------
        UnavailableError
            When the tracker was away for longer than its patience.

        Warns
        -----
        TrackingWarning
            When something that was logged was refused or dropped.
        """
        if self._ended:
            return
        if self._sampler is not None:
            self._sampler.stop()
        flushed = self.flush()
        self._tracker.set_terminated(self.info.run_id, status)
        vars(self)["_ended"] = True
        if flushed.refused or flushed.dropped:
            lost = [f"{count} {word}" for word in ("refused", "dropped") if (count := getattr(flushed, word))]
            first = f"; the first refusal: {flushed.first_refusal}" if flushed.first_refusal else ""
            warnings.warn(f"run {self.info.run_id}: of what was logged {' and '.join(lost)}{first}", TrackingWarning, stacklevel=3)

    def _sample(self, interval: float, node: str | None) -> None:
        """Samples the machine from now on."""
        from mlcore.tracking._system import sampler

        vars(self)["_sampler"] = sampler(self._tracker, self, interval, node)

    def _operations(self, synchronous: bool | None) -> RunOperations | None:
        return RunOperations(self) if synchronous is False else None
