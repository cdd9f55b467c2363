"""The files of runs: listed, read, and copied to where they are needed.

>>> import mlcore, tempfile
>>> folder = tempfile.mkdtemp()
>>> mlcore.set_tracking_url(mlcore.Tracker("memory:", artifacts=folder))
>>> with mlcore.start_run() as run:
...     mlcore.log_text("no free lunch", "notes/one.txt")
>>> [file.path for file in mlcore.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="notes")]
['notes/one.txt']
>>> mlcore.artifacts.load_text(f"runs:/{run.info.run_id}/notes/one.txt")
'no free lunch'
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from mlcore.exceptions import InvalidInputError, InvalidTypeError, MissingFileError

# What only these functions need is imported by them: `import mlcore` is quick.
if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FileInfo", "download_artifacts", "list_artifacts", "load_dict", "load_text"]


class FileInfo(NamedTuple):
    """A file or a folder of a run."""

    #: Below the run's folder, with slashes.
    path: str
    is_dir: bool
    #: In bytes; ``None`` for a folder.
    file_size: int | None


def list_artifacts(artifact_uri: str | None = None, run_id: str | None = None, artifact_path: str | None = None) -> list[FileInfo]:
    """The files and folders in the folder of a run, or in one below it; those deeper down are not listed. A folder that is not there is empty.

    Parameters
    ----------
    artifact_uri : str, optional
        ``runs:/<run id>/<path>``. Either this or ``run_id``.
    run_id : str, optional
        The run.
    artifact_path : str, optional
        The folder below the run's.
    """
    folder, place = _found("list artifacts", artifact_uri, run_id, artifact_path)
    if not place.is_dir():
        return []
    found = []
    for entry in sorted(os.scandir(place), key=lambda entry: entry.name):
        if entry.is_symlink() or entry.name.startswith(".part-"):
            continue
        path = os.path.relpath(entry.path, folder).replace(os.sep, "/")
        found.append(FileInfo(path, entry.is_dir(), None if entry.is_dir() else entry.stat().st_size))
    return found


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | os.PathLike[str] | None = None,
) -> str:
    """Copies a file or a folder of a run, and answers where the copy lies.

    Parameters
    ----------
    artifact_uri, run_id, artifact_path
        As :func:`mlcore.artifacts.list_artifacts` takes them.
    dst_path : str or path, optional
        The folder into which it goes, which is made where it does not exist. Default: a new temporary one.

    Raises
    ------
    MissingFileError
        Where there is no such file.
    """
    import shutil
    import tempfile
    from pathlib import Path

    operation = "download artifacts"
    _, place = _found(operation, artifact_uri, run_id, artifact_path)
    if not place.exists():
        raise _missing(operation, place.name)
    into = Path(tempfile.mkdtemp(prefix="mlcore-")) if dst_path is None else Path(dst_path)
    into.mkdir(parents=True, exist_ok=True)
    is_whole = artifact_path is None and (artifact_uri is None or not _split(operation, artifact_uri)[1])
    target = into if is_whole else into / place.name
    if place.is_dir():
        # Links lead anywhere: they stay what they are.
        shutil.copytree(place, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copyfile(place, target)
    return str(target.absolute())


def load_text(artifact_uri: str) -> str:
    """The text of a file of a run, by ``runs:/<run id>/<path>``.

    Raises
    ------
    MissingFileError
        Where there is no such file.
    InvalidInputError
        For a file that is no text in UTF-8.
    """
    operation = "load text"
    _, place = _found(operation, artifact_uri, None, None)
    try:
        return place.read_bytes().decode()
    except (FileNotFoundError, IsADirectoryError) as cause:
        raise _missing(operation, place.name) from cause
    except UnicodeDecodeError as cause:
        raise _refused(operation, place.name, "it is no text in UTF-8", "copy it with download_artifacts") from cause


def load_dict(artifact_uri: str) -> Any:
    """What a file of JSON holds, by ``runs:/<run id>/<path>``: see :func:`mlcore.artifacts.load_text`."""
    import json

    try:
        return json.loads(load_text(artifact_uri))
    except (ValueError, RecursionError) as cause:
        if isinstance(cause, InvalidInputError):
            raise
        raise _refused("load dict", artifact_uri, f"it is no JSON: {cause}", "read it with load_text") from cause


def _found(operation: str, artifact_uri: str | None, run_id: str | None, artifact_path: str | None) -> tuple[Path, Path]:
    """The folder of a run, and a place in it."""
    from mlcore.tracking import _artifacts, active_run, get_tracker

    if (artifact_uri is None) == (run_id is None):
        raise _refused(operation, "run", "one of artifact_uri and run_id is needed", "give exactly one")
    if artifact_uri is not None:
        if not isinstance(artifact_uri, str):
            problem, remedy = f"it is a {type(artifact_uri).__name__}", "pass runs:/<run id>/<path>"
            message = f"{operation} artifact_uri: {problem}; {remedy}"
            raise InvalidTypeError(message, operation=operation, subject="artifact_uri", problem=problem, remedy=remedy)
        run_id, path = _split(operation, artifact_uri)
        artifact_path = "/".join(part for part in (path, artifact_path) if part) or None
    active = active_run()
    is_own = active is not None and active.info.run_id == run_id
    tracker = active.tracker if active is not None and is_own else get_tracker()
    folder = _artifacts.root(tracker, tracker.get_run(str(run_id)).info.artifact_uri)
    return folder, _artifacts.place(folder, artifact_path)


def _split(operation: str, uri: str) -> tuple[str, str]:
    """The run and the path of a URI."""
    run_id, _, path = uri.removeprefix("runs:").lstrip("/").partition("/")
    if not uri.startswith("runs:/") or not run_id:
        raise _refused(operation, "artifact_uri", f"{uri!r} is no address of a run's file", "write runs:/<run id>/<path>")
    return run_id, path


def _missing(operation: str, name: str) -> MissingFileError:
    problem, remedy = "the run has no such file", "list_artifacts says which files it has"
    return MissingFileError(f"{operation} {name}: {problem}; {remedy}", operation=operation, subject=name, problem=problem, remedy=remedy)


def _refused(operation: str, subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"{operation} {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation=operation, subject=subject, problem=problem, remedy=remedy)
