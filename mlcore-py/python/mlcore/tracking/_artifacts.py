"""Files of runs: in the folder of their experiment, or in the tracker's."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mlcore.exceptions import InvalidInputError, MissingFileError, MissingPackageError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from mlcore.tracking import Tracker

#: What MLflow's server says of the artifacts that it keeps itself.
SERVED = "mlflow-artifacts:"


def _refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"log artifact {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation="log artifact", subject=subject, problem=problem, remedy=remedy)


def root(tracker: Tracker, uri: str) -> Path:
    """The folder that a run's artifacts lie in.

    Raises
    ------
    UnsupportedError
        Where it is not known, or no folder.
    """
    if uri.startswith(SERVED):
        if tracker.artifacts is not None:
            return Path(tracker.artifacts, *_parts(uri.removeprefix(SERVED).lstrip("/")))
        problem = "no folder for the files of runs is known"
        remedy = "open the tracker with artifacts=, set MLCORE_ARTIFACTS, or give the experiment an artifact_location"
    else:
        scheme = urlsplit(uri).scheme
        if scheme == "file":
            return Path(unquote(urlsplit(uri).path))
        if len(scheme) <= 1:
            return Path(uri)
        problem = f"the files of its runs lie at {uri.split('://')[0]}://, which is not written from here"
        remedy = "give the experiment a folder: create_experiment(name, artifact_location='file:///..')"
    message = f"log artifact folder: {problem}; {remedy}"
    raise UnsupportedError(message, operation="log artifact", subject="folder", problem=problem, remedy=remedy)


def _parts(path: str | os.PathLike[str] | None) -> tuple[str, ...]:
    """The parts of a path below a run's folder, which leads nowhere else."""
    if path is None:
        return ()
    text = os.fspath(path)
    if not isinstance(text, str) or "\0" in text or "\\" in text or len(text) > 4096 or any(len(part) > 255 for part in text.split("/")):
        raise _refused("artifact path", "it is too long, or holds NUL or a backslash", "pass a short relative path with slashes")
    parts = PurePosixPath(text).parts
    if PurePosixPath(text).is_absolute() or ".." in parts or (parts and ":" in parts[0]):
        raise _refused("artifact path", f"{text!r} leads out of the run's folder", "pass a relative path without ..")
    return parts


def _inside(folder: Path, parts: tuple[str, ...]) -> Path:
    """The place below a folder, made up to its parent; no link on the way leads out of it."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder.joinpath(*parts)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.parent.resolve().is_relative_to(folder.resolve()):
        raise _refused("artifact path", f"{'/'.join(parts)!r} leads out of the run's folder by a link", "remove the link")
    return place


def _write(folder: Path, parts: tuple[str, ...], fill: Callable[[BinaryIO], object]) -> None:
    """Writes a file whole or not at all, durably."""
    if not parts:
        raise _refused("artifact path", "it names no file", "pass a path such as 'notes.txt'")
    place = _inside(folder, parts)
    if place.is_dir():
        raise _refused("artifact path", f"{'/'.join(parts)!r} is a folder", "choose another name")
    descriptor, temporary = tempfile.mkstemp(dir=place.parent, prefix=".part-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise


def log_file(folder: Path, local: str | os.PathLike[str], artifact_path: str | None) -> None:
    """Copies a file, or a folder under its own name."""
    source = Path(local)
    if source.is_dir():
        name = source.resolve().name
        return log_folder(folder, source, f"{artifact_path}/{name}" if artifact_path else name)
    parts = (*_parts(artifact_path), source.name)
    try:
        file = source.open("rb")
    except FileNotFoundError as cause:
        raise _missing(source) from cause
    with file:
        _write(folder, parts, lambda into: shutil.copyfileobj(file, into, 1 << 20))
    return None


def log_folder(folder: Path, local: str | os.PathLike[str], artifact_path: str | None) -> None:
    """Copies what a folder holds."""
    source = Path(local)
    if not source.is_dir():
        raise _missing(source)
    for place, folders, files in os.walk(source):
        for name in folders:
            if Path(place, name).is_symlink():
                raise _refused("folder", f"{name!r} in it is a link to a folder", "log that folder by itself")
        below = Path(place).relative_to(source).parts
        for name in files:
            parts = (*_parts(artifact_path), *below, name)
            with Path(place, name).open("rb") as file:
                _write(folder, parts, lambda into, file=file: shutil.copyfileobj(file, into, 1 << 20))  # type: ignore[misc]


def log_bytes(folder: Path, content: bytes, artifact_file: str) -> None:
    """Writes a file of these bytes."""
    _write(folder, _parts(artifact_file), lambda into: into.write(content))


def log_stream(folder: Path, stream: Any, artifact_file: str) -> None:
    """Writes what a binary stream holds."""

    def fill(into: BinaryIO) -> None:
        while content := stream.read(1 << 20):
            if not isinstance(content, (bytes, bytearray, memoryview)):
                raise _refused("stream", f"it answers {type(content).__name__}, and bytes are expected", "open it in binary mode, 'rb'")
            into.write(content)

    _write(folder, _parts(artifact_file), fill)


def place(folder: Path, artifact_path: str | None) -> Path:
    """Where a file or folder of a run lies or would lie; no link on the way leads out of the run's folder.

    Raises
    ------
    InvalidInputError
        For a path that does.
    """
    found = folder.joinpath(*_parts(artifact_path))
    if not found.resolve().is_relative_to(folder.resolve()):
        raise _refused("artifact path", f"{artifact_path!r} leads out of the run's folder by a link", "remove the link")
    return found


def dict_bytes(dictionary: Any, artifact_file: str) -> bytes:
    """A dict as JSON, or as YAML where the name of the file ends so."""
    if str(artifact_file).endswith((".yml", ".yaml")):
        try:
            yaml = import_module("yaml")
        except ModuleNotFoundError as cause:
            problem, remedy = "PyYAML is not installed", "install it: pip install pyyaml; or name the file .json"
            message = f"log dict pyyaml: {problem}; {remedy}"
            raise MissingPackageError(message, operation="log dict", subject="pyyaml", problem=problem, remedy=remedy) from cause
        return str(yaml.safe_dump(dictionary, sort_keys=False)).encode()
    try:
        return json.dumps(dictionary, indent=2, default=str).encode()
    except (TypeError, ValueError, RecursionError) as cause:
        raise _refused("dictionary", f"JSON cannot hold it: {cause}", "log plain values, nested less deeply") from cause


def _missing(source: Path) -> MissingFileError:
    problem, remedy = "there is no such file or folder", "pass the path of one"
    message = f"log artifact {source}: {problem}; {remedy}"
    return MissingFileError(message, operation="log artifact", subject=str(source), problem=problem, remedy=remedy)
