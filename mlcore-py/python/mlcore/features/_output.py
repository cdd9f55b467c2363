"""Answers in the frames of other libraries, which are imported when they are asked for."""

from __future__ import annotations

import sys
from importlib import import_module
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


def csr() -> Any:
    """The class of scipy's sparse matrices that scikit-learn answers with."""
    installed("scipy")
    sparse = import_module("scipy.sparse")
    configuration = getattr(sys.modules.get("sklearn"), "get_config", None)
    interface = "spmatrix" if configuration is None else configuration().get("sparse_interface", "spmatrix")
    return sparse.csr_array if interface == "sparray" else sparse.csr_matrix


def as_csr(table: Table) -> Any:
    """What of a table is not zero."""
    return csr()(table.to_numpy().astype(float))
