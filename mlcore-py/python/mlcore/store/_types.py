"""The types of features and keys, by Feast's names."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Union

from mlcore.store._errors import mistyped, refused

__all__ = [
    "Array",
    "Bool",
    "Date",
    "FeatureType",
    "Float32",
    "Float64",
    "Int32",
    "Int64",
    "String",
    "UnixTimestamp",
    "ValueType",
]


@dataclass(frozen=True)
class FeatureType:
    """A type, by the name that stores keep: ``int64``, ``string``, ``list[float32]``, ``timestamp[us, tz=UTC]``.

    Parameters
    ----------
    name : str
        The name.

    Examples
    --------
    >>> from mlcore.store import Array, Float32
    >>> Array(Float32)
    list[float32]
    """

    name: str

    def __repr__(self) -> str:
        return self.name


Int32 = FeatureType("int32")
Int64 = FeatureType("int64")
Float32 = FeatureType("float32")
Float64 = FeatureType("float64")
String = FeatureType("string")
Bool = FeatureType("bool")
Date = FeatureType("date")
#: A moment, in microseconds of UTC.
UnixTimestamp = FeatureType("timestamp[us, tz=UTC]")


def Array(base_type: FeatureType) -> FeatureType:  # noqa: N802 - Feast's name
    """A list of values of a type.

    Parameters
    ----------
    base_type : FeatureType
        The type of each value, which is no list itself.

    Returns
    -------
    FeatureType

    Examples
    --------
    >>> from mlcore.store import Array, Int64
    >>> Array(Int64)
    list[int64]
    """
    return FeatureType(f"list[{type_name(base_type, 'base_type')}]")


class ValueType(enum.Enum):
    """Feast's older names of the types. Each stands for the :class:`FeatureType` that its value is the name of.

    Examples
    --------
    >>> from mlcore.store import ValueType
    >>> ValueType.DOUBLE.value
    'float64'
    """

    UNKNOWN = ""
    STRING = "string"
    INT32 = "int32"
    INT64 = "int64"
    DOUBLE = "float64"
    FLOAT = "float32"
    BOOL = "bool"
    UNIX_TIMESTAMP = "timestamp[us, tz=UTC]"
    STRING_LIST = "list[string]"
    INT32_LIST = "list[int32]"
    INT64_LIST = "list[int64]"
    DOUBLE_LIST = "list[float64]"
    FLOAT_LIST = "list[float32]"
    BOOL_LIST = "list[bool]"
    UNIX_TIMESTAMP_LIST = "list[timestamp[us, tz=UTC]]"


#: What names a type: one of this module, one of Feast's enumeration, or a name such as ``"int64"``.
AnyType = Union[FeatureType, ValueType, str]


def type_name(given: object, subject: str) -> str:
    """The name of a type that was given in any of these ways."""
    if isinstance(given, FeatureType):
        return given.name
    if isinstance(given, ValueType):
        if given is ValueType.UNKNOWN:
            raise refused(subject, "ValueType.UNKNOWN is no type", "name the type, such as ValueType.INT64")
        return given.value
    if isinstance(given, str):
        return given
    # Feast's own types, where its objects are handed over: both its enumerations name their members alike.
    name = getattr(given, "name", None)
    if isinstance(name, str) and name.upper() in ValueType.__members__:
        return ValueType[name.upper()].value
    raise mistyped(subject, f"a type such as mlcore.store.Int64 is expected, got {given!r}")
