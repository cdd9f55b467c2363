"""What went before in the rows of the same key: lags, and statistics of windows, for tables."""

from __future__ import annotations

import datetime
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Union

from mlcore.exceptions import InvalidInputError, InvalidTypeError
from mlcore.features._output import as_pandas, as_polars
from mlcore.features._plan import window_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mlcore.typing import Table as AnyTable

__all__ = ["Lag", "Rolling", "add_window_features"]


@dataclass(frozen=True)
class Lag:
    """The value that a column has some rows before, in the rows of the same key; missing where there is no such row.

    Parameters
    ----------
    column : str
        A column of any type.
    periods : int
        How many rows before. A negative number reads the future, which is for targets and not for features.
    name : str, optional
        The name of the new column; by default that of the column, ``_lag_`` and the number.

    Notes
    -----
    Numbers are those of pandas' ``groupby(key)[column].shift(periods)``.

    Examples
    --------
    >>> from mlcore.features import Lag, add_window_features
    >>> events = {"customer": ["a", "b", "a"], "amount": [1.0, 2.0, 3.0]}
    >>> dict(add_window_features(events, [Lag("amount")], by="customer").columns())["amount_lag_1"].tolist()
    [nan, nan, 1.0]
    """

    column: str
    periods: int = 1
    name: str | None = None

    def _specification(self) -> tuple[str, tuple[Any, ...]]:
        if isinstance(self.periods, bool) or not isinstance(self.periods, int):
            raise _mistyped("periods", f"an int is expected, got {self.periods!r}")
        return "Lag", (self.column, self.periods, self.name)


@dataclass(frozen=True)
class Rolling:
    """A statistic of the numbers that a column has in a window of the rows of the same key.

    Missing numbers count nowhere; the feature is missing where there are too few.

    Parameters
    ----------
    column : str
        A column of numbers.
    window : int, str, timedelta or timedelta64
        A number of rows, or a time such as ``"7D"``, ``"12h"``, ``"30min"``, ``"90s"``, ``"20ms"``, ``"5us"``, ``"1ns"``. A time needs
        rows that are ordered by dates or timestamps.
    statistic : {"mean", "sum", "min", "max", "std", "var", "count"}
        What is told of the numbers.
    min_periods : int, optional
        How many numbers a window must have; by default all of a window of rows, and one of a window of time. For ``count`` it is
        a number of rows.
    closed : {"left", "right", "both", "neither"}
        Which ends belong to the window. By default it ends before the row. (pandas' default is ``right``: the row itself is in
        its window.)
    name : str, optional
        The name of the new column; by default that of the column, the statistic and the window.

    Notes
    -----
    Numbers are those of pandas' ``groupby(key)[column].rolling(window, min_periods, closed=closed)``.

    Examples
    --------
    >>> from mlcore.features import Rolling, add_window_features
    >>> events = {"day": [3, 1, 2], "amount": [30.0, 10.0, 20.0]}
    >>> made = add_window_features(events, [Rolling("amount", 2, "sum", min_periods=1)], order_by="day")
    >>> dict(made.columns())["amount_sum_2"].tolist()
    [30.0, nan, 10.0]
    """

    column: str
    window: int | str | datetime.timedelta | np.timedelta64
    statistic: Literal["mean", "sum", "min", "max", "std", "var", "count"] = "mean"
    min_periods: int | None = None
    closed: Literal["left", "right", "both", "neither"] = "left"
    name: str | None = None

    def _specification(self) -> tuple[str, tuple[Any, ...]]:
        rows, nanoseconds = _length(self.window)
        least = self.min_periods
        if least is not None and (isinstance(least, bool) or not isinstance(least, int) or least < 0):
            raise _mistyped("min_periods", f"an int from 0 on is expected, got {least!r}")
        return "Rolling", (self.column, rows, nanoseconds, self.statistic, least, self.closed, self.name)


#: One column that `add_window_features` adds.
WindowFeature = Union[Lag, Rolling]


