"""Columns inside columns, as columns of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlcore.exceptions import InvalidInputError, SchemaMismatchError
from mlcore.features._plan import flatten_table
from mlcore.features._sklearn._values import is_missing

if TYPE_CHECKING:
    from mlcore.features._plan import Table
    from mlcore.typing import Table as AnyTable

__all__ = ["flatten"]

_OPERATION = "flatten table"
#: Deeper than anybody nests columns, and not so deep that Python would run out of stack.
_MOST_LEVELS = 100


def flatten(X: AnyTable) -> Table:
    """The table with a column for each field of a struct, and for each place of a list of fixed length.

    Transformers and plans read plain columns, and refuse nested ones by name. A field is named ``address.city`` and a place
    ``tags_0``; they stand in the place of their column, and what is nested deeper is taken apart, too. What lies in a missing
    struct or list is missing. Flatten the table before it is fitted and before it is transformed.

    Parameters
    ----------
    X : table
        A frame of polars or pyarrow with structs and lists of fixed length; a frame of pandas, a dict of columns or a list of
        records that hold dicts, and lists, tuples or arrays of equal length. A dict of columns may hold a dict of columns.

    Returns
    -------
    table
        Of Arrow columns. Every transformer takes it, and so do polars, pyarrow and pandas.

    Raises
    ------
    InvalidInputError
        Where two columns have one name then, and for lists of Python whose lengths differ. Arrow's lists of any length are left
        as they are.
    SchemaMismatchError
        For a dict that lacks a field which another row has; it names the field and the row. ``None`` is a missing value.

    Examples
    --------
    >>> from mlcore.features import flatten
    >>> records = [{"address": {"city": "Bern", "zip": 3011}, "tags": [1.0, 2.0]}, {"address": None, "tags": [3.0, 4.0]}]
    >>> flatten(records).column_names
    ['address.city', 'address.zip', 'tags_0', 'tags_1']
    >>> [values.tolist() for name, values in flatten(records).columns()]
    [['Bern', None], [3011.0, nan], [1.0, 3.0], [2.0, 4.0]]
    """
    return flatten_table(_of_plain_columns(X))


def _of_plain_columns(X: Any) -> Any:
    """The table without dicts and lists of Python in its columns; structs and lists of Arrow are left to Rust."""
    if isinstance(X, Mapping):
        columns = list(X.items())
    elif isinstance(X, (list, tuple)) and len(X) > 0 and all(isinstance(record, Mapping) for record in X):
        columns = list(_fields(None, X))
    elif type(X).__name__ == "DataFrame" and type(X).__module__.split(".")[0] == "pandas":
        if not any(_holds_parts(X.iloc[:, place]) for place in range(X.shape[1])):
            return X
        columns = [(name, X.iloc[:, place]) for place, name in enumerate(X.columns)]
    else:
        return X
    plain: dict[Any, Any] = {}
    for name, values in columns:
        for own, part in _taken_apart(name, values, 0):
            if own in plain:
                raise _refused(InvalidInputError, own, "two columns have this name", "rename the column, or the field of the struct")
            plain[own] = part
    return plain


def _taken_apart(name: Any, values: Any, level: int) -> Iterator[tuple[Any, Any]]:
    """The plain columns of this one, which is itself where it is plain."""
    if level > _MOST_LEVELS:
        raise _refused(InvalidInputError, name, f"it is nested more than {_MOST_LEVELS} levels deep", "flatten it before")
    parts: Iterator[tuple[Any, Any]]
    if isinstance(values, Mapping):
        parts = ((f"{name}.{field}", column) for field, column in values.items())
    elif getattr(values, "ndim", 1) == 2 and hasattr(values, "tolist"):
        parts = ((f"{name}_{place}", values[:, place]) for place in range(values.shape[1]))
    elif _holds_parts(values):
        cells = values.tolist() if hasattr(values, "tolist") else list(values)
        present = next(cell for cell in cells if not is_missing(cell))
        parts = _fields(name, cells) if isinstance(present, Mapping) else _places(name, cells)
    else:
        yield name, values
        return
    for own, part in parts:
        yield from _taken_apart(own, part, level + 1)


def _holds_parts(values: Any) -> bool:
    """Are the cells of a column dicts or lists? Columns of Arrow are no matter of this question."""
    is_list = isinstance(values, (list, tuple))
    if not is_list and str(getattr(values, "dtype", "")) != "object":
        return False
    present = next((cell for cell in values if not is_missing(cell)), None)
    return isinstance(present, Mapping) or _is_list(present)


def _is_list(cell: Any) -> bool:
    return isinstance(cell, (list, tuple)) or (getattr(cell, "ndim", 0) > 0 and hasattr(cell, "tolist"))


def _fields(name: str | None, cells: Any) -> Iterator[tuple[Any, list[Any]]]:
    """A column for each field of a column of dicts, or of records, which have no name."""
    fields: dict[Any, None] = {}
    for row, cell in enumerate(cells):
        if isinstance(cell, Mapping):
            fields.update(dict.fromkeys(cell))
        elif name is None or not is_missing(cell):
            problem = f"row {row} holds {type(cell).__name__}, and the rows before hold dicts"
            raise _refused(InvalidInputError, name or "X", problem, "give dicts in all rows, and None where one is missing")
    for field in fields:
        column = field if name is None else f"{name}.{field}"
        values = []
        for row, cell in enumerate(cells):
            if isinstance(cell, Mapping) and field not in cell:
                problem = f"row {row}: the record has no value for it"
                raise _refused(SchemaMismatchError, column, problem, "send None where it is missing")
            values.append(cell[field] if isinstance(cell, Mapping) else None)
        yield column, values


def _places(name: Any, cells: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """A column for each place of a column of lists of one length."""
    lists = [cell.tolist() if hasattr(cell, "tolist") else cell for cell in cells]
    length = next(len(cell) for cell in lists if not is_missing(cell))
    for row, cell in enumerate(lists):
        if is_missing(cell):
            continue
        if not isinstance(cell, (list, tuple)):
            problem = f"row {row} holds {type(cell).__name__}, and the rows before hold lists"
            raise _refused(InvalidInputError, name, problem, "give lists in all rows, and None where one is missing")
        if len(cell) != length:
            problem = f"row {row} is a list of {len(cell)}, and those before have {length}"
            raise _refused(InvalidInputError, name, problem, "give lists of one length, or make columns of what they tell")
    for place in range(length):
        yield f"{name}_{place}", [None if is_missing(cell) else cell[place] for cell in lists]


def _refused(kind: type[InvalidInputError] | type[SchemaMismatchError], subject: Any, problem: str, remedy: str) -> Exception:
    return kind(
        f"{_OPERATION} {subject}: {problem}; {remedy}",
        operation=_OPERATION,
        subject=str(subject),
        problem=problem,
        remedy=remedy,
    )
