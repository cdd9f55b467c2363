"""MLflow's verbs for files that are more than bytes: figures, images, tables, streams."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, InvalidTypeError, UnsupportedError
from mlcore.tracking._fluent import current
from mlcore.tracking._run import ActiveRun

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["log_figure", "log_image", "log_stream", "log_table"]

_LOGGED_IMAGES, _LOGGED_ARTIFACTS = "mlflow.loggedImages", "mlflow.loggedArtifacts"


def log_stream(stream: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Writes what a binary file-like object holds into a file of a run: see :func:`mlcore.log_artifact`.

    Parameters
    ----------
    stream : file-like object
        Something whose ``read()`` answers bytes; it is read to its end, and not closed.
    artifact_file : str
        The file, such as ``models/weights.bin``.
    run_id : str, optional
        Another run than the active one.
    """
    if not callable(getattr(stream, "read", None)):
        raise _wrong("log stream", "stream", f"a binary file is expected, and it is a {type(stream).__name__}", "pass such as open(path, 'rb')")
    from mlcore.tracking import _artifacts

    _artifacts.log_stream(_folder(current(run_id)), stream, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None) -> None:
    """Writes a figure of matplotlib or plotly into a file of the active run, whose ending says in which form.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or plotly.graph_objects.Figure
        The figure. One of plotly is a page of HTML that needs nothing else, or with its package ``kaleido`` an image.
    artifact_file : str
        The file, such as ``plots/roc.png``.
    save_kwargs : dict, optional
        What its ``savefig``, ``write_html`` or ``write_image`` is given besides. For plotly ``{"include_plotlyjs": "cdn"}`` makes small
        pages that load its script.

    Raises
    ------
    InvalidTypeError
        For any other object.
    UnsupportedError
        For an ending that the library does not write.
    """
    import io

    from mlcore.tracking import _artifacts

    options = dict(save_kwargs or {})
    ending = os.path.splitext(artifact_file)[1].lower().removeprefix(".")
    content = io.BytesIO()
    if callable(getattr(figure, "savefig", None)):
        # A name without an ending is what matplotlib makes by default.
        if ending:
            options.setdefault("format", ending)
        _saved(lambda: figure.savefig(content, **options), ending)
    elif callable(getattr(figure, "write_html", None)) and callable(getattr(figure, "to_image", None)):
        if ending in ("html", "htm"):
            options.pop("auto_open", None)
            content.write(figure.to_html(**options).encode())
        else:
            options.setdefault("format", ending)
            content.write(_saved(lambda: figure.to_image(**options), ending))
    else:
        problem = f"a figure of matplotlib or plotly is expected, and it is a {type(figure).__name__}"
        raise _wrong("log figure", "figure", problem, "pass fig of fig, ax = plt.subplots(), or a plotly.graph_objects.Figure")
    _artifacts.log_bytes(_folder(current()), content.getvalue(), artifact_file)


