"""What mlcore takes, for annotations. Nothing here is needed at run time."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Union

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ArrayLike", "ArrowArray", "ArrowStream", "Labelled", "Lazy", "Plain", "Row", "Table"]


class ArrowStream(Protocol):
    """A frame or a column of pandas, polars, pyarrow, duckdb or any library that exports Arrow streams."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


class ArrowArray(Protocol):
    """A batch or a column of a library that exports Arrow arrays."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class Lazy(Protocol):
    """A lazy frame of polars, which is collected."""

    def collect(self) -> Any: ...

    def collect_schema(self) -> Any: ...


#: A single value; numpy's and pandas' own, and ``decimal.Decimal``, are taken too.
Plain = Union[float, bool, str, datetime.date, datetime.time, None]

class Labelled(Protocol):
    """A row of pandas, whose values have labels: ``df.iloc[0]``."""

    @property
    def index(self) -> Any: ...

    def tolist(self) -> list[Any]: ...


#: A record: a value per column, by name (a dict, a row of pandas, a named tuple) or by position.
Row = Union[Mapping[str, Any], Labelled, Sequence[Any], "npt.NDArray[Any]"]

#: A column of values.
ArrayLike = Union["npt.NDArray[Any]", ArrowStream, ArrowArray, Iterable[Any]]

#: Columns of values: a frame, a 2-D array, a dict of columns, a list of records.
Table = Union["npt.NDArray[Any]", ArrowStream, ArrowArray, Lazy, Mapping[str, ArrayLike], Sequence[Row]]
