"""Answers in the frames of other libraries, which are imported when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcore._frame import installed

if TYPE_CHECKING:
    from mlcore.features._plan import Table


def as_pandas(table: Table, source: object) -> Any:
    """A frame of pandas, with the index of the frame it was made of."""
    pd = installed("pandas")
    index = source.index if isinstance(source, (pd.DataFrame, pd.Series)) else None
    if index is None:
        index = pd.RangeIndex(len(table))
    columns: dict[str, Any] = dict(table.columns())
    for name, zone in table._time_zones():
        columns[name] = pd.DatetimeIndex(columns[name], tz="UTC").tz_convert(zone).array
    return pd.DataFrame(columns, index=index, columns=table.column_names)


def as_polars(table: Table) -> Any:
    """A frame of polars, which shares the columns."""
    return installed("polars").DataFrame(table)