def add_window_features(
    X: AnyTable,
    features: Sequence[WindowFeature],
    *,
    by: str | Sequence[str] = (),
    order_by: str | None = None,
) -> Any:
    """Adds columns with what was known before each row, for training and for scoring in batches.

    By default a row sees the past alone: neither its own value nor that of a row of the same time in a window of time. They are
    no steps of a plan, which is a function of one row: online, a feature store that keeps the history of each key sends
    these columns with the request.

    Parameters
    ----------
    X : table
        A frame of pandas, polars or pyarrow, a 2-D array, a dict of columns, a list of records. It is not changed.
    features : list of Lag or Rolling
        The columns to add.
    by : str or list of str
        The columns of the key. Rows whose key is missing get missing features. Without a column, all rows belong together.
    order_by : str, optional
        The column that says which row is before which: dates, timestamps or numbers, none of them missing. Rows of the same
        time stand in the order of the table. Without it, all rows do.

    Returns
    -------
    DataFrame or table
        A frame of pandas, with its index, or of polars, where ``X`` is one; otherwise a table of Arrow columns. The rows stand as
        they stood, and a number that is missing is NaN.

    Raises
    ------
    SchemaMismatchError
        For a column that is not there, or of a type that is not taken.
    InvalidInputError
        For a name that is there already, a window that is none, a missing time and an infinity.
    InvalidTypeError
        For a feature that is neither of both.

    Examples
    --------
    >>> from mlcore.features import Lag, Rolling, add_window_features
    >>> events = {"customer": ["a", "a", "b", "a"], "amount": [1.0, 2.0, 5.0, 4.0]}
    >>> more = add_window_features(events, [Lag("amount"), Rolling("amount", 2, "mean", min_periods=1)], by="customer")
    >>> more.column_names
    ['customer', 'amount', 'amount_lag_1', 'amount_mean_2']
    >>> dict(more.columns())["amount_mean_2"].tolist()
    [nan, 1.0, nan, 1.5]
    """
    for feature in features:
        if not isinstance(feature, (Lag, Rolling)):
            raise _mistyped("features", f"a Lag or a Rolling is expected, got {feature!r}")
    key = [by] if isinstance(by, str) else list(by)
    specifications = [feature._specification() for feature in features]
    read = {*key, *(feature.column for feature in features), *([] if order_by is None else [order_by])}
    for library in ("pandas", "polars"):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, module.DataFrame):
            names = [feature.name for feature in features if feature.name is not None]
            # Those that are not read need not be of a type that is. One of the name of a feature is refused.
            own: Any = X[[column for column in X.columns if column in read or column in names]]
            made = window_columns(own, specifications, key, order_by)
            if library == "pandas":
                return module.concat([X, as_pandas(made, X)], axis=1)
            return module.concat([X, as_polars(made)], how="horizontal")
    return window_columns(X, specifications, key, order_by, append=True)


#: Nanoseconds of each unit, as pandas names them.
_UNITS = {"D": 86_400 * 10**9, "d": 86_400 * 10**9, "h": 3_600 * 10**9, "min": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def _length(window: Any) -> tuple[int | None, int | None]:
    """A window as a number of rows, or of nanoseconds."""
    if isinstance(window, datetime.timedelta):
        nanoseconds = (window.days * 86_400 + window.seconds) * 10**9 + window.microseconds * 1000 + getattr(window, "nanoseconds", 0)
    elif isinstance(window, str):
        parts = re.fullmatch(r"([0-9]+)([A-Za-z]+)", window.strip())
        if parts is None or parts[2] not in _UNITS:
            raise _refused("window", f"{window!r} is no time", "pass a number and a unit: D, h, min, s, ms, us or ns")
        nanoseconds = int(parts[1]) * _UNITS[parts[2]]
    elif type(window).__name__ == "timedelta64":
        nanoseconds = int(window.astype("timedelta64[ns]").astype(int))
    elif isinstance(window, bool) or not hasattr(window, "__index__"):
        raise _mistyped("window", f"a number of rows or a time is expected, got {window!r}")
    else:
        rows = int(window)
        if rows < 1:
            raise _refused("window", f"{rows} rows are no window", "pass a number of rows from 1 on")
        return rows, None
    if not 0 < nanoseconds < 2**64:
        raise _refused("window", f"{window!r} is of no length, or too long", "pass a time of less than 500 years")
    return None, nanoseconds


def _refused(subject: str, problem: str, remedy: str) -> InvalidInputError:
    text = f"add window features {subject}: {problem}; {remedy}"
    return InvalidInputError(text, operation="add window features", subject=subject, problem=problem, remedy=remedy)


def _mistyped(subject: str, problem: str) -> InvalidTypeError:
    text = f"add window features {subject}: {problem}"
    return InvalidTypeError(text, operation="add window features", subject=subject, problem=problem)
