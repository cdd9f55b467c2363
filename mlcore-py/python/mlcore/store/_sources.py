"""Where the rows of views come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mlcore.store._definitions import Definition, Field, current, fields
from mlcore.store._errors import unsupported
from mlcore.store._types import FeatureType

__all__ = ["ArrowSource", "DataSource", "FileSource", "PostgreSQLSource", "PushSource", "RequestSource"]


class DataSource(Definition):
    """A source of rows.

    Attributes
    ----------
    timestamp_field : str
        The column of the event time; empty for a source that has none of its own.
    created_timestamp_column : str
        The column of the time at which a row was written; empty where there is none.
    field_mapping : dict of str to str
        The features' names, by column.
    """

    _kind = "source"
    __slots__ = ()

    @property
    def timestamp_field(self) -> str:
        return self._document.get("timestamp_field", "")

    @property
    def created_timestamp_column(self) -> str:
        return self._document.get("created_timestamp_column", "")

    @property
    def field_mapping(self) -> dict[str, str]:
        return dict(self._document.get("field_mapping", {}))

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> DataSource:
        kinds: dict[str, type[DataSource]] = {
            "file": FileSource,
            "push": PushSource,
            "request": RequestSource,
            "postgres": PostgreSQLSource,
            "arrow": ArrowSource,
        }
        own = kinds.get(document.get("kind", ""), cls)
        made: DataSource = own.__new__(own)
        Definition.__init__(made, document)
        return made


class FileSource(DataSource):
    """A Parquet file, or a folder of them, on the disk or in a bucket.

    Parameters
    ----------
    path : str
        Relative to the store's folder, or absolute. A folder is read with all Parquet files in it, ``key=value`` folders included. In a
        bucket: ``"s3://bucket/folder"``, ``"gs://bucket/folder"`` or ``"az://container/folder"``, and after a question mark any of
        ``endpoint``, ``region``, ``account``, ``allow_http`` and ``sslrootcert``. Credentials are those of the environment.
    name : str, optional
        By default the path.
    timestamp_field : str
        The column of the event time.
    created_timestamp_column : str, optional
        The column of the time at which a row was written: what was written later than the time that is asked about is not used, and of
        rows with one event time the one that was written last counts.
    field_mapping : dict of str to str, optional
        The features' names, by column.
    partition_columns : list of Field, optional
        The columns that the folders' names say.
    event_timestamp_column : str, optional
        The older name of ``timestamp_field``.
    description : str
    tags : dict of str to str, optional
    owner : str
    file_format : optional
        Feast's ``ParquetFormat()``: nothing else is read.
    s3_endpoint_override : str, optional
        The server of a bucket that is not Amazon's: the parameter ``endpoint`` of the path.

    Raises
    ------
    InvalidInputError
        Where the column of the event time is not said.

    Examples
    --------
    >>> from mlcore.store import FileSource
    >>> FileSource(path="data/stats.parquet", timestamp_field="event_timestamp").name
    'data/stats.parquet'
    """

    __slots__ = ()

    def __init__(
        self,
        path: str,
        name: str = "",
        timestamp_field: str = "",
        created_timestamp_column: str = "",
        field_mapping: Mapping[str, str] | None = None,
        partition_columns: Sequence[Field] | None = None,
        event_timestamp_column: str = "",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
        file_format: Any = None,
        s3_endpoint_override: str | None = None,
    ) -> None:
        if file_format is not None and "parquet" not in type(file_format).__name__.lower() and file_format != "parquet":
            problem = f"{file_format!r} is no format that is read"
            raise unsupported("file_format", problem, "keep the rows in Parquet files")
        timestamp = current(
            "define source", "timestamp_field", timestamp_field, "event_timestamp_column", event_timestamp_column
        )
        super().__init__(
            {
                "kind": "file",
                "name": name or str(path),
                "path": _of_endpoint(str(path), s3_endpoint_override),
                "partition_columns": fields(partition_columns, "define source"),
                "timestamp_field": timestamp,
                "created_timestamp_column": created_timestamp_column,
                "field_mapping": dict(field_mapping or {}),
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            }
        )

    @property
    def path(self) -> str:
        """The file or folder."""
        return self._document["path"]


class PushSource(DataSource):
    """Rows that are pushed.

    Parameters
    ----------
    name : str
    batch_source : DataSource or str, optional
        Where older rows of the same columns are.
    timestamp_field, created_timestamp_column : str, optional
        The columns of the times, where there is no batch source that says them.
    description : str
    tags : dict of str to str, optional
    owner : str

    Examples
    --------
    >>> from mlcore.store import FileSource, PushSource
    >>> stats = FileSource("data/stats.parquet", timestamp_field="event_timestamp", name="stats")
    >>> PushSource(name="stats_push", batch_source=stats).batch_source
    'stats'
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        batch_source: DataSource | str | None = None,
        timestamp_field: str = "",
        created_timestamp_column: str = "",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        uses = [batch_source] if isinstance(batch_source, DataSource) else []
        super().__init__(
            {
                "kind": "push",
                "name": name,
                "batch_source": batch_source.name if isinstance(batch_source, DataSource) else batch_source,
                "timestamp_field": timestamp_field,
                "created_timestamp_column": created_timestamp_column,
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            },
            uses,
        )

    @property
    def batch_source(self) -> str | None:
        """The name of the batch source."""
        return self._document.get("batch_source")


