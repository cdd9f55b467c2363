"""Feast's names of views whose features are often windows: of a batch source, and of a stream."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlcore.store._definitions import Aggregation, Entity, Field
from mlcore.store._errors import refused, unsupported
from mlcore.store._sources import DataSource
from mlcore.store._views import FeatureView

__all__ = ["BatchFeatureView", "StreamFeatureView"]


class BatchFeatureView(FeatureView):
    """A :class:`FeatureView` of a batch source, spelled as Feast does. A store gives it back as a :class:`FeatureView`.

    Parameters
    ----------
    name, source, entities, ttl, tags, offline, description, owner, schema, aggregations, version :
        As those of :class:`FeatureView`.
    online : bool
        Whether the view is materialised and read online; as in Feast it is not, unless that is said.
    mode : str
        Feast's, of a function; it changes nothing.
    udf : callable, optional
        Feast's function over the rows of the source, which is refused: compute the columns before they are written, or by an
        :class:`OnDemandFeatureView`.

    Raises
    ------
    UnsupportedError
        For a function.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from mlcore.store import Aggregation, ArrowSource, BatchFeatureView, Field, Float64
    >>> view = BatchFeatureView(
    ...     name="spending", source=ArrowSource("payments", timestamp_field="at"), entities=["customer"],
    ...     schema=[Field("amount", Float64)], online=True,
    ...     aggregations=[Aggregation(column="amount", function="sum", time_window=timedelta(days=7), slide_interval=timedelta(days=1))],
    ... )
    >>> view.online
    True
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        name: str,
        mode: str = "python",
        source: DataSource | str | None = None,
        entities: Sequence[Entity | str] | None = None,
        ttl: datetime.timedelta | str | None = None,
        tags: Mapping[str, str] | None = None,
        online: bool = False,
        offline: bool = False,
        description: str = "",
        owner: str = "",
        schema: Sequence[Field] | None = None,
        udf: Callable[..., Any] | None = None,
        aggregations: Sequence[Aggregation] | None = None,
        version: str = "latest",
    ) -> None:
        _check(name, udf)
        super().__init__(
            name=name,
            entities=entities,
            ttl=ttl,
            source=source,
            schema=schema,
            online=online,
            offline=offline,
            aggregations=aggregations,
            version=version,
            description=description,
            tags=tags,
            owner=owner,
        )


class StreamFeatureView(FeatureView):
    """A :class:`FeatureView` of rows that are pushed, spelled as Feast does. A store gives it back as a :class:`FeatureView`.

    Parameters
    ----------
    name, source, entities, ttl, tags, online, offline, description, owner, schema, aggregations, version :
        As those of :class:`FeatureView`.
    timestamp_field : str, optional
        The column of the events' times, which is that of the source.
    mode : str
        Feast's, of a function; it changes nothing.
    udf : callable, optional
        Feast's function over the rows of the stream, which is refused.
    enable_tiling, tiling_hop_size :
        Feast's; they change nothing: windows are always kept as tiles, as wide as their slide intervals ask for.

    Raises
    ------
    UnsupportedError
        For a function.
    InvalidInputError
        For a ``timestamp_field`` that is not the source's.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from mlcore.store import Aggregation, ArrowSource, Field, Float64, PushSource, StreamFeatureView
    >>> view = StreamFeatureView(
    ...     name="spending", source=PushSource("payments", batch_source=ArrowSource("paid", timestamp_field="at")),
    ...     entities=["customer"], schema=[Field("amount", Float64)], timestamp_field="at",
    ...     aggregations=[Aggregation(column="amount", function="sum", time_window=timedelta(hours=1))],
    ... )
    >>> view.source
    'payments'
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        name: str,
        source: DataSource | str,
        entities: Sequence[Entity | str] | None = None,
        ttl: datetime.timedelta | str | None = None,
        tags: Mapping[str, str] | None = None,
        online: bool = True,
        offline: bool = False,
        description: str = "",
        owner: str = "",
        schema: Sequence[Field] | None = None,
        aggregations: Sequence[Aggregation] | None = None,
        mode: str = "python",
        timestamp_field: str = "",
        udf: Callable[..., Any] | None = None,
        enable_tiling: bool = False,
        tiling_hop_size: datetime.timedelta | None = None,
        version: str = "latest",
    ) -> None:
        _check(name, udf)
        own = source.timestamp_field if isinstance(source, DataSource) else ""
        if timestamp_field and own and timestamp_field != own:
            problem = f"the source has its times in {own}"
            raise refused("timestamp_field", problem, "name the source's column, or leave it away", "define feature view")
        super().__init__(
            name=name,
            entities=entities,
            ttl=ttl,
            source=source,
            schema=schema,
            online=online,
            offline=offline,
            aggregations=aggregations,
            version=version,
            description=description,
            tags=tags,
            owner=owner,
        )


def _check(name: str, udf: Callable[..., Any] | None) -> None:
    if udf is not None:
        problem = "its function would be run by an engine, in Python"
        remedy = "write rows that have the columns already, or compute them by an on-demand feature view"
        raise unsupported(f"feature view {name}", problem, remedy)
