"""What a store answers, as the frames that its users work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlcore._frame import _pandas_column, installed
from mlcore.features._output import as_pandas, as_polars

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from mlcore.store._native import History, OnlineAnswer

__all__ = ["OnlineResponse", "RetrievalJob"]


class OnlineResponse:
    """Features of entities as of now. A value that is older than its view's ``ttl`` is ``None``, as is one that is not there.

    Made by :meth:`FeatureStore.get_online_features`. Its length is the number of entities. It exports itself as an Arrow stream.
    """

    __slots__ = ("_answer",)

    def __init__(self, answer: OnlineAnswer) -> None:
        self._answer = answer

    def to_dict(self, include_event_timestamps: bool = False) -> dict[str, list[Any]]:
        """Columns of Python's values by name: the join keys, then the features.

        Parameters
        ----------
        include_event_timestamps : bool
            Adds a column ``<feature>__ts`` for each feature: the seconds of its event time, 0 where there is none.

        Returns
        -------
        dict of str to list
        """
        return self._answer.to_dict(include_event_timestamps)

    def statuses(self) -> dict[str, list[str]]:
        """Why a value is there or not: ``PRESENT``, ``NULL_VALUE``, ``NOT_FOUND`` or ``OUTSIDE_MAX_AGE``, by feature.

        Returns
        -------
        dict of str to list of str
        """
        return self._answer.statuses()

    def to_df(self, include_event_timestamps: bool = False) -> Any:
        """The same as a frame of pandas. Integers and bools among which some are missing have pandas' nullable types.

        Parameters
        ----------
        include_event_timestamps : bool
            As that of :meth:`to_dict`.

        Returns
        -------
        pandas.DataFrame
        """
        pandas = installed("pandas")
        columns = self.to_dict(include_event_timestamps)
        return pandas.DataFrame({name: _pandas_column(pandas, values) for name, values in columns.items()})

    def to_polars(self) -> Any:
        """The same as a frame of polars.

        Returns
        -------
        polars.DataFrame
        """
        return as_polars(self._answer.table())

    def to_arrow(self) -> Any:
        """The same as a table of pyarrow.

        Returns
        -------
        pyarrow.Table
        """
        return installed("pyarrow").table(self._answer.table())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._answer.table().__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return len(self._answer)

    def __repr__(self) -> str:
        return f"<mlcore.store.OnlineResponse: {len(self)} entities, {', '.join(self.statuses())}>"


class RetrievalJob:
    """Entity rows with their features as they were known then.

    Made by :meth:`FeatureStore.get_historical_features`, which has done all the work. It exports itself as an Arrow stream.

    Attributes
    ----------
    event_timestamp : str
        The column that the times of the entity rows were taken from.
    features : list of str
        The names of the features.
    """

    __slots__ = ("_entity_df", "_history")

    def __init__(self, history: History, entity_df: object) -> None:
        self._history = history
        self._entity_df = entity_df

    @property
    def event_timestamp(self) -> str:
        return self._history.event_timestamp

    @property
    def features(self) -> list[str]:
        return self._history.features

    def to_df(self) -> Any:
        """The rows in the order of the entity rows, and with the index of their frame.

        Returns
        -------
        pandas.DataFrame
        """
        return as_pandas(self._history.table(), self._entity_df)

    def to_polars(self) -> Any:
        """The rows as a frame of polars.

        Returns
        -------
        polars.DataFrame
        """
        return as_polars(self._history.table())

    def to_arrow(self) -> Any:
        """The rows as a table of pyarrow.

        Returns
        -------
        pyarrow.Table
        """
        return installed("pyarrow").table(self._history.table())

    def training_set(self) -> Mapping[str, Any]:
        """What the rows are, by the digest of their content, and which views, versions and times they were made of.

        Returns
        -------
        dict
            ``digest`` is what :meth:`mlcore.Registry.register` takes as ``dataset``.
        """
        return self._history.training_set()

    def save(self, path: str | os.PathLike[str]) -> Mapping[str, Any]:
        """Writes the rows to a Parquet file, and beside it, with ``.json`` at the end, what they are.

        Parameters
        ----------
        path : str or os.PathLike

        Returns
        -------
        dict
            As :meth:`training_set`.
        """
        return self._history.save(path)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._history.table().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<mlcore.store.RetrievalJob: {', '.join(self.features)}>"
