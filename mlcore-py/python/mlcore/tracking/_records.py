"""What a tracker answers: MLflow's entities, by its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mlcore.tracking import Tracker, _page
else:
    from mlcore._mlcore.tracking import Tracker, _page

__all__ = [
    "Dataset",
    "DatasetInput",
    "Experiment",
    "Exported",
    "Flushed",
    "Imported",
    "LoggedModel",
    "Metric",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "ViewType",
]


class ViewType:
    """Which lifecycle stages a search looks at: MLflow's numbers."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class Flushed(NamedTuple):
    """What became of what a run logged in this process."""

    #: So many things the tracker has.
    written: int
    #: So many it refused, such as parameters that were logged with another value.
    refused: int
    #: So many were not accepted, because the queue and the spool were full.
    dropped: int
    #: So many wait.
    waiting: int
    #: The first thing that was refused, in words.
    first_refusal: str | None


class Imported(NamedTuple):
    """What an import took over, and what it left."""

    #: Experiments, runs and logged models; those that were there are counted, too.
    experiments: int
    runs: int
    #: Points of metrics.
    points: int
    #: Parameters and tags, of runs and logged models, and tags of experiments.
    params: int
    tags: int
    #: Datasets that runs read.
    datasets: int
    models: int
    #: So many things were left out.
    left_out: int
    #: What was left out, and why, in words: the first thousand.
    left: list[str]


class Exported(NamedTuple):
    """What an export wrote, and what it left."""

    #: Experiments, runs and logged models.
    experiments: int
    runs: int
    #: Points of metrics.
    points: int
    #: Parameters and tags, of runs and logged models, and tags of experiments.
    params: int
    tags: int
    #: Datasets that runs read.
    datasets: int
    models: int
    #: So many things were left out.
    left_out: int
    #: What was left out, and why, in words: the first thousand.
    left: list[str]


@dataclass(frozen=True)
class Experiment:
    """A group of runs."""

    experiment_id: str
    name: str
    #: Where the files of its runs lie, as a URI.
    artifact_location: str
    #: ``active`` or ``deleted``.
    lifecycle_stage: str
    tags: dict[str, str]
    #: Milliseconds since 1970.
    creation_time: int
    #: When it was renamed, deleted, restored or created last, in milliseconds since 1970.
    last_update_time: int

    def to_dict(self) -> dict[str, Any]:
        """The experiment as plain values, which ``json.dumps`` takes."""
        return asdict(self)

    def _repr_html_(self) -> str:
        rows = [(key, str(value)) for key, value in self.to_dict().items() if key != "tags"]
        return _page(f"Experiment {self.name}", [("about", rows), ("tags", list(self.tags.items()))])


@dataclass(frozen=True)
class Metric:
    """One point of a metric's history."""

    key: str
    value: float
    #: Milliseconds since 1970.
    timestamp: int
    step: int
    #: The logged model that it says something about.
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True)
class Dataset:
    """What a run was trained or measured on; within an experiment, name and digest are its identity.

    :func:`mlcore.tracking.dataset` makes one of a table.
    """

    #: 1 to 500 characters.
    name: str
    #: 1 to 36 characters.
    digest: str
    #: The kind of its source, for instance ``local``.
    source_type: str
    #: Where it came from, most often JSON.
    source: str
    #: Its columns, most often as JSON.
    schema: str | None = None
    #: What it looks like, most often as JSON.
    profile: str | None = None


@dataclass(frozen=True)
class DatasetInput:
    """A dataset that a run read, with labels of this use; ``mlflow.data.context`` says what for."""

    dataset: Dataset
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunInfo:
    """Who ran, when, and how far it is."""

    run_id: str
    experiment_id: str
    run_name: str
    user_id: str
    #: ``RUNNING``, ``SCHEDULED``, ``FINISHED``, ``FAILED`` or ``KILLED``.
    status: str
    #: Milliseconds since 1970.
    start_time: int
    #: Milliseconds since 1970; ``None`` while it runs.
    end_time: int | None
    #: Where its files lie, as a URI.
    artifact_uri: str
    #: ``active`` or ``deleted``.
    lifecycle_stage: str


@dataclass(frozen=True)
class RunData:
    """What was logged of a run."""

    #: The latest value of each metric: by step, then time, then value.
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class RunInputs:
    """What a run read."""

    dataset_inputs: list[DatasetInput]
    #: The ids of logged models.
    model_inputs: list[str]


@dataclass(frozen=True)
class RunOutputs:
    """What a run made."""

    #: The ids of logged models, and the training steps at which they were made.
    model_outputs: list[tuple[str, int]]


@dataclass(frozen=True)
class Run:
    """One training, evaluation or other piece of work, as it was when it was read."""

    info: RunInfo
    data: RunData
    inputs: RunInputs
    outputs: RunOutputs

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values, which ``json.dumps`` takes."""
        return asdict(Run(self.info, self.data, self.inputs, self.outputs))

    def _repr_html_(self) -> str:
        info = [(key, str(value)) for key, value in asdict(self.info).items()]
        metrics = [(key, f"{value:.6g}") for key, value in self.data.metrics.items()]
        sections = [("about", info), ("metrics", metrics), ("parameters", list(self.data.params.items()))]
        return _page(f"Run {self.info.run_name}", [*sections, ("tags", list(self.data.tags.items()))])


@dataclass(frozen=True)
class LoggedModel:
    """A model as a run made it: what it is called, how good it was, where its files lie."""

    model_id: str
    experiment_id: str
    name: str
    #: Where its files lie, as a URI.
    artifact_location: str
    #: ``PENDING``, ``READY`` or ``FAILED``.
    status: str
    model_type: str | None
    source_run_id: str | None
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    #: Milliseconds since 1970.
    creation_timestamp: int
    last_updated_timestamp: int

    @property
    def model_uri(self) -> str:
        """What the model is called in a URI: ``models:/`` and its id."""
        return f"models:/{self.model_id}"

    def to_dict(self) -> dict[str, Any]:
        """The model as plain values, which ``json.dumps`` takes."""
        return asdict(self)


def _open(url: str, options: Mapping[str, Any]) -> Tracker:
    """Opens a tracker where it is unpickled."""
    return Tracker(url, **options)