class RequestSource(DataSource):
    """Values that a request brings, for on-demand views.

    Parameters
    ----------
    name : str
    schema : list of Field
    description : str
    tags : dict of str to str, optional
    owner : str

    Examples
    --------
    >>> from mlcore.store import Field, Float64, RequestSource
    >>> RequestSource(name="trip", schema=[Field("distance", Float64)]).schema
    [Field(name='distance', dtype=float64)]
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        schema: Sequence[Field],
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        super().__init__(
            {
                "kind": "request",
                "name": name,
                "schema": fields(schema, "define source"),
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            }
        )

    @property
    def schema(self) -> list[Field]:
        """What a request brings."""
        return read_fields(self._document.get("schema", ()))


class PostgreSQLSource(DataSource):
    """A table or a query of a PostgreSQL database, which the store names: ``FeatureStore(.., postgres="postgresql://..")``.

    Parameters
    ----------
    name : str, optional
        By default the name of the table.
    query, table : str
        Either of the two: the text of a ``SELECT``, or ``schema.table``.
    timestamp_field : str
        The column of the event time.
    created_timestamp_column : str, optional
        The column of the time at which a row was written.
    field_mapping : dict of str to str, optional
        The features' names, by column.
    description : str
    tags : dict of str to str, optional
    owner : str

    Examples
    --------
    >>> from mlcore.store import PostgreSQLSource
    >>> PostgreSQLSource(name="stats", table="driver_stats", timestamp_field="at").name
    'stats'
    """

    __slots__ = ()

    def __init__(
        self,
        name: str | None = None,
        query: str | None = None,
        table: str | None = None,
        timestamp_field: str = "",
        created_timestamp_column: str = "",
        field_mapping: Mapping[str, str] | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        super().__init__(
            {
                "kind": "postgres",
                "name": name or table or "",
                "query": query,
                "table": table,
                "timestamp_field": timestamp_field,
                "created_timestamp_column": created_timestamp_column,
                "field_mapping": dict(field_mapping or {}),
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            }
        )


class ArrowSource(DataSource):
    """A frame that the process holds: :meth:`FeatureStore.register` says which.

    Parameters
    ----------
    name : str
    timestamp_field : str
        The column of the event time.
    created_timestamp_column : str, optional
        The column of the time at which a row was written.
    field_mapping : dict of str to str, optional
        The features' names, by column.
    description : str
    tags : dict of str to str, optional
    owner : str

    Examples
    --------
    >>> from mlcore.store import ArrowSource
    >>> ArrowSource(name="clicks", timestamp_field="at").timestamp_field
    'at'
    """

    __slots__ = ()

    def __init__(
        self,
        name: str,
        timestamp_field: str,
        created_timestamp_column: str = "",
        field_mapping: Mapping[str, str] | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        super().__init__(
            {
                "kind": "arrow",
                "name": name,
                "timestamp_field": timestamp_field,
                "created_timestamp_column": created_timestamp_column,
                "field_mapping": dict(field_mapping or {}),
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            }
        )


def _of_endpoint(path: str, endpoint: str | None) -> str:
    """The path with the server of its bucket."""
    if not endpoint:
        return path
    return f"{path}{'&' if '?' in path else '?'}endpoint={quote(endpoint, safe=':/')}"


def read_fields(schema: Sequence[Mapping[str, Any]]) -> list[Field]:
    """The fields that a document lists."""
    return [
        Field(own["name"], FeatureType(own["dtype"]), own.get("description", ""), own.get("tags")) for own in schema
    ]
