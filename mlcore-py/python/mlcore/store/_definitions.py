"""What a feature store consists of, in Feast's words: plain values, which are checked when they are made."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlcore.store._errors import mistyped, one_of, refused
from mlcore.store._native import check_definition
from mlcore.store._types import AnyType, FeatureType, ValueType, type_name

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Aggregation", "Definition", "Entity", "Feature", "Field"]


class Definition:
    """Anything that :meth:`FeatureStore.apply` takes. Two that say the same are equal.

    Attributes
    ----------
    name, description, owner : str
    tags : dict of str to str
    """

    _kind = ""
    __slots__ = ("_document", "_uses")

    def __init__(self, document: Mapping[str, Any], uses: Iterable[Definition] = ()) -> None:
        said = {key: value for key, value in document.items() if value not in (None, "", [], {}, ())}
        self._document: dict[str, Any] = json.loads(check_definition(json.dumps({self._kind: said})))[self._kind]
        #: The definitions that it names and that it was given as objects: they are applied with it.
        self._uses = tuple(uses)

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> Self:
        """The definition that a store keeps as this document."""
        made = cls.__new__(cls)
        Definition.__init__(made, document)
        return made

    @property
    def name(self) -> str:
        return self._document["name"]

    @property
    def description(self) -> str:
        return self._document.get("description", "")

    @property
    def tags(self) -> dict[str, str]:
        return dict(self._document.get("tags", {}))

    @property
    def owner(self) -> str:
        return self._document.get("owner", "")

    def to_dict(self) -> dict[str, Any]:
        """The definition as plain data, as a store keeps it."""
        return json.loads(json.dumps(self._document))

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._document == other._document

    def __hash__(self) -> int:
        return hash((self._kind, self.name))

    def __repr__(self) -> str:
        said = ", ".join(f"{key}={value!r}" for key, value in self._document.items())
        return f"{type(self).__name__}({said})"


class Field:
    """A column with its type.

    Parameters
    ----------
    name : str
    dtype : FeatureType, ValueType or str
        ``mlcore.store.Int64``, ``ValueType.INT64`` or ``"int64"``.
    description : str
    tags : dict of str to str, optional

    Examples
    --------
    >>> from mlcore.store import Field, Float32
    >>> Field(name="conv_rate", dtype=Float32)
    Field(name='conv_rate', dtype=float32)
    """

    __slots__ = ("description", "dtype", "name", "tags")

    def __init__(
        self, name: str, dtype: AnyType, description: str = "", tags: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.dtype = FeatureType(type_name(dtype, f"field {name}"))
        self.description = description
        self.tags = dict(tags or {})

    def _to_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {"name": self.name, "dtype": self.dtype.name}
        if self.description:
            said["description"] = self.description
        if self.tags:
            said["tags"] = self.tags
        return said

    def __eq__(self, other: object) -> bool:
        return self._to_dict() == other._to_dict() if isinstance(other, Field) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.dtype))

    def __repr__(self) -> str:
        said = {key: value for key, value in self._to_dict().items() if key not in ("name", "dtype")}
        rest = "".join(f", {key}={value!r}" for key, value in said.items())
        return f"Field(name={self.name!r}, dtype={self.dtype!r}{rest})"


def Feature(name: str, dtype: AnyType, labels: Mapping[str, str] | None = None) -> Field:  # noqa: N802 - Feast's name
    """Feast's older name of a :class:`Field`; its labels are tags.

    Parameters
    ----------
    name : str
    dtype : FeatureType, ValueType or str
    labels : dict of str to str, optional

    Returns
    -------
    Field

    Examples
    --------
    >>> from mlcore.store import Feature, ValueType
    >>> Feature(name="age", dtype=ValueType.INT64)
    Field(name='age', dtype=int64)
    """
    return Field(name=name, dtype=dtype, tags=labels)


class Entity(Definition):
    """What features are about: a driver, a user, a shop; rows are found by its join key.

    Parameters
    ----------
    name : str
    join_keys : list of str, optional
        One column; by default the entity's name.
    value_type : FeatureType, ValueType or str, optional
        The type of the column, which the schema of a view can say, too. Integers, text, bools, dates and timestamps are keys.
    description : str
    tags : dict of str to str, optional
    owner : str

    Raises
    ------
    InvalidInputError
        For a name that is none, several join keys, and a type that is no key.

    Examples
    --------
    >>> from mlcore.store import Entity, ValueType
    >>> driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    >>> driver.join_key
    'driver_id'
    """

    _kind = "entity"
    __slots__ = ()

    def __init__(
        self,
        name: str,
        join_keys: Sequence[str] | None = None,
        value_type: AnyType | None = None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
        owner: str = "",
    ) -> None:
        if isinstance(join_keys, str):
            raise mistyped("join_keys", f"a list of one name is expected, got {join_keys!r}")
        typed = None
        if value_type is not None and value_type is not ValueType.UNKNOWN:
            typed = type_name(value_type, "value_type")
        super().__init__(
            {
                "name": name,
                "join_keys": list(join_keys or ()),
                "value_type": typed,
                "description": description,
                "tags": dict(tags or {}),
                "owner": owner,
            }
        )

    @property
    def join_key(self) -> str:
        """The column."""
        return self._document["join_keys"][0]

    @property
    def value_type(self) -> FeatureType | None:
        """The type of the column, where the entity says it."""
        typed = self._document.get("value_type")
        return None if typed is None else FeatureType(typed)


class Aggregation:
    """A feature that is computed of the rows of a sliding window.

    Parameters
    ----------
    column : str
        A column of the view's schema; empty for a count of rows.
    function : str
        ``count``, ``sum``, ``mean``, ``min``, ``max``, ``std``, ``last_n(10)``, ``approx_count_distinct`` or
        ``approx_quantile(0.95)``.
    time_window : timedelta or str
        How far the window reaches back.
    slide_interval : timedelta or str, optional
        By how much it moves on; by default the window.
    name : str, optional
        What the feature is called; by default by function, column and the window's seconds.

    Examples
    --------
    >>> from datetime import timedelta
    >>> from mlcore.store import Aggregation
    >>> Aggregation("trips", "mean", timedelta(hours=1), timedelta(minutes=1)).to_dict()
    {'function': 'mean', 'column': 'trips', 'time_window': '3600s', 'slide_interval': '60s'}
    """

    __slots__ = ("_said",)

    def __init__(
        self,
        column: str = "",
        function: str = "",
        time_window: datetime.timedelta | str | None = None,
        slide_interval: datetime.timedelta | str | None = None,
        name: str | None = None,
    ) -> None:
        said = {
            "function": function,
            "column": column,
            "time_window": duration(time_window, "time_window"),
            "slide_interval": duration(slide_interval, "slide_interval"),
            "name": name,
        }
        self._said = {key: value for key, value in said.items() if value not in (None, "")}
        if "time_window" not in self._said:
            raise refused("aggregation", "it has no time_window", "say how far it reaches back, such as timedelta(hours=1)")

    def to_dict(self) -> dict[str, Any]:
        """The aggregation as plain data."""
        return dict(self._said)

    def __eq__(self, other: object) -> bool:
        return self._said == other._said if isinstance(other, Aggregation) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._said.items()))

    def __repr__(self) -> str:
        return f"Aggregation({', '.join(f'{key}={value!r}' for key, value in self._said.items())})"


def duration(given: datetime.timedelta | str | float | None, subject: str) -> str | None:
    """A length of time as definitions write it: ``86400s``, ``250ms``."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, (int, float, datetime.timedelta)):
        raise mistyped(subject, f"a timedelta is expected, got {given!r}")
    length = given if isinstance(given, datetime.timedelta) else datetime.timedelta(seconds=given)
    microseconds = length // datetime.timedelta(microseconds=1)
    if microseconds < 0:
        raise refused(subject, f"{given!r} is negative", "use a positive length of time")
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{microseconds}us" if rest else f"{seconds}s"


def fields(schema: Sequence[Field] | None, operation: str) -> list[dict[str, Any]]:
    """The fields of a schema as plain data."""
    made = []
    for field in schema or ():
        if not isinstance(field, Field):
            raise mistyped("schema", f"a list of mlcore.store.Field is expected, got {field!r}", operation)
        made.append(field._to_dict())
    return made


def current(operation: str, name: str, value: Any, older_name: str, older: Any) -> Any:
    """The value of a parameter, or of its older name."""
    return one_of(operation, (name, value), (older_name, older))
