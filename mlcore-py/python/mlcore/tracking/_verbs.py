"""MLflow's verbs that ask or change at once: experiments, finished runs, inputs and files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, InvalidTypeError
from mlcore.tracking._datasets import dataset_input
from mlcore.tracking._fluent import active_run, current, current_experiment, forget, get_tracker
from mlcore.tracking._logged import model_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlcore.tracking import RunComparison
    from mlcore.tracking._records import Experiment, Metric, Run

__all__ = [
    "compare_runs",
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "flush_artifact_async_logging",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_metric_history",
    "get_parent_run",
    "get_run",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_input",
    "log_inputs",
    "log_text",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment_tag",
    "set_experiment_tags",
]


def get_run(run_id: str) -> Run:
    """A run as it is now; what this process logged of it is written first."""
    return get_tracker().get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The run that a run is nested in, or ``None``."""
    parent = get_run(run_id).data.tags.get("mlflow.parentRunId")
    return None if parent is None else get_run(parent)


def delete_run(run_id: str) -> None:
    """Deletes a run; :func:`mlcore.restore_run` restores it."""
    get_tracker().delete_run(run_id)
    forget(run_id)


def restore_run(run_id: str) -> None:
    """Restores a deleted run."""
    get_tracker().restore_run(run_id)


def flush_async_logging() -> None:
    """Waits until what this process logged is written or refused. :meth:`mlcore.ActiveRun.flush` answers how much of it."""
    active = active_run()
    if active is not None:
        active.tracker.flush()
    get_tracker().flush()


def flush_artifact_async_logging() -> None:
    """As in MLflow. Files are written before the call that logs them returns, so that there is nothing to wait for."""


def compare_runs(runs: Any) -> RunComparison:
    """Runs side by side: what differs, and which is best.

    Parameters
    ----------
    runs : list of Run or str, or frame
        Runs or their ids, in the order in which they are shown; or what :func:`mlcore.search_runs` answered, for instance
        ``mlcore.search_runs(order_by=["metrics.auc DESC"]).head(3)``.

    Returns
    -------
    mlcore.tracking.RunComparison
        ``print`` and a notebook show it as a table; ``differing()``, ``best()``, ``to_frame()`` and ``to_html()`` go on with it.
    """
    column = runs["run_id"] if hasattr(runs, "columns") and not isinstance(runs, (list, tuple)) else runs
    ids = []
    for run in [runs] if isinstance(runs, str) else column:
        found = run if isinstance(run, str) else getattr(getattr(run, "info", None), "run_id", None)
        if found is None:
            problem, remedy = f"one is a {type(run).__name__}", "pass runs, their ids, or a frame with the column run_id"
            message = f"compare runs runs: {problem}; {remedy}"
            raise InvalidTypeError(message, operation="compare runs", subject="runs", problem=problem, remedy=remedy)
        ids.append(found)
    return get_tracker().compare_runs(ids)


def delete_tag(key: str) -> None:
    """Removes a tag of the active run, which must be there."""
    current().delete_tag(key)


def get_metric_history(run_id: str, key: str) -> list[Metric]:
    """The whole history of a metric, in the order of time, step and value."""
    return get_tracker().get_metric_history(run_id, key)


def create_experiment(name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None) -> str:
    """Creates an experiment, and answers its id: as :meth:`mlcore.Tracker.create_experiment`."""
    return get_tracker().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """An experiment, active or deleted."""
    return get_tracker().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, active or deleted, or ``None``."""
    return get_tracker().get_experiment_by_name(name)


def search_experiments(
    view_type: int | str = 1,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Experiments, all or at most so many: as :meth:`mlcore.Tracker.search_experiments`, page by page."""
    found: list[Experiment] = []
    token = None
    while max_results is None or len(found) < max_results:
        most = 1000 if max_results is None else min(1000, max_results - len(found))
        page = get_tracker().search_experiments(view_type, most, filter_string, order_by, token)
        found += page
        token = page.token
        if token is None:
            break
    return found


def rename_experiment(experiment_id: str, new_name: str) -> None:
    """Gives an experiment another name."""
    get_tracker().rename_experiment(experiment_id, new_name)


