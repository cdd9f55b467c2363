"""Rows as a frame of pandas or polars, which are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module, util
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What a frame can be one of; without a choice, the first that is installed.
LIBRARIES = ("pandas", "polars")


def frame(rows: Sequence[Mapping[str, Any]], *, library: str | None = None, columns: Sequence[str] = ()) -> Any:
    """A frame with a row per mapping and a column per key.

    Values stay exact: integers and bools among which some are missing have the nullable types of pandas (``Int64``, ``boolean``).

    Parameters
    ----------
    rows : list of dict
        Keys that a row lacks are missing in it. Lists and dicts stay values of one cell.
    library : {"pandas", "polars"}, optional
        What makes the frame. Default: pandas if it is installed, otherwise polars.
    columns : list of str, optional
        Columns that come first, and that a frame without rows has too. Default: the keys in the order of appearance.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame

    Raises
    ------
    InvalidInputError
        For another name of a library.
    MissingPackageError
        Where the library, or either of the two, is not installed. It is an ``ImportError``.

    Examples
    --------
    >>> from mlcore._frame import frame
    >>> frame([{"column": "age", "effect": 0.5}, {"column": "plan"}])["effect"].isna().tolist()
    [False, True]
    """
    names = list(dict.fromkeys([*columns, *(key for row in rows for key in row)]))
    values = {name: [row.get(name) for row in rows] for name in names}
    chosen = _chosen(library)
    module = installed(chosen)
    if chosen == "pandas":
        return module.DataFrame({name: _pandas_column(module, column) for name, column in values.items()}, columns=names)
    return module.DataFrame(values, strict=False, infer_schema_length=None)


def installed(library: str) -> Any:
    """The module of this name, imported.

    Raises
    ------
    MissingPackageError
        Where it is not installed.
    """
    try:
        return import_module(library)
    except ModuleNotFoundError as cause:
        if cause.name != library:
            raise
        raise _missing(library, f"{library} is not installed", f"install it: pip install {library}") from cause


def _chosen(library: str | None) -> str:
    if library in LIBRARIES:
        return library
    if library is not None:
        problem, remedy = f"{library!r} makes no frames here", "use pandas or polars"
        message = f"make frame library: {problem}; {remedy}"
        raise InvalidInputError(message, operation="make frame", subject="library", problem=problem, remedy=remedy)
    for name in LIBRARIES:
        if util.find_spec(name) is not None:
            return name
    raise _missing("library", "neither pandas nor polars is installed", "install one of them: pip install pandas")


def _missing(subject: str, problem: str, remedy: str) -> MissingPackageError:
    message = f"make frame {subject}: {problem}; {remedy}"
    return MissingPackageError(message, operation="make frame", subject=subject, problem=problem, remedy=remedy)


def _pandas_column(pandas: Any, values: list[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if any(value is None for value in values) and kinds in ({int}, {bool}):
        return pandas.array(values, dtype="Int64" if kinds == {int} else "boolean")
    if kinds & {list, dict, tuple}:
        # Not a column per element.
        return pandas.Series(values, dtype=object)
    return values
