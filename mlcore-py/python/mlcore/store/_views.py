"""Views of features, what is taken of them, and the services that name them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Union

from mlcore.features import Expression, Plan, col
from mlcore.store._definitions import Aggregation, Definition, Entity, Field, current, duration, fields
from mlcore.store._errors import mistyped, refused
from mlcore.store._native import plan_reference
from mlcore.store._sources import DataSource, RequestSource, read_fields

__all__ = ["FeatureService", "FeatureView", "OnDemandFeatureView", "Projection", "on_demand_feature_view"]


class Projection:
    """Some features of a view, perhaps by another name or for another column of keys. ``view[["conv_rate"]]`` makes one.

    Examples
    --------
    >>> from mlcore.store import Entity, FeatureView, Field, Float32, PushSource
    >>> view = FeatureView(
    ...     name="stats", entities=[Entity("driver", ["driver_id"])], schema=[Field("rate", Float32)],
    ...     source=PushSource("stats_push", timestamp_field="at"),
    ... )
    >>> view[["rate"]].with_name("rival").with_join_key_map({"driver_id": "rival_id"})
    Projection({'view': 'stats', 'features': ['rate'], 'name': 'rival', 'join_key_map': {'driver_id': 'rival_id'}})
    """

    __slots__ = ("_said", "_view")

    def __init__(self, view: _View, said: Mapping[str, Any]) -> None:
        self._view = view
        self._said = dict(said)

    def with_name(self, name: str) -> Projection:
        """The same under another name, which the names of features begin with where they are full."""
        return Projection(self._view, {**self._said, "name": name})

    def with_join_key_map(self, join_key_map: Mapping[str, str]) -> Projection:
        """The same for keys in other columns: the column by the join key."""
        return Projection(self._view, {**self._said, "join_key_map": dict(join_key_map)})

    def __repr__(self) -> str:
        return f"Projection({self._said!r})"


class _View(Definition):
    """What can be projected."""

    __slots__ = ()

    @property
    def schema(self) -> list[Field]:
        """The columns."""
        return read_fields(self._document.get("schema", ()))

    def __getitem__(self, features: str | Sequence[str]) -> Projection:
        names = [features] if isinstance(features, str) else list(features)
        return Projection(self, {"view": self.name, "features": names})

    def with_name(self, name: str) -> Projection:
        """All features of the view under another name."""
        return Projection(self, {"view": self.name, "name": name})

    def with_join_key_map(self, join_key_map: Mapping[str, str]) -> Projection:
        """All features of the view for keys in other columns: the column by the join key."""
        return Projection(self, {"view": self.name, "join_key_map": dict(join_key_map)})


class FeatureView(_View):
    """Features of entities that one source has.

    Parameters
    ----------
    name : str
    entities : list of Entity or of str, optional
        What the features are about. A view without any has one row for everybody.
    ttl : timedelta or str, optional
        How long a value counts after its event; zero and ``None`` are no limit.
    source : DataSource or str
        Where the rows come from. A :class:`PushSource` takes rows that are pushed, too.
    schema : list of Field, optional
        The columns of features; those of join keys may be among them. By default they are those of the source, which is read when the
        view is applied.
    online : bool
        Whether the view is materialised and read online.
    offline : bool
        Whether pushed rows are appended to the source.
    aggregations : list of Aggregation, optional
        Features of sliding windows, in the place of the columns themselves.
    version : str
        A version such as ``"v2"`` that the view stays at; ``"latest"`` follows what is applied.
    description : str
    tags : dict of str to str, optional
    owner : str
    batch_source, features :
        Older names of ``source`` and ``schema``.

    Raises
    ------
    InvalidInputError
        For what no view can be: two fields of a name, a negative time to live.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from mlcore.store import Entity, FeatureView, Field, FileSource, Float32, ValueType
    >>> view = FeatureView(
    ...     name="driver_stats",
    ...     entities=[Entity("driver", ["driver_id"], ValueType.INT64)],
    ...     ttl=timedelta(days=1),
    ...     schema=[Field("conv_rate", Float32)],
    ...     source=FileSource("data/stats.parquet", timestamp_field="event_timestamp"),
    ... )
    >>> view.ttl, view.entities
    (datetime.timedelta(days=1), ['driver'])
    """

    _kind = "feature_view"
    __slots__ = ("_is_inferred",)

    def __init__(
        self,
        name: str,
        entities: Sequence[Entity | str] | None = None,
        ttl: datetime.timedelta | str | None = None,
        source: DataSource | str | None = None,
        schema: Sequence[Field] | None = None,
        online: bool = True,
        offline: bool = False,
        aggregations: Sequence[Aggregation] | None = None,
        version: str = "latest",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
        batch_source: DataSource | str | None = None,
        features: Sequence[Field] | None = None,
    ) -> None:
        origin = current("define feature view", "source", source, "batch_source", batch_source)
        columns = current("define feature view", "schema", schema, "features", features)
        for entity in entities or ():
            if not isinstance(entity, (Entity, str)):
                raise mistyped("entities", f"a list of Entity is expected, got {entity!r}", "define feature view")
        if origin is not None and not isinstance(origin, (DataSource, str)):
            raise mistyped("source", f"a source is expected, got {origin!r}", "define feature view")
        self._is_inferred = not columns and not aggregations
        document = {
            "name": name,
            "entities": [entity.name if isinstance(entity, Entity) else entity for entity in entities or ()],
            "schema": fields(columns, "define feature view") or _UNKNOWN * self._is_inferred,
            "source": origin.name if isinstance(origin, DataSource) else origin,
            "ttl": duration(ttl, "ttl"),
            "online": online,
            "offline": offline,
            "aggregations": [own.to_dict() for own in aggregations or ()],
            "version": "" if version == "latest" else version,
            "description": description,
            "tags": dict(tags or {}),
            "owner": owner,
        }
        uses: list[Definition] = [entity for entity in entities or () if isinstance(entity, Entity)]
        if isinstance(origin, DataSource):
            uses.append(origin)
        super().__init__(document, uses)

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> FeatureView:
        made = cls.__new__(cls)
        made._is_inferred = False
        Definition.__init__(made, document)
        return made

    @property
    def entities(self) -> list[str]:
        """The names of the entities."""
        return list(self._document.get("entities", ()))

    @property
    def source(self) -> str | None:
        """The name of the source."""
        return self._document.get("source")

    @property
    def schema(self) -> list[Field]:
        """The columns; none where the source is still to say them."""
        return [] if self._is_inferred else super().schema

    @property
    def ttl(self) -> datetime.timedelta | None:
        """How long a value counts."""
        written = self._document.get("ttl")
        return None if written is None else read_duration(written)

    @property
    def online(self) -> bool:
        """Whether the view is read online."""
        return self._document.get("online", True)

    @property
    def offline(self) -> bool:
        """Whether pushed rows are appended to the source."""
        return self._document.get("offline", False)


#: What stands for the columns of a view until its source is read: `FeatureStore.apply` replaces it.
_UNKNOWN = [{"name": "unknown", "dtype": "string"}]


class OnDemandFeatureView(_View):
    """Features that are computed when they are asked for, of other views and of what the request brings.

    Parameters
    ----------
    name : str
    sources : list of FeatureView, OnDemandFeatureView, Projection or RequestSource
        What it reads.
    schema : list of Field, optional
        The features; with a plan they are the plan's.
    expressions : dict of str to Expression or str, optional
        A formula for each feature over the columns of the sources.
    plan : mlcore.features.Plan, optional
        A plan in the place of formulas.
    version : str
        A version such as ``"v2"`` that the view stays at.
    description : str
    tags : dict of str to str, optional
    owner : str

    Notes
    -----
    The same formula runs offline on tables and online on single rows, with the same bits. Feast's functions of Python are refused: they
    would be run again, in Python, for each request. :func:`on_demand_feature_view` takes functions that return formulas.

    Examples
    --------
    >>> from mlcore.features import col
    >>> from mlcore.store import Field, Float64, OnDemandFeatureView, RequestSource
    >>> trip = RequestSource(name="trip", schema=[Field("meters", Float64)])
    >>> view = OnDemandFeatureView(
    ...     name="distances", sources=[trip], schema=[Field("km", Float64)], expressions={"km": col("meters") / 1000}
    ... )
    >>> view.to_dict()["expressions"]
    {'km': 'meters / 1000'}
    """

    _kind = "on_demand_feature_view"
    __slots__ = ("_plan",)

    def __init__(
        self,
        name: str,
        sources: Sequence[FeatureView | OnDemandFeatureView | Projection | RequestSource],
        schema: Sequence[Field] | None = None,
        expressions: Mapping[str, Expression | str] | None = None,
        plan: Plan | None = None,
        version: str = "latest",
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        operation = "define on-demand feature view"
        views: list[Any] = []
        requests: list[str] = []
        uses: list[Definition] = []
        for source in sources:
            if isinstance(source, RequestSource):
                requests.append(source.name)
                uses.append(source)
            elif isinstance(source, (_View, Projection)):
                projection = _projection(source)
                views.append(projection._said)
                uses.append(projection._view)
            else:
                raise mistyped("sources", f"views and request sources are expected, got {source!r}", operation)
        #: The plan itself, which the store gets beside the definition.
        self._plan = plan
        super().__init__(
            {
                "name": name,
                "views": views,
                "request_sources": requests,
                "schema": fields(schema, operation),
                "expressions": {feature: str(formula) for feature, formula in (expressions or {}).items()},
                "plan": None if plan is None else plan_reference(plan),
                "version": "" if version == "latest" else version,
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            },
            uses,
        )

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> OnDemandFeatureView:
        made = cls.__new__(cls)
        made._plan = None
        Definition.__init__(made, document)
        return made


def on_demand_feature_view(
    *,
    sources: Sequence[FeatureView | OnDemandFeatureView | Projection | RequestSource],
    schema: Sequence[Field],
    name: str | None = None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
    owner: str = "",
) -> Callable[[Callable[[Mapping[str, Expression]], Mapping[str, Expression]]], OnDemandFeatureView]:
    """Makes an :class:`OnDemandFeatureView` of a function from columns to formulas. The function is called once, here.

    Parameters
    ----------
    sources, schema, description, tags, owner :
        As those of :class:`OnDemandFeatureView`.
    name : str, optional
        By default that of the function.

    Returns
    -------
    callable
        A decorator of a function that gets the columns by name and returns a formula for each feature.

    Raises
    ------
    InvalidInputError
        For a function that returns anything else.

    Examples
    --------
    >>> from mlcore.store import Field, Float64, RequestSource, on_demand_feature_view
    >>> trip = RequestSource(name="trip", schema=[Field("meters", Float64)])
    >>> @on_demand_feature_view(sources=[trip], schema=[Field("km", Float64)])
    ... def distances(inputs):
    ...     return {"km": inputs["meters"] / 1000}
    >>> distances.name
    'distances'
    """

    def decorate(function: Callable[[Mapping[str, Expression]], Mapping[str, Expression]]) -> OnDemandFeatureView:
        own = name or function.__name__
        formulas = function(_Columns())
        if not isinstance(formulas, Mapping):
            problem = f"the function returned {type(formulas).__name__}, which is no dict of formulas"
            raise refused(own, problem, 'return {"feature": inputs["column"] * 2}', "define on-demand feature view")
        return OnDemandFeatureView(
            name=own,
            sources=sources,
            schema=schema,
            expressions=formulas,
            description=description or (function.__doc__ or "").strip(),
            tags=tags,
            owner=owner,
        )

    return decorate


class _Columns(Mapping[str, Expression]):
    """Any column by its name."""

    def __getitem__(self, name: str) -> Expression:
        return col(name)

    def __iter__(self) -> Any:
        raise refused("inputs", "its columns cannot be listed", "name each column that is used", "define on-demand feature view")

    def __len__(self) -> int:
        raise refused("inputs", "its columns cannot be counted", "name each column that is used", "define on-demand feature view")


class FeatureService(Definition):
    """The features that a model takes, under one name.

    Parameters
    ----------
    name : str
    features : list of FeatureView, OnDemandFeatureView or Projection
        Views as a whole, or some of their features.
    description : str
    tags : dict of str to str, optional
    owner : str

    Examples
    --------
    >>> from mlcore.store import Entity, FeatureService, FeatureView, Field, Float32, PushSource
    >>> stats = FeatureView(
    ...     name="stats", entities=[Entity("driver", ["driver_id"])], schema=[Field("rate", Float32)],
    ...     source=PushSource("stats_push", timestamp_field="at"),
    ... )
    >>> FeatureService(name="ranking", features=[stats[["rate"]]]).to_dict()["features"]
    ['stats:rate']
    """

    _kind = "feature_service"
    __slots__ = ()

    def __init__(
        self,
        name: str,
        features: Sequence[FeatureView | OnDemandFeatureView | Projection],
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        projections = []
        for feature in features:
            if not isinstance(feature, (_View, Projection)):
                raise mistyped("features", f"views are expected, got {feature!r}", "define feature service")
            projections.append(_projection(feature))
        super().__init__(
            {
                "name": name,
                "features": [own._said for own in projections],
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            },
            [own._view for own in projections],
        )


def _projection(given: _View | Projection) -> Projection:
    return given if isinstance(given, Projection) else Projection(given, {"view": given.name})


_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def read_duration(text: str) -> datetime.timedelta:
    """The length of time that a definition writes as ``1d12h``."""
    length, digits, unit = datetime.timedelta(), "", ""
    for letter in f"{text}0":
        if letter.isdigit() and unit:
            length += datetime.timedelta(seconds=int(digits) * _SECONDS[unit])
            digits, unit = "", ""
        if letter.isdigit():
            digits += letter
        else:
            unit += letter
    return length


#: Anything that is served: a view, or some of its features.
Featured = Union[FeatureView, OnDemandFeatureView, Projection]