def delete_experiment(experiment_id: str) -> None:
    """Deletes an experiment and its runs; both can be restored."""
    get_tracker().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Restores a deleted experiment and its runs."""
    get_tracker().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Labels the active experiment; ``str`` shows the value."""
    tracker = get_tracker()
    tracker.set_experiment_tag(current_experiment(tracker), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Labels the active experiment."""
    for key, value in tags.items():
        set_experiment_tag(key, value)


def delete_experiment_tag(key: str) -> None:
    """Removes a label of the active experiment, which must be there."""
    tracker = get_tracker()
    tracker.delete_experiment_tag(current_experiment(tracker), key)


def log_input(
    dataset: Any = None, context: str | None = None, tags: Mapping[str, str] | None = None, model: Any = None
) -> None:
    """Says that the active run read a dataset, or a logged model.

    Parameters
    ----------
    dataset : Dataset or table
        :func:`mlcore.tracking.dataset` of a table, a dataset of MLflow's, or a table itself.
    context : str, optional
        What for: ``training``, ``evaluation``.
    tags : dict of str, optional
        Labels of this use.
    model : LoggedModel or str, optional
        A logged model that it read, or its id.
    """
    datasets = [] if dataset is None and model is not None else [dataset]
    log_inputs(datasets, [context][: len(datasets)], [tags][: len(datasets)], None if model is None else [model])


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[Any] | None = None,
) -> None:
    """Says what the active run read: as :func:`mlcore.log_input`, each dataset with its own context and tags."""
    datasets = datasets or []
    contexts = [None] * len(datasets) if contexts is None else contexts
    tags_list = [None] * len(datasets) if tags_list is None else tags_list
    if not len(datasets) == len(contexts) == len(tags_list):
        problem, remedy = "datasets, contexts and tags_list differ in length", "give one of each for every dataset"
        message = f"log inputs datasets: {problem}; {remedy}"
        raise InvalidInputError(message, operation="log inputs", subject="datasets", problem=problem, remedy=remedy)
    inputs = [dataset_input(*parts) for parts in zip(datasets, contexts, tags_list)]
    run = current()
    run.tracker.log_inputs(run.info.run_id, inputs, [model_id_of(model, "log inputs") for model in models or ()])


def _folder(run_id: str | None) -> Path:
    from mlcore.tracking import _artifacts

    run = current(run_id)
    return _artifacts.root(run.tracker, run.info.artifact_uri)


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Copies a file, or a folder, to the files of a run.

    Parameters
    ----------
    local_path : str or path
        The file or the folder.
    artifact_path : str, optional
        The folder below the run's into which it goes: relative, with slashes.
    run_id : str, optional
        Another run than the active one.

    Raises
    ------
    UnsupportedError
        Where the folder of the run's files is not known: see ``artifacts`` of :class:`mlcore.Tracker`.
    InvalidInputError
        For a path that leads out of the run's folder.
    MissingFileError
        Where there is no such file.
    """
    from mlcore.tracking import _artifacts

    _artifacts.log_file(_folder(run_id), local_path, artifact_path)


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Copies what a folder holds to the files of a run: see :func:`mlcore.log_artifact`."""
    from mlcore.tracking import _artifacts

    _artifacts.log_folder(_folder(run_id), local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Writes a text into a file of a run, such as ``notes.txt``: see :func:`mlcore.log_artifact`."""
    from mlcore.tracking import _artifacts

    _artifacts.log_bytes(_folder(run_id), str(text).encode(), artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Writes a dict into a file of a run, as JSON, or as YAML where its name ends so: see :func:`mlcore.log_artifact`."""
    from mlcore.tracking import _artifacts

    _artifacts.log_bytes(_folder(run_id), _artifacts.dict_bytes(dictionary, artifact_file), artifact_file)


def load_table(
    artifact_file: str, run_ids: Sequence[str] | None = None, extra_columns: Sequence[str] | None = None, *, library: str | None = None
) -> Any:
    """The rows of a table that runs logged with :func:`mlcore.log_table`, one run after the other.

    Parameters
    ----------
    artifact_file : str
        The file, such as ``answers.json``.
    run_ids : list of str, optional
        The runs; those that have no such file are passed over. Default: all of the active experiment that logged one.
    extra_columns : list of str, optional
        Columns of :func:`mlcore.search_runs` to put beside the rows of each run, such as ``run_id``, ``params.depth``. Where the table has
        such a column, the name gets an underscore.
    library : {"pandas", "polars"}, optional
        Which frame. Default: pandas if it is installed, otherwise polars.

    Raises
    ------
    MissingFileError
        Where no run has such a file.
    """
    from mlcore._frame import frame
    from mlcore.tracking import _artifacts, _tables

    tracker = get_tracker()
    if run_ids is None:
        logged = tracker._all_runs([current_experiment(tracker)], "", 1, 100_000, None)
        runs = [run for run in logged if artifact_file in run.data.tags.get("mlflow.loggedArtifacts", "")]
    else:
        runs = [tracker.get_run(run_id) for run_id in run_ids]
    rows: list[dict[str, Any]] = []
    is_there = False
    for run in runs:
        found = _tables.read(_artifacts.root(tracker, run.info.artifact_uri), artifact_file)
        if found is None:
            continue
        is_there = True
        more = {f"{name}_" if name in found else name: _column(run, name) for name in extra_columns or ()}
        rows += [dict(zip(found, values)) | more for values in zip(*found.values())]
    if not is_there:
        raise _tables.missing(artifact_file, "these" if run_ids is not None else "the active experiment")
    return frame(rows, library=library)


def _column(run: Run, name: str) -> Any:
    """What a search shows of a run in this column."""
    kind, _, key = name.partition(".")
    if key and kind in ("metrics", "params", "tags"):
        return getattr(run.data, kind).get(key)
    if hasattr(run.info, name):
        return getattr(run.info, name)
    problem, remedy = f"runs have no column {name!r}", "use run_id, status, params.depth or another one of search_runs"
    message = f"load table extra_columns: {problem}; {remedy}"
    raise InvalidInputError(message, operation="load table", subject="extra_columns", problem=problem, remedy=remedy)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """Where the files of the active run lie, or one of them, as a URI."""
    uri = current().info.artifact_uri
    return f"{uri}/{artifact_path}" if artifact_path else uri


def search_runs(
    experiment_ids: Sequence[str] | None = None,
    filter_string: str = "",
    run_view_type: int | str = 1,
    max_results: int = 100_000,
    order_by: Sequence[str] | None = None,
    output_format: str | None = None,
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> Any:
    """Runs that pass a filter, in order. What this process logged is written first.

    Parameters
    ----------
    experiment_ids, experiment_names : list of str, optional
        Where to look, by one of them. Default: the active experiment.
    filter_string : str
        MLflow's language, such as ``metrics.loss < 0.5 AND params.depth = '8'``.
    run_view_type : int
        1 for what is active, 2 for what was deleted, 3 for both: :class:`mlcore.tracking.ViewType`.
    max_results : int
        The most runs.
    order_by : list of str, optional
        Columns, such as ``metrics.loss ASC``. Default: the last begun first.
    output_format : {"pandas", "polars", "arrow", "list"}, optional
        A frame, a table that any library of Arrow takes, or a list of runs. Default: pandas if it is installed, otherwise polars.
    search_all_experiments : bool
        Whether to look in all active experiments, where none are named.

    Returns
    -------
    pandas.DataFrame, polars.DataFrame, a table or a list of Run
        A row for each run, with MLflow's columns, and a column for each metric, parameter and tag, such as ``metrics.loss``.
    """
    formats = ("pandas", "polars", "arrow", "list")
    if output_format is not None and output_format not in formats:
        raise _unsearchable("output_format", f"{output_format!r} is none of {', '.join(formats)}", "choose one of them")
    if experiment_ids and experiment_names:
        raise _unsearchable("experiments", "they are given by their ids and by their names", "give one of them")
    tracker = get_tracker()
    wanted = [str(number) for number in experiment_ids or ()]
    if experiment_names:
        named = [tracker.get_experiment_by_name(name) for name in experiment_names]
        wanted = [found.experiment_id for found in named if found is not None]
    elif not wanted:
        wanted = [found.experiment_id for found in search_experiments()] if search_all_experiments else [current_experiment(tracker)]
    if output_format == "list":
        return list(tracker._all_runs(wanted, filter_string, run_view_type, max_results, order_by))
    table = tracker.search_table(wanted, filter_string, run_view_type, max_results, order_by)
    if output_format == "arrow":
        return table
    from mlcore._frame import _chosen
    from mlcore.features._output import as_pandas, as_polars

    return as_pandas(table, None) if _chosen(output_format) == "pandas" else as_polars(table)


def _unsearchable(subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"search runs {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation="search runs", subject=subject, problem=problem, remedy=remedy)