def _saved(save: Callable[[], Any], ending: str) -> Any:
    try:
        return save()
    except ValueError as cause:
        if ending and (ending in str(cause) or "format" in str(cause)):
            problem, remedy = f"the figure's library does not write .{ending}: {cause}", "choose another ending, such as .png"
            message = f"log figure artifact_file: {problem}; {remedy}"
            raise UnsupportedError(message, operation="log figure", subject="artifact_file", problem=problem, remedy=remedy) from cause
        raise


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
) -> None:
    """Writes an image into the files of the active run: under a name of its own, or as one of a series that MLflow's page shows by steps.

    Parameters
    ----------
    image : ndarray or PIL.Image.Image
        The shape is ``(height, width)``, or ``(height, width, channels)`` with 1, 3 or 4 channels. Integers are 0 to 255, floats 0 to 1. A PNG
        of an array needs no other package; any other form needs Pillow.
    artifact_file : str, optional
        The file, such as ``samples/first.png``. Either this or ``key``.
    key : str, optional
        The name of a series: letters, digits, ``_ - . /`` and spaces. The run gets ``images/..`` with step and time in the name, and with
        Pillow a small copy beside it.
    step, timestamp : int, optional
        Where in the series it stands. Default: 0, and now in milliseconds since 1970.
    synchronous : bool, optional
        Taken as in MLflow; images are always written before the call returns.

    Raises
    ------
    InvalidTypeError
        For what is no image, and for a file together with a key, or neither.
    InvalidInputError
        For another shape, and for values out of range.

    Examples
    --------
    >>> import mlcore, numpy, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with mlcore.start_run(tracker=mlcore.Tracker("memory:", artifacts=folder)):
    ...     mlcore.log_image(numpy.zeros((8, 8, 3)), "black.png")
    """
    import uuid

    from mlcore.tracking import _artifacts, _images

    if artifact_file is not None and (key is not None or step is not None or timestamp is not None):
        raise _wrong("log image", "artifact_file", "it is given together with key, step or timestamp", "give one or the other")
    run = current()
    if artifact_file is not None:
        _artifacts.log_bytes(_folder(run), _images.encoded(image, artifact_file), artifact_file)
        return
    if key is None:
        raise _wrong("log image", "key", "neither artifact_file nor key is given", "give a name such as 'first.png', or key='samples'")
    if not isinstance(key, str) or not re.fullmatch(r"[a-zA-Z0-9_\-./ ]{1,200}", key):
        problem = f"it is {key!r}" if len(str(key)) < 100 else "it is too long"
        raise _refused("log image", "key", problem, "use up to 200 letters, digits, _, -, ., / and spaces")
    at = _images.now() if timestamp is None else int(timestamp)
    name = f"images/{key.replace('/', '~')}+step+{int(step or 0)}+timestamp+{at}+{uuid.uuid4()}"
    folder = _folder(run)
    _artifacts.log_bytes(folder, _images.encoded(image, f"{name}.png"), f"{name}.png")
    small = _images.small(image)
    if small is not None:
        _artifacts.log_bytes(folder, small, f"{name}+compressed.webp")
    run.set_tag(_LOGGED_IMAGES, True)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Writes a table into a file of a run, after the rows that are there already. MLflow's page shows such tables, and :func:`mlcore.load_table`
    reads them.

    Two processes that add rows to one file at once lose those of one of them.

    Parameters
    ----------
    data : frame, dict of columns, dict of values or list of records
        The rows; a dict of values is one. Moments are written as text, and what is missing as null. Images of Pillow become files beside
        it, as in MLflow.
    artifact_file : str
        The file, ending with ``.json``, or with ``.parquet``, which needs polars, or pandas with pyarrow.
    run_id : str, optional
        Another run than the active one.

    Examples
    --------
    >>> import mlcore, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with mlcore.start_run(tracker=mlcore.Tracker("memory:", artifacts=folder)):
    ...     mlcore.log_table({"prompt": ["a", "b"], "score": [0.25, 0.75]}, "answers.json")
    """
    import json

    from mlcore.tracking import _tables

    run = current(run_id)
    _tables.log(_folder(run), data, artifact_file)
    logged = run.tracker.get_run(run.info.run_id).data.tags.get(_LOGGED_ARTIFACTS, "[]")
    known, entry = json.loads(logged), {"path": artifact_file, "type": "table"}
    if entry not in known:
        run.set_tag(_LOGGED_ARTIFACTS, json.dumps([*known, entry]), synchronous=True)


def _folder(run: ActiveRun) -> Any:
    from mlcore.tracking import _artifacts

    return _artifacts.root(run.tracker, run.info.artifact_uri)


def _refused(operation: str, subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"{operation} {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation=operation, subject=subject, problem=problem, remedy=remedy)


def _wrong(operation: str, subject: str, problem: str, remedy: str) -> InvalidTypeError:
    message = f"{operation} {subject}: {problem}; {remedy}"
    return InvalidTypeError(message, operation=operation, subject=subject, problem=problem, remedy=remedy)
