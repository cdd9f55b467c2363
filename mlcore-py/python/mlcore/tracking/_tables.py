"""Tables in files of runs, in the form of pandas' ``orient="split"``, which MLflow reads and writes."""

from __future__ import annotations

import datetime
import io
import json
import math
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlcore.exceptions import InvalidInputError, InvalidTypeError, MissingFileError
from mlcore.tracking import _artifacts, _images

Columns = dict[str, list[Any]]


def log(folder: Path, data: Any, artifact_file: str) -> None:
    """Writes the rows after those that the file has."""
    form = _form(artifact_file)
    columns = _columns(data)
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise _refused("data", f"its columns have {min(lengths)} to {max(lengths)} rows", "give columns of equal length")
    place = _artifacts.place(folder, artifact_file)
    found = _read(place, form) if place.is_file() else {}
    columns = {name: [_plain(value, name, folder, artifact_file) for value in values] for name, values in columns.items()}
    rows = max(lengths, default=0)
    before = max((len(values) for values in found.values()), default=0)
    whole: Columns = {}
    for name in dict.fromkeys([*found, *columns]):
        whole[name] = found.get(name, [None] * before) + columns.get(name, [None] * rows)
    _artifacts.log_bytes(folder, _bytes(whole, form), artifact_file)


def read(folder: Path, artifact_file: str) -> Columns | None:
    """The columns of the file, where it is there."""
    form = _form(artifact_file)
    place = _artifacts.place(folder, artifact_file)
    return _read(place, form) if place.is_file() else None


def _form(artifact_file: str) -> str:
    form = os.path.splitext(str(artifact_file))[1].lower()
    if form not in (".json", ".parquet"):
        raise _refused("artifact_file", f"{artifact_file!r} ends neither with .json nor with .parquet", "name it such as 'table.json'")
    if any(character in artifact_file for character in "\"',:[]{}"):
        raise _refused("artifact_file", f"{artifact_file!r} holds one of \" ' , : [ ] {{ }}", "choose another name")
    return form


def _columns(data: Any) -> Columns:
    """Lists by name, of whatever holds a table."""
    if isinstance(data, Mapping):
        values = {str(name): _listed(column) for name, column in data.items()}
        if values and all(column is None for column in values.values()):
            return {name: [data[name]] for name in data}
        flat = [name for name, column in values.items() if column is None]
        if flat:
            raise _refused("data", f"column {flat[0]!r} is a single value, and others are lists", "give lists of equal length, or values alone")
        return {name: column for name, column in values.items() if column is not None}
    if isinstance(data, (list, tuple)) and all(isinstance(row, Mapping) for row in data):
        names = dict.fromkeys(str(name) for row in data for name in row)
        return {name: [row.get(name) for row in data] for name in names}
    library = type(data).__module__.partition(".")[0]
    if library == "pandas" and hasattr(data, "columns"):
        return {str(name): data.iloc[:, place].tolist() for place, name in enumerate(data.columns)}
    if library == "polars" and hasattr(data, "to_dict"):
        return dict(data.to_dict(as_series=False))
    if hasattr(data, "to_pydict"):
        return dict(data.to_pydict())
    problem, remedy = f"a frame, a dict or a list of records is expected, and it is a {type(data).__name__}", "pass a frame"
    message = f"log table data: {problem}; {remedy}"
    raise InvalidTypeError(message, operation="log table", subject="data", problem=problem, remedy=remedy)


def _listed(column: Any) -> list[Any] | None:
    if isinstance(column, (list, tuple)):
        return list(column)
    if hasattr(column, "tolist") and getattr(column, "ndim", 1) > 0:
        return list(column.tolist())
    if hasattr(column, "to_list"):
        return list(column.to_list())
    return None


def _plain(value: Any, name: str, folder: Path, artifact_file: str) -> Any:
    """The value as JSON has it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.date, datetime.time)):
        # Also pandas' NaT, which is a datetime that is none.
        return value.isoformat() if value == value else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item, name, folder, artifact_file) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, name, folder, artifact_file) for item in value]
    if _images.is_picture(value):
        return _picture(value, folder, artifact_file)
    if hasattr(value, "tolist"):
        return _plain(value.tolist(), name, folder, artifact_file)
    # What pandas says of a missing value equals nothing.
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, (bytes, bytearray)) or type(value).__module__ not in ("decimal", "uuid", "pathlib"):
        raise _refused("data", f"column {name!r} holds a {type(value).__name__}", "log numbers, text, moments, lists and dicts")
    return str(value)


def _picture(image: Any, folder: Path, artifact_file: str) -> dict[str, str]:
    """A file of the image, and a small copy."""
    path = f"table_images/{os.path.splitext(artifact_file)[0]}/{uuid.uuid4()}"
    _artifacts.log_bytes(folder, _images.encoded(image, f"{path}.png"), f"{path}.png")
    named = {"type": "image", "filepath": f"{path}.png"}
    small = _images.small(image)
    if small is not None:
        _artifacts.log_bytes(folder, small, f"{path}.webp")
        named["compressed_filepath"] = f"{path}.webp"
    return named


def _bytes(columns: Columns, form: str) -> bytes:
    if form == ".json":
        rows = list(zip(*columns.values()))
        return json.dumps({"columns": list(columns), "data": rows}, allow_nan=False).encode()
    content = io.BytesIO()
    library = _parquet()
    if library.__name__ == "polars":
        library.DataFrame(columns, strict=False).write_parquet(content)
    else:
        library.DataFrame(columns).to_parquet(content, index=False)
    return content.getvalue()


def _read(place: Path, form: str) -> Columns:
    if form == ".json":
        try:
            found = json.loads(place.read_bytes())
            names, rows = found["columns"], found["data"]
            return {str(name): [row[position] for row in rows] for position, name in enumerate(names)}
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as cause:
            problem = f"{place.name} is there, and is no table as log_table writes it: {cause}"
            raise _refused("artifact_file", problem, "choose another name") from cause
    return _columns(_parquet().read_parquet(place))


def _parquet() -> Any:
    from importlib import util

    from mlcore._frame import installed

    return installed("polars" if util.find_spec("polars") is not None else "pandas")


def missing(artifact_file: str, where: str) -> MissingFileError:
    """Nobody has such a table."""
    problem, remedy = f"no run of {where} has this table", "log one with log_table"
    message = f"load table {artifact_file}: {problem}; {remedy}"
    return MissingFileError(message, operation="load table", subject=artifact_file, problem=problem, remedy=remedy)


def _refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    message = f"log table {subject}: {problem}; {remedy}"
    return InvalidInputError(message, operation="log table", subject=subject, problem=problem, remedy=remedy)
